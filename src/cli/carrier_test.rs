//! `assent carrier-test`: one text over a link, to a phone of the operator's own, and what the carrier makes of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use crate::app::{self, SystemClock};
use crate::carrier::{LiveText, Step, TrialError, try_text};
use crate::config::Config;
use crate::domain::{Limits, Phone, PhoneError, ReceiptState, Writings};
use crate::ports::{Clock, StoreError};
use crate::records::Records;
use crate::store::{self, OpenError};
use crate::telemetry;

/// The longest that a receipt can be waited for.
const WAIT_SECONDS_MAX: u64 = 600;

/// Send one text over a carrier's link to a phone of your own, and report what the carrier does in its own way
///
/// Binds, waits for the answer to an enquire_link, sends one text of fixed words, waits for its receipt and unbinds. Look at
/// the phone: the text says which characters it should show. What is odd is printed as comments for the carrier's profile.
///
/// Stop the daemon before: the embedded store has one user at a time, and many carriers take one bind at a time. What the
/// carrier delivers meanwhile is left to it, and comes again when the daemon is back. A phone that is a patient's of any
/// practice is refused.
///
/// Exit status: 0 when a receipt came, 1 when something failed, 2 when the configuration has mistakes.
#[derive(clap::Args)]
pub struct CarrierTest {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The name of the carrier's link
    #[arg(long, value_name = "NAME")]
    carrier: String,
    /// The phone to text, such as +13035550123
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// The number to text from; left out, that of the first practice whose texts go through this link
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// How many seconds to wait for the receipt
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=WAIT_SECONDS_MAX))]
    wait: u64,
    /// Confirms that the phone is yours, and that you want this text
    #[arg(long, required = true)]
    this_phone_is_mine: bool,
}

/// Why no text was sent, or what became of it.
#[derive(Debug, thiserror::Error)]
pub enum CarrierTestError {
    #[error("no carrier has the name {name:?}; the configuration names {known}")]
    UnknownCarrier { name: String, known: String },
    #[error("--{option} {error}")]
    Phone { option: &'static str, error: PhoneError },
    #[error("that phone is a patient's or a practice's: nothing is sent to it from here; take a phone of your own")]
    NotYours,
    #[error("no practice's texts go through this link yet; say --from NUMBER")]
    NoNumber,
    #[error("whether that phone is a patient's can't be looked up: {0}")]
    Store(#[from] OpenError),
    #[error("whether that phone is a patient's can't be looked up: {0}")]
    Records(#[from] StoreError),
    #[error(transparent)]
    Trial(#[from] TrialError),
    #[error("the carrier did not take the text")]
    NotTaken,
    #[error("the carrier took the text, and no final receipt came in time")]
    NoReceipt,
}

impl CarrierTest {
    pub async fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.config)?;
        telemetry::start_logging("warn")?;
        self.test(&config).await.map_err(Failure::CarrierTest)
    }

    async fn test(&self, config: &Config) -> Result<(), CarrierTestError> {
        let Some(carrier) = config.carriers.iter().find(|carrier| carrier.name == self.carrier) else {
            let known: Vec<&str> = config.carriers.iter().map(|carrier| carrier.name.as_str()).collect();
            return Err(CarrierTestError::UnknownCarrier { name: self.carrier.clone(), known: known.join(", ") });
        };
        let link = app::link(carrier);
        let to = parse("to", &self.to)?;
        let from = self.from.as_deref().map(|from| parse("from", from)).transpose()?;
        let from = number(config, &link.numbers, from, &to).await?;

        let reference = getrandom::u32().expect("the operating system has random numbers");
        let [high, low, ..] = reference.to_be_bytes();
        let text = LiveText {
            from,
            to,
            reference: u16::from_be_bytes([high, low]).max(1),
            wait: Duration::from_secs(self.wait),
        };
        let (mut is_taken, mut is_settled) = (false, false);
        let mut tell = |step: Step| {
            is_taken |= matches!(step, Step::Taken { .. });
            is_settled |= matches!(step, Step::Receipt { state, .. } if is_final(state));
            println!("{}", line(&step));
        };
        let quirks = try_text(&link, &text, SystemClock.now(), &mut tell).await?;
        println!("# {}: what is odd, for the profile", carrier.name);
        for quirk in &quirks {
            println!("# - {quirk}");
        }
        if quirks.is_empty() {
            println!("# - nothing: it keeps to the specification as far as one text shows");
        }
        match (is_taken, is_settled) {
            (true, true) => Ok(()),
            (true, false) => Err(CarrierTestError::NoReceipt),
            (false, _) => Err(CarrierTestError::NotTaken),
        }
    }
}

fn parse(option: &'static str, text: &str) -> Result<Phone, CarrierTestError> {
    Phone::parse(text).map_err(|error| CarrierTestError::Phone { option, error })
}

/// The number to text from, once it is known that the phone is nobody's whom a practice knows.
async fn number(
    config: &Config,
    numbers: &[Phone],
    from: Option<Phone>,
    to: &Phone,
) -> Result<Phone, CarrierTestError> {
    let (clock, boot) = (Arc::new(SystemClock), app::boot());
    let store = store::open(&app::location(&config.store), boot, Arc::clone(&clock) as Arc<dyn Clock>).await?;
    let records = Records::open(store, clock, boot, Limits::default(), Writings::default()).await?;
    let practices = records.practices();
    let is_known = |number: &Phone| {
        let is_patients = practices.iter().any(|practice| !records.people(&practice.id, number).is_empty());
        is_patients || practices.iter().any(|practice| practice.number == *number)
    };
    if is_known(to) {
        return Err(CarrierTestError::NotYours);
    }
    let goes_through = |number: &&Phone| numbers.is_empty() || numbers.contains(number);
    let first = practices.iter().map(|practice| &practice.number).find(goes_through);
    from.or_else(|| first.cloned()).ok_or(CarrierTestError::NoNumber)
}

fn is_final(state: ReceiptState) -> bool {
    match state {
        ReceiptState::Enroute | ReceiptState::Accepted | ReceiptState::Unknown => false,
        ReceiptState::Delivered
        | ReceiptState::Expired
        | ReceiptState::Deleted
        | ReceiptState::Undeliverable
        | ReceiptState::Rejected => true,
    }
}

fn line(step: &Step) -> String {
    match step {
        Step::Bound { after } => format!("ok      bound after {} ms", after.as_millis()),
        Step::Enquired { after } => format!("ok      enquire_link answered after {} ms", after.as_millis()),
        Step::Taken { message_id, after } => {
            format!("ok      text taken after {} ms, message_id {message_id:?}", after.as_millis())
        }
        Step::Refused { command_status, name } => {
            format!("FAILED  text refused: {command_status:#010x} {}", name.unwrap_or("(not in SMPP 3.4)"))
        }
        Step::NotAnswered => "FAILED  text not answered: it may have gone out".to_owned(),
        Step::Receipt { state, after } => format!("ok      receipt after {} ms: {state:?}", after.as_millis()),
        Step::NoReceipt => "FAILED  no receipt came".to_owned(),
        Step::LeftAlone { deliveries } => {
            format!("ok      {deliveries} deliveries for others were not answered, and will come again")
        }
    }
}
