//! What daemons tell each other of what they wrote. News may be lost, and nothing depends on it but how soon it is seen:
//! what is true is in the store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::broadcast;

use super::super::cipher::Lookup;
use super::super::record;
use super::super::sealed::Cipher;
use super::keys;
use super::line::Line;
use super::reads;
use super::seen::Mark;
use crate::domain::{BootId, ConversationKey, PracticeId};
use crate::ports::{News, RecordKey, StoreError, Typing};

/// News that waits for those who read slowly. Whoever misses some looks at everything.
pub const NEWS_MAX: usize = 4_096;
/// How often it is made sure that somebody is at the other end.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_ANSWER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(500);

/// The news that a conversation was written. The script puts the occurrence before it.
pub fn of_conversation(
    cipher: &Cipher,
    daemon: BootId,
    key: &ConversationKey,
    operation: [u8; 16],
    ends: &[u8],
) -> Vec<u8> {
    let look_up = keys::hex(cipher.lookups.conversation(key));
    let heading =
        format!("C {} {} {look_up} {:032x} ", keys::boot(daemon), key.practice, u128::from_be_bytes(operation));
    [heading.as_bytes(), ends].concat()
}

/// The news that a record was put or removed.
pub fn of_record(cipher: &Cipher, daemon: BootId, practice: &PracticeId, key: &RecordKey) -> Vec<u8> {
    let look_up = cipher.lookups.record(key);
    let sealed = cipher.ring.seal(&Cipher::record_key(look_up), &record::write_record_key(key));
    let heading = format!("0 R {} {practice} {} ", keys::boot(daemon), keys::hex(look_up));
    [heading.as_bytes(), &sealed].concat()
}

/// The news that somebody is writing.
pub fn of_typing(cipher: &Cipher, daemon: BootId, typing: &Typing) -> Vec<u8> {
    let look_up = cipher.lookups.conversation(&typing.key);
    let sealed = cipher.ring.seal(&Cipher::typing(look_up), &record::write_typing(typing));
    let heading = format!("0 T {} {} {} ", keys::boot(daemon), typing.key.practice, keys::hex(look_up));
    [heading.as_bytes(), &sealed].concat()
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    daemon: BootId,
    news: News,
    mark: Option<(PracticeId, Mark)>,
}

