//! Several daemons on one store and one carrier, and a practice that is at work at all of them at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use assent::app::SystemClock;
use assent::simulator::{Simulator, SimulatorConfig};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::checkers::{self, what_the_log_gives_away};
use super::daemon::{NUMBER, Running, SharedStore, Site, Stride, eventually, within};
use super::records::{Drafted, Message, OF_STAFF, Records, Typed};
use super::scene::{
    CARRIER_KEYS, DRAFTS_MAX, FICKLE, FICKLE_TEXTS_MAX, PATIENTS, Posted, Random, Scene, Work, post, talk,
    texts_are_answered, the_second_passes,
};

/// How long staff wait for one daemon before they ask another.
const ANSWER: Duration = Duration::from_secs(3);
/// Between two rounds of asking them all.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// With so many texts under way, whatever befalls a daemon befalls it in the middle of something.
const BUSY: u64 = 20;

/// What the API says to whom it can't serve, because the store lacks what it had.
pub const ROLLED_BACK: &str = "store-rolled-back";

/// How a store is that was failed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Whole,
    WentBack,
}

pub struct Fleet {
    pub simulator: Simulator,
    pub members: Vec<Member>,
    records: Records,
    tokens: Arc<AtomicU64>,
}

/// One of the daemons, and the practice's UI as it is served there.
pub struct Member {
    pub site: Site,
    pub stride: Arc<Stride>,
    daemon: Option<Running>,
    /// How often it was started.
    runs: usize,
}

impl Member {
    pub fn daemon(&self) -> &Running {
        self.daemon.as_ref().expect("it runs")
    }

    pub async fn start_again(&mut self) {
        let daemon = self.site.start().await;
        self.stride.moves_to(&daemon);
        daemon.is_ready().await;
        self.daemon = Some(daemon);
        self.runs += 1;
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.daemon.take().expect("it runs").kill().await;
    }
}

