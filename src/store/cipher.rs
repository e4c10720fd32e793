//! Seals what is personal before it is written down, and finds it again by keyed hashes.
//!
//! A sealed value is `version | length of key id | key id | nonce | ciphertext | tag`, by XChaCha20-Poly1305 with a
//! random nonce. Whose value it is goes in as associated data, so that two sealed values can't trade places.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use crate::domain::desk::Facet;
use crate::domain::{ConversationKey, Phone, PracticeId};
use crate::ports::{IdempotencyKey, RecordKey, WebhookKey};

/// The first octet of every sealed value.
const SEAL_VERSION: u8 = 1;
const NONCE_OCTETS: usize = 24;
const TAG_OCTETS: usize = 16;
/// Every sealed value repeats its key's id, so ids are short.
pub const KEY_ID_CHARS_MAX: usize = 16;

/// The id of the key that a store makes for itself.
const FIRST_KEY_ID: &str = "k1";

/// Why a text is not a key ring. Nothing of the text is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    #[error("holds no key; a line is an id, a colon and 32 octets in base64")]
    Empty,
    #[error("line {line} is not an id, a colon and 32 octets in base64")]
    Malformed { line: usize },
    #[error("line {line} repeats an id")]
    Repeated { line: usize },
}

/// Why a sealed value could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenSealError {
    #[error("it is sealed with key {0:?}, which is not in the key ring")]
    UnknownKey(String),
    #[error("it is not a sealed value")]
    Malformed,
    #[error("it is damaged, or sealed for another place or with another key")]
    Forged,
}

/// The keys that seal and open, the newest first: the first seals, all open.
pub struct KeyRing {
    keys: Vec<Key>,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
    /// Signs and seals the evidence ledger.
    ledger: Hmac<Sha256>,
}

impl KeyRing {
    /// Reads lines of `id:base64-of-32-octets`, the newest key first. Empty lines and lines after `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<Key> = Vec::new();
        for (line, content) in text.lines().enumerate().map(|(index, content)| (index + 1, content.trim())) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let key = Key::parse(content).ok_or(KeyRingError::Malformed { line })?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyRingError::Repeated { line });
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyRingError::Empty) } else { Ok(Self { keys }) }
    }

    /// A key file with one new key in it.
    pub fn generate() -> SecretString {
        let mut octets = random::<32>();
        let line = format!("{FIRST_KEY_ID}:{}\n", STANDARD.encode(octets));
        octets.zeroize();
        line.into()
    }

    /// The id of the key that seals.
    pub fn newest(&self) -> &str {
        &self.keys[0].id
    }

    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    pub fn seal(&self, identity: &Identity, plain: &[u8]) -> Vec<u8> {
        let key = &self.keys[0];
        let nonce = random::<NONCE_OCTETS>();
        let mut sealed = Vec::with_capacity(2 + key.id.len() + NONCE_OCTETS + plain.len() + TAG_OCTETS);
        sealed.push(SEAL_VERSION);
        sealed.push(u8::try_from(key.id.len()).expect("a key id is at most 16 characters"));
        sealed.extend_from_slice(key.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = key
            .cipher
            .encrypt_inout_detached(&XNonce::from(nonce), &identity.0, (&mut sealed[start..]).into())
            .expect("a record is far shorter than 256 GiB");
        sealed.extend_from_slice(&tag);
        sealed
    }

    pub fn open(&self, identity: &Identity, sealed: &[u8]) -> Result<Vec<u8>, OpenSealError> {
        let Sealed { key_id, nonce, ciphertext, tag } = Sealed::parse(sealed).ok_or(OpenSealError::Malformed)?;
        let key = self.keys.iter().find(|key| key.id.as_bytes() == key_id);
        let key = key.ok_or_else(|| OpenSealError::UnknownKey(String::from_utf8_lossy(key_id).into_owned()))?;
        let mut plain = ciphertext.to_vec();
        key.cipher
            .decrypt_inout_detached(&XNonce::from(nonce), &identity.0, plain.as_mut_slice().into(), &Tag::from(tag))
            .map_err(|_| OpenSealError::Forged)?;
        Ok(plain)
    }
}