fn read(cipher: &Cipher, payload: &[u8]) -> Result<Heard, StoreError> {
    let not_well_formed = || reads::unreadable("news is not well formed");
    let mut rest = payload;
    let mut word = || {
        let end = rest.iter().position(|octet| *octet == b' ').ok_or_else(not_well_formed)?;
        let (word, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        std::str::from_utf8(word).map_err(|_| not_well_formed())
    };
    let (occurrence, kind, daemon, practice, look_up) = (word()?, word()?, word()?, word()?, word()?);
    let daemon = BootId(u64::from_str_radix(daemon, 16).map_err(|_| not_well_formed())?);
    let practice = PracticeId::parse(practice).map_err(|_| not_well_formed())?;
    let look_up: Lookup = keys::look_up(look_up.as_bytes()).ok_or_else(not_well_formed)?;
    match kind {
        "C" => {
            let operation = u128::from_str_radix(word()?, 16).map_err(|_| not_well_formed())?.to_be_bytes();
            let occurrence: u64 = occurrence.parse().map_err(|_| not_well_formed())?;
            let key = reads::ends(cipher, look_up, rest)?;
            let mark = (occurrence > 0).then_some((practice, Mark { occurrence, operation }));
            Ok(Heard { daemon, news: News::Conversation(key), mark })
        }
        "R" => {
            let key = record::read_record_key(&cipher.open(&Cipher::record_key(look_up), rest)?)?;
            Ok(Heard { daemon, news: News::Record(key), mark: None })
        }
        "T" => {
            let typing = record::read_typing(&cipher.open(&Cipher::typing(look_up), rest)?)?;
            Ok(Heard { daemon, news: News::Typing(typing), mark: None })
        }
        _ => Err(not_well_formed()),
    }
}

/// Listens for ever, and passes on what other daemons did.
pub async fn listen(line: Arc<Line>, cipher: Arc<Cipher>, daemon: BootId, news: broadcast::Sender<News>) {
    let channel = keys::channel(line.dialler.database());
    loop {
        match line.dialler.listen().await {
            Ok(connection) => {
                let (mut ask, mut heard) = connection.split();
                if ask.subscribe(&channel).await.is_ok() {
                    // What was said before is not heard again.
                    pass_on(&news, News::Anything);
                    let mut pings = tokio::time::interval(PING_EVERY);
                    loop {
                        tokio::select! {
                            message = heard.next() => match message {
                                Some(message) => pass_on_heard(&line, &cipher, daemon, &news, message.get_payload_bytes()),
                                None => break,
                            },
                            _ = pings.tick() => {
                                let answered = tokio::time::timeout(PING_ANSWER, ask.ping::<redis::Value>()).await;
                                if !matches!(answered, Ok(Ok(_))) {
                                    break;
                                }
                            }
                        }
                    }
                }
                tracing::warn!("news of other daemons is not heard at the moment");
            }
            Err(error) => tracing::debug!(%error, "no connection for news"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn pass_on_heard(line: &Line, cipher: &Cipher, daemon: BootId, news: &broadcast::Sender<News>, payload: &[u8]) {
    match read(cipher, payload) {
        Ok(heard) if heard.daemon == daemon => {}
        Ok(heard) => {
            if let Some((practice, mark)) = heard.mark {
                line.memory.note(&practice, mark);
            }
            pass_on(news, heard.news);
        }
        Err(error) => {
            tracing::warn!(%error, "news was not understood");
            pass_on(news, News::Anything);
        }
    }
}

fn pass_on(news: &broadcast::Sender<News>, one: News) {
    // Nobody may be listening.
    let _ = news.send(one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PatientId, Phone, StaffId};
    use crate::store::cipher::{KeyRing, Lookups};
    use secrecy::ExposeSecret;

    fn cipher() -> Cipher {
        let ring = KeyRing::parse(KeyRing::generate().expose_secret()).unwrap();
        Cipher { ring, lookups: Lookups::generate() }
    }

    #[test]
    fn news_is_understood_by_those_with_the_keys_and_shows_nothing_to_others() {
        let cipher = cipher();
        let practice = PracticeId::parse("riverside").unwrap();
        let key = ConversationKey { practice: practice.clone(), phone: Phone::parse("+13035550123").unwrap() };
        let ends = cipher.ring.seal(&Cipher::ends(cipher.lookups.conversation(&key)), &record::write_key(&key));
        let said = [b"17 ".as_slice(), &of_conversation(&cipher, BootId(9), &key, [3; 16], &ends)].concat();
        assert!(!said.windows(10).any(|window| window == b"3035550123"));
        let mark = Some((practice.clone(), Mark { occurrence: 17, operation: [3; 16] }));
        assert_eq!(read(&cipher, &said).unwrap(), Heard { daemon: BootId(9), news: News::Conversation(key), mark });

        let key = RecordKey::Patient(practice.clone(), PatientId::parse("rosa-alvarez").unwrap());
        let said = of_record(&cipher, BootId(9), &practice, &key);
        assert!(!said.windows(4).any(|window| window == b"rosa"));
        assert_eq!(read(&cipher, &said).unwrap(), Heard { daemon: BootId(9), news: News::Record(key), mark: None });

        let key = ConversationKey { practice, phone: Phone::parse("+13035550123").unwrap() };
        let typing = Typing { key, staff: StaffId::parse("maria").unwrap() };
        let said = of_typing(&cipher, BootId(9), &typing);
        assert!(
            !said.windows(5).any(|window| window == b"maria")
                && !said.windows(10).any(|window| window == b"3035550123")
        );
        assert_eq!(read(&cipher, &said).unwrap(), Heard { daemon: BootId(9), news: News::Typing(typing), mark: None });
    }

    #[test]
    fn what_is_no_news_is_an_error() {
        let cipher = cipher();
        for payload in
            [&b""[..], b"1 C", b"1 X 01 riverside 00000000000000000000000000000000 ", b"\xff \xff \xff \xff \xff "]
        {
            assert!(read(&cipher, payload).is_err());
        }
    }
}
