//! A practice at work around a daemon that dies: staff draft, phones talk, and everybody keeps a record.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assent::app::SystemClock;
use assent::domain::{BootId, ConversationKey, Phone, PracticeId, Status};
use assent::ports::Clock;
use assent::simulator::{Simulator, SimulatorConfig, WireEntry};
use assent::store::{self, KeySource, Location};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::checkers;
use super::daemon::{NUMBER, Running, SharedStore, Site, Stride, eventually, within};
use super::records::{Death, Drafted, Message, OF_PHONES, OF_STAFF, Records, Typed};
use super::servers::Redis;

/// Who is texted with. The last one changes her mind now and then.
pub const PATIENTS: [(&str, &str, &str, &str); 6] = [
    ("one", "Quenby", "Abernathy", "+13035557101"),
    ("two", "Zebulon", "Birtwhistle", "+13035557102"),
    ("three", "Ottoline", "Cholmondeley", "+13035557103"),
    ("four", "Peregrine", "Dunwoody", "+13035557104"),
    ("five", "Xiomara", "Featherstonehaugh", "+13035557105"),
    ("six", "Wilhelmina", "Gildersleeve", "+13035557106"),
];
pub const FICKLE: &str = PATIENTS[5].3;
/// Drafts that one member of staff posts, and texts that one phone types, before they wait for the end of the cycle:
/// so that one run of the daemon stays below what the carrier's log holds.
pub const DRAFTS_MAX: usize = 60;
const TEXTS_MAX: usize = 60;
/// A text that a dead daemon was sending is given up soon after the carrier's time to answer is over, where another daemon
/// may have been the one.
pub const CARRIER_KEYS: &str = "segments_per_second = 1000\nresponse_timeout = \"2s\"";
/// The fickle one types less, so that her last STOP and START are still remembered at the next.
pub const FICKLE_TEXTS_MAX: usize = 8;

/// What the daemon keeps its state on.
pub enum Ground {
    Embedded,
    /// A server that ends with the scene, and how to reach it.
    Redis {
        _server: Box<Redis>,
        store: SharedStore,
    },
}

impl Ground {
    pub async fn redis() -> Self {
        let server = Redis::start().await;
        let store = SharedStore::at(server.url());
        Self::Redis { _server: Box::new(server), store }
    }
}

pub struct Scene {
    pub site: Site,
    ground: Ground,
    pub simulator: Simulator,
    pub stride: Arc<Stride>,
    daemon: Option<Running>,
    records: Records,
    /// How often the fickle one has changed her mind. She began with START.
    changes_of_mind: usize,
    tokens: Arc<AtomicU64>,
}

