//! `assent import`: what an earlier vendor knew.

mod fates;
mod report;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use self::fates::{Counts, Fate};
use self::report::Report;
use super::Failure;
use super::progress::Progress;
use crate::app::{self, SystemClock};
use crate::config::{self, StoreFiles};
use crate::conversations::unattended;
use crate::domain::{
    ConversationKey, Event, FileHash, Imported, Limits, Outcome, Phone, Policy, Practice, PracticeId, Refusal,
};
use crate::import::{Columns, Flaw, HeaderError, Records, Row, Rules};
use crate::ports::{Clock, Record, Store, StoreError};
use crate::store::{self, Archive};
use crate::telemetry;

/// Rows that are written down at once: as many commits share one sync of the disk.
const CONCURRENT: usize = 64;

/// Import what an earlier vendor knew
#[derive(clap::Args)]
pub struct Import {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    OptOuts(OptOuts),
}

/// Opt out everybody whom an earlier vendor's list names
///
/// The list is CSV in UTF-8. Its first line names the columns: phone, as +13035550123, or as ten digits where the practice's number
/// is North American; and, if there are any, opted_out_at, a date or a time with its offset, reason and source. There is no way to
/// opt anybody in: a list with any other column is refused.
///
/// Nobody gets a text. What waits for a patient fails as opted-out. Whoever is opted out already stays so by the evidence that is
/// there, and whoever has opted in after opted_out_at is left alone and named: look at them. START undoes an import as it undoes any
/// opt-out. Rows that can't be read are named by their line, and the others are imported all the same. An import that was
/// interrupted is started again, and does nothing twice.
///
/// On Redis daemons may go on meanwhile. On an embedded store stop the daemon first; a dry run may read beside it.
///
///   assent import opt-outs --config /etc/assent/assent.toml --practice riverside --dry-run opt-outs.csv
///
/// Exit status: 0 when every row was taken, 1 when one could not be read, 2 when the configuration has mistakes.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
struct OptOuts {
    /// The configuration of a daemon on the store, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The practice
    #[arg(long, value_name = "P", value_parser = super::practice)]
    practice: PracticeId,
    /// Say what would happen, and write nothing to the store; who is in the list twice is counted twice
    #[arg(long)]
    dry_run: bool,
    /// Where to write the rows that need a look, with what they say: it holds phones. A file that is there is replaced
    #[arg(long, value_name = "REPORT.csv")]
    report: Option<PathBuf>,
    /// The keys that the store is sealed with, in place of those that the configuration names
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The list
    #[arg(value_name = "OPTOUTS.csv")]
    list: PathBuf,
}

/// Why a list was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("can't read {}: {source}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("{} is not imported: {reason}", path.display())]
    Header { path: PathBuf, reason: HeaderError },
    #[error("{} is not a file that can be read twice: write the list to a file", .0.display())]
    NotAFile(PathBuf),
    #[error("the report would replace the list: give it another name")]
    ReportIsList,
    #[error("can't write the report {}: {source}", path.display())]
    Report { path: PathBuf, source: io::Error },
    #[error("{} was changed while it was read: start the import again, which does nothing twice", .0.display())]
    Changed(PathBuf),
    #[error(
        "stopped at line {line}: {source}. What was imported until then stays: start it again, which does nothing twice"
    )]
    Stopped { line: u64, source: StoreError },
    #[error("some rows could not be read ({0}): mend them, and import them again")]
    BadRows(u64),
}

impl Import {
    pub async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::OptOuts(opt_outs) => opt_outs.run().await,
        }
    }
}

impl OptOuts {
    async fn run(self) -> Result<(), Failure> {
        let files = StoreFiles { keys: self.keys.clone(), ..StoreFiles::default() };
        let location = app::location(&config::Store::load(&self.config, &files)?);
        telemetry::start_logging("warn")?;
        let (file, lines) = look_through(&self.list)?;
        let report = self.report.as_deref().map(|path| Report::create(path, &self.list)).transpose()?;

        let mut archive = store::open_archive(&location).await.map_err(Failure::Read)?;
        let known = super::is_known(&mut *archive, &self.practice).await?;
        let practice = known.into_iter().find_map(|record| match record {
            Record::Practice(practice) => Some(practice),
            Record::Staff(..)
            | Record::Patient(..)
            | Record::Link(..)
            | Record::Template(..)
            | Record::Token(_)
            | Record::Webhook(..) => None,
        });
        let practice = Arc::new(practice.expect("the practice is known"));
        let clock = Arc::new(SystemClock);
        let boot = app::boot();
        let taker = if self.dry_run {
            Taker::Nobody(Mutex::new(archive))
        } else {
            drop(archive);
            Taker::Store(
                store::open_beside(&location, boot, Arc::clone(&clock) as Arc<dyn Clock>)
                    .await
                    .map_err(Failure::Read)?,
            )
        };
        // What an import writes down is no text, so that how texts are written and how long they take is of no consequence.
        let limits = Limits::default();
        let (writing, texting) = Default::default();
        let policy = Policy { practice: Arc::clone(&practice), boot, limits, writing, texting };
        let importing = Importing { taker, policy, clock, file, list: self.list.clone() };
        let done = importing.run(&practice, lines, report).await;
        importing.taker.close().await;
        let counts = done?;
        counts.print(self.dry_run, self.report.as_deref());
        match counts.bad {
            0 => Ok(()),
            bad => Err(ImportError::BadRows(bad).into()),
        }
    }
}

