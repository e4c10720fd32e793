//! What is read of a store on Redis to be copied: page by page, opened. A place within a practice is a number or two.

use super::super::super::cipher::Lookup;
use super::super::super::copy::{Item, Kind, Letter, Moved, Page, Place};
use super::super::super::ledger::{AuditLine, List, Sealer};
use super::super::super::record;
use super::super::super::sealed::{Cipher, change_of};
use super::super::desk;
use super::super::keys::{self, Of, sortable};
use super::super::ledger::{self, Written};
use super::super::reads::{self, number, unreadable};
use super::super::{Page as Fields, RECORDS_PAGE, posts};
use super::{Read, Transfer};
use crate::domain::{ConversationId, ConversationKey, MessageId, Meter, PracticeId, Seq, Summary};
use crate::ports::{StoreError, Version};

/// Conversations that are looked at together for what is in them.
const CONVERSATIONS_PAGE: u64 = 100;
/// Small things that are looked at together to be counted.
const COUNTED_PAGE: i64 = 2_000;

/// The records of a practice, in the order in which they came.
pub struct RecordsInOrder {
    practice: PracticeId,
    rows: Vec<(u64, Lookup)>,
}

/// A conversation that has something in it.
struct Talk {
    index: u64,
    look_up: Lookup,
    id: ConversationId,
    key: ConversationKey,
    /// How many places there are in it.
    length: u64,
}

impl Transfer {
    pub(super) async fn count_of(&self, kind: Kind, practice: &PracticeId) -> Read<u64> {
        let of = Of(practice);
        let count = |command: &str, key: String| {
            let mut question = redis::pipe();
            question.cmd(command).arg(key);
            question
        };
        let question = match kind {
            Kind::Records => count("HLEN", of.records()),
            Kind::Conversations => count("LLEN", of.all_conversations()),
            Kind::Occurrences => count("XLEN", of.events()),
            Kind::Meters => count("EXISTS", of.meter()),
            Kind::Proofs => count("LLEN", of.ledger()),
            Kind::Audit => count("LLEN", of.audit()),
            Kind::Posts => count("HLEN", of.posts()),
            Kind::Messages | Kind::Evidence | Kind::Notes => return self.count_in_conversations(kind, practice).await,
            Kind::Answers => return self.count_answers(practice).await,
            Kind::DeadLetters => unreachable!("a dead letter is of no practice"),
        };
        let (count,): (u64,) = self.ask_together(question).await?;
        Ok(count)
    }