impl Scene {
    /// Everybody has opted in.
    pub async fn on(ground: Ground) -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let simulator = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap();
        let site = match &ground {
            Ground::Embedded => Site::new(simulator.address(), "segments_per_second = 1000"),
            Ground::Redis { store, .. } => Site::sharing(store, simulator.address(), CARRIER_KEYS),
        };
        let daemon = site.start().await;
        let stride = Arc::new(Stride::new(&daemon).await);
        daemon.is_ready().await;
        let mut scene = Self {
            site,
            ground,
            simulator,
            stride,
            daemon: Some(daemon),
            records: Records::default(),
            changes_of_mind: 0,
            tokens: Arc::default(),
        };
        for (id, first_name, last_name, phone) in PATIENTS {
            scene.stride.patient(id, first_name, last_name, phone).await;
            let typed = scene.simulator.phone(phone).send(NUMBER, "START");
            scene.records.typed.push(Typed { phone: phone.into(), text: typed.text, id: typed.id, answered: false });
        }
        scene.settle().await;
        scene
    }

    /// Staff and phones at work, until told to stop or until nobody answers.
    pub fn work(&mut self, random: &mut Random) -> Work {
        let stop = CancellationToken::new();
        let mut staff = JoinSet::new();
        for pair in PATIENTS.chunks_exact(2) {
            let patients = [(pair[0].0, pair[0].3), (pair[1].0, pair[1].3)];
            staff.spawn(draft(Arc::clone(&self.stride), Arc::clone(&self.tokens), patients, stop.clone()));
        }
        let mut phones = JoinSet::new();
        for (_, _, _, phone) in PATIENTS {
            let word = (phone == FICKLE).then(|| (random.below(FICKLE_TEXTS_MAX / 2), self.next_word()));
            phones.spawn(talk(self.simulator.clone(), Arc::clone(&self.tokens), phone, word, stop.clone()));
        }
        Work { stop, staff, phones }
    }

    /// Everybody pauses; what they remember goes into the records.
    pub async fn pause(&mut self, work: Work) {
        work.stop.cancel();
        let staff = within("staff pause", work.staff.join_all()).await;
        let phones = within("phones pause", work.phones.join_all()).await;
        self.records.drafted.extend(staff.into_iter().flatten());
        for typed in phones.into_iter().flatten() {
            self.changes_of_mind += usize::from(!typed.text.starts_with(OF_PHONES));
            self.records.typed.push(typed);
        }
    }

    /// STOP after START, and START after STOP. START is never typed in the same letters as the last time: the carrier
    /// brings a text without a name, so the same words again after a death may be the same text again, and what only
    /// may be a START is not taken for one. What may be a STOP is.
    fn next_word(&self) -> String {
        let next = self.changes_of_mind + 1;
        if !next.is_multiple_of(2) {
            return "STOP".to_owned();
        }
        let letters = "START".char_indices().map(|(place, letter)| match (next / 2) >> place & 1 {
            0 => letter,
            _ => letter.to_ascii_lowercase(),
        });
        letters.collect()
    }

    /// SIGKILL; then looks into what it left behind.
    pub async fn kill(&mut self) {
        self.daemon.take().unwrap().kill().await;
        within("the carrier sees that it is gone", self.simulator.wait_for_binds(0)).await;
        self.keep_wire();
        let last_connection = self.records.wire.last().map(|entry| entry.connection).unwrap_or_default();
        let sending = self.autopsy().await;
        self.records.deaths.push(Death { last_connection, sending });
    }

    /// SIGTERM; gives the exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        let code = self.daemon.take().unwrap().terminate().await.code();
        within("the carrier sees that it is gone", self.simulator.wait_for_binds(0)).await;
        self.keep_wire();
        code
    }

    pub async fn start_again(&mut self) {
        let daemon = self.site.start().await;
        self.stride.moves_to(&daemon);
        daemon.is_ready().await;
        self.daemon = Some(daemon);
    }

    /// Staff ask again what was not answered, and the last of what was; then everything comes to rest.
    pub async fn settle(&mut self) {
        let last = self.records.drafted.iter().rposition(|draft| !draft.accepted.is_empty());
        for place in 0..self.records.drafted.len() {
            let draft = &self.records.drafted[place];
            if draft.is_answered() && Some(place) != last {
                continue;
            }
            let answer = eventually("a draft is answered", async || {
                post(&self.stride, draft).await.ok_or_else(|| draft.key.clone())
            });
            answer.await.note(&mut self.records.drafted[place]);
        }
        texts_are_answered(&self.simulator, &mut self.records).await;
        eventually("every text is settled", async || {
            let now = self.records_so_far(1).await;
            let complaints = checkers::nothing_is_left_on_its_way(&now);
            if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
        })
        .await;
        the_second_passes().await;
    }

    /// Everything that is known, with the whole of each thread.
    pub async fn all_records(&self) -> Records {
        self.records_so_far(usize::MAX).await
    }

    /// Everything that is known, with the latest pages of each thread.
    async fn records_so_far(&self, pages: usize) -> Records {
        let mut records = self.records.clone();
        // First the threads: what they say has left must be on the wire by then.
        for (id, _, _, phone) in PATIENTS {
            let thread = self.stride.thread(id, pages).await;
            records.threads.extend(thread.iter().map(|message| Message::of(phone, message)));
        }
        records.wire.extend(self.latest_wire());
        records
    }

    /// The log of the carrier is bounded, so what it says about each run is kept here when that run is over.
    fn keep_wire(&mut self) {
        let latest = self.latest_wire();
        self.records.wire.extend(latest);
    }

    fn latest_wire(&self) -> Vec<WireEntry> {
        let kept = self.records.wire.last().map(|entry| entry.connection).unwrap_or_default();
        let log = self.simulator.wire_log();
        log.into_iter().filter(|entry| entry.connection > kept).collect()
    }

    /// What a dead daemon was sending, read from a copy of its store, or from the server that it shares.
    async fn autopsy(&self) -> Vec<String> {
        let copy = tempfile::tempdir().unwrap();
        let location = match &self.ground {
            Ground::Embedded => {
                for file in fs::read_dir(self.site.store()).unwrap() {
                    let file = file.unwrap();
                    fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
                }
                Location::new(format!("file://{}", copy.path().display()), KeySource::InDirectory)
            }
            Ground::Redis { store, .. } => {
                let directory = copy.path().to_owned();
                Location { directory, ..Location::new(&store.url, KeySource::File(store.key_file())) }
            }
        };
        let store = store::open(&location, BootId(0), Arc::new(SystemClock)).await.unwrap();
        let mut sending = Vec::new();
        for (_, _, _, phone) in PATIENTS {
            let practice = PracticeId::parse("riverside").unwrap();
            let key = ConversationKey { practice, phone: Phone::parse(phone).unwrap() };
            let Some(stored) = store.load(&key).await.unwrap() else { continue };
            let waiting = stored.conversation.outbox.waiting.into_iter();
            let on_its_way = waiting.filter(|waiting| waiting.message.status == Status::Sending);
            sending.extend(on_its_way.map(|waiting| waiting.message.text.expose().to_owned()));
        }
        sending.retain(|text| text.starts_with(OF_STAFF));
        sending
    }

    /// What a log must not have in it.
    pub fn canaries() -> Vec<&'static str> {
        let of_patient = |(_, first_name, last_name, phone): (_, &'static str, &'static str, &'static str)| {
            // The national number is a part of every way in which the phone can be written.
            [first_name, last_name, phone.trim_start_matches("+1")]
        };
        PATIENTS.into_iter().flat_map(of_patient).chain(["canary", "1984-05-12"]).collect()
    }
}

