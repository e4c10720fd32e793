//! A store on Redis as it is read to be verified or exported, while daemons go on.

use async_trait::async_trait;

use super::super::Location;
use super::super::cipher::Lookup;
use super::super::ledger::{Anchor, Archive, AuditLine, AuditPlaced, Head, Heads, Kept, List, Placed};
use super::super::sealed::Cipher;
use super::copied::Copied;
use super::keys::{self, Of};
use super::ledger::Written;
use super::line::Line;
use super::open::{OpenRedisError, Opening};
use super::reads::{self, unreadable};
use super::seen::Memory;
use crate::domain::ledger::Proof;
use crate::domain::{ConversationKey, Entry, Message, MessageId, PracticeId, Seq};
use crate::ports::{Record, StoreError};

type Read<T> = Result<T, StoreError>;

/// Redis, for as long as it is read.
pub struct Archived {
    line: Line,
    cipher: Cipher,
    kept: Kept,
}

impl Archived {
    pub async fn open(location: &Location) -> Result<Self, OpenRedisError> {
        let opening = Opening::of(location)?;
        let dialler = opening.dialler(location)?.unhurried();
        let line = Line::new(dialler, location.durability, None, Memory::blank());
        let found = opening.put_up(&line, None).await?;
        opening.is_known(&found)?;
        let place = opening.place.clone();
        if found.store.is_empty() {
            return Err(OpenRedisError::NoStore { place });
        }
        if found.copied.as_ref().is_some_and(Copied::is_unfinished) {
            return Err(OpenRedisError::Unfinished { place });
        }
        line.opened(&found.store);
        let lookups = opening.unlock(&line, &found).await?;
        let kept = Kept::open(&location.directory, &lookups.name(), found.accepted)?;
        Ok(Self { line, cipher: Cipher { ring: opening.ring, lookups }, kept })
    }

    async fn ask<T: redis::FromRedisValue>(&self, question: redis::Pipeline) -> Read<T> {
        if question.is_empty() {
            return reads::typed(redis::Value::Array(Vec::new()));
        }
        self.line.ask(|mut wire| async move { question.query_async(&mut wire).await }).await
    }

    async fn number(&self, command: &str, key: String) -> Read<u64> {
        let mut question = redis::pipe();
        question.cmd(command).arg(key);
        let (number,): (u64,) = self.ask(question).await?;
        Ok(number)
    }

    async fn heads_of(&self, practice: &PracticeId, look_ups: Vec<Lookup>) -> Read<Vec<Head>> {
        let mut question = redis::pipe();
        for look_up in &look_ups {
            question.cmd("HMGET").arg(Of(practice).conversation(*look_up)).arg(&reads::STORED);
        }
        let found: Vec<reads::StoredFields> = self.ask(question).await?;
        let mut heads = Vec::with_capacity(look_ups.len());
        for (look_up, fields) in look_ups.into_iter().zip(found) {
            let Some(id) = &fields.0 else { continue };
            // One that is none shows where the rest is opened.
            let conversation = reads::number(id).unwrap_or(0);
            let stored = reads::stored(&self.cipher, look_up, fields);
            let stored = stored.and_then(|stored| stored.ok_or_else(|| unreadable("a conversation is not there")));
            heads.push(Head { look_up, conversation, stored });
        }
        Ok(heads)
    }
}

#[async_trait]
impl Archive for Archived {
    fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    fn anchor(&self, list: List, practice: &PracticeId) -> Option<Anchor> {
        self.kept.anchor(list, self.cipher.lookups.practice(practice)).cloned()
    }

