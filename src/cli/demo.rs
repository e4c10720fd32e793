//! `assent demo`: everything in one process, with nothing to install.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::routing::get;
use axum::{Json, Router};
use jiff::civil::date;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Failure;
use crate::app::{Daemon, SystemClock};
use crate::carrier::Binds;
use crate::config::{Auth, Carrier, Config, Http, Log, Store, Traffic, Webhooks};
use crate::domain::keyword::Language;
use crate::domain::template::Words;
use crate::domain::{
    Consent, ConversationKey, InternalHost, Kind, Patient, PatientId, Phone, Practice, PracticeId, Prefix,
    SEGMENTS_PER_DAY_DEFAULT, SEGMENTS_PER_MINUTE_DEFAULT, StaffId, StaffMember, Status, Template, TemplateId,
};
use crate::inbox::Inbox;
use crate::ports::{InboxFilter, StoreError};
use crate::records::{Over, Records, RecordsError};
use crate::simulator::{Direction, Simulator, SimulatorConfig};
use crate::telemetry;

/// Whoever looks at a demo looks as often as they like.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).expect("1,000 is not zero");
const PRACTICE: &str = "riverside";
const NUMBER: &str = "+13035550100";
/// What the page's token is called; each start of the demo makes a new one in place of the last.
const TOKEN_NAME: &str = "demo page";
/// Conversations, and texts of each, that are put back on the phones.
const REMEMBERED_MAX: usize = 200;

