//! A practice whose daemon loses its store, and what it must do until it has it again, and from then on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent::app::SystemClock;
use assent::simulator::{Faults, Simulator, SimulatorConfig, Text};
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::daemon::{Answer, NUMBER, Running, SharedStore, Site, Stride, eventually, within};

/// Who writes during the outage, and to whom a text waits at its beginning.
const ROSA: &str = "+13035550123";
const SAM: &str = "+13035550124";
/// Whoever asks is told within this time that nothing can be done.
const REFUSAL: Duration = Duration::from_secs(2);
/// The daemon is itself again so soon after the store is.
const RECOVERY: Duration = Duration::from_secs(10);
/// The text that was refused by the carrier would be tried again after a second.
const OUTAGE_MIN: Duration = Duration::from_secs(3);
/// The carrier says that we are too fast (SMPP 3.4 §5.1.3): the text may be tried again.
const ESME_RTHROTTLED: u32 = 0x58;

const BEFORE: &str = "before the outage";
const WAITING: &str = "waits when the outage begins";
const DURING: &str = "drafted in the outage";
const TYPED: &str = "typed in the outage";

/// What becomes of those who only want to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Nobody can know how things stand.
    AreRefused,
    /// The store still says how things stand, so whoever asks it may be told.
    MayBeAnswered,
}

pub struct Clinic {
    pub site: Site,
    pub daemon: Running,
    pub stride: Stride,
    pub simulator: Simulator,
    /// Every text that was drafted: to whom, and its words.
    drafted: Mutex<BTreeSet<(String, String)>>,
    /// What Rosa typed in the outage.
    typed: Option<Text>,
}