/// What proves that the holder of a key wrote something, without hiding it. Its keys follow from the same ring.
impl KeyRing {
    /// With the newest key, whose id comes first.
    pub fn authenticate(&self, written: &Identity) -> (&str, [u8; 32]) {
        let key = &self.keys[0];
        let mut mac = key.ledger.clone();
        mac.update(&written.0);
        (&key.id, mac.finalize().into_bytes().into())
    }

    /// Whether the key of this id authenticated it. A key that is not in the ring proves nothing.
    pub fn is_authentic(&self, written: &Identity, key: &str, mac: &[u8; 32]) -> bool {
        let Some(key) = self.keys.iter().find(|known| known.id == key) else { return false };
        let mut expected = key.ledger.clone();
        expected.update(&written.0);
        expected.verify_slice(mac).is_ok()
    }
}

/// A sealed value, taken apart.
struct Sealed<'a> {
    key_id: &'a [u8],
    nonce: [u8; NONCE_OCTETS],
    ciphertext: &'a [u8],
    tag: [u8; TAG_OCTETS],
}

impl<'a> Sealed<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let [SEAL_VERSION, id_octets, rest @ ..] = octets else { return None };
        let (key_id, rest) = rest.split_at_checked(usize::from(*id_octets))?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        Some(Self { key_id, nonce: *nonce, ciphertext, tag: *tag })
    }
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        let (id, encoded) = line.split_once(':')?;
        let is_id = (1..=KEY_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let octets = SecretBox::new(Box::new(STANDARD_PAD_INDIFFERENT.decode(encoded).ok()?));
        if !is_id || octets.expose_secret().len() != 32 {
            return None;
        }
        // The key in the ring is never used itself, so that it can serve other purposes under other names.
        let mut derived = derive(octets.expose_secret(), "assent seal 1");
        let cipher = XChaCha20Poly1305::new(&derived.into());
        derived.zeroize();
        let mut derived = derive(octets.expose_secret(), "assent ledger 1");
        let ledger = <Hmac<Sha256> as KeyInit>::new_from_slice(&derived).expect("HMAC takes a key of any length");
        derived.zeroize();
        Some(Self { id: id.to_owned(), cipher, ledger })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// What a sealed value is and whose.
pub struct Identity(Vec<u8>);

impl Identity {
    pub fn of(table: &'static str) -> Self {
        let mut octets = Vec::with_capacity(64);
        octets.extend_from_slice(table.as_bytes());
        octets.push(0);
        Self(octets)
    }

    /// Adds a part; its length goes in before it, so that no two lists of parts look alike.
    pub fn with(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    pub fn with_number(self, number: u64) -> Self {
        self.with(&number.to_be_bytes())
    }
}

/// A keyed hash that a row is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lookup(pub [u8; 16]);

/// Makes the hashes that rows are found by. Its secret belongs to the store, not to a key of the ring, so
/// that a new key in the ring leaves every hash as it is.
pub struct Lookups {
    secret: SecretBox<[u8; 32]>,
    practice: Hmac<Sha256>,
    conversation: Hmac<Sha256>,
    idempotency: Hmac<Sha256>,
    record: Hmac<Sha256>,
    number: Hmac<Sha256>,
    facet: Hmac<Sha256>,
}

impl Lookups {
    pub fn generate() -> Self {
        Self::new(random())
    }

    pub fn new(secret: [u8; 32]) -> Self {
        let keyed = |purpose| {
            let mut key = derive(&secret, purpose);
            let hmac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("HMAC takes a key of any length");
            key.zeroize();
            hmac
        };
        Self {
            practice: keyed("assent look-up practice 1"),
            conversation: keyed("assent look-up conversation 1"),
            idempotency: keyed("assent look-up idempotency 1"),
            record: keyed("assent look-up record 1"),
            number: keyed("assent look-up number 1"),
            facet: keyed("assent look-up facet 1"),
            secret: SecretBox::new(Box::new(secret)),
        }
    }

    pub fn secret(&self) -> &[u8; 32] {
        self.secret.expose_secret()
    }

    /// What the store is called: the same whenever and wherever it is opened, and no two are called the same.
    pub fn name(&self) -> String {
        let derived = derive(self.secret(), "assent store name 1");
        derived[..16].iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// A practice's number in the tables.
    pub fn practice(&self, practice: &PracticeId) -> i64 {
        number(hash(&self.practice, [practice.as_str()]))
    }

    pub fn conversation(&self, key: &ConversationKey) -> Lookup {
        hash(&self.conversation, [key.practice.as_str(), key.phone.expose()])
    }

    pub fn idempotency(&self, practice: &PracticeId, key: &IdempotencyKey) -> Lookup {
        hash(&self.idempotency, [practice.as_str(), &key.0])
    }

    /// The post of a webhook.
    pub fn post(&self, key: &WebhookKey) -> Lookup {
        hash(&self.record, ["post", key.practice.as_str(), &format!("{:016x}", key.serial)])
    }

    /// What conversations of a practice are found by in the inbox.
    pub fn facet(&self, practice: &PracticeId, facet: &Facet) -> i64 {
        let (kind, of) = match facet {
            Facet::Waiting => ("waiting", String::new()),
            Facet::Undeliverable => ("undeliverable", String::new()),
            Facet::Held => ("held", String::new()),
            Facet::Closed => ("closed", String::new()),
            Facet::Assigned => ("assigned", String::new()),
            Facet::AssignedTo(staff) => ("assigned to", staff.to_string()),
            Facet::Tagged(tag) => ("tagged", tag.folded()),
        };
        number(hash(&self.facet, [practice.as_str(), kind, &of]))
    }

    /// A number that a practice texts from.
    pub fn number(&self, number: &Phone) -> Lookup {
        hash(&self.number, [number.expose()])
    }

    pub fn record(&self, key: &RecordKey) -> Lookup {
        match key {
            RecordKey::Practice(practice) => hash(&self.record, ["practice", practice.as_str(), ""]),
            RecordKey::Staff(practice, staff) => hash(&self.record, ["staff", practice.as_str(), staff.as_str()]),
            RecordKey::Patient(practice, id) => hash(&self.record, ["patient", practice.as_str(), id.as_str()]),
            RecordKey::Link(practice, phone, patient) => {
                hash(&self.record, ["link", practice.as_str(), phone.expose(), patient.as_str()])
            }
            RecordKey::Template(practice, id) => hash(&self.record, ["template", practice.as_str(), id.as_str()]),
            // A token is looked for by whoever does not know its practice yet.
            RecordKey::Token(_, id) => hash(&self.record, ["token", id, ""]),
            RecordKey::Webhook(practice, id) => hash(&self.record, ["webhook", practice.as_str(), id.as_str()]),
        }
    }
}

/// The half of a hash, where a number has to do.
fn number(Lookup(hash): Lookup) -> i64 {
    let [first, ..] = hash.as_chunks::<8>().0 else { unreachable!("sixteen octets are two chunks of eight") };
    i64::from_be_bytes(*first)
}

fn hash<const N: usize>(keyed: &Hmac<Sha256>, parts: [&str; N]) -> Lookup {
    let mut hmac = keyed.clone();
    for part in parts {
        hmac.update(&(part.len() as u64).to_be_bytes());
        hmac.update(part.as_bytes());
    }
    let whole: [u8; 32] = hmac.finalize().into_bytes().into();
    Lookup(*whole.first_chunk().expect("thirty-two octets start with sixteen"))
}

fn derive(secret: &[u8], purpose: &str) -> [u8; 32] {
    let mut derived = [0; 32];
    Hkdf::<Sha256>::new(None, secret)
        .expand(purpose.as_bytes(), &mut derived)
        .expect("HKDF-SHA-256 yields up to 8,160 octets");
    derived
}

fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).expect("the kernel has random octets");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[(&str, u8)]) -> KeyRing {
        let lines: Vec<String> =
            ids.iter().map(|(id, octet)| format!("{id}:{}", STANDARD.encode([*octet; 32]))).collect();
        KeyRing::parse(&lines.join("\n")).unwrap()
    }

    fn place() -> Identity {
        Identity::of("thread").with(b"a").with_number(1)
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let ring = ring(&[("k1", 1)]);
        let sealed = ring.seal(&place(), b"my knee hurts");
        assert_eq!(ring.open(&place(), &sealed).unwrap(), b"my knee hurts");
        for elsewhere in [
            Identity::of("thread").with(b"a").with_number(2),
            Identity::of("journal").with(b"a").with_number(1),
            Identity::of("thread").with(b"").with(b"a").with_number(1),
        ] {
            assert_eq!(ring.open(&elsewhere, &sealed), Err(OpenSealError::Forged));
        }
    }

    #[test]
    fn no_flipped_bit_opens() {
        let ring = ring(&[("k1", 1)]);
        let sealed = ring.seal(&place(), b"yes");
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(&place(), &damaged).is_err(), "bit {bit}");
        }
        for octets in 0..sealed.len() {
            assert!(ring.open(&place(), &sealed[..octets]).is_err(), "{octets} octets");
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let old = ring(&[("k1", 1)]);
        let both = ring(&[("k2", 2), ("k1", 1)]);
        let sealed_before = old.seal(&place(), b"yes");
        assert_eq!(both.open(&place(), &sealed_before).unwrap(), b"yes");
        let sealed_after = both.seal(&place(), b"yes");
        assert_eq!(old.open(&place(), &sealed_after), Err(OpenSealError::UnknownKey("k2".into())));
        assert_eq!(ring(&[("k2", 9)]).open(&place(), &sealed_after), Err(OpenSealError::Forged));
    }

    #[test]
    fn what_was_authenticated_is_known_again_by_every_key_of_the_ring_and_by_no_other() {
        let old = ring(&[("k1", 1)]);
        let both = ring(&[("k2", 2), ("k1", 1)]);
        let (key, mac) = old.authenticate(&place());
        assert!(both.is_authentic(&place(), key, &mac));
        assert!(!both.is_authentic(&Identity::of("thread"), key, &mac));
        assert!(!both.is_authentic(&place(), "k2", &mac));
        assert!(!ring(&[("k1", 9)]).is_authentic(&place(), key, &mac));
        let (key, mac) = both.authenticate(&place());
        assert_eq!(key, "k2");
        assert!(!old.is_authentic(&place(), key, &mac), "a key that is not there proves nothing");
    }

    #[test]
    fn a_key_ring_is_lines_of_ids_and_keys() {
        let key = STANDARD.encode([7; 32]);
        assert!(KeyRing::parse(&format!("# ours\n\n 2026-11:{key} \n")).is_ok());
        assert!(KeyRing::parse(KeyRing::generate().expose_secret()).is_ok());
        let malformed = KeyRingError::Malformed { line: 1 };
        for (text, expected) in [
            (String::new(), KeyRingError::Empty),
            ("# nothing".into(), KeyRingError::Empty),
            (key.clone(), malformed),
            (format!(":{key}"), malformed),
            (format!("an id:{key}"), malformed),
            (format!("{}:{key}", "k".repeat(17)), malformed),
            ("k1:c2hvcnQ=".into(), malformed),
            (format!("k1:{key}\nk1:{key}"), KeyRingError::Repeated { line: 2 }),
        ] {
            assert_eq!(KeyRing::parse(&text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn look_ups_depend_on_the_secret_the_practice_and_the_phone() {
        let key = |practice: &str, phone: &str| ConversationKey {
            practice: PracticeId::parse(practice).unwrap(),
            phone: Phone::parse(phone).unwrap(),
        };
        let (ours, theirs) = (Lookups::new([1; 32]), Lookups::new([2; 32]));
        let found = ours.conversation(&key("riverside", "+13035550123"));
        assert_eq!(found, ours.conversation(&key("riverside", "+13035550123")));
        assert_ne!(found, theirs.conversation(&key("riverside", "+13035550123")));
        assert_ne!(found, ours.conversation(&key("lakeside", "+13035550123")));
        assert_ne!(found, ours.conversation(&key("riverside", "+13035550124")));
    }
}
