//! What staff keep for each other: notes, and by what conversations are found in the inbox.

use super::super::cipher::Lookup;
use super::super::sealed::Cipher;
use super::super::sought::Sought;
use super::keys::Of;
use super::reads::unreadable;
use crate::domain::ConversationId;
use crate::domain::note::{Note, NoteId};
use crate::ports::{Looked, StoreError};

/// The lists that answer a question to the inbox. A conversation stands at the same place in each that it is in.
pub struct Lists {
    pub walked: Vec<String>,
    pub wanted: Vec<String>,
    pub unwanted: Vec<String>,
}

impl Lists {
    pub fn of(of: &Of<'_>, sought: &Sought) -> Self {
        let looked = match sought.looked {
            None => vec![of.inbox_read(), of.inbox_unread()],
            Some(Looked::Unread) => vec![of.inbox_unread()],
            Some(Looked::Read) => vec![of.inbox_read()],
        };
        let mut has = sought.has.iter().map(|facet| of.facet(*facet));
        let (walked, looked) = match (has.next(), sought.looked) {
            (None, _) => (looked, Vec::new()),
            (Some(facet), None) => (vec![facet], Vec::new()),
            (Some(facet), Some(_)) => (vec![facet], looked),
        };
        let unwanted = sought.lacks.iter().map(|facet| of.facet(*facet)).collect();
        Self { walked, wanted: has.chain(looked).collect(), unwanted }
    }
}

/// The part of a list of so many notes that ends before a number; `None` where that is empty.
pub fn range(count: u64, before: Option<u64>, limit: usize) -> Option<(u64, u64)> {
    let end = before.map_or(count, |before| count.min(before.saturating_sub(1)));
    (end > 0 && limit > 0).then(|| (end.saturating_sub(limit as u64), end - 1))
}

/// One note of a list, by its place there.
pub fn note_at(
    cipher: &Cipher,
    look_up: Lookup,
    conversation: ConversationId,
    index: u64,
    sealed: &[u8],
) -> Result<Note, StoreError> {
    let number = index.checked_add(1).ok_or_else(|| unreadable("a note has no number"))?;
    cipher.open_note(look_up, NoteId { conversation, number }, sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_notes_is_a_part_of_their_list() {
        for (count, before, limit, expected) in [
            (5, None, 3, Some((2, 4))),
            (5, Some(5), 3, Some((1, 3))),
            (5, Some(3), 5, Some((0, 1))),
            (5, Some(99), 2, Some((3, 4))),
            (5, Some(1), 5, None),
            (5, Some(0), 5, None),
            (0, None, 5, None),
        ] {
            assert_eq!(range(count, before, limit), expected, "{count} {before:?} {limit}");
        }
    }
}
