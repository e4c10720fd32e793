//! A practice with something of everything in it, and the command that exports it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use assent::domain::policy::BootId;
use assent::domain::{Event, Patient, PatientId, Phone, StaffId, StaffMember};
use assent::ports::{Record, Store};
use assent::store::{KeySource, Location, open};
use jiff::civil::date;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::stage::{HandClock, Talk, at, draft, key, policy, practice, text};

/// What patients wrote, and what must be the same in every document.
pub const WORDS: [&str; 7] = [
    "=HYPERLINK(\"http://example.com\",\"your results\")",
    "-1+2",
    "'quoted, with a comma; and \"more\"",
    "two\r\nlines",
    "a\u{a0}hard space",
    "\u{ff1d}cmd",
    "¿mañana a las 3? 🙂",
];

/// What must not stand on standard error.
const PERSONAL: [&str; 7] = ["3035550", "Rosa", "Delgado", "HYPERLINK", "1931", "Quintero", "Riverside"];

pub struct Clinic {
    pub directory: TempDir,
}

impl Clinic {
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn location(&self) -> Location {
        Location::new(format!("file://{}", self.path().display()), KeySource::InDirectory)
    }

    pub async fn open(&self) -> Arc<dyn Store> {
        let clock = Arc::new(HandClock(AtomicI64::new(at(0).as_second())));
        open(&self.location(), BootId(1), clock).await.unwrap()
    }

    /// Rosa, who was asked and said yes, and then much else; Leo and Mia, who share a phone; and somebody unknown.
    pub async fn told() -> Self {
        let clinic = Self { directory: tempfile::tempdir().unwrap() };
        let store = clinic.open().await;
        store.put(records()).await.unwrap();
        let mut rosa = Talk::new(&store, key("riverside", 100));
        rosa.hear(draft("see you at 3"), at(1)).await;
        rosa.hear(Event::SlotGranted(rosa.id(1)), at(2)).await;
        rosa.hear(text(" Yes!"), at(3)).await;
        for (minute, words) in (4..).zip(WORDS) {
            rosa.hear(text(words), at(minute)).await;
        }
        rosa.hear(text("STOP"), at(20)).await;
        let mut shared = Talk::new(&store, key("riverside", 200));
        shared.hear(text("start"), at(21)).await;
        for minute in 22..272 {
            shared.hear(text(&format!("line {minute}")), at(minute)).await;
        }
        let mut unknown = Talk::new(&store, key("riverside", 300));
        unknown.hear(text("who is this?"), at(500)).await;
        let mut elsewhere = Talk::new(&store, key("lakeside", 400));
        elsewhere.hear(text("start"), at(501)).await;
        drop((store, rosa, shared, unknown, elsewhere));
        clinic
    }

    /// The configuration of a daemon on a store, of which the command reads the store alone.
    pub fn config(&self, store: &str) -> PathBuf {
        let file = self.directory.path().join("assent.toml");
        let directory = self.directory.path().join("seen");
        std::fs::write(&file, format!("[store]\n{store}\ndirectory = \"{}\"\n", directory.display())).unwrap();
        file
    }

    pub fn run(&self, store: &str, arguments: &[&str]) -> Output {
        let config = self.config(store);
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["export", "--config"]).arg(config).args(["--practice", "riverside"]).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        for personal in PERSONAL {
            assert!(!said.contains(personal), "{said}");
        }
        output
    }

    pub fn url(&self) -> String {
        format!("url = \"file://{}\"", self.path().display())
    }

    pub fn export(&self, arguments: &[&str]) -> String {
        let output = self.run(&self.url(), arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn records() -> Vec<Record> {
    let us = practice("riverside");
    let patient = |id: &str, first: &str, line: u32| {
        Record::Patient(
            us.clone(),
            Patient {
                id: PatientId::parse(id).unwrap(),
                first_name: first.into(),
                last_name: "Delgado".into(),
                date_of_birth: date(1931, 2, 28),
                mobile_phone: Phone::parse(&format!("+1303555{line:04}")).unwrap(),
                preferences: Default::default(),
            },
        )
    };
    let ana = StaffMember {
        id: StaffId::parse("ana").unwrap(),
        name: "Ana \"Annie\" Quintero".into(),
        site_administrator: true,
        patient_text_administrator: true,
    };
    vec![
        Record::Practice((*policy(&us).practice).clone()),
        Record::Staff(us.clone(), ana),
        patient("rosa", "Rosa", 100),
        patient("leo_1", "Leo", 200),
        patient("mia", "Mia", 200),
        patient("new", "Nela", 900),
    ]
}

/// The SHA-256 of everything before, in digits.
pub fn sha256(before: &str) -> String {
    Sha256::digest(before).iter().map(|octet| format!("{octet:02x}")).collect()
}
