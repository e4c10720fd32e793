//! `assent export`: everything that a practice and its patients said, and what proves consent, on standard output.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::Failure;
use super::progress::Progress;
use crate::app::{self, SystemClock};
use crate::config::{self, StoreFiles};
use crate::domain::ledger::Words;
use crate::domain::{
    Consent, Conversation, ConversationKey, Entry, MessageId, Patient, PatientId, Phone, PracticeId, Seq,
};
use crate::export::{Change, Document, Format, Part, Report, Talk};
use crate::ports::{Clock, Record, StoreError};
use crate::store::{self, Archive};
use crate::telemetry;

/// Conversations that are read together, and messages of one of them.
const CONVERSATIONS_PAGE: u64 = 100;
const MESSAGES_PAGE: u64 = 200;

/// Export what was said and what proves consent, as one document on standard output
///
/// Who, which numbers, how consent came to be what it is with the patients' own words and the invitations as they were sent, and
/// every text both ways, in order, with its times, its status, and who of the staff wrote it. It ends with the SHA-256 of
/// everything before. Nothing is left out: what can't be read ends the export with an error. Daemons may go on meanwhile.
///
/// The document holds health information. Standard error shows how far it is, and nothing of it.
///
///   assent export --config /etc/assent/assent.toml --practice riverside --patient rosa --format csv > rosa.csv
///
/// json is the whole of it; csv one table, in which a cell that a spreadsheet could take for a formula begins with an apostrophe;
/// fhir a Bundle of FHIR R4.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Export {
    /// The configuration of a daemon on the store, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The practice
    #[arg(long, value_name = "P", value_parser = super::practice)]
    practice: PracticeId,
    /// One patient of it, and the conversation with the phone that the patient has by the practice's records; left out, everybody
    #[arg(long, value_name = "ID", value_parser = patient)]
    patient: Option<PatientId>,
    /// How it is written
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: FormatArgument,
    /// The keys that the store is sealed with, in place of those that the configuration names
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArgument {
    Json,
    Csv,
    Fhir,
}

fn patient(text: &str) -> Result<PatientId, String> {
    PatientId::parse(text).map_err(|error| error.to_string())
}

impl Export {
    pub async fn run(self) -> Result<(), Failure> {
        let files = StoreFiles { keys: self.keys.clone(), ..StoreFiles::default() };
        let location = app::location(&config::Store::load(&self.config, &files)?);
        telemetry::start_logging("warn")?;
        let mut archive = store::open_archive(&location).await.map_err(Failure::Read)?;
        let records = super::is_known(&mut *archive, &self.practice).await?;
        let format = match self.format {
            FormatArgument::Json => Format::Json,
            FormatArgument::Csv => Format::Csv,
            FormatArgument::Fhir => Format::Fhir,
        };
        let document = Document::new(format, BufWriter::new(io::stdout()));
        let mut writing = Writing { archive, practice: self.practice, document, by_phone: HashMap::new() };
        writing.whole(records, self.patient.as_ref()).await?;
        writing.document.end()?;
        Ok(())
    }
}

/// A document that is being written.
struct Writing<W> {
    archive: Box<dyn Archive>,
    practice: PracticeId,
    document: Document<W>,
    by_phone: HashMap<Phone, Vec<Arc<Patient>>>,
}

impl<W: Write> Writing<W> {
    /// The practice, its staff, and the patients that are asked for; then the conversations.
    async fn whole(&mut self, records: Vec<Record>, only: Option<&PatientId>) -> Result<(), Failure> {
        let (mut staff, mut patients, mut us) = (Vec::new(), Vec::new(), None);
        let mut linked: HashMap<PatientId, Vec<Phone>> = HashMap::new();
        for record in records {
            match record {
                Record::Practice(practice) => us = Some(practice),
                Record::Staff(_, member) => staff.push(member),
                Record::Patient(_, patient) => patients.push(Arc::new(patient)),
                Record::Link(_, link) => linked.entry(link.patient).or_default().push(link.phone),
                Record::Template(..) | Record::Token(_) | Record::Webhook(..) => {}
            }
        }
        let us = us.expect("the practice is known");
        self.document.tell(&Part::Begins { practice: &us, at: SystemClock.now() })?;
        for member in &staff {
            self.document.tell(&Part::Staff(member))?;
        }
        let phones_of = |patient: &Patient| -> BTreeSet<Phone> {
            let linked = linked.get(&patient.id).into_iter().flatten();
            linked.chain([&patient.mobile_phone]).cloned().collect()
        };
        let phones = match only {
            None => None,
            Some(id) => {
                let wanted = patients.iter().find(|patient| patient.id == *id);
                Some(phones_of(wanted.ok_or_else(|| Failure::NoPatient(id.clone()))?))
            }
        };
        for patient in patients {
            // Who shares a phone shares the conversation, and is in the document of any of them.
            let of_patient = phones_of(&patient);
            if phones.as_ref().is_none_or(|phones| !phones.is_disjoint(&of_patient)) {
                self.document.tell(&Part::Patient(&patient))?;
                for phone in of_patient {
                    self.by_phone.entry(phone).or_default().push(Arc::clone(&patient));
                }
            }
        }
        let Some(phones) = phones else { return self.everybody().await };
        for phone in phones {
            let key = ConversationKey { practice: self.practice.clone(), phone };
            if let Some(stored) = self.archive.conversation(&key).await.map_err(Failure::Unreadable)? {
                self.conversation(stored.conversation).await?;
            }
        }
        Ok(())
    }