impl Clinic {
    /// Rosa and Sam have opted in, and each has had a text.
    pub async fn on(store: &SharedStore) -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let simulator = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap();
        let site = Site::sharing(store, simulator.address(), "response_timeout = \"2s\"");
        let daemon = site.start().await;
        let stride = Stride::new(&daemon).await;
        daemon.is_ready().await;
        let clinic = Self { site, daemon, stride, simulator, drafted: Mutex::default(), typed: None };
        for (id, name, phone) in [("rosa", "Rosa", ROSA), ("sam", "Sam", SAM)] {
            clinic.stride.patient(id, name, "Marchetti", phone).await;
            clinic.simulator.phone(phone).text(NUMBER, "START").await;
            clinic.drafts(id, BEFORE).await.is(202);
            clinic.becomes(id, BEFORE, &["delivered"]).await;
        }
        clinic
    }

    /// A text is queued because the carrier refused it for the moment.
    pub async fn a_text_waits(&self) {
        self.simulator.set_faults(Faults { refuse_with: Some(ESME_RTHROTTLED), ..Faults::default() });
        self.drafts("sam", WAITING).await.is(202);
        let is_ours = |text: &Option<String>| text.as_deref() == Some(WAITING);
        let offered = self.simulator.wait_for_wire(|wire| wire.iter().find(|entry| is_ours(&entry.text)).map(|_| ()));
        within("the carrier refuses it", offered).await;
    }

    /// The store is gone: nothing is done, and everybody is told so.
    pub async fn does_nothing(&mut self, reads: Reads) {
        let began = Instant::now();
        eventually("the daemon sees that the store is gone", async || match self.daemon.readiness().await {
            Ok(()) => Err("it says that it is ready".to_owned()),
            Err(_) => Ok(()),
        })
        .await;
        self.simulator.set_faults(Faults::default());
        let submits = self.simulator.counts().submits;
        let typed = self.simulator.phone(ROSA).send(NUMBER, TYPED);

        for id in ["rosa", "sam", "rosa"] {
            is_refused(|| self.drafts(id, DURING)).await;
        }
        for path in ["/patients/rosa", "/patients/sam", "/patients/rosa/messages", "/conversations", "/unread"] {
            match reads {
                Reads::AreRefused => is_refused(|| self.asks(path)).await,
                Reads::MayBeAnswered => {
                    let answer = self.asks(path).await;
                    assert!(answer.status == 200 || answer.status == 503, "{path}: {answer:?}");
                }
            }
        }
        // That nothing happens is seen by waiting, and by nothing else.
        tokio::time::sleep_until(began + OUTAGE_MIN).await;
        assert!(self.daemon.readiness().await.is_err());
        assert_eq!(self.simulator.counts().submits, submits, "something was sent that is not durable");
        let shown = self.simulator.phone(ROSA).texts();
        let typed = shown.into_iter().find(|text| text.id == typed.id).expect("a phone keeps what was typed on it");
        assert!(!typed.answered, "something was acknowledged that is not durable");
        self.typed = Some(typed);
    }

    /// The store is back: the daemon is itself again, and everything is where it belongs, once.
    pub async fn recovers(&self) {
        let back = Instant::now();
        self.daemon.is_ready().await;
        assert!(back.elapsed() < RECOVERY, "it took {:?}", back.elapsed());
        if let Some(typed) = &self.typed {
            let rosa = self.simulator.phone(ROSA);
            within("the text is answered", rosa.wait_until_answered(&typed.id)).await;
            assert!(back.elapsed() < RECOVERY, "it took {:?}", back.elapsed());
        }
        let drafted = self.drafted.lock().unwrap().clone();
        for (patient, text) in &drafted {
            // Staff ask again with the same key.
            self.drafts(patient, text).await.is(202);
            let status = self.becomes(patient, text, &["delivered", "unconfirmed"]).await;
            let phone = if patient == "rosa" { ROSA } else { SAM };
            let shown = self.simulator.phone(phone).texts();
            let times = shown.iter().filter(|shown| shown.text == *text).count();
            assert_eq!(times, usize::from(status == "delivered"), "{text:?} is {status}");
        }
        for patient in ["rosa", "sam"] {
            let thread = self.stride.thread(patient, 1).await;
            let times = |text: &str| thread.iter().filter(|message| message["text"] == text).count();
            for (_, text) in drafted.iter().filter(|(to, _)| to == patient) {
                assert_eq!(times(text), 1, "{text:?} in the thread of {patient}");
            }
            let typed = self.typed.iter().filter(|_| patient == "rosa");
            typed.for_each(|typed| assert_eq!(times(&typed.text), 1, "{:?} in the thread", typed.text));
            let answer = self.stride.get(&format!("/patients/{patient}")).await;
            assert_eq!(answer["consent"]["state"], "opted_in");
        }
    }

    /// A draft, under a key of its own.
    pub async fn drafts(&self, patient: &str, text: &str) -> Answer {
        self.drafted.lock().unwrap().insert((patient.to_owned(), text.to_owned()));
        let key = format!("{patient}-{}", text.replace(' ', "-"));
        self.stride.drafts(patient, text, &key).await.unwrap()
    }

    pub async fn asks(&self, path: &str) -> Answer {
        self.stride.call(Method::GET, path, &Value::Null).await.unwrap()
    }

    /// Waits until this is among the daemon's figures.
    pub async fn comes_to_show(&self, figure: &str) {
        eventually(figure, async || {
            let figures = self.daemon.figures().await;
            if figures.lines().any(|line| line == figure) { Ok(()) } else { Err(figures) }
        })
        .await;
    }

    /// Waits until a text has one of these statuses.
    pub async fn becomes(&self, patient: &str, text: &str, statuses: &[&str]) -> String {
        eventually("the text gets there", async || {
            let thread = self.stride.thread(patient, 1).await;
            let message = thread.iter().find(|message| message["text"] == text).ok_or("it is not in the thread")?;
            let status = message["status"].as_str().unwrap();
            if statuses.contains(&status) { Ok(status.to_owned()) } else { Err(format!("{text:?} is {status}")) }
        })
        .await
    }
}

/// 503 in time, with a hint when to come back.
pub async fn is_refused<F: Future<Output = Answer>>(ask: impl Fn() -> F) {
    let asked = Instant::now();
    let answer = ask().await;
    assert!(asked.elapsed() < REFUSAL, "the answer took {:?}", asked.elapsed());
    assert!(answer.retry_after.is_some(), "{answer:?} does not say when to ask again");
    answer.is(503);
}