/// Reads a list once, for its hash and its length, before anything is done about it.
fn look_through(path: &Path) -> Result<(FileHash, u64), ImportError> {
    let unreadable = |source| ImportError::List { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(ImportError::NotAFile(path.to_owned()));
    }
    let mut records = Records::of(BufReader::new(File::open(path).map_err(unreadable)?));
    let first = records.next_record().map_err(unreadable)?;
    Columns::read(first.as_ref()).map_err(|reason| ImportError::Header { path: path.to_owned(), reason })?;
    while records.next_record().map_err(unreadable)?.is_some() {}
    let lines = records.lines();
    Ok((records.hash(), lines))
}

/// Whoever is told of the rows.
enum Taker {
    Store(Arc<dyn Store>),
    /// A dry run: read, and decided, and nothing written.
    Nobody(Mutex<Box<dyn Archive>>),
}

impl Taker {
    async fn take(
        &self,
        key: &ConversationKey,
        event: Event,
        clock: &dyn Clock,
        policy: &Policy,
    ) -> Result<Outcome, StoreError> {
        match self {
            Self::Store(store) => unattended::decide(&**store, key, event, clock, policy).await,
            Self::Nobody(archive) => {
                let stored = archive.lock().await.conversation(key).await?;
                Ok(unattended::would_decide(stored, key, event, clock, policy))
            }
        }
    }

    async fn close(self) {
        match self {
            Self::Store(store) => app::close(store).await,
            Self::Nobody(_) => {}
        }
    }
}

/// An import under way.
struct Importing {
    taker: Taker,
    policy: Policy,
    clock: Arc<SystemClock>,
    file: FileHash,
    list: PathBuf,
}

/// A row, or what is wrong with it, with its place and its words.
struct Read {
    line: u64,
    raw: Vec<u8>,
    row: Result<Row, Flaw>,
}

impl Importing {
    async fn run(&self, practice: &Practice, lines: u64, mut report: Option<Report>) -> Result<Counts, Failure> {
        let unreadable = |source| ImportError::List { path: self.list.clone(), source };
        let mut records = Records::of(BufReader::new(File::open(&self.list).map_err(unreadable)?));
        let first = records.next_record().map_err(unreadable)?;
        let columns =
            Columns::read(first.as_ref()).map_err(|reason| ImportError::Header { path: self.list.clone(), reason })?;
        let rules = Rules::of(columns, practice);
        let (mut counts, mut progress) = (Counts::default(), Progress::default());
        let rows = std::iter::from_fn(|| self.next_row(&mut records, &rules).transpose());
        let mut taken = stream::iter(rows).map(|read| self.take(read)).buffered(CONCURRENT);
        while let Some(done) = taken.next().await {
            let (read, fate) = done?;
            counts.add(read.line, &fate);
            if let Some(report) = &mut report {
                report.tell(read.line, &read.raw, &fate)?;
            }
            progress.step(if self.is_dry() { "read" } else { "imported" }, read.line.min(lines), lines);
        }
        progress.finish();
        drop(taken);
        if let Some(report) = report {
            report.end()?;
        }
        // What was taken is what the file said at that moment; its hash must be the one that the evidence names.
        if records.hash() != self.file {
            return Err(ImportError::Changed(self.list.clone()).into());
        }
        Ok(counts)
    }

    fn is_dry(&self) -> bool {
        matches!(self.taker, Taker::Nobody(_))
    }

    fn next_row(&self, records: &mut Records<BufReader<File>>, rules: &Rules) -> Result<Option<Read>, ImportError> {
        let unreadable = |source| ImportError::List { path: self.list.clone(), source };
        let Some(mut record) = records.next_record().map_err(unreadable)? else { return Ok(None) };
        let row = rules.read(&record, self.clock.now());
        if row.is_err() {
            records.give_back(&mut record);
        }
        Ok(Some(Read { line: record.line, raw: record.raw, row }))
    }

    async fn take(&self, read: Result<Read, ImportError>) -> Result<(Read, Fate), Failure> {
        let read = read?;
        let Row { phone, opted_out_at, reason } = match &read.row {
            Ok(row) => row.clone(),
            Err(flaw) => {
                let fate = Fate::Bad(*flaw);
                return Ok((read, fate));
            }
        };
        let imported = Imported { file: self.file, line: read.line, opted_out_at, reason };
        let fate = self.opt_out(phone, imported).await;
        let fate = fate.map_err(|source| ImportError::Stopped { line: read.line, source })?;
        Ok((read, fate))
    }

    async fn opt_out(&self, phone: Phone, imported: Imported) -> Result<Fate, StoreError> {
        let key = ConversationKey { practice: self.policy.practice.id.clone(), phone };
        let event = Event::OptedOutByImport(imported);
        Ok(match self.taker.take(&key, event, &*self.clock, &self.policy).await? {
            Outcome::Recorded => Fate::OptedOut,
            Outcome::Refused(Refusal::OptedOut { .. }) => Fate::Already,
            Outcome::Refused(Refusal::OptedInSince) => Fate::LeftAlone,
            Outcome::Refused(_) | Outcome::Accepted(_) | Outcome::Duplicate(_) | Outcome::Noted(_) => {
                unreachable!("an imported opt-out is recorded, known, or older than an opt-in")
            }
        })
    }
}
