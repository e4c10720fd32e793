//! Places in lists as callers carry them around: opaque, and signed, so that only a place that this list gave leads on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::domain::{ConversationKey, PracticeId, Seq};
use crate::ports::InboxCursor;

/// Octets of the signature: enough against guessing, and short in a query.
const TAG: usize = 8;

/// Makes and reads cursors. The key follows from the operator's token, so that a restart keeps them good.
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    pub fn new(operator_token: &SecretString) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"assent cursors 1\0");
        hash.update(operator_token.expose_secret());
        Self { key: hash.finalize().into() }
    }

    pub fn of_thread(&self, key: &ConversationKey, seq: Seq) -> String {
        self.sign(&thread(key), &seq.0.to_be_bytes())
    }

    pub fn in_thread(&self, key: &ConversationKey, cursor: &str) -> Result<Seq, Problem> {
        let place = self.read::<8>(&thread(key), cursor)?;
        Ok(Seq(u64::from_be_bytes(place)))
    }

    pub fn of_inbox(&self, practice: &PracticeId, cursor: InboxCursor) -> String {
        let mut place = [0; 24];
        place[..16].copy_from_slice(&cursor.active_at.as_nanosecond().to_be_bytes());
        place[16..].copy_from_slice(&cursor.row.to_be_bytes());
        self.sign(&inbox(practice), &place)
    }

    pub fn in_inbox(&self, practice: &PracticeId, cursor: &str) -> Result<InboxCursor, Problem> {
        let place = self.read::<24>(&inbox(practice), cursor)?;
        let (nanosecond, row) = place.split_at(16);
        let nanosecond = i128::from_be_bytes(nanosecond.try_into().expect("sixteen octets were split off"));
        let row = u64::from_be_bytes(row.try_into().expect("eight octets are left"));
        let active_at = Timestamp::from_nanosecond(nanosecond).map_err(|_| Problem::BadCursor)?;
        Ok(InboxCursor { active_at, row })
    }

    pub fn of_notes(&self, key: &ConversationKey, number: u64) -> String {
        self.sign(&notes(key), &number.to_be_bytes())
    }

    pub fn in_notes(&self, key: &ConversationKey, cursor: &str) -> Result<u64, Problem> {
        Ok(u64::from_be_bytes(self.read::<8>(&notes(key), cursor)?))
    }

    fn sign(&self, list: &str, place: &[u8]) -> String {
        let tag = self.mac(list, place).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([place, &tag[..TAG]].concat())
    }

    fn read<const N: usize>(&self, list: &str, cursor: &str) -> Result<[u8; N], Problem> {
        let decoded = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Problem::BadCursor)?;
        let (place, tag) = decoded.split_at_checked(N).ok_or(Problem::BadCursor)?;
        if tag.len() != TAG {
            return Err(Problem::BadCursor);
        }
        self.mac(list, place).verify_truncated_left(tag).map_err(|_| Problem::BadCursor)?;
        Ok(place.try_into().expect("it was split off at this length"))
    }

    fn mac(&self, list: &str, place: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(list.as_bytes());
        mac.update(&[0]);
        mac.update(place);
        mac
    }
}

fn thread(key: &ConversationKey) -> String {
    format!("thread {} {}", key.practice, key.phone.expose())
}

fn notes(key: &ConversationKey) -> String {
    format!("notes {} {}", key.practice, key.phone.expose())
}

fn inbox(practice: &PracticeId) -> String {
    format!("inbox {practice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Phone;

    #[test]
    fn a_cursor_leads_on_in_its_own_list_alone() {
        let cursors = Cursors::new(&SecretString::from("operator"));
        let practice = |id: &str| PracticeId::parse(id).unwrap();
        let key = |id: &str| ConversationKey { practice: practice(id), phone: Phone::parse("+13035550123").unwrap() };

        let place = InboxCursor { active_at: Timestamp::from_second(1_700_000_000).unwrap(), row: 7 };
        let cursor = cursors.of_inbox(&practice("a"), place);
        assert_eq!(cursors.in_inbox(&practice("a"), &cursor).unwrap(), place);
        assert!(cursors.in_inbox(&practice("b"), &cursor).is_err());
        assert!(cursors.in_thread(&key("a"), &cursor).is_err());

        let cursor = cursors.of_thread(&key("a"), Seq(12));
        assert_eq!(cursors.in_thread(&key("a"), &cursor).unwrap(), Seq(12));
        assert!(cursors.in_thread(&key("b"), &cursor).is_err());
        assert!(cursors.in_notes(&key("a"), &cursor).is_err());
        assert_eq!(cursors.in_notes(&key("a"), &cursors.of_notes(&key("a"), 3)).unwrap(), 3);
        for forged in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", &cursor[1..], &format!("{cursor}A"), "é", "12"] {
            assert!(cursors.in_thread(&key("a"), forged).is_err(), "{forged}");
        }
        assert!(Cursors::new(&SecretString::from("other")).in_thread(&key("a"), &cursor).is_err());
    }
}
