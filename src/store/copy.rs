//! Moves everything from one store to another, and shows that it is all there. Each store seals with keys of its own, so
//! everything is opened where it comes from, and sealed anew where it goes.
//!
//! The target remembers how far it is, so a copy that was interrupted goes on; and it can't be used before every item was
//! read back and compared.

mod digest;
mod doors;
mod item;
#[cfg(test)]
mod tests;

use super::{Location, OpenError, directory_of, embedded, record, redis, sealed};
use crate::ports::{Clock, StoreError};

pub use digest::Digest;
pub use doors::{Origin, Page, Place, Reached, Remembered, Source, Target, TargetState};
pub use item::{Item, Kind, Letter, Moved};

use digest::Digester;

/// Items that are in memory at once. The largest is a dead letter with a PDU of 70,000 octets.
const ITEMS_PER_PAGE: usize = 500;

/// Why a store was not copied. For operators: each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("--from: {0}")]
    From(#[source] OpenError),
    #[error("--to: {0}")]
    To(#[source] OpenError),
    #[error("--from and --to are the same store: give the copy a place of its own")]
    Same,
    #[error("the target is not empty: give --to a place where there is no store yet")]
    NotEmpty,
    #[error(
        "the target holds an unfinished copy of another store: start that copy again to finish it, or give --to a place where there is no store yet"
    )]
    OfAnother,
    #[error(
        "the source changed since this copy of it began: remove the unfinished target, keep every daemon off the source, and start again"
    )]
    SourceChanged,
    #[error(
        "the target is a finished copy of what the source was earlier, and the source changed since: give --to a place where there is no store yet"
    )]
    Outdated,
    #[error("the source can't be read ({0}): nothing was left out, and nothing more was copied")]
    Read(#[source] StoreError),
    #[error(
        "the target can't be written or read back ({0}): mend that and start the same command again, and it goes on from there"
    )]
    Target(#[source] StoreError),
    #[error("the copy differs from its source in {}: it can't be used; remove the target and start again", names(.0))]
    Differs(Vec<Compared>),
}

fn names(compared: &[Compared]) -> String {
    let names: Vec<&str> = compared.iter().filter(|one| !one.is_same()).map(|one| one.kind.name()).collect();
    if names.is_empty() { "when it was last written".to_owned() } else { names.join(", ") }
}

/// How far a copy is. Numbers are items of all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Copied {
        done: u64,
        total: u64,
    },
    Compared {
        done: u64,
        total: u64,
    },
    /// So many entries of the audit of the source stay in it.
    StaysBehind {
        audit: u64,
    },
}

/// One kind in both stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub kind: Kind,
    pub source: Digest,
    pub target: Digest,
}

impl Compared {
    pub fn is_same(&self) -> bool {
        self.source == self.target
    }
}

/// How a copy ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Every kind is the same in both.
    Copied(Vec<Compared>),
    /// The target was finished by an earlier copy.
    Already,
}

/// Told of every step.
pub type Watch<'a> = dyn FnMut(Step) + Send + 'a;

/// Copies everything from one store into another that is empty, or goes on where an earlier copy was interrupted.
pub async fn copy(from: &Location, to: &Location, clock: &dyn Clock, watch: &mut Watch<'_>) -> Result<Done, CopyError> {
    if from.url == to.url {
        return Err(CopyError::Same);
    }
    let mut source = source(from).await.map_err(CopyError::From)?;
    let mut target = target(to).await.map_err(CopyError::To)?;
    copy_between(&mut *source, &mut *target, ITEMS_PER_PAGE, clock, watch).await
}

async fn source(location: &Location) -> Result<Box<dyn Source>, OpenError> {
    if location.is_on_redis() {
        return Ok(Box::new(redis::Transfer::source(location).await?));
    }
    Ok(Box::new(embedded::Transfer::source(&directory_of(&location.url)?, &location.keys)?))
}

async fn target(location: &Location) -> Result<Box<dyn Target>, OpenError> {
    if location.is_on_redis() {
        return Ok(Box::new(redis::Transfer::target(location).await?));
    }
    Ok(Box::new(embedded::Transfer::target(&directory_of(&location.url)?, &location.keys)?))
}

