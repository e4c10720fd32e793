//! The sealed lists on Redis, the evidence ledger and the audit: a script gives each line its place, and a daemon seals what has one. Whichever
//! does it, the seals are the same, because each follows from the line and the seal before it; so two can't fork the list.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::super::cipher::Lookup;
use super::super::ledger::{Anchor, AuditLine, Kept, Line as LedgerLine, List, Sealer};
use super::super::sealed::Cipher;
use super::keys::{self, Of};
use super::line::{Line, practices};
use super::reads;
use super::scripts::SEAL;
use crate::domain::PracticeId;
use crate::ports::StoreError;

/// Lines that are sealed with one call.
const PAGE: u64 = 500;
/// How long lines gather before they are sealed.
const GATHER: Duration = Duration::from_millis(200);
/// How often every practice is looked at: another daemon may have died before it had sealed what it wrote.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A line of the list as it is written: whose proof it is, where that stands among the proofs of its conversation, counted
/// from 1, and its signature.
pub struct Written {
    pub line: LedgerLine,
    pub index: u64,
}

impl Written {
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let look_up: Lookup = keys::look_up(words.next()?.as_bytes())?;
        let (conversation, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let (index, signature) = (words.next()?.parse().ok()?, words.next()?.to_owned());
        let line = LedgerLine { look_up, conversation, seq, signature, proof: None, seal: None };
        Some(Self { line, index })
    }
}

/// Practices whose ledger this daemon has written to, and has not sealed since.
#[derive(Default)]
pub struct Unsealed {
    practices: Mutex<HashSet<PracticeId>>,
    called: Notify,
}

impl Unsealed {
    pub fn note(&self, practice: &PracticeId) {
        self.practices.lock().unwrap_or_else(PoisonError::into_inner).insert(practice.clone());
        self.called.notify_one();
    }

    fn take(&self) -> HashSet<PracticeId> {
        std::mem::take(&mut self.practices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Seals what is written, for ever; first of all what an earlier run left.
pub async fn keep_sealed(line: Arc<Line>, cipher: Arc<Cipher>, unsealed: Arc<Unsealed>, mut kept: Kept) {
    let mut everybody = tokio::time::interval(LOOK_EVERY);
    loop {
        let grown: HashSet<PracticeId> = tokio::select! {
            _ = everybody.tick() => match line.ask(practices).await {
                Ok(practices) => practices.into_iter().collect(),
                Err(_) => unsealed.take(),
            },
            () = unsealed.called.notified() => {
                tokio::time::sleep(GATHER).await;
                unsealed.take()
            }
        };
        let seen = line.memory.seen();
        kept.is_of(&cipher.lookups.name(), seen.accepted);
        for (practice, list) in
            grown.into_iter().flat_map(|practice| [List::Ledger, List::Audit].map(|list| (practice.clone(), list)))
        {
            match seal(&line, &cipher, list, &practice).await {
                Ok(Some(newest)) => remember(&line, &cipher, &mut kept, list, &practice, newest).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, %practice, ?list, "a list was not sealed yet");
                    unsealed.practices.lock().unwrap_or_else(PoisonError::into_inner).insert(practice);
                }
            }
        }
        if let Err(error) = kept.write_down() {
            tracing::warn!(%error, "the newest seals of the ledger were not written down");
        }
    }
}

/// Notes the newest place, if the one that was seen before is still there: what was seen of a ledger that was cut stays.
async fn remember(line: &Line, cipher: &Cipher, kept: &mut Kept, list: List, practice: &PracticeId, newest: Anchor) {
    let number = cipher.lookups.practice(practice);
    if let Some(anchor) = kept.anchor(list, number) {
        match seal_at(line, list, practice, anchor.place).await {
            Ok(found) if found.as_ref() == Some(&anchor.seal) => {}
            Ok(_) => {
                return tracing::error!(%practice, ?list, "a sealed list lacks what was seen of it: run assent audit verify");
            }
            Err(error) => return tracing::warn!(%error, %practice, "the evidence ledger was not looked at"),
        }
    }
    kept.note(list, number, newest);
}

/// The seal at a place.
pub async fn seal_at(line: &Line, list: List, practice: &PracticeId, place: u64) -> Result<Option<String>, StoreError> {
    let (_, seals) = names(list, practice);
    let Some(index) = place.checked_sub(1) else { return Ok(None) };
    line.ask(|mut wire| async move { redis::cmd("LINDEX").arg(seals).arg(index).query_async(&mut wire).await }).await
}

/// The keys of a list and of its seals.
fn names(list: List, practice: &PracticeId) -> (String, String) {
    let of = Of(practice);
    match list {
        List::Ledger => (of.ledger(), of.seals()),
        List::Audit => (of.audit(), of.audit_seals()),
    }
}

/// Seals everything that has a place in a list of a practice. Returns the newest that is sealed.
pub async fn seal(
    line: &Line,
    cipher: &Cipher,
    list: List,
    practice: &PracticeId,
) -> Result<Option<Anchor>, StoreError> {
    loop {
        let (written, seals) = names(list, practice);
        let (sealed, before): (u64, Option<String>) = line
            .ask(|mut wire| async move {
                let mut question = redis::pipe();
                question.cmd("LLEN").arg(&seals).cmd("LINDEX").arg(&seals).arg(-1);
                question.query_async(&mut wire).await
            })
            .await?;
        let lines: Vec<Vec<u8>> = line
            .ask(|mut wire| async move {
                redis::cmd("LRANGE").arg(written).arg(sealed).arg(sealed + PAGE - 1).query_async(&mut wire).await
            })
            .await?;
        let Some(last) = lines.last().cloned() else {
            return Ok(before.map(|seal| Anchor { place: sealed, seal }));
        };
        let mut sealer = Sealer::after(cipher.lookups.practice(practice), sealed, before);
        let (written, seals) = names(list, practice);
        let mut script = SEAL.key(written);
        script.key(seals).arg(sealed).arg(last);
        for octets in lines {
            let seal = match list {
                List::Audit => sealer.seal(&cipher.ring, &AuditLine(octets)),
                List::Ledger => {
                    let text = std::str::from_utf8(&octets).ok().and_then(Written::parse);
                    let written = text.ok_or_else(|| reads::unreadable("a line of the ledger is none"))?;
                    sealer.seal(&cipher.ring, &written.line)
                }
            };
            script.arg(seal);
        }
        // Somebody else was faster, or the store went back: it is looked at anew.
        line.ask(|mut wire| async move { script.invoke_async::<u64>(&mut wire).await }).await?;
    }
}
