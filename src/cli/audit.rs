//! `assent audit`: whether the evidence of consent is what was written down.

use std::path::PathBuf;

use indicatif::HumanCount;

use super::Failure;
use super::progress::Progress;
use crate::app;
use crate::config::{self, StoreFiles};
use crate::domain::PracticeId;
use crate::store::{self, AuditVerified, Finding, Verified};
use crate::telemetry;

/// Work on the evidence of consent
#[derive(clap::Args)]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Verify(Verify),
}

/// Verify that no change of consent was edited, deleted, reordered or cut off
///
/// Every change of consent is in an evidence ledger: the patient's own words, the invitation that they answer, when, and both
/// numbers. Each entry names the one before it, is signed with a key that is not in the store, and has its place in the
/// practice's list. This reads all of it, and the state of every conversation, and changes nothing. Daemons may go on meanwhile.
///
/// It prints one line for each thing that is wrong, with the number of the entry and the id of the conversation, and never a
/// phone or a text. The audit of the practice, who called what, is verified in the same way. The last line names the newest entry and its seal: whoever writes that down elsewhere can show later that
/// nothing before it was changed since.
///
/// Exit status: 0 when everything is as it was written, 1 when something is not, 2 when the configuration has mistakes.
#[derive(clap::Args)]
struct Verify {
    /// The configuration of a daemon on the store, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The practice whose evidence is verified
    #[arg(long, value_name = "P", value_parser = super::practice)]
    practice: PracticeId,
    /// The keys that the store is sealed with, in place of those that the configuration names
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Audit {
    pub async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Verify(verify) => verify.run().await,
        }
    }
}

impl Verify {
    async fn run(self) -> Result<(), Failure> {
        let files = StoreFiles { keys: self.keys, ..StoreFiles::default() };
        let location = app::location(&config::Store::load(&self.config, &files)?);
        telemetry::start_logging("warn")?;
        let mut archive = store::open_archive(&location).await.map_err(Failure::Read)?;
        if archive.length(&self.practice).await.map_err(Failure::Unreadable)? == 0 {
            super::is_known(&mut *archive, &self.practice).await?;
        }
        let mut progress = Progress::default();
        let verified = store::verify(&mut *archive, &self.practice, &mut |step| {
            progress.step("verified", step.done, step.total);
        })
        .await;
        progress.finish();
        let verified = verified.map_err(Failure::Unreadable)?;
        let audit = store::verify_audit(&mut *archive, &self.practice).await.map_err(Failure::Unreadable)?;
        print_audit(&audit);
        print(&verified);
        match verified.findings.len() + audit.findings.len() {
            0 => Ok(()),
            findings => Err(Failure::Altered { findings }),
        }
    }
}

/// Nothing of an audit that has no entry, and that nobody has seen one of.
fn print_audit(audit: &AuditVerified) {
    let AuditVerified { entries, unsealed, anchor, newest, findings } = audit;
    for Finding { entry, conversation: _, flaw } in findings {
        match entry {
            Some(entry) => println!("audit entry {entry}: {flaw}"),
            None => println!("audit: {flaw}"),
        }
    }
    if *entries == 0 && findings.is_empty() {
        return;
    }
    let verdict = if findings.is_empty() { "complete and unaltered" } else { "NOT as they were written" };
    println!("{} of the audit, {verdict}", counted_as(*entries, "entry", "entries"));
    if *unsealed > 0 {
        println!(
            "{} at the end not sealed yet: a daemon does that within a minute",
            counted_as(*unsealed, "entry", "entries")
        );
    }
    match anchor {
        Some(place) => println!("this machine has seen the audit as far as entry {}", HumanCount(*place)),
        None => {
            println!("this machine has seen nothing of the audit before: an end that was cut off would not show here")
        }
    }
    if let Some((place, seal)) = newest {
        println!("newest of the audit: entry {place}, seal {seal}");
    }
}

fn print(verified: &Verified) {
    let Verified { changes, conversations, before_ledger, unsealed, anchor, newest, findings } = verified;
    for Finding { entry, conversation, flaw } in findings {
        let entry = entry.map(|entry| format!("entry {entry}: ")).unwrap_or_default();
        let conversation = conversation.map(|id| format!("conversation {id:016x}: ")).unwrap_or_default();
        println!("{entry}{conversation}{flaw}");
    }
    let verdict = if findings.is_empty() { "complete and unaltered" } else { "NOT as they were written" };
    println!("{} in {}, {verdict}", counted(*changes, "change"), counted(*conversations, "conversation"));
    if *before_ledger > 0 {
        let conversations = counted(*before_ledger, "conversation");
        println!("{conversations} changed consent before the ledger began, and not since: nothing proves that");
    }
    if *unsealed > 0 {
        println!("{} at the end not sealed yet: a daemon does that within a minute", counted(*unsealed, "change"));
    }
    match anchor {
        Some(place) => println!("this machine has seen the ledger as far as entry {}", HumanCount(*place)),
        None => {
            println!("this machine has seen nothing of the ledger before: an end that was cut off would not show here")
        }
    }
    if let Some((place, seal)) = newest {
        println!("newest: entry {place}, seal {seal}");
    }
}

fn counted_as(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(count), if count == 1 { one } else { many })
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", HumanCount(count))
}