async fn copy_between(
    source: &mut dyn Source,
    target: &mut dyn Target,
    page: usize,
    clock: &dyn Clock,
    watch: &mut Watch<'_>,
) -> Result<Done, CopyError> {
    let origin = source.origin().await.map_err(CopyError::Read)?;
    if target.origin().await.map_err(CopyError::Target)?.store == origin.store {
        return Err(CopyError::Same);
    }
    let reached = match target.state().await.map_err(CopyError::Target)? {
        TargetState::Empty => {
            let remembered = source.remembered().await.map_err(CopyError::Read)?;
            target.begin(&origin, &remembered).await.map_err(CopyError::Target)?;
            None
        }
        TargetState::Unfinished { of, reached } if of == origin => reached,
        TargetState::Unfinished { of, .. } if of.store == origin.store => return Err(CopyError::SourceChanged),
        TargetState::Unfinished { .. } => return Err(CopyError::OfAnother),
        TargetState::Finished { of } if of == origin => return Ok(Done::Already),
        TargetState::Finished { of } if of.store == origin.store => return Err(CopyError::Outdated),
        TargetState::Finished { .. } | TargetState::Occupied => return Err(CopyError::NotEmpty),
    };
    leave_out_old_answers(source, target, clock);
    write_what_is_missing(source, target, reached, page, watch).await?;
    // It may have taken hours.
    leave_out_old_answers(source, target, clock);
    let compared = compare(source, target, page, watch).await?;
    let written = target.origin().await.map_err(CopyError::Target)?;
    let marks = |of: &Origin| (of.last_commit, of.records_version);
    if compared.iter().any(|one| !one.is_same()) || marks(&written) != marks(&origin) {
        return Err(CopyError::Differs(compared));
    }
    // A directory is locked; a server is not.
    if source.origin().await.map_err(CopyError::Read)? != origin {
        return Err(CopyError::SourceChanged);
    }
    let audit = source.stays_behind().await.map_err(CopyError::Read)?;
    if audit > 0 {
        watch(Step::StaysBehind { audit });
    }
    target.finish().await.map_err(CopyError::Target)?;
    Ok(Done::Copied(compared))
}

fn leave_out_old_answers(source: &mut dyn Source, target: &mut dyn Target, clock: &dyn Clock) {
    let since = record::time(sealed::answers_kept_since(clock.now()));
    source.leave_out_answers_before(since);
    target.leave_out_answers_before(since);
}

async fn write_what_is_missing(
    source: &mut dyn Source,
    target: &mut dyn Target,
    mut reached: Option<Reached>,
    page: usize,
    watch: &mut Watch<'_>,
) -> Result<(), CopyError> {
    let (mut done, mut total) = (0, 0);
    for kind in Kind::ALL {
        total += source.count(kind).await.map_err(CopyError::Read)?;
        done += target.count(kind).await.map_err(CopyError::Target)?;
    }
    watch(Step::Copied { done, total });
    let first = reached.as_ref().map_or(Kind::ALL[0], |reached| reached.kind);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind >= first) {
        let mut place = reached.take().map(|reached| reached.place);
        loop {
            let Page { items, last } = source.page(kind, place.as_ref(), page).await.map_err(CopyError::Read)?;
            let Some(last) = last else { break };
            done += items.len() as u64;
            let reached = Reached { kind, place: last };
            target.write(items, &reached).await.map_err(CopyError::Target)?;
            place = Some(reached.place);
            watch(Step::Copied { done, total });
        }
    }
    Ok(())
}

/// Reads everything from both.
async fn compare(
    source: &mut dyn Source,
    target: &mut dyn Target,
    page: usize,
    watch: &mut Watch<'_>,
) -> Result<Vec<Compared>, CopyError> {
    let (mut done, mut total) = (0, 0);
    for kind in Kind::ALL {
        total += source.count(kind).await.map_err(CopyError::Read)?;
        total += target.count(kind).await.map_err(CopyError::Target)?;
    }
    let mut compared = Vec::with_capacity(Kind::ALL.len());
    for kind in Kind::ALL {
        let mut read = |items: usize| {
            done += items as u64;
            watch(Step::Compared { done, total });
        };
        let there = digest(source, kind, page, &mut read).await.map_err(CopyError::Read)?;
        let here = digest(target, kind, page, &mut read).await.map_err(CopyError::Target)?;
        compared.push(Compared { kind, source: there, target: here });
    }
    Ok(compared)
}

async fn digest(
    store: &mut (impl Source + ?Sized),
    kind: Kind,
    page: usize,
    read: &mut (dyn FnMut(usize) + Send),
) -> Result<Digest, StoreError> {
    let mut digester = Digester::default();
    let mut place = None;
    loop {
        let Page { items, last } = store.page(kind, place.as_ref(), page).await?;
        items.iter().for_each(|item| digester.take(item));
        read(items.len());
        if last.is_some() {
            place = last;
            continue;
        }
        let digest = digester.finish();
        let counted = store.count(kind).await?;
        if digest.count != counted {
            let reason = format!("it counts {counted} {}, and {} of them were found", kind.name(), digest.count);
            return Err(StoreError::Unreadable(reason.into()));
        }
        return Ok(digest);
    }
}