    async fn records(&mut self, practice: &PracticeId) -> Read<Vec<Record>> {
        let mut question = redis::pipe();
        question.cmd("HGETALL").arg(Of(practice).records());
        let (fields,): (Vec<(Vec<u8>, Vec<u8>)>,) = self.ask(question).await?;
        let mut records = Vec::with_capacity(fields.len());
        for (look_up, written) in fields {
            let look_up = keys::look_up(&look_up).ok_or_else(|| unreadable("a look-up is none"))?;
            records.push(reads::record(&self.cipher, look_up, &written)?);
        }
        records.sort_by_key(|(row, _)| *row);
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    async fn length(&mut self, practice: &PracticeId) -> Read<u64> {
        self.number("LLEN", Of(practice).ledger()).await
    }

    async fn lines(&mut self, practice: &PracticeId, after: u64, limit: u64) -> Read<Vec<Placed>> {
        let of = Of(practice);
        let last = after.saturating_add(limit.saturating_sub(1));
        let mut question = redis::pipe();
        // The seals first: a line that is sealed in between looks as if it were not yet.
        question.cmd("LRANGE").arg(of.seals()).arg(after).arg(last);
        question.cmd("LRANGE").arg(of.ledger()).arg(after).arg(last);
        let (seals, texts): (Vec<String>, Vec<String>) = self.ask(question).await?;
        let mut lines = Vec::with_capacity(texts.len());
        let mut question = redis::pipe();
        for (place, text) in (after + 1..).zip(&texts) {
            let written = Written::parse(text).filter(|written| written.index > 0);
            if let Some(Written { line, index }) = &written {
                question.cmd("LINDEX").arg(of.proofs(line.look_up)).arg(index - 1);
            }
            lines.push(Placed { place, line: written.map(|written| written.line) });
        }
        let proofs: Vec<Option<Vec<u8>>> = self.ask(question).await?;
        let (mut seals, mut proofs) = (seals.into_iter(), proofs.into_iter());
        for placed in &mut lines {
            let seal = seals.next();
            if let Some(line) = &mut placed.line {
                line.proof = proofs.next().flatten();
                line.seal = seal;
            }
        }
        Ok(lines)
    }

    async fn audit_length(&mut self, practice: &PracticeId) -> Read<u64> {
        self.number("LLEN", Of(practice).audit()).await
    }

    async fn audit_sealed(&mut self, practice: &PracticeId) -> Read<u64> {
        self.number("LLEN", Of(practice).audit_seals()).await
    }

    async fn audit_lines(&mut self, practice: &PracticeId, after: u64, limit: u64) -> Read<Vec<AuditPlaced>> {
        let of = Of(practice);
        let last = after.saturating_add(limit.saturating_sub(1));
        let mut question = redis::pipe();
        question.cmd("LRANGE").arg(of.audit_seals()).arg(after).arg(last);
        question.cmd("LRANGE").arg(of.audit()).arg(after).arg(last);
        let (seals, lines): (Vec<String>, Vec<Vec<u8>>) = self.ask(question).await?;
        let mut seals = seals.into_iter();
        let placed = (after + 1..).zip(lines);
        Ok(placed.map(|(place, line)| AuditPlaced { place, line: AuditLine(line), seal: seals.next() }).collect())
    }

    async fn conversations(&mut self, practice: &PracticeId) -> Read<u64> {
        self.number("LLEN", Of(practice).all_conversations()).await
    }

    async fn heads(&mut self, practice: &PracticeId, from: u64, limit: u64) -> Read<Heads> {
        let mut question = redis::pipe();
        let last = from.saturating_add(limit.saturating_sub(1));
        question.cmd("LRANGE").arg(Of(practice).all_conversations()).arg(from).arg(last);
        let (look_ups,): (Vec<Vec<u8>>,) = self.ask(question).await?;
        let next = (!look_ups.is_empty()).then_some(from + look_ups.len() as u64);
        // What is no look-up leads to no conversation: one that the ledger knows is found to be gone.
        let look_ups = look_ups.iter().filter_map(|hex| keys::look_up(hex)).collect();
        Ok(Heads { heads: self.heads_of(practice, look_ups).await?, next })
    }

    async fn head(&mut self, practice: &PracticeId, look_up: Lookup) -> Read<Option<Head>> {
        Ok(self.heads_of(practice, vec![look_up]).await?.pop())
    }

    async fn proofs(&mut self, key: &ConversationKey) -> Read<Vec<Proof>> {
        let look_up = self.cipher.lookups.conversation(key);
        let mut question = redis::pipe();
        question.cmd("LRANGE").arg(Of(&key.practice).proofs(look_up)).arg(0).arg(-1);
        let (written,): (Vec<Vec<u8>>,) = self.ask(question).await?;
        let id = self.head(&key.practice, look_up).await?.map_or(0, |head| head.conversation);
        // The numbers of a ledger that nobody touched are its places.
        let open = |(seq, sealed): (u64, Vec<u8>)| {
            let plain = self.cipher.open(&Cipher::proof(look_up, id, seq), &sealed)?;
            Ok(super::super::record::read_proof(&plain)?)
        };
        (1..).zip(written).map(open).collect()
    }

    async fn journal(&mut self, key: &ConversationKey) -> Read<Vec<Entry>> {
        let look_up = self.cipher.lookups.conversation(key);
        let mut question = redis::pipe();
        question.cmd("LRANGE").arg(Of(&key.practice).journal(look_up)).arg(0).arg(-1);
        let (written,): (Vec<Vec<u8>>,) = self.ask(question).await?;
        written.iter().map(|written| reads::evident(&self.cipher, look_up, written).map(|(.., entry)| entry)).collect()
    }

    async fn messages(&mut self, key: &ConversationKey, after: Seq, limit: u64) -> Read<Vec<Message>> {
        let look_up = self.cipher.lookups.conversation(key);
        let of = Of(&key.practice);
        let mut question = redis::pipe();
        question.cmd("HMGET").arg(of.conversation(look_up)).arg(&["id", "last"]);
        let ((id, last),): ((Option<Vec<u8>>, Option<Vec<u8>>),) = self.ask(question).await?;
        let (Some(id), Some(last)) = (id, last.filter(|last| !last.is_empty())) else { return Ok(Vec::new()) };
        let (id, last): (u64, u64) = (reads::number(&id)?, reads::number(&last)?);
        let wanted: Vec<u64> = (after.0 + 1..=last.min(after.0.saturating_add(limit))).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut question = redis::pipe();
        let command = question.cmd("HMGET").arg(of.thread(look_up));
        for seq in &wanted {
            command.arg(seq).arg(format!("{seq}s"));
        }
        let (fields,): (Vec<Option<Vec<u8>>>,) = self.ask(question).await?;
        let mut messages = Vec::with_capacity(wanted.len());
        for (seq, pair) in wanted.into_iter().zip(fields.chunks_exact(2)) {
            let [Some(fixed), Some(state)] = pair else { return Err(unreadable("a message is not whole")) };
            let id = MessageId { conversation: crate::domain::ConversationId(id), seq: Seq(seq) };
            messages.push(reads::message(&self.cipher, look_up, id, fixed, state)?);
        }
        Ok(messages)
    }
}