    pub(super) async fn page_of(
        &mut self,
        kind: Kind,
        practice: &PracticeId,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page> {
        match kind {
            Kind::Records => self.records(practice, after, limit).await,
            Kind::Conversations => self.conversations(practice, after, limit).await,
            Kind::Messages | Kind::Evidence | Kind::Notes => self.in_conversations(kind, practice, after, limit).await,
            Kind::Answers => self.answers(practice, after, limit).await,
            Kind::Occurrences => self.occurrences(practice, after, limit).await,
            Kind::Meters => self.meter(practice, after).await,
            Kind::Proofs => self.proofs(practice, after, limit).await,
            Kind::Audit => self.audited(practice, after, limit).await,
            Kind::Posts => self.posts(practice, after).await,
            Kind::DeadLetters => unreachable!("a dead letter is of no practice"),
        }
    }

    // --------------------------------------------------------------------------------------------- records

    async fn records(&mut self, practice: &PracticeId, after: Option<&str>, limit: usize) -> Read<Page> {
        let after: Option<u64> = after.map(place).transpose()?;
        if after.is_none() || self.records.as_ref().is_none_or(|known| known.practice != *practice) {
            self.records = Some(RecordsInOrder { practice: practice.clone(), rows: self.rows_of(practice).await? });
        }
        let rows = self.records.as_ref().map_or(&[][..], |known| &known.rows);
        let first = after.map_or(0, |after| rows.partition_point(|(row, _)| *row <= after));
        let rows = &rows[first..rows.len().min(first + limit)];
        if rows.is_empty() {
            return Ok(nothing());
        }
        let mut question = redis::pipe();
        let command = question.cmd("HMGET").arg(Of(practice).records());
        for (_, look_up) in rows {
            command.arg(keys::hex(*look_up));
        }
        let (written,): (Vec<Option<Vec<u8>>>,) = self.ask_together(question).await?;
        let mut items = Vec::with_capacity(rows.len());
        for ((row, look_up), written) in rows.iter().zip(written) {
            let written = written.ok_or_else(|| unreadable("a record went while it was read"))?;
            let record = reads::record(&self.cipher, *look_up, &written).map_err(|error| at_row(error, *row))?;
            items.push(Item::Record(record.1));
        }
        Ok(Page { items, last: rows.last().map(|(row, _)| Place(row.to_string())) })
    }

    async fn rows_of(&self, practice: &PracticeId) -> Read<Vec<(u64, Lookup)>> {
        let (mut cursor, mut rows) = (0_u64, Vec::new());
        loop {
            let mut question = redis::pipe();
            question.cmd("HSCAN").arg(Of(practice).records()).arg(cursor).arg("COUNT").arg(RECORDS_PAGE);
            let ((next, page),): ((u64, Fields),) = self.ask_together(question).await?;
            for (look_up, written) in page {
                rows.push((reads::row(&written)?, look_up_of(&look_up)?));
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // A scan may come by twice.
        rows.sort_unstable_by_key(|(row, look_up)| (*row, look_up.0));
        rows.dedup_by_key(|(_, look_up)| look_up.0);
        Ok(rows)
    }

    // --------------------------------------------------------------------------------------- conversations

    async fn conversations(&self, practice: &PracticeId, after: Option<&str>, limit: usize) -> Read<Page> {
        let first = after.map(place::<u64>).transpose()?.map_or(0, |index| index + 1);
        let look_ups = self.look_ups(practice, first, limit as u64).await?;
        if look_ups.is_empty() {
            return Ok(nothing());
        }
        let mut question = redis::pipe();
        for look_up in &look_ups {
            let command = question.cmd("HMGET").arg(Of(practice).conversation(*look_up)).arg(&reads::STORED);
            command.arg(&["ends", "wake", "active", "unread", "last"]);
        }
        let found: Vec<Vec<Option<Vec<u8>>>> = self.ask_together(question).await?;
        let mut items = Vec::with_capacity(look_ups.len());
        for ((index, look_up), fields) in (first..).zip(&look_ups).zip(found) {
            let moved = moved(&self.cipher, *look_up, fields).map_err(|error| at_conversation(error, index))?;
            items.push(Item::Conversation(Box::new(moved)));
        }
        let last = first + items.len() as u64 - 1;
        Ok(Page { items, last: Some(Place(last.to_string())) })
    }

    /// The conversations of a practice from a place on.
    async fn look_ups(&self, practice: &PracticeId, first: u64, limit: u64) -> Read<Vec<Lookup>> {
        let mut question = redis::pipe();
        let last = first.saturating_add(limit.saturating_sub(1));
        question.cmd("LRANGE").arg(Of(practice).all_conversations()).arg(first).arg(last);
        let (look_ups,): (Vec<Vec<u8>>,) = self.ask_together(question).await?;
        look_ups.iter().map(|look_up| look_up_of(look_up)).collect()
    }

    // ------------------------------------------------------------------------------------ in conversations

    async fn count_in_conversations(&self, kind: Kind, practice: &PracticeId) -> Read<u64> {
        let (mut first, mut count) = (0, 0);
        loop {
            let look_ups = self.look_ups(practice, first, CONVERSATIONS_PAGE).await?;
            if look_ups.is_empty() {
                return Ok(count);
            }
            let mut question = redis::pipe();
            for look_up in &look_ups {
                match kind {
                    Kind::Evidence => question.cmd("LLEN").arg(Of(practice).journal(*look_up)),
                    Kind::Notes => question.cmd("LLEN").arg(Of(practice).notes(*look_up)),
                    _ => question.cmd("HLEN").arg(Of(practice).thread(*look_up)),
                };
            }
            let lengths: Vec<u64> = self.ask_together(question).await?;
            // A message is two fields of its thread.
            let each = if kind == Kind::Messages { 2 } else { 1 };
            count += lengths.iter().map(|length| length.div_ceil(each)).sum::<u64>();
            first += look_ups.len() as u64;
        }
    }

    /// Messages, evidence or notes: the place is that of the conversation, and how many of its places were read.
    async fn in_conversations(
        &self,
        kind: Kind,
        practice: &PracticeId,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page> {
        let (mut index, mut read) = match after.map(|after| after.split_once(' ')) {
            None => (0, 0),
            Some(Some((index, read))) => (place(index)?, place(read)?),
            Some(None) => return Err(unreadable("what is remembered is no place in this store")),
        };
        let mut page = nothing();
        while page.items.len() < limit {
            let talks = self.talks(kind, practice, index).await?;
            if talks.is_empty() {
                break;
            }
            let mut wanted = Vec::new();
            let mut room = (limit - page.items.len()) as u64;
            for talk in &talks {
                let begin = if talk.index == index { read.min(talk.length) } else { 0 };
                let end = talk.length.min(begin + room);
                room -= end - begin;
                wanted.push((talk, begin, end));
                if room == 0 {
                    break;
                }
            }
            let (talk, _, end) = wanted.last().expect("there is a conversation, and room");
            let next = if *end == talk.length { (talk.index + 1, 0) } else { (talk.index, *end) };
            let items = match kind {
                Kind::Evidence => self.evidence(practice, &wanted).await?,
                Kind::Notes => self.notes(practice, &wanted).await?,
                _ => self.messages(practice, &wanted).await?,
            };
            page.items.extend(items);
            (index, read) = next;
        }
        if !page.items.is_empty() {
            page.last = Some(Place(format!("{index} {read}")));
        }
        Ok(page)
    }

    /// Conversations from a place on, and how much is in each.
    async fn talks(&self, kind: Kind, practice: &PracticeId, first: u64) -> Read<Vec<Talk>> {
        let of = Of(practice);
        let look_ups = self.look_ups(practice, first, CONVERSATIONS_PAGE).await?;
        if look_ups.is_empty() {
            return Ok(Vec::new());
        }
        let mut question = redis::pipe();
        for look_up in &look_ups {
            question.cmd("HMGET").arg(of.conversation(*look_up)).arg(&["id", "ends", "last"]);
            question.cmd("LLEN").arg(if kind == Kind::Notes { of.notes(*look_up) } else { of.journal(*look_up) });
        }
        let found: Vec<redis::Value> = self.ask_together(question).await?;
        let mut talks = Vec::new();
        for ((index, look_up), found) in (first..).zip(look_ups).zip(found.chunks_exact(2)) {
            let fields: [Option<Vec<u8>>; 3] = reads::typed::<Vec<_>>(found[0].clone())?
                .try_into()
                .map_err(|_| unreadable("an answer is of another shape"))?;
            let entries: u64 = reads::typed(found[1].clone())?;
            let [Some(id), Some(ends), Some(last)] = fields else {
                return Err(at_conversation(unreadable("it is not whole"), index));
            };
            let key = reads::ends(&self.cipher, look_up, &ends).map_err(|error| at_conversation(error, index))?;
            let messages = if last.is_empty() { 0 } else { number(&last)? };
            let length = if kind == Kind::Messages { messages } else { entries };
            talks.push(Talk { index, look_up, id: ConversationId(number(&id)?), key, length });
        }
        Ok(talks)
    }

    async fn messages(&self, practice: &PracticeId, wanted: &[(&Talk, u64, u64)]) -> Read<Vec<Item>> {
        let mut question = redis::pipe();
        let some = |wanted: &&(&Talk, u64, u64)| wanted.1 < wanted.2;
        for (talk, begin, end) in wanted.iter().filter(some) {
            let command = question.cmd("HMGET").arg(Of(practice).thread(talk.look_up));
            for seq in begin + 1..=*end {
                command.arg(seq).arg(format!("{seq}s"));
            }
        }
        let found: Vec<Vec<Option<Vec<u8>>>> = self.ask_together(question).await?;
        let mut items = Vec::new();
        for ((talk, begin, _), fields) in wanted.iter().filter(some).zip(found) {
            for (seq, pair) in (begin + 1..).zip(fields.chunks_exact(2)) {
                let (fixed, state) = match pair {
                    [Some(fixed), Some(state)] => (fixed, state),
                    [None, None] => continue,
                    _ => return Err(at_conversation(unreadable("a message is not whole"), talk.index)),
                };
                let id = MessageId { conversation: talk.id, seq: Seq(seq) };
                let message = reads::message(&self.cipher, talk.look_up, id, fixed, state);
                items.push(Item::Message(
                    talk.key.clone(),
                    message.map_err(|error| at_conversation(error, talk.index))?,
                ));
            }
        }
        Ok(items)
    }

    async fn evidence(&self, practice: &PracticeId, wanted: &[(&Talk, u64, u64)]) -> Read<Vec<Item>> {
        let mut question = redis::pipe();
        let some = |wanted: &&(&Talk, u64, u64)| wanted.1 < wanted.2;
        for (talk, begin, end) in wanted.iter().filter(some) {
            question.cmd("LRANGE").arg(Of(practice).journal(talk.look_up)).arg(*begin).arg(end - 1);
        }
        let found: Vec<Vec<Vec<u8>>> = self.ask_together(question).await?;
        let mut items = Vec::new();
        for ((talk, ..), entries) in wanted.iter().filter(some).zip(found) {
            for written in entries {
                let item = evidence(&self.cipher, talk, &written);
                items.push(item.map_err(|error| at_conversation(error, talk.index))?);
            }
        }
        Ok(items)
    }

    async fn notes(&self, practice: &PracticeId, wanted: &[(&Talk, u64, u64)]) -> Read<Vec<Item>> {
        let mut question = redis::pipe();
        let some = |wanted: &&(&Talk, u64, u64)| wanted.1 < wanted.2;
        for (talk, begin, end) in wanted.iter().filter(some) {
            question.cmd("LRANGE").arg(Of(practice).notes(talk.look_up)).arg(*begin).arg(end - 1);
        }
        let found: Vec<Vec<Vec<u8>>> = self.ask_together(question).await?;
        let mut items = Vec::new();
        for ((talk, begin, _), notes) in wanted.iter().filter(some).zip(found) {
            for (index, sealed) in (*begin..).zip(notes) {
                let note = desk::note_at(&self.cipher, talk.look_up, talk.id, index, &sealed);
                items.push(Item::Note(talk.key.clone(), note.map_err(|error| at_conversation(error, talk.index))?));
            }
        }
        Ok(items)
    }

    // --------------------------------------------------------------------------------------------- answers

    async fn count_answers(&self, practice: &PracticeId) -> Read<u64> {
        let (mut after, mut count) = (None, 0);
        loop {
            let places = self.answer_places(practice, after.as_deref(), COUNTED_PAGE).await?;
            let Some(last) = places.last() else { return Ok(count) };
            after = Some(last.clone());
            let mut question = redis::pipe();
            let command = question.cmd("EXISTS");
            for place in &places {
                command.arg(Of(practice).answer(Some(look_up_in(place)?)));
            }
            let (there,): (u64,) = self.ask_together(question).await?;
            count += there;
        }
    }

    async fn answers(&self, practice: &PracticeId, after: Option<&str>, limit: usize) -> Read<Page> {
        let places = self.answer_places(practice, after, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
        let Some(last) = places.last().cloned() else { return Ok(nothing()) };
        let mut question = redis::pipe();
        let command = question.cmd("MGET");
        for place in &places {
            command.arg(Of(practice).answer(Some(look_up_in(place)?)));
        }
        let (written,): (Vec<Option<Vec<u8>>>,) = self.ask_together(question).await?;
        let mut items = Vec::new();
        for (place, written) in places.iter().zip(written) {
            // By the server's clock it was forgotten.
            let Some(written) = written else { continue };
            items.push(answer(&self.cipher, place, &written)?);
        }
        Ok(Page { items, last: Some(Place(last)) })
    }

    /// Places in the index of kept answers: the time, and the look-up.
    async fn answer_places(&self, practice: &PracticeId, after: Option<&str>, limit: i64) -> Read<Vec<String>> {
        let begin = after.map_or_else(|| format!("[{}", sortable(self.answers_since)), |after| format!("({after}"));
        let mut question = redis::pipe();
        let command = question.cmd("ZRANGEBYLEX").arg(Of(practice).answers()).arg(begin).arg("+");
        command.arg("LIMIT").arg(0).arg(limit);
        let (places,): (Vec<String>,) = self.ask_together(question).await?;
        Ok(places)
    }

    // ------------------------------------------------------------------------------------- all that is left

    async fn occurrences(&self, practice: &PracticeId, after: Option<&str>, limit: usize) -> Read<Page> {
        let of = Of(practice);
        let begin = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let mut question = redis::pipe();
        question.cmd("XRANGE").arg(of.events()).arg(begin).arg("+").arg("COUNT").arg(limit);
        let (entries,): (Vec<(String, Fields)>,) = self.ask_together(question).await?;
        let Some((last, _)) = entries.last().cloned() else { return Ok(nothing()) };
        let mut occurrences = Vec::with_capacity(entries.len());
        for (id, fields) in &entries {
            let field = |name: &[u8]| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
            let not_whole = || unreadable(&format!("occurrence {id} is not whole"));
            let (Some(look_up), Some(kind), Some(place), Some(at)) =
                (field(b"c"), field(b"k"), field(b"s"), field(b"t"))
            else {
                return Err(not_whole());
            };
            let place = if place.is_empty() { None } else { Some(number(place)?) };
            let change = change_of(number(kind)?, place).ok_or_else(not_whole)?;
            occurrences.push((look_up_of(look_up)?, change, record::time(reads::time(at)?)));
        }
        let mut question = redis::pipe();
        for (look_up, ..) in &occurrences {
            question.cmd("HGET").arg(of.conversation(*look_up)).arg("ends");
        }
        let ends: Vec<Option<Vec<u8>>> = self.ask_together(question).await?;
        let mut items = Vec::with_capacity(occurrences.len());
        for ((look_up, change, at), ends) in occurrences.into_iter().zip(ends) {
            let ends = ends.ok_or_else(|| unreadable("an occurrence is of a conversation that is not there"))?;
            items.push(Item::Occurrence { conversation: reads::ends(&self.cipher, look_up, &ends)?, change, at });
        }
        Ok(Page { items, last: Some(Place(last)) })
    }

    async fn meter(&self, practice: &PracticeId, after: Option<&str>) -> Read<Page> {
        if after.is_some() {
            return Ok(nothing());
        }
        let mut question = redis::pipe();
        question.cmd("HMGET").arg(Of(practice).meter()).arg(&["full_at", "at", "day_ends", "spent"]);
        let (fields,): ([Option<Vec<u8>>; 4],) = self.ask_together(question).await?;
        let [Some(full_at), Some(at), Some(day_ends), Some(spent)] = &fields else {
            return match fields.iter().all(Option::is_none) {
                true => Ok(nothing()),
                false => Err(unreadable("the meter is not whole")),
            };
        };
        let meter = Meter {
            full_at_us: number(full_at)?,
            at_us: number(at)?,
            day_ends_us: number(day_ends)?,
            spent: number(spent)?,
        };
        let items = vec![Item::Meter { practice: practice.clone(), meter }];
        Ok(Page { items, last: Some(Place("meter".into())) })
    }

    /// All of a practice's at once: they are as few as its webhooks.
    async fn posts(&self, practice: &PracticeId, after: Option<&str>) -> Read<Page> {
        if after.is_some() {
            return Ok(nothing());
        }
        let mut question = redis::pipe();
        question.cmd("HGETALL").arg(Of(practice).posts());
        let (found,): (Fields,) = self.ask_together(question).await?;
        let mut page = nothing();
        for (look_up, written) in found {
            let (key, post, _) = posts::open(&self.cipher, look_up_of(&look_up)?, &written)?;
            page.items.push(Item::Post(key, Box::new(post)));
            page.last = Some(Place("posts".into()));
        }
        Ok(page)
    }

    /// Proofs whose signatures and seals are right: what somebody did to the ledger is not signed anew.
    async fn proofs(&self, practice: &PracticeId, after: Option<&str>, limit: usize) -> Read<Page> {
        let of = Of(practice);
        let first = after.map(place::<u64>).transpose()?.unwrap_or(0);
        let last = first + (limit as u64).saturating_sub(1);
        let mut question = redis::pipe();
        question.cmd("LRANGE").arg(of.ledger()).arg(first).arg(last);
        question.cmd("LRANGE").arg(of.seals()).arg(first).arg(last);
        let (texts, seals): (Vec<String>, Vec<String>) = self.ask_together(question).await?;
        let mut lines = Vec::with_capacity(texts.len());
        let mut question = redis::pipe();
        for text in &texts {
            let written = Written::parse(text).filter(|written| written.index > 0);
            let Written { line, index } = written.ok_or_else(|| unreadable("a line of the ledger is none"))?;
            question.cmd("LINDEX").arg(of.proofs(line.look_up)).arg(index - 1);
            lines.push(line);
        }
        let sealed: Vec<Option<Vec<u8>>> = self.ask_together(question).await?;
        let before = ledger::seal_at(&self.line, List::Ledger, practice, first).await?;
        let mut sealer = Sealer::after(self.cipher.lookups.practice(practice), first, before);
        let (mut page, mut seals) = (nothing(), seals.into_iter());
        for (place, (mut line, proof)) in (first + 1..).zip(lines.into_iter().zip(sealed)) {
            line.proof = proof;
            let follows = seals.next().is_none_or(|seal| sealer.check(&self.cipher.ring, &line, &seal));
            let opened = line.open(&self.cipher);
            let opened = if follows { opened } else { Err(unreadable("it does not follow from what is before it")) };
            let proof = opened.map_err(|error| at(error, "see `assent audit verify`: entry", place))?;
            page.items.push(Item::Proof(Box::new(proof)));
            page.last = Some(Place(place.to_string()));
        }
        Ok(page)
    }

    /// Entries of the audit whose seals are right.
    async fn audited(&self, practice: &PracticeId, after: Option<&str>, limit: usize) -> Read<Page> {
        let of = Of(practice);
        let first = after.map(place::<u64>).transpose()?.unwrap_or(0);
        let last = first + (limit as u64).saturating_sub(1);
        let mut question = redis::pipe();
        question.cmd("LRANGE").arg(of.audit()).arg(first).arg(last);
        question.cmd("LRANGE").arg(of.audit_seals()).arg(first).arg(last);
        let (lines, seals): (Vec<Vec<u8>>, Vec<String>) = self.ask_together(question).await?;
        let before = ledger::seal_at(&self.line, List::Audit, practice, first).await?;
        let mut sealer = Sealer::after(self.cipher.lookups.practice(practice), first, before);
        let (mut page, mut seals) = (nothing(), seals.into_iter());
        for (place, line) in (first + 1..).zip(lines.into_iter().map(AuditLine)) {
            let follows = seals.next().is_none_or(|seal| sealer.check(&self.cipher.ring, &line, &seal));
            let opened = line.open(&self.cipher, practice);
            let opened = if follows { opened } else { Err(unreadable("it does not follow from what is before it")) };
            let entry = opened.map_err(|error| at(error, "see `assent audit verify`: audit entry", place))?;
            page.items.push(Item::Audited(Box::new(entry)));
            page.last = Some(Place(place.to_string()));
        }
        Ok(page)
    }

    pub(super) async fn count_letters(&self) -> Read<u64> {
        let mut question = redis::pipe();
        question.cmd("LLEN").arg(keys::DEAD_LETTERS);
        let (count,): (u64,) = self.ask_together(question).await?;
        Ok(count)
    }

    pub(super) async fn letters(&self, after: Option<&str>, limit: usize) -> Read<Page> {
        let first = after.map(place::<usize>).transpose()?.map_or(0, |index| index + 1);
        let mut question = redis::pipe();
        question.cmd("LRANGE").arg(keys::DEAD_LETTERS).arg(first).arg(first + limit - 1);
        let (letters,): (Vec<Vec<u8>>,) = self.ask_together(question).await?;
        let mut page = nothing();
        for (index, sealed) in (first..).zip(letters) {
            let opened = self.cipher.open(&Cipher::dead_letter(), &sealed);
            let read = opened.and_then(|plain| Ok(record::read_dead_letter(&plain)?));
            let (at, reason, raw) = read.map_err(|error| at_row(error, index as u64))?;
            page.items.push(Item::DeadLetter(Letter { at, reason, raw }));
            page.last = Some(Place(index.to_string()));
        }
        Ok(page)
    }
}

fn nothing() -> Page {
    Page { items: Vec::new(), last: None }
}

/// A place that this store gave.
fn place<T: std::str::FromStr>(text: &str) -> Read<T> {
    text.parse().map_err(|_| unreadable("what is remembered is no place in this store"))
}

fn look_up_of(hex: &[u8]) -> Read<Lookup> {
    keys::look_up(hex).ok_or_else(|| unreadable("a look-up is none"))
}

/// The look-up at the end of a place in an index.
fn look_up_in(place: &str) -> Read<Lookup> {
    look_up_of(place.get(16..).unwrap_or_default().as_bytes())
}

fn moved(cipher: &Cipher, look_up: Lookup, fields: Vec<Option<Vec<u8>>>) -> Read<Moved> {
    let fields: Option<Vec<Vec<u8>>> = fields.into_iter().collect();
    let fields: Option<[Vec<u8>; 9]> = fields.and_then(|fields| fields.try_into().ok());
    let Some([id, version, operation, snapshot, ends, wake, active, unread, last]) = fields else {
        return Err(unreadable("it is not whole"));
    };
    let stored = reads::stored(cipher, look_up, (Some(id), Some(version), Some(operation), Some(snapshot)))?;
    let stored = stored.ok_or_else(|| unreadable("it is not there"))?;
    if reads::ends(cipher, look_up, &ends)? != stored.conversation.key {
        return Err(unreadable("its ends are not its own"));
    }
    let time = |digits: &[u8]| Ok::<_, StoreError>(record::time(reads::time(digits)?));
    Ok(Moved {
        stored,
        wake_at: if wake.is_empty() { None } else { Some(time(&wake)?) },
        summary: Summary {
            unread: number(&unread)?,
            last: if last.is_empty() { None } else { Some(Seq(number(&last)?)) },
            active_at: time(&active)?,
        },
    })
}

fn evidence(cipher: &Cipher, talk: &Talk, written: &[u8]) -> Read<Item> {
    let (version, place, entry) = reads::evident(cipher, talk.look_up, written)?;
    Ok(Item::Evidence { conversation: talk.key.clone(), version: Version(version), place, entry })
}

fn answer(cipher: &Cipher, place: &str, written: &[u8]) -> Read<Item> {
    let not_whole = || unreadable("a kept answer is not whole");
    let (at, sealed) = written.split_at_checked(16).ok_or_else(not_whole)?;
    if place.as_bytes().get(..16) != Some(at) {
        return Err(unreadable("a kept answer is of another time than its index says"));
    }
    let kept = record::read_kept_whole(&cipher.open(&Cipher::answer(look_up_in(place)?), sealed)?)?;
    Ok(Item::Answer { kept: kept.ok_or_else(not_whole)?, at: record::time(reads::time(at)?) })
}

fn at_conversation(error: StoreError, index: u64) -> StoreError {
    at(error, "conversation", index)
}

fn at_row(error: StoreError, row: u64) -> StoreError {
    at(error, "row", row)
}

fn at(error: StoreError, what: &str, index: u64) -> StoreError {
    match error {
        StoreError::Unreadable(reason) => StoreError::Unreadable(format!("{what} {index}: {reason}").into()),
        error @ (StoreError::Unavailable(_) | StoreError::WentBack(_)) => error,
    }
}
