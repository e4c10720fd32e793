//! How far this daemon has seen the store: for each practice, the newest occurrence and the operation that made it. A store
//! that does not have them any more went back in time, as after a failover that lost writes or a restored backup.
//!
//! It is exact in memory, and at most a second old in a file that outlives the daemon.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::files;
use crate::domain::PracticeId;

const HEADING: &str = "assent has seen of its store, 1";

/// The newest occurrence that was seen, and the operation that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub occurrence: u64,
    pub operation: [u8; 16],
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The store that it was seen of; none before the first.
    pub store: Option<String>,
    /// How often an operator has accepted that the store went back.
    pub accepted: u64,
    pub marks: HashMap<PracticeId, Mark>,
}

/// What was seen, and the file that remembers it.
pub struct Memory {
    /// None for one that is forgotten with the process.
    file: Option<PathBuf>,
    seen: Mutex<Remembered>,
}

struct Remembered {
    seen: Seen,
    is_written: bool,
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error("cannot use {} ({source}): it is where this daemon remembers how far it has seen the store; check that the directory exists and that this user may write to it, or set store.directory", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is damaged: it is where this daemon remembers how far it has seen the store; if the store is known to be sound, remove the file", file.display())]
    Damaged { file: PathBuf },
}

impl Memory {
    /// Reads what an earlier run has seen, and makes sure that it can be written.
    pub fn open(directory: &std::path::Path) -> Result<Self, MemoryError> {
        let file = directory.join("seen");
        let unusable = |source| MemoryError::File { file: file.clone(), source };
        files::create(directory).map_err(unusable)?;
        let seen = match std::fs::read_to_string(&file) {
            Ok(text) => Seen::parse(&text).ok_or_else(|| MemoryError::Damaged { file: file.clone() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::default(),
            Err(error) => return Err(unusable(error)),
        };
        let memory = Self { file: Some(file.clone()), seen: Mutex::new(Remembered { seen, is_written: false }) };
        memory.write_down().map_err(unusable)?;
        Ok(memory)
    }

    /// What the daemons of this machine have seen, for whoever may read it and writes nothing.
    pub fn look(directory: &std::path::Path) -> Result<Seen, MemoryError> {
        let file = directory.join("seen");
        match std::fs::read_to_string(&file) {
            Ok(text) => Seen::parse(&text).ok_or(MemoryError::Damaged { file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::default()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                tracing::warn!(file = %file.display(), "could not look at what a daemon has seen of the store");
                Ok(Seen::default())
            }
            Err(source) => Err(MemoryError::File { file, source }),
        }
    }

    /// One that begins with what the daemons of this machine have seen, and leaves their file to them.
    pub fn recall(directory: &std::path::Path) -> Result<Self, MemoryError> {
        let seen = Self::look(directory)?;
        Ok(Self { file: None, seen: Mutex::new(Remembered { seen, is_written: false }) })
    }

    /// One that remembers nothing and is not written down: for who looks at a store as it is.
    pub fn blank() -> Self {
        Self { file: None, seen: Mutex::new(Remembered { seen: Seen::default(), is_written: false }) }
    }

    /// Whether it outlives the process.
    pub fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    pub fn seen(&self) -> Seen {
        self.lock().seen.clone()
    }

    /// The newest occurrence of a practice that was seen; 0 before the first.
    pub fn newest(&self, practice: &PracticeId) -> u64 {
        self.lock().seen.marks.get(practice).map_or(0, |mark| mark.occurrence)
    }

    /// Something newer was seen.
    pub fn note(&self, practice: &PracticeId, mark: Mark) {
        let mut remembered = self.lock();
        let known = remembered.seen.marks.get(practice).map_or(0, |known| known.occurrence);
        if mark.occurrence > known {
            remembered.seen.marks.insert(practice.clone(), mark);
            remembered.is_written = false;
        }
    }

    /// Starts over with what the store has.
    pub fn start_over(&self, seen: Seen) {
        *self.lock() = Remembered { seen, is_written: false };
    }

    /// Writes it down, if there is anything that is not.
    pub fn write_down(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = {
            let mut remembered = self.lock();
            if std::mem::replace(&mut remembered.is_written, true) {
                return Ok(());
            }
            remembered.seen.written()
        };
        files::write_whole(file, text.as_bytes()).inspect_err(|_| self.lock().is_written = false)
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    pub fn written(&self) -> String {
        let mut text = format!("{HEADING}\n");
        if let Some(store) = &self.store {
            text += &format!("store {store} {}\n", self.accepted);
        }
        for (practice, Mark { occurrence, operation }) in &self.marks {
            text += &format!("{practice} {occurrence} {:032x}\n", u128::from_be_bytes(*operation));
        }
        text
    }

    /// Whether all that this says was seen is in what the same store said of itself later. What an operator accepted
    /// meanwhile counts as seen.
    pub fn is_within(&self, later: &Self) -> bool {
        let is_known = |practice: &PracticeId, mark: &Mark| {
            let found = later.marks.get(practice);
            found.is_some_and(|found| found.occurrence > mark.occurrence || found == mark)
        };
        let is_accepted = later.accepted > self.accepted;
        let is_all_known = self.marks.iter().all(|(practice, mark)| is_known(practice, mark));
        self.store == later.store && (is_accepted || (later.accepted == self.accepted && is_all_known))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != HEADING {
            return None;
        }
        let mut seen = Self::default();
        for (index, line) in lines.enumerate() {
            let mut words = line.split(' ');
            let (name, first, second) = (words.next()?, words.next()?, words.next()?);
            if index == 0 && name == "store" {
                (seen.store, seen.accepted) = (Some(first.to_owned()), second.parse().ok()?);
                continue;
            }
            let operation = u128::from_str_radix(second, 16).ok()?.to_be_bytes();
            let mark = Mark { occurrence: first.parse().ok()?, operation };
            seen.marks.insert(PracticeId::parse(name).ok()?, mark);
        }
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn practice(id: &str) -> PracticeId {
        PracticeId::parse(id).unwrap()
    }

    #[test]
    fn what_was_seen_is_remembered_by_the_next_run() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::open(directory.path()).unwrap();
        assert_eq!(memory.seen(), Seen::default());
        memory.start_over(Seen { store: Some("1f".into()), accepted: 2, marks: HashMap::new() });
        memory.note(&practice("riverside"), Mark { occurrence: 7, operation: [0x0a; 16] });
        memory.note(&practice("store"), Mark { occurrence: 3, operation: [0; 16] });
        memory.write_down().unwrap();
        let again = Memory::open(directory.path()).unwrap();
        assert_eq!(again.seen(), memory.seen());
        assert_eq!(again.newest(&practice("riverside")), 7);
    }

    #[test]
    fn what_is_older_is_not_noted() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::open(directory.path()).unwrap();
        memory.note(&practice("riverside"), Mark { occurrence: 7, operation: [1; 16] });
        memory.note(&practice("riverside"), Mark { occurrence: 6, operation: [2; 16] });
        assert_eq!(memory.seen().marks[&practice("riverside")], Mark { occurrence: 7, operation: [1; 16] });
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_nothing_seen() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "something else\n", "assent has seen of its store, 1\nriverside seven 00\n"] {
            std::fs::write(directory.path().join("seen"), text).unwrap();
            assert!(matches!(Memory::open(directory.path()), Err(MemoryError::Damaged { .. })), "{text:?}");
        }
    }
}
