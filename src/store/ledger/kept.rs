//! The newest seals of each practice's ledger and audit that this machine has seen, in a file outside of the store: a list that
//! was cut at its end, with everything that belongs to it, lacks a seal that stands here.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::super::files;

const HEADING: &str = "assent has seen of its ledger, 1";
const NAME: &str = "ledger.seen";

/// One of the sealed lists of a practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// The evidence ledger.
    Ledger,
    Audit,
}

/// What a line of the audit begins with in the file.
const AUDIT: &str = "audit ";

/// A place in a ledger, and the seal that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    pub place: u64,
    pub seal: String,
}

/// What was seen of one store, and the file that remembers it.
#[derive(Debug)]
pub struct Kept {
    file: PathBuf,
    seen: Seen,
    is_written: bool,
}

/// Of which store, how often an operator had accepted that it went back, and the newest anchors by the number that a practice
/// has in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    store: String,
    accepted: u64,
    anchors: BTreeMap<(List, i64), Anchor>,
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error("cannot use {} ({source}): it is where this machine remembers the newest seals of the evidence ledger; check that this user may use it", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is damaged: it is where this machine remembers the newest seals of the evidence ledger; if the ledger is known to be sound, remove the file", file.display())]
    Damaged { file: PathBuf },
}

impl Kept {
    /// Reads what was seen of this store. What was seen of another, or before an operator accepted a loss, says nothing of it.
    pub fn open(directory: &Path, store: &str, accepted: u64) -> Result<Self, KeptError> {
        let file = directory.join(NAME);
        let seen = match std::fs::read_to_string(&file) {
            Ok(text) => Seen::parse(&text).ok_or_else(|| KeptError::Damaged { file: file.clone() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::default(),
            Err(source) => return Err(KeptError::File { file, source }),
        };
        let mut kept = Self { file, seen, is_written: true };
        kept.is_of(store, accepted);
        Ok(kept)
    }

    /// Starts over if that is another store than what was seen is of, or an operator has accepted a loss since.
    pub fn is_of(&mut self, store: &str, accepted: u64) {
        if self.seen.store != store || self.seen.accepted != accepted {
            self.seen = Seen { store: store.to_owned(), accepted, anchors: BTreeMap::new() };
        }
    }

    pub fn anchor(&self, list: List, practice: i64) -> Option<&Anchor> {
        self.seen.anchors.get(&(list, practice))
    }

    /// A newer one was seen, in a ledger that has the one that was seen before.
    pub fn note(&mut self, list: List, practice: i64, anchor: Anchor) {
        if self.anchor(list, practice) != Some(&anchor) {
            self.seen.anchors.insert((list, practice), anchor);
            self.is_written = false;
        }
    }

    /// Writes it down, if there is anything that is not.
    pub fn write_down(&mut self) -> Result<(), KeptError> {
        if self.is_written {
            return Ok(());
        }
        let failed = |source| KeptError::File { file: self.file.clone(), source };
        files::write_whole(&self.file, self.seen.written().as_bytes()).map_err(failed)?;
        self.is_written = true;
        Ok(())
    }
}

impl Seen {
    fn written(&self) -> String {
        let mut text = format!("{HEADING}\nstore {} {}\n", self.store, self.accepted);
        for ((list, practice), Anchor { place, seal }) in &self.anchors {
            let list = match list {
                List::Ledger => "",
                List::Audit => AUDIT,
            };
            text += &format!("{list}{:016x} {place} {seal}\n", practice.cast_unsigned());
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != HEADING {
            return None;
        }
        let (store, accepted) = lines.next()?.strip_prefix("store ")?.split_once(' ')?;
        let mut seen = Self { store: store.to_owned(), accepted: accepted.parse().ok()?, anchors: BTreeMap::new() };
        for line in lines {
            let (list, rest) = match line.strip_prefix(AUDIT) {
                Some(rest) => (List::Audit, rest),
                None => (List::Ledger, line),
            };
            let mut words = rest.split(' ');
            let (practice, place, seal) = (words.next()?, words.next()?, words.next()?);
            let practice = u64::from_str_radix(practice, 16).ok()?.cast_signed();
            seal.parse::<super::Tag>().ok()?;
            seen.anchors.insert((list, practice), Anchor { place: place.parse().ok()?, seal: seal.to_owned() });
        }
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(place: u64) -> Anchor {
        Anchor { place, seal: format!("k1:{}", "0a".repeat(32)) }
    }

    #[test]
    fn what_was_seen_of_a_store_is_remembered_for_that_store() {
        let directory = tempfile::tempdir().unwrap();
        let open = |store: &str, accepted| Kept::open(directory.path(), store, accepted).unwrap();
        let mut kept = open("1f", 0);
        kept.note(List::Ledger, -7, anchor(3));
        kept.note(List::Ledger, 8, anchor(1));
        kept.note(List::Audit, 8, anchor(9));
        kept.write_down().unwrap();
        assert_eq!(open("1f", 0).anchor(List::Ledger, -7), Some(&anchor(3)));
        assert_eq!(open("1f", 0).anchor(List::Ledger, 8), Some(&anchor(1)));
        assert_eq!(open("1f", 0).anchor(List::Audit, 8), Some(&anchor(9)));
        assert_eq!(open("1f", 0).anchor(List::Audit, -7), None);
        assert_eq!(open("2f", 0).anchor(List::Ledger, -7), None, "another store");
        assert_eq!(open("1f", 1).anchor(List::Ledger, -7), None, "its loss was accepted");
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_nothing_seen() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "something\n", "assent has seen of its ledger, 1\nstore 1f 0\n0000000000000001 1 seal\n"] {
            std::fs::write(directory.path().join(NAME), text).unwrap();
            let opened = Kept::open(directory.path(), "1f", 0);
            assert!(matches!(opened, Err(KeptError::Damaged { .. })), "{text:?}");
        }
    }
}
