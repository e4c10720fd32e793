//! What a store says of the copy that made it: of which store, at which moment, and how far it is.

use std::collections::HashMap;

use super::super::copy::{Kind, Origin, Place, Reached, TargetState};
use super::super::record;
use super::seen::Seen;
use super::{keys, reads};
use crate::ports::{OccurrenceId, RecordsVersion, StoreError};

/// A store that is or was made by copying another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub of: Origin,
    /// What daemons remembered of that store; nothing of one that is no Redis.
    pub remembered: Seen,
    /// Kind and place, as they are written.
    pub reached: Option<(String, String)>,
    pub finished: Finished,
}

/// Whether a copy came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    Yes,
    No,
}

impl Copied {
    /// From the fields of [`keys::COPY`]; `None` when there are none.
    pub fn read(mut fields: HashMap<String, String>) -> Result<Option<Self>, StoreError> {
        if fields.is_empty() {
            return Ok(None);
        }
        let mut field = |name| fields.remove(name).ok_or_else(|| reads::unreadable("the mark of a copy is not whole"));
        let last_commit = match field("last_commit")?.as_str() {
            "" => None,
            digits => Some(record::time(reads::time(digits.as_bytes())?)),
        };
        let (kind, place) = (field("kind")?, field("place")?);
        let remembered = Seen::parse(&field("remembered")?).unwrap_or_default();
        Ok(Some(Self {
            of: Origin {
                store: field("store")?,
                last_commit,
                records_version: RecordsVersion(reads::number(field("records")?.as_bytes())?),
                newest_occurrence: OccurrenceId(reads::number(field("newest")?.as_bytes())?),
            },
            remembered,
            reached: (!kind.is_empty()).then_some((kind, place)),
            finished: if field("finished")? == "1" { Finished::Yes } else { Finished::No },
        }))
    }

    pub fn is_unfinished(&self) -> bool {
        self.finished == Finished::No
    }

    pub fn state(&self) -> Result<TargetState, StoreError> {
        let of = self.of.clone();
        if self.finished == Finished::Yes {
            return Ok(TargetState::Finished { of });
        }
        let named = |(kind, place): &(String, String)| {
            let kind =
                Kind::named(kind).ok_or_else(|| reads::unreadable("a newer assent began this copy: let it go on"))?;
            Ok::<_, StoreError>(Reached { kind, place: Place(place.clone()) })
        };
        Ok(TargetState::Unfinished { of, reached: self.reached.as_ref().map(named).transpose()? })
    }
}

/// The moment of an origin as it is written.
pub fn written_last_commit(of: &Origin) -> String {
    of.last_commit.map(keys::sortable_time).unwrap_or_default()
}
