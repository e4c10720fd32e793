//! The names of the keys. All of a practice's stand under one hash tag, so that one script may write them together in a
//! cluster; the few that are of no practice stand under `{/}`, which no practice is called.

use jiff::Timestamp;

use super::super::cipher::Lookup;
use super::super::record::nanoseconds;
use crate::domain::{BootId, PracticeId};

pub const META: &str = "assent:{/}:meta";
/// Ids of the keys that ever sealed.
pub const SEALING_KEYS: &str = "assent:{/}:keys";
pub const PRACTICES: &str = "assent:{/}:practices";
/// Of which store this one is a copy, and how far the copy is.
pub const COPY: &str = "assent:{/}:copy";
/// Which practice has which number.
pub const NUMBERS: &str = "assent:{/}:numbers";
/// Which number a practice has.
pub const NUMBERS_OF: &str = "assent:{/}:numbers_of";
pub const DEAD_LETTERS: &str = "assent:{/}:dead_letters";
/// What operators have done to the store.
pub const AUDIT: &str = "assent:{/}:audit";
pub const DAEMONS: &str = "assent:{/}:daemons";
/// Written, read and deleted when a server is looked at: another each time, because several daemons may look at once.
pub fn probe(token: &str) -> String {
    format!("assent:{{/}}:probe:{token}")
}
/// Counts the signs that the store can be written.
pub const PROBES: &str = "assent:{/}:probes";

/// When the link sessions of a daemon ended.
pub fn session_ends(daemon: BootId) -> String {
    format!("assent:{{/}}:session_ends:{}", boot(daemon))
}

/// The channel of the news. Channels know no databases, so the database is in its name.
pub fn channel(database: i64) -> String {
    format!("assent:news:{database}")
}

pub fn boot(daemon: BootId) -> String {
    format!("{:016x}", daemon.0)
}

/// The keys of one practice.
pub struct Of<'a>(pub &'a PracticeId);

impl Of<'_> {
    fn key(&self, name: &str) -> String {
        format!("assent:{{{}}}:{name}", self.0)
    }

    /// What all of them begin with.
    pub fn prefix(&self) -> String {
        self.key("")
    }

    pub fn totals(&self) -> String {
        self.key("totals")
    }

    pub fn records(&self) -> String {
        self.key("records")
    }

    pub fn due(&self) -> String {
        self.key("due")
    }

    pub fn inbox_read(&self) -> String {
        self.key("inbox:read")
    }

    pub fn inbox_unread(&self) -> String {
        self.key("inbox:unread")
    }

    pub fn events(&self) -> String {
        self.key("events")
    }

    /// What the practice's number may send.
    pub fn meter(&self) -> String {
        self.key("meter")
    }

    /// What was posted to the practice's webhooks, and what is to be.
    pub fn posts(&self) -> String {
        self.key("posts")
    }

    /// The look-ups of kept answers, in the order of time.
    pub fn answers(&self) -> String {
        self.key("answers")
    }

    /// The look-ups of all conversations, in the order in which they came.
    pub fn all_conversations(&self) -> String {
        self.key("conversations")
    }

    /// What the keys of conversations begin with; the look-up follows.
    pub fn conversations(&self) -> String {
        self.key("c:")
    }

    pub fn threads(&self) -> String {
        self.key("t:")
    }

    pub fn conversation(&self, look_up: Lookup) -> String {
        self.conversations() + &hex(look_up)
    }

    pub fn thread(&self, look_up: Lookup) -> String {
        self.threads() + &hex(look_up)
    }

    pub fn journal(&self, look_up: Lookup) -> String {
        self.key("j:") + &hex(look_up)
    }

    /// The proofs of a conversation, in the order in which they came.
    pub fn proofs(&self, look_up: Lookup) -> String {
        self.key("l:") + &hex(look_up)
    }

    /// The notes of a conversation, in the order of their numbers.
    pub fn notes(&self, look_up: Lookup) -> String {
        self.key("n:") + &hex(look_up)
    }

    /// What the keys of facets begin with; the number follows.
    pub fn facets(&self) -> String {
        self.key("f:")
    }

    /// The conversations that are found by a facet, at their places in the inbox.
    pub fn facet(&self, number: i64) -> String {
        self.facets() + &facet(number)
    }

    /// The evidence ledger: a line for each proof of any conversation, in the order in which they came.
    pub fn ledger(&self) -> String {
        self.key("ledger")
    }

    /// The seals of the lines of the ledger, as far as they are sealed.
    pub fn seals(&self) -> String {
        self.key("ledger:seals")
    }

    /// The audit: what was entered, sealed, in the order in which it came.
    pub fn audit(&self) -> String {
        self.key("audit")
    }

    /// The seals of the entries of the audit, as far as they are sealed.
    pub fn audit_seals(&self) -> String {
        self.key("audit:seals")
    }

    /// The answer that is kept for an idempotency key; without one, a key that is never there.
    pub fn answer(&self, look_up: Option<Lookup>) -> String {
        self.key("k:") + &look_up.map(hex).unwrap_or_default()
    }
}

pub fn hex(look_up: Lookup) -> String {
    format!("{:032x}", u128::from_be_bytes(look_up.0))
}

/// The number of a facet in digits.
pub fn facet(number: i64) -> String {
    format!("{:016x}", number.cast_unsigned())
}

pub fn look_up(hex: &[u8]) -> Option<Lookup> {
    let text = std::str::from_utf8(hex).ok().filter(|text| text.len() == 32)?;
    u128::from_str_radix(text, 16).ok().map(|number| Lookup(number.to_be_bytes()))
}

/// Nanoseconds since 1970 as digits that sort as the times do, those before 1970 among them.
pub fn sortable(nanoseconds: i64) -> String {
    format!("{:016x}", nanoseconds.cast_unsigned() ^ (1 << 63))
}

pub fn sortable_time(time: Timestamp) -> String {
    sortable(nanoseconds(time))
}

pub fn unsorted(digits: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok().map(|number| (number ^ (1 << 63)).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_sort_as_the_times_do() {
        let times = [i64::MIN, -1, 0, 1, 1_790_000_000_000_000_000, i64::MAX];
        let digits = times.map(sortable);
        assert!(digits.is_sorted());
        assert_eq!(digits.map(|digits| unsorted(digits.as_bytes())), times.map(Some));
        assert_eq!(unsorted(b"x"), None);
    }

    #[test]
    fn a_look_up_reads_back() {
        let known = Lookup([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(look_up(hex(known).as_bytes()), Some(known));
        assert_eq!(look_up(b"12"), None);
    }

    #[test]
    fn all_of_a_practices_keys_are_in_one_slot() {
        let practice = PracticeId::parse("riverside").unwrap();
        let of = Of(&practice);
        let found = Lookup([7; 16]);
        for key in [
            of.totals(),
            of.records(),
            of.due(),
            of.inbox_read(),
            of.inbox_unread(),
            of.events(),
            of.meter(),
            of.posts(),
            of.answers(),
            of.all_conversations(),
            of.conversation(found),
            of.thread(found),
            of.journal(found),
            of.proofs(found),
            of.notes(found),
            of.facet(-1),
            of.ledger(),
            of.seals(),
            of.audit(),
            of.audit_seals(),
            of.answer(Some(found)),
            of.answer(None),
        ] {
            assert!(key.starts_with("assent:{riverside}:"), "{key}");
        }
    }
}
