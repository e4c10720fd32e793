//! The form of a token: `assent_`, a public id, `_`, a secret of which only the SHA-256 is kept.
//!
//! The secret has 256 random bits, so that a plain hash is as good as a slow one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ports::TokenRecord;

const PREFIX: &str = "assent_";
const ID_CHARS: usize = 12;
const SECRET_BYTES: usize = 32;
/// Letters and digits that nobody mistakes for one another; 32 of them, so that five bits choose one.
const ID_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

/// Makes a token: the hash to keep, the id, and the token itself.
pub(super) fn generate() -> ([u8; 32], String, SecretString) {
    let mut random = [0; ID_CHARS + SECRET_BYTES];
    getrandom::fill(&mut random).expect("the operating system has random numbers");
    let (id, secret) = random.split_at(ID_CHARS);
    let id: String = id.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)])).collect();
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let token = SecretString::from(format!("{PREFIX}{id}_{secret}"));
    (sha256(&secret), id, token)
}

/// A token as a caller shows it.
pub(super) struct Presented<'a> {
    pub id: &'a str,
    secret: &'a str,
}

impl<'a> Presented<'a> {
    pub fn parse(token: &'a str) -> Option<Self> {
        let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        (id.len() == ID_CHARS).then_some(Self { id, secret })
    }

    /// Compares with the record, or with nothing in the same time.
    pub fn proves(&self, record: Option<&TokenRecord>) -> bool {
        let kept = record.map_or([0; 32], |record| record.secret_sha256);
        bool::from(sha256(self.secret).ct_eq(&kept)) && record.is_some()
    }
}

fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PracticeId;
    use secrecy::ExposeSecret;

    #[test]
    fn only_the_whole_token_proves_itself() {
        let (secret_sha256, id, token) = generate();
        let record = TokenRecord {
            id: id.clone(),
            practice: PracticeId::parse("riverside").unwrap(),
            name: String::new(),
            secret_sha256,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: None,
            staff: None,
        };
        let proves =
            |token: &str| Presented::parse(token).is_some_and(|shown| shown.id == id && shown.proves(Some(&record)));
        let token = token.expose_secret();
        assert!(proves(token));
        assert_eq!(token.len(), 7 + 12 + 1 + 43);
        for cut in 0..token.len() {
            assert!(!proves(&token[..cut]), "{cut} characters of it");
            let mut other = token.as_bytes().to_vec();
            other[cut] ^= 1;
            assert!(!proves(std::str::from_utf8(&other).unwrap()), "character {cut} changed");
        }
        assert!(!proves(&format!("{token}x")));
        assert!(!Presented::parse(token).unwrap().proves(None));
    }
}
