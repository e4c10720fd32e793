//! Who is writing an answer at this moment, so that two do not. Nobody writes it down, and it is over in seconds.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{ConversationKey, StaffId};
use crate::ports::Typing;

/// How long it holds that somebody is writing. A page says so again while they are.
pub const TYPING_LASTS: SignedDuration = SignedDuration::from_secs(6);
/// What was said a moment ago is not passed on again: no key press makes news.
const SAID_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// Who may be known to be writing at once, in all practices. Whoever is one too many is not shown to the others.
const TYPISTS_MAX: usize = 1_000;

/// Those who write, as far as this daemon has heard.
#[derive(Debug, Default)]
pub struct Typists {
    until: HashMap<ConversationKey, Vec<(StaffId, Timestamp)>>,
}

impl Typists {
    /// Somebody writes. When that ends, unless they go on; nothing where it makes no difference to anybody.
    pub fn heard(&mut self, typing: &Typing, now: Timestamp) -> Option<Timestamp> {
        self.forget(now);
        let until = now + TYPING_LASTS;
        let count: usize = self.until.values().map(Vec::len).sum();
        let there = self.until.entry(typing.key.clone()).or_default();
        match there.iter_mut().find(|(staff, _)| *staff == typing.staff) {
            Some((_, known)) if until.duration_since(*known) < SAID_AGAIN_AFTER => return None,
            Some((_, known)) => *known = until,
            None if count < TYPISTS_MAX => there.push((typing.staff.clone(), until)),
            None => {
                self.until.retain(|_, there| !there.is_empty());
                return None;
            }
        }
        Some(until)
    }

    /// Who writes in a conversation, and until when.
    pub fn in_conversation(&self, key: &ConversationKey, now: Timestamp) -> Vec<(StaffId, Timestamp)> {
        let there = self.until.get(key).map_or(&[][..], Vec::as_slice);
        there.iter().filter(|(_, until)| *until > now).cloned().collect()
    }

    fn forget(&mut self, now: Timestamp) {
        self.until.retain(|_, there| {
            there.retain(|(_, until)| *until > now);
            !there.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Phone, PracticeId};

    fn typing(line: usize, staff: &str) -> Typing {
        let phone = Phone::parse(&format!("+1303555{line:04}")).unwrap();
        let key = ConversationKey { practice: PracticeId::parse("riverside").unwrap(), phone };
        Typing { key, staff: StaffId::parse(staff).unwrap() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[test]
    fn it_is_passed_on_now_and_then_and_is_over_in_seconds() {
        let (mut typists, maria) = (Typists::default(), typing(123, "maria"));
        assert_eq!(typists.heard(&maria, at(0)), Some(at(6)));
        assert_eq!(typists.heard(&maria, at(1)), None, "said a moment ago");
        assert_eq!(typists.heard(&typing(123, "tex"), at(1)), Some(at(7)));
        assert_eq!(typists.heard(&maria, at(2)), Some(at(8)));
        let there: Vec<_> = typists.in_conversation(&maria.key, at(7)).into_iter().map(|(staff, _)| staff).collect();
        assert_eq!(there, std::slice::from_ref(&maria.staff));
        assert_eq!(typists.in_conversation(&maria.key, at(8)), []);
        assert_eq!(typists.in_conversation(&typing(124, "maria").key, at(2)), []);
    }

    #[test]
    fn so_many_are_known_to_write_and_no_more() {
        let mut typists = Typists::default();
        for line in 0..TYPISTS_MAX {
            assert!(typists.heard(&typing(line, "maria"), at(0)).is_some());
        }
        assert_eq!(typists.heard(&typing(0, "tex"), at(0)), None);
        assert_eq!(typists.heard(&typing(TYPISTS_MAX, "tex"), at(0)), None);
        assert_eq!(typists.until.len(), TYPISTS_MAX);
        assert!(typists.heard(&typing(0, "tex"), at(6)).is_some(), "the others have stopped");
        assert_eq!(typists.until.len(), 1);
    }
}