    async fn everybody(&mut self) -> Result<(), Failure> {
        let total = self.archive.conversations(&self.practice).await.map_err(Failure::Unreadable)?;
        let (mut from, mut done, mut progress) = (0, 0, Progress::default());
        loop {
            let page = self.archive.heads(&self.practice, from, CONVERSATIONS_PAGE).await;
            let page = page.map_err(Failure::Unreadable)?;
            for head in page.heads {
                let stored = head.stored.map_err(Failure::Unreadable)?;
                self.conversation(stored.conversation).await?;
                done += 1;
                progress.step("exported", done, total.max(done));
            }
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        progress.finish();
        Ok(())
    }

    async fn conversation(&mut self, conversation: Conversation) -> Result<(), Failure> {
        let key = conversation.key.clone();
        let journal = self.archive.journal(&key).await.map_err(Failure::Unreadable)?;
        let talk = Talk {
            id: conversation.id,
            phone: key.phone.clone(),
            consent: conversation.consent,
            unread: conversation.unread,
            patients: self.by_phone.get(&key.phone).cloned().unwrap_or_default(),
            changes: self.changes(&key, &journal).await.map_err(Failure::Unreadable)?,
        };
        self.document.tell(&Part::Conversation(&talk))?;
        let mut after = Seq(0);
        loop {
            let page = self.archive.messages(&key, after, MESSAGES_PAGE).await.map_err(Failure::Unreadable)?;
            if page.is_empty() {
                break;
            }
            for message in &page {
                if message.id.seq != after.next() {
                    return Err(lacks_messages(&talk));
                }
                after = message.id.seq;
                self.document.tell(&Part::Message(&talk, message))?;
            }
        }
        if after < conversation.last {
            return Err(lacks_messages(&talk));
        }
        for entry in journal {
            if let Some(report) = report(entry) {
                self.document.tell(&Part::Report(&talk, &report))?;
            }
        }
        Ok(self.document.tell(&Part::ConversationEnds)?)
    }

    /// How consent came to be what it is. The journal has every change, and the newest of them have proofs.
    async fn changes(&mut self, key: &ConversationKey, journal: &[Entry]) -> Result<Vec<Change>, StoreError> {
        let proofs = self.archive.proofs(key).await?;
        let told: Vec<(Consent, jiff::Timestamp)> = journal
            .iter()
            .filter_map(|entry| match entry {
                Entry::ConsentChanged { consent, at } => Some((consent.clone(), *at)),
                Entry::Added(_)
                | Entry::Updated { .. }
                | Entry::UnreadChanged { .. }
                | Entry::Rearranged
                | Entry::Noted(_)
                | Entry::Redelivered { .. }
                | Entry::ReceiptUnmatched { .. }
                | Entry::Held(_)
                | Entry::HoldSettled { .. }
                | Entry::Suspended(_)
                | Entry::NumberGiven { .. }
                | Entry::Proved(_) => None,
            })
            .collect();
        let (mut changes, mut from) = (Vec::new(), Consent::None);
        // A daemon may have gone on since the journal was read: what the first proof is of ends what was before.
        let before = match proofs.first() {
            Some(first) => told.iter().take_while(|(to, at)| (to, at) != (&first.to, &first.at)).count(),
            None => told.len(),
        };
        for (to, at) in &told[..before] {
            let evidence = match to {
                Consent::OptedIn { evidence, .. } => Some(*evidence),
                Consent::OptedOut { evidence, .. } => evidence.text(),
                Consent::None | Consent::Invited { .. } => None,
            };
            let words = match evidence {
                Some(text) => self.words(key, text).await?,
                None => None,
            };
            changes.push(Change { at: *at, from, to: to.clone(), by: None, words, invitation: None, seq: None });
            from = to.clone();
        }
        changes.extend(proofs.into_iter().map(Change::from));
        Ok(changes)
    }

    /// The text that a state of consent names.
    async fn words(&mut self, key: &ConversationKey, text: MessageId) -> Result<Option<Words>, StoreError> {
        let before = Seq(text.seq.0.saturating_sub(1));
        let found = self.archive.messages(key, before, 1).await?.pop().filter(|found| found.id.seq == text.seq);
        Ok(found.map(|message| Words { message: message.id, text: message.text }))
    }
}

/// Places in a thread are given without a gap.
fn lacks_messages(talk: &Talk) -> Failure {
    let reason = format!("conversation {:016x} lacks messages that it had", talk.id.0);
    Failure::Unreadable(StoreError::Unreadable(reason.into()))
}

/// What of a journal shows nowhere else.
fn report(entry: Entry) -> Option<Report> {
    match entry {
        Entry::ReceiptUnmatched { receipt, at } => Some(Report::Unmatched { receipt, at }),
        Entry::Redelivered { of, at, .. } => Some(Report::Redelivered { of, at }),
        Entry::Held(hold) => Some(Report::Held(hold)),
        Entry::Suspended(suspension) => Some(Report::Suspended(suspension)),
        Entry::NumberGiven { at } => Some(Report::NumberGiven { at }),
        Entry::HoldSettled { settlement, by, at } => Some(Report::HoldSettled { settlement, by, at }),
        Entry::Added(_)
        | Entry::Updated { .. }
        | Entry::ConsentChanged { .. }
        | Entry::UnreadChanged { .. }
        | Entry::Rearranged
        | Entry::Noted(_)
        | Entry::Proved(_) => None,
    }
}