impl Fleet {
    /// A daemon for each way to the store. Everybody has opted in.
    pub async fn on(stores: &[SharedStore]) -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let simulator = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap();
        let mut members: Vec<Member> = Vec::new();
        for store in stores {
            let site = Site::sharing(store, simulator.address(), CARRIER_KEYS);
            let daemon = site.start().await;
            let stride = match members.first() {
                Some(first) => first.stride.at(&daemon),
                None => Stride::new(&daemon).await,
            };
            members.push(Member { site, stride: Arc::new(stride), daemon: Some(daemon), runs: 1 });
        }
        let mut fleet = Self { simulator, members, records: Records::default(), tokens: Arc::default() };
        for (place, (id, first_name, last_name, phone)) in PATIENTS.into_iter().enumerate() {
            let member = &fleet.members[place % fleet.members.len()];
            member.stride.patient(id, first_name, last_name, phone).await;
            let typed = fleet.simulator.phone(phone).send(NUMBER, "START");
            fleet.records.typed.push(Typed { phone: phone.into(), text: typed.text, id: typed.id, answered: false });
        }
        within("every daemon is bound", fleet.simulator.wait_for_binds(stores.len())).await;
        fleet.settle().await;
        fleet
    }

    /// Staff and phones at work, each draft at the next daemon. One phone says this word in the course of it.
    pub fn work(&self, random: &mut Random, word: &str) -> Work {
        let stop = CancellationToken::new();
        let mut staff = JoinSet::new();
        for (place, pair) in PATIENTS.chunks_exact(2).enumerate() {
            let strides = self.members.iter().map(|member| Arc::clone(&member.stride)).collect();
            let patients = [(pair[0].0, pair[0].3), (pair[1].0, pair[1].3)];
            staff.spawn(draft(strides, place, Arc::clone(&self.tokens), patients, stop.clone()));
        }
        let mut phones = JoinSet::new();
        for (_, _, _, phone) in PATIENTS {
            let word = (phone == FICKLE).then(|| (random.below(FICKLE_TEXTS_MAX / 2), word.to_owned()));
            phones.spawn(talk(self.simulator.clone(), Arc::clone(&self.tokens), phone, word, stop.clone()));
        }
        Work { stop, staff, phones }
    }

    /// Waits until texts of staff are on their way, more than there were.
    pub async fn is_busy(&self) {
        let before = self.simulator.counts().submits;
        eventually("texts are in flight", async || match self.simulator.counts().submits - before {
            submits @ 0..BUSY => Err(format!("{submits} texts")),
            _ => Ok(()),
        })
        .await;
    }

    /// Everybody pauses; what they remember goes into the records.
    pub async fn pause(&mut self, work: Work) {
        work.stop.cancel();
        let staff = within("staff pause", work.staff.join_all()).await;
        let phones = within("phones pause", work.phones.join_all()).await;
        self.records.drafted.extend(staff.into_iter().flatten());
        self.records.typed.extend(phones.into_iter().flatten());
    }

    /// Staff ask again what was not answered; then everything comes to rest.
    pub async fn settle(&mut self) {
        for place in 0..self.records.drafted.len() {
            let draft = &self.records.drafted[place];
            if draft.is_answered() {
                continue;
            }
            let answer = eventually("a draft is answered", async || {
                self.post_anywhere(draft).await.ok_or_else(|| draft.key.clone())
            });
            answer.await.note(&mut self.records.drafted[place]);
        }
        texts_are_answered(&self.simulator, &mut self.records).await;
        eventually("every text is settled", async || {
            let complaints = checkers::nothing_is_left_on_its_way(&self.all_records().await);
            if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
        })
        .await;
        the_second_passes().await;
    }

    /// Waits until nobody calls a text `sending` any more: whoever was, its time is over.
    pub async fn nothing_is_sending(&self) {
        eventually("no text is sending", async || {
            let threads = self.all_records().await.threads;
            let sending = threads.iter().filter(|message| message.status == "sending").count();
            if sending == 0 { Ok(()) } else { Err(format!("{sending} texts")) }
        })
        .await;
    }

    /// What every daemon finds when it is given one more draft. What it takes goes into the records.
    pub async fn finds(&mut self) -> Standing {
        let is_open =
            |phone: &str| self.records.drafted.iter().any(|draft| draft.phone == phone && !draft.is_answered());
        // Somebody for whom no draft waits to be asked again, so that this one does not overtake it.
        let (patient, _, _, phone) =
            PATIENTS.into_iter().find(|(.., phone)| !is_open(phone)).expect("not all are open");
        for member in &self.members {
            let token = self.tokens.fetch_add(1, Ordering::SeqCst);
            let (key, text) = (format!("key-{patient}-{token}"), format!("{OF_STAFF} {token}"));
            let answer = eventually("the daemon knows where it stands", async || {
                let asked = tokio::time::timeout(ANSWER, member.stride.drafts(patient, &text, &key)).await;
                let answer = asked.map_err(|late| late.to_string())?.map_err(|error| error.to_string())?;
                match answer.status.as_u16() {
                    202 => Ok(Some(answer.body["id"].as_str().unwrap().to_owned())),
                    503 if answer.body["code"] == ROLLED_BACK => Ok(None),
                    _ => Err(answer.body.to_string()),
                }
            });
            let Some(id) = answer.await else { return Standing::WentBack };
            let draft = Drafted { key, phone: phone.to_owned(), text, accepted: vec![id], refused: false };
            self.records.drafted.push(draft);
        }
        Standing::Whole
    }

    /// A whole round of work in which nothing goes wrong, for those who were away to take part again.
    pub async fn round(&mut self, random: &mut Random, word: &str) {
        let work = self.work(random, word);
        self.is_busy().await;
        self.pause(work).await;
        self.settle().await;
    }

    /// Everything that is known, with the whole of each thread.
    pub async fn all_records(&self) -> Records {
        let mut records = self.records.clone();
        let member = self.members.iter().find(|member| member.daemon.is_some()).expect("one of them runs");
        // First the threads: what they say has left must be on the wire by then.
        for (id, _, _, phone) in PATIENTS {
            let thread = member.stride.thread(id, usize::MAX).await;
            records.threads.extend(thread.iter().map(|message| Message::of(phone, message)));
        }
        records.wire = self.simulator.wire_log();
        assert_eq!(records.wire[0].command, "bind_transceiver", "the carrier has forgotten how it began");
        records
    }

    /// Every daemon that runs stops in peace; nothing panicked, and no log has anything of a patient's in it.
    pub async fn end(self) {
        for member in self.members {
            if let Some(daemon) = member.daemon {
                assert_eq!(daemon.terminate().await.code(), Some(0));
            }
            let log = member.site.log();
            let lines_with = |words: &str| log.iter().filter(|line| line.contains(words)).count();
            assert_eq!((lines_with("daemon started"), lines_with("panicked")), (member.runs, 0));
            assert_eq!(what_the_log_gives_away(&log, &Scene::canaries()), Vec::<String>::new());
        }
    }

    async fn post_anywhere(&self, draft: &Drafted) -> Option<Posted> {
        for member in self.members.iter().filter(|member| member.daemon.is_some()) {
            if let Ok(Some(answer)) = tokio::time::timeout(ANSWER, post(&member.stride, draft)).await {
                return Some(answer);
            }
        }
        None
    }
}

/// Drafts to two patients by turns, each at the next daemon; at the one after that if there is no answer.
async fn draft(
    strides: Vec<Arc<Stride>>,
    first: usize,
    tokens: Arc<AtomicU64>,
    patients: [(&'static str, &'static str); 2],
    stop: CancellationToken,
) -> Vec<Drafted> {
    let mut drafted = Vec::new();
    for (turn, (patient, phone)) in patients.into_iter().cycle().take(DRAFTS_MAX).enumerate() {
        let token = tokens.fetch_add(1, Ordering::SeqCst);
        let (key, text) = (format!("key-{patient}-{token}"), format!("{OF_STAFF} {token}"));
        let mut draft = Drafted { key, phone: phone.to_owned(), text, accepted: Vec::new(), refused: false };
        let mut place = first + turn;
        while !draft.is_answered() && !stop.is_cancelled() {
            let asked = tokio::time::timeout(ANSWER, post(&strides[place % strides.len()], &draft));
            let answer = tokio::select! {
                answer = asked => answer.ok().flatten(),
                // Whoever does not wait for the answer knows no more than whoever gets none.
                () = stop.cancelled() => None,
            };
            place += 1;
            match answer {
                Some(answer) => answer.note(&mut draft),
                None => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
        drafted.push(draft);
        if stop.is_cancelled() {
            break;
        }
    }
    drafted
}