/// Run everything in one process, with nothing to install.
#[derive(clap::Args)]
pub struct Demo {
    /// Where the page and the API listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to keep what happens; a second demo on the same directory goes on from there. A temporary one if left out
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Why the demo could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("can't name the data directory: {0}")]
    Data(#[source] io::Error),
    #[error("can't read what happened before: {0}")]
    Inbox(#[source] StoreError),
    #[error("can't set up the practice to try: {0}")]
    Records(#[from] RecordsError),
}

impl Demo {
    pub async fn run(self) -> Result<(), Failure> {
        telemetry::start_logging("warn")?;
        let data = self.data_directory().map_err(DemoError::Data)?;
        let simulator = start_carrier().await?;
        let config = configuration(self.listen, &data, simulator.address());

        let page = Arc::new(OnceLock::new());
        let extra =
            Router::new().nest("/simulator", simulator.router()).route("/demo.json", what_the_page_needs(&page));
        let daemon = Daemon::start(&config, Arc::new(SystemClock), extra).await?;
        let token = set_up(&daemon.records()).await?;
        remember(&daemon.inbox(), &simulator).await.map_err(DemoError::Inbox)?;
        page.set(description(&token)).expect("it is set once");

        println!("Assent demo: open http://{}/", daemon.address());
        println!("  data      {}", data.display());
        println!("  carrier   simulated, SMPP on {}", simulator.address());
        println!("  practice  {PRACTICE}, number {NUMBER}");
        println!("  token     {token}");
        println!("Stop it with ctrl-c.");
        super::serve_until_stopped(daemon, super::Stop::listen()?).await?;
        simulator.shutdown().await;
        Ok(())
    }

    fn data_directory(&self) -> io::Result<PathBuf> {
        let directory = match &self.data {
            Some(directory) => directory.clone(),
            None => std::env::temp_dir().join(format!("assent-demo-{}", std::process::id())),
        };
        std::path::absolute(directory)
    }
}

async fn start_carrier() -> Result<Simulator, Failure> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = SimulatorConfig::new(listen, Arc::new(SystemClock));
    Simulator::start(config).await.map_err(|source| Failure::Listen { address: listen, source })
}

fn configuration(listen: SocketAddr, data: &std::path::Path, carrier: SocketAddr) -> Config {
    Config {
        http: Http { listen, requests_per_second: REQUESTS_PER_SECOND, origins: Vec::new() },
        store: Store::in_directory(data),
        auth: Auth { operator_token: random_token() },
        log: Log { filter: "warn".into() },
        // Whoever tries webhooks has their receiver on this machine.
        webhooks: Webhooks { allow: Prefix::LOOPBACK.map(InternalHost::Prefix).to_vec(), ca_file: None },
        carriers: vec![Carrier {
            name: "simulated".into(),
            address: carrier.to_string(),
            tls: None,
            system_id: "demo".into(),
            password: "demo".into(),
            system_type: String::new(),
            bind: Binds::Transceiver,
            traffic: Traffic::default(),
        }],
        listeners: Vec::new(),
    }
}

/// Nobody learns the operator's token of a demo: the practice is set up from within.
fn random_token() -> SecretString {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system has random numbers");
    secret.iter().map(|octet| format!("{octet:02x}")).collect::<String>().into()
}

/// Makes the practice to try, where it is not there yet, and a new token for the page.
async fn set_up(records: &Arc<Records>) -> Result<String, DemoError> {
    let id = practice_id();
    if records.practice(&id).is_none() {
        let practice = Practice {
            id: id.clone(),
            name: "Riverside Physical Therapy".into(),
            number: phone(NUMBER),
            time_zone: "America/Denver".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: Some(SEGMENTS_PER_DAY_DEFAULT),
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        records.put_practice(practice, Over::Anything).await?;
        for member in staff() {
            records.put_staff(&id, member, Over::Anything).await?;
        }
        for patient in patients() {
            records.put_patient(&id, patient, Over::Anything).await?;
        }
        for template in templates() {
            records.put_template(&id, template, Over::Anything).await?;
        }
    }
    for old in records.tokens(&id).into_iter().filter(|token| token.name == TOKEN_NAME) {
        records.revoke_token(&id, &old.id).await?;
    }
    Ok(records.create_token(&id, TOKEN_NAME.into()).await?.token.expose_secret().to_owned())
}

/// Puts back on the phones what an earlier demo on the same data brought and took: a phone forgets nothing either.
async fn remember(inbox: &Arc<Inbox>, simulator: &Simulator) -> Result<(), StoreError> {
    let practice = practice_id();
    let conversations = inbox.conversations(&practice, &InboxFilter::all(), |_| true, None, REMEMBERED_MAX).await?;
    for row in conversations.items {
        let handset = simulator.phone(row.phone.expose());
        let key = ConversationKey { practice: practice.clone(), phone: row.phone };
        let mut texts = Vec::new();
        for message in inbox.thread(&key, None, REMEMBERED_MAX).await?.items {
            let (direction, at) = match (&message.kind, message.status, &row.consent) {
                (Kind::Inbound, ..) => (Direction::FromPhone, message.created_at),
                // A draft that waited for YES came to the phone after it.
                (Kind::StaffText { .. }, Status::Sent | Status::Delivered, Consent::OptedIn { since, .. }) => {
                    (Direction::ToPhone, message.created_at.max(*since))
                }
                (_, Status::Sent | Status::Delivered, _) => (Direction::ToPhone, message.created_at),
                _ => continue,
            };
            texts.push((at, direction, message));
        }
        texts.sort_by_key(|(at, direction, message)| (*at, *direction == Direction::ToPhone, message.id.seq));
        for (at, direction, message) in texts {
            handset.remember(direction, NUMBER, message.text.expose(), at);
        }
    }
    Ok(())
}

fn practice_id() -> PracticeId {
    PracticeId::parse(PRACTICE).expect("the demo's practice has a well-formed id")
}

fn staff() -> [StaffMember; 3] {
    let member = |id: &str, name: &str, site_administrator, patient_text_administrator| StaffMember {
        id: StaffId::parse(id).expect("the demo's staff have well-formed ids"),
        name: name.into(),
        site_administrator,
        patient_text_administrator,
    };
    [
        member("alex", "Alex Morgan", true, false),
        member("maria", "Maria Lopez", false, true),
        member("sam", "Sam Chen", false, true),
    ]
}

fn templates() -> [Template; 3] {
    [
        ("reminder", "Reminder", "Hi {first_name}, see you tomorrow at {practice_name}. Questions? {practice_contact}"),
        (
            "running-late",
            "Running late",
            "Hi {first_name}, we are running about 15 minutes late today. Thank you for waiting.",
        ),
        ("missed-you", "Missed you", "Hi {first_name}, we missed you today. Call {practice_contact} for another time."),
    ]
    .map(|(id, name, words)| Template {
        id: TemplateId::parse(id).expect("the ids of the demo are ids"),
        name: name.into(),
        words: Words::parse(words).expect("the demo's templates have fields that there are"),
        language: Language::English,
    })
}

fn patients() -> [Patient; 3] {
    let patient = |id: &str, first_name: &str, last_name: &str, date_of_birth, mobile_phone| Patient {
        id: PatientId::parse(id).expect("the demo's patients have well-formed ids"),
        first_name: first_name.into(),
        last_name: last_name.into(),
        date_of_birth,
        mobile_phone: phone(mobile_phone),
        preferences: Default::default(),
    };
    [
        patient("rosa", "Rosa", "Garcia", date(1984, 5, 12), "+13035550123"),
        patient("james", "James", "Okafor", date(1991, 11, 2), "+13035550124"),
        patient("linda", "Linda", "Chen", date(1957, 1, 30), "+13035550125"),
    ]
}

fn phone(text: &str) -> Phone {
    Phone::parse(text).expect("the demo's phones are well-formed")
}

/// What the page asks for to know that it is in a demo, and as whom it may act.
fn description(token: &str) -> Value {
    let staff: Vec<Value> =
        staff().iter().map(|member| json!({"id": member.id.as_str(), "name": member.name})).collect();
    json!({
        "practice": {"id": PRACTICE, "name": "Riverside Physical Therapy", "number": NUMBER},
        "practice_token": token,
        "staff": staff,
        "simulator": "/simulator",
    })
}

fn what_the_page_needs(page: &Arc<OnceLock<Value>>) -> axum::routing::MethodRouter {
    let page = Arc::clone(page);
    get(async move || Json(page.get().cloned()))
}