/// Waits until the carrier has seen an answer to everything that was typed.
pub async fn texts_are_answered(simulator: &Simulator, records: &mut Records) {
    let answered = |typed: &Typed| {
        let shown = simulator.phone(&typed.phone).texts();
        shown.iter().any(|text| text.id == typed.id && text.answered)
    };
    eventually("every text that was typed is answered", async || {
        let open = records.typed.iter().filter(|typed| !typed.answered && !answered(typed));
        let unanswered: Vec<&str> = open.map(|typed| typed.text.as_str()).collect();
        if unanswered.is_empty() { Ok(()) } else { Err(format!("{unanswered:?}")) }
    })
    .await;
    records.typed.iter_mut().for_each(|typed| typed.answered = true);
}

/// A START in the second of a STOP is refused, so whoever changes her mind takes a second to do so.
pub async fn the_second_passes() {
    let settled_in = SystemClock.now().as_second();
    eventually("the clock goes on", async || match SystemClock.now().as_second() {
        now if now > settled_in => Ok(()),
        now => Err(now.to_string()),
    })
    .await;
}

/// Who is at work.
pub struct Work {
    pub stop: CancellationToken,
    pub staff: JoinSet<Vec<Drafted>>,
    pub phones: JoinSet<Vec<Typed>>,
}

/// Drafts to two patients by turns, as fast as the answers come.
async fn draft(
    stride: Arc<Stride>,
    tokens: Arc<AtomicU64>,
    patients: [(&'static str, &'static str); 2],
    stop: CancellationToken,
) -> Vec<Drafted> {
    let mut drafted = Vec::new();
    for (patient, phone) in patients.into_iter().cycle().take(DRAFTS_MAX) {
        let token = tokens.fetch_add(1, Ordering::SeqCst);
        let (key, text) = (format!("key-{patient}-{token}"), format!("{OF_STAFF} {token}"));
        let mut draft = Drafted { key, phone: phone.to_owned(), text, accepted: Vec::new(), refused: false };
        let answer = tokio::select! {
            answer = post(&stride, &draft) => answer,
            // Whoever does not wait for the answer knows no more than whoever gets none.
            () = stop.cancelled() => None,
        };
        let is_answered = answer.is_some();
        if let Some(answer) = answer {
            answer.note(&mut draft);
        }
        drafted.push(draft);
        if !is_answered {
            break;
        }
    }
    drafted
}

pub enum Posted {
    Accepted(String),
    Refused,
}

impl Posted {
    pub fn note(self, draft: &mut Drafted) {
        match self {
            Self::Accepted(id) => draft.accepted.push(id),
            Self::Refused => draft.refused = true,
        }
    }
}

/// `None` is no answer.
pub async fn post(stride: &Stride, draft: &Drafted) -> Option<Posted> {
    let patient = PATIENTS.iter().find(|(.., phone)| *phone == draft.phone).map(|(id, ..)| *id);
    let answer = stride.drafts(patient.unwrap(), &draft.text, &draft.key).await.ok()?;
    match answer.status.as_u16() {
        202 => Some(Posted::Accepted(answer.body["id"].as_str().unwrap().to_owned())),
        409 => Some(Posted::Refused),
        503 => None,
        other => panic!("a draft was answered with {other}: {}", answer.body),
    }
}

/// Types texts, two at a time, waiting for the answer to the second; and the word, when its turn comes.
pub async fn talk(
    simulator: Simulator,
    tokens: Arc<AtomicU64>,
    phone: &'static str,
    word: Option<(usize, String)>,
    stop: CancellationToken,
) -> Vec<Typed> {
    let handset = simulator.phone(phone);
    let mut typed = Vec::new();
    let pairs = if word.is_some() { FICKLE_TEXTS_MAX / 2 } else { TEXTS_MAX / 2 };
    for number in 0..pairs {
        let mut words = vec![format!("{OF_PHONES} {}", tokens.fetch_add(1, Ordering::SeqCst))];
        words.push(match &word {
            Some((place, word)) if *place == number => word.clone(),
            Some(_) | None => format!("{OF_PHONES} {}", tokens.fetch_add(1, Ordering::SeqCst)),
        });
        let mut last = String::new();
        for text in words {
            last = handset.send(NUMBER, &text).id;
            typed.push(Typed { phone: phone.to_owned(), text, id: last.clone(), answered: false });
        }
        tokio::select! {
            _ = handset.wait_until_answered(&last) => {}
            () = stop.cancelled() => break,
        }
    }
    typed
}

/// Chance that can be repeated (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}
