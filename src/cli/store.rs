//! `assent store`: what an operator does to a store.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::HumanCount;

use super::Failure;
use super::progress::Progress;
use crate::app::{self, SystemClock};
use crate::config::{self, Config, StoreFiles};
use crate::store::{self, Compared, CopyError, Done, KeySource, Location, Loss, Step};
use crate::telemetry;

/// Work on a store
#[derive(clap::Args)]
pub struct Store {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Copy(Copy),
    Accept(Accept),
}

/// Let the daemons go on with a Redis that went back in time
///
/// A failover that lost writes, or a restored backup, is noticed: nothing is sent and nothing is taken until this is run.
/// Before that, look at what was lost, and bring it back if you can. What came in since then, a STOP among it, is not known:
/// ask the carrier for the inbound texts of that time, and opt those patients out. Everything that waits in the store may have
/// gone out in what was lost; it becomes unconfirmed, and staff decide. Who accepts it, and why, is written down in the store.
#[derive(clap::Args)]
struct Accept {
    /// The configuration of a daemon that noticed, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who accepts it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Accept {
    async fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.config)?;
        telemetry::start_logging("warn")?;
        let location = app::location(&config.store);
        let accepted = store::accept(&location, Arc::new(SystemClock), &self.by, &self.reason).await?;
        for Loss { practice, seen, has } in accepted.losses.iter().filter(|loss| loss.seen != loss.has) {
            println!("{practice}: this daemon had seen {seen} events, and the store has {has}");
        }
        match accepted.lost_since {
            Some(since) => println!("what came after {since} may be lost, opt-outs among it: ask the carrier for it"),
            None => println!("the store is empty: nothing that was in it is left"),
        }
        match accepted.conversations {
            0 => println!("no text waited"),
            1 => println!("1 conversation had texts that waited; all of them are unconfirmed now"),
            many => println!("{many} conversations had texts that waited; all of them are unconfirmed now"),
        }
        println!("accepted: the daemons go on within seconds");
        Ok(())
    }
}

/// Copy everything from one store to another, and compare them
///
/// Each of the two is a directory or a Redis. Stop every daemon on both first. The target must be empty. A copy that was
/// interrupted goes on when the same command is started again. Until every item was read back and compared, `assent serve`
/// refuses the target.
///
/// A url is enough for a directory, and with a file of keys for a Redis. What [store] of a configuration says besides, such as
/// durability = "attested", comes with the configuration in place of the url; nothing else of it is read. Files that it names
/// and that are there only while the service runs, as its credentials are, are named here.
///
///   assent store copy --from file:///var/lib/assent --to redis://127.0.0.1:6379/0 --to-keys /etc/assent/store-key
///
///   assent store copy --from file:///var/lib/assent --to-config /etc/assent/assent.toml --to-keys /etc/assent/store-key
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
#[command(group(clap::ArgGroup::new("source").args(["from", "from_config"]).required(true)))]
#[command(group(clap::ArgGroup::new("target").args(["to", "to_config"]).required(true)))]
struct Copy {
    /// The store to copy, such as file:///var/lib/assent or redis://127.0.0.1:6379/0
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The configuration of a daemon on it, in place of --from
    #[arg(long, value_name = "FILE")]
    from_config: Option<PathBuf>,
    /// The keys that the source is sealed with; left out, those of --from-config, or the store.key in its directory
    #[arg(long, value_name = "FILE")]
    from_keys: Option<PathBuf>,
    /// The password of a Redis that is copied
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// Certificates that the Redis that is copied must prove itself with; left out, those that this machine trusts
    #[arg(long, value_name = "FILE")]
    from_ca_file: Option<PathBuf>,
    /// Where to, such as redis://127.0.0.1:6379/0 or file:///var/lib/assent-2
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The configuration of a daemon that will run on it, in place of --to
    #[arg(long, value_name = "FILE")]
    to_config: Option<PathBuf>,
    /// The keys to seal the target with; left out, those of --to-config, or the store.key in its directory, which is made if
    /// there is none
    #[arg(long, value_name = "FILE")]
    to_keys: Option<PathBuf>,
    /// The password of a Redis that is copied into
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// Certificates that the Redis that is copied into must prove itself with; left out, those that this machine trusts
    #[arg(long, value_name = "FILE")]
    to_ca_file: Option<PathBuf>,
}

impl Store {
    pub async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Copy(copy) => copy.run().await,
            Action::Accept(accept) => accept.run().await,
        }
    }
}

impl Copy {
    async fn run(self) -> Result<(), Failure> {
        let of_source =
            StoreFiles { keys: self.from_keys, password: self.from_password_file, authority: self.from_ca_file };
        let of_target = StoreFiles { keys: self.to_keys, password: self.to_password_file, authority: self.to_ca_file };
        let from = location(self.from, self.from_config, of_source)?;
        let to = location(self.to, self.to_config, of_target)?;
        telemetry::start_logging("warn")?;
        let mut progress = Progress::default();
        let done = store::copy(&from, &to, &SystemClock, &mut |step| show(&mut progress, step)).await;
        progress.finish();
        match done {
            Ok(Done::Already) => println!("the copy was finished before; nothing was changed"),
            Ok(Done::Copied(compared)) => {
                compared.iter().for_each(print);
                println!("finished: from here on run a daemon on one of the two only, or texts go out twice");
            }
            Err(error) => {
                if let CopyError::Differs(compared) = &error {
                    compared.iter().for_each(print);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// One end of a copy: what a configuration says, or else a url.
fn location(url: Option<String>, config: Option<PathBuf>, files: StoreFiles) -> Result<Location, Failure> {
    if let Some(file) = config {
        return Ok(app::location(&config::Store::load(&file, &files)?));
    }
    let password = files.password()?;
    let keys = files.keys.map_or(KeySource::InDirectory, KeySource::File);
    let url = url.expect("the url or the configuration is required");
    Ok(Location { password, authority: files.authority, ..Location::new(url, keys) })
}

fn print(compared: &Compared) {
    let (name, count) = (compared.kind.name(), HumanCount(compared.source.count).to_string());
    if compared.is_same() {
        println!("{name:<14}  {count:>13}  ok");
    } else {
        println!("{name:<14}  {count:>13}  DIFFERS ({} in the target)", HumanCount(compared.target.count));
    }
}

fn show(progress: &mut Progress, step: Step) {
    match step {
        Step::Copied { done, total } => progress.step("copied", done, total),
        Step::Compared { done, total } => progress.step("compared", done, total),
        Step::StaysBehind { audit } => {
            progress.finish();
            println!(
                "{} entries of the audit, of what operators accepted, stay in the source: keep it for as long as they count",
                HumanCount(audit)
            );
        }
    }
}
