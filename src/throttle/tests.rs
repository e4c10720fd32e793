//! Lines before one number, on a meter that is held in memory and a clock that is moved.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::*;
use crate::domain::{ConversationId, Days, Draw, Drawn, Meter, Phone, Seq, Standing, Unused, Verdict};
use crate::ports::StoreError;

/// One meter, and the clock of its store: tokio's.
struct HeldMeter {
    meter: Mutex<Meter>,
    began: Instant,
    draws: AtomicU32,
    drawn: AtomicU32,
    is_down: AtomicBool,
    given_back: Notify,
}

impl Clock for HeldMeter {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-03-04T20:00:00Z".parse().unwrap();
        start + self.began.elapsed()
    }
}

#[async_trait]
impl Meters for HeldMeter {
    async fn draw(&self, _: &PracticeId, draw: Draw) -> Result<Drawn, StoreError> {
        self.draws.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("a test said so".into()));
        }
        // Others come while the store answers.
        tokio::task::yield_now().await;
        let mut meter = self.meter.lock().unwrap();
        let (next, drawn) = meter.draw(draw, self.now());
        if let Verdict::Granted(segments) = drawn.verdict {
            self.drawn.fetch_add(segments.get(), Ordering::SeqCst);
        }
        *meter = next;
        Ok(drawn)
    }

    async fn give_back(&self, _: &PracticeId, unused: Unused) -> Result<(), StoreError> {
        let mut meter = self.meter.lock().unwrap();
        *meter = meter.give_back(unused);
        self.drawn.fetch_sub(unused.segments.get(), Ordering::SeqCst);
        self.given_back.notify_one();
        Ok(())
    }

    async fn standing(&self, _: &PracticeId, days: Days) -> Result<Standing, StoreError> {
        Ok(self.meter.lock().unwrap().standing(days, self.now()))
    }
}

struct Scene {
    meter: Arc<HeldMeter>,
    throttle: Arc<MeteredThrottle>,
    practice: Practice,
}

impl Scene {
    fn new(per_minute: u32, per_day: Option<u32>) -> Self {
        let meter = Arc::new(HeldMeter {
            meter: Mutex::default(),
            began: Instant::now(),
            draws: AtomicU32::new(0),
            drawn: AtomicU32::new(0),
            is_down: AtomicBool::new(false),
            given_back: Notify::new(),
        });
        let practice = Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside PT".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "America/Denver".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: NonZeroU32::new(per_minute).unwrap(),
            segments_per_day: per_day.and_then(NonZeroU32::new),
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        Self { throttle: Self::daemon(&meter), meter, practice }
    }

    fn daemon(meter: &Arc<HeldMeter>) -> Arc<MeteredThrottle> {
        Arc::new(MeteredThrottle::new(meter.clone(), meter.clone()))
    }

    async fn turn(&self, number: u64, segments: u32, precedence: Precedence) -> Result<Box<dyn Turn>, DaySpent> {
        let id = MessageId { conversation: ConversationId(number), seq: Seq(1) };
        self.throttle.turn(&self.practice, Asked { id, segments, precedence }).await
    }

    async fn send(&self, segments: u32) {
        self.turn(0, segments, Precedence::InTurn).await.unwrap().spend();
    }

    fn drawn(&self) -> u32 {
        self.meter.drawn.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
    let scene = Scene::new(60, None);
    let start = Instant::now();
    for _ in 0..12 {
        scene.send(1).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    scene.send(1).await;
    assert_eq!(start.elapsed().as_millis(), 1_000);
    scene.send(3).await;
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_text_larger_than_a_burst_waits_for_a_full_bucket_and_no_longer() {
    let scene = Scene::new(60, None);
    let start = Instant::now();
    scene.send(20).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    scene.send(12).await;
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn another_run_of_the_daemon_goes_on_where_this_one_stopped() {
    let mut scene = Scene::new(60, None);
    for _ in 0..12 {
        scene.send(1).await;
    }
    scene.throttle = Scene::daemon(&scene.meter);
    let start = Instant::now();
    scene.send(2).await;
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_not_used_spends_nothing_and_holds_the_others_back() {
    let scene = Scene::new(60, None);
    let held = scene.turn(1, 1, Precedence::InTurn).await.unwrap();
    let mut other = Box::pin(scene.turn(2, 1, Precedence::InTurn));
    tokio::time::timeout(Duration::from_mins(5), &mut other).await.err().expect("it waits behind the turn");
    drop(held);
    other.await.unwrap().spend();
    assert_eq!(scene.drawn(), 1, "the other one spent what this one had drawn");
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_end_in_a_burst() {
    let scene = Scene::new(60, None);
    scene.send(12).await;
    tokio::time::advance(Duration::from_mins(60)).await;
    let start = Instant::now();
    for _ in 0..13 {
        scene.send(1).await;
    }
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_go_before_texts_and_texts_before_first_contacts() {
    let scene = Scene::new(60, None);
    scene.send(12).await;
    let order = Mutex::new(Vec::new());
    let sends = [
        (1, Precedence::FirstContact),
        (2, Precedence::InTurn),
        (3, Precedence::FirstContact),
        (4, Precedence::InTurn),
        (5, Precedence::First),
    ]
    .map(|(number, precedence)| {
        let (scene, order) = (&scene, &order);
        async move {
            scene.turn(number, 1, precedence).await.unwrap().spend();
            order.lock().unwrap().push(number);
        }
    });
    join_all(sends).await;
    assert_eq!(*order.lock().unwrap(), [5, 2, 4, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_for_what_a_long_text_before_it_waits_for() {
    let scene = Scene::new(60, None);
    scene.send(20).await;
    let start = Instant::now();
    let long = scene.turn(1, 12, Precedence::InTurn);
    let answer = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.turn(2, 1, Precedence::First).await.unwrap().spend();
        start.elapsed().as_secs()
    };
    let (long, answered) = tokio::join!(long, answer);
    long.unwrap().spend();
    assert_eq!((answered, start.elapsed().as_secs()), (9, 21));
}

#[tokio::test(start_paused = true)]
async fn who_no_longer_waits_is_passed_over() {
    let scene = Scene::new(60, None);
    let held = scene.turn(1, 1, Precedence::InTurn).await.unwrap();
    let mut gone = Box::pin(scene.turn(2, 5, Precedence::InTurn));
    assert!(gone.as_mut().now_or_never().is_none());
    let ahead = |id| scene.throttle.ahead(&scene.practice.id, id, Precedence::InTurn);
    let behind = MessageId { conversation: ConversationId(9), seq: Seq(1) };
    assert_eq!(ahead(behind), 5);
    drop(gone);
    assert_eq!(ahead(behind), 0);
    drop(held);
    scene.send(1).await;
    assert_eq!(scene.drawn(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_texts_cost_few_draws_and_no_more_leaves_than_was_drawn() {
    let scene = Scene::new(600_000, Some(1_000_000));
    let sends = (0..5_000).map(|number| {
        let scene = &scene;
        async move { scene.turn(number, 1, Precedence::InTurn).await.unwrap().spend() }
    });
    join_all(sends).await;
    let draws = scene.meter.draws.load(Ordering::SeqCst);
    assert!(draws <= 10, "{draws} draws");
    assert!(scene.drawn() >= 5_000);
    // What is left over is given back when nobody has used it for a while.
    if scene.drawn() > 5_000 {
        scene.meter.given_back.notified().await;
    }
    assert_eq!(scene.drawn(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_line_at_its_rate_draws_for_many_at_once() {
    let scene = Scene::new(60_000, None);
    scene.send(12_000).await;
    let before = scene.meter.draws.load(Ordering::SeqCst);
    let start = Instant::now();
    let sends = (0..3_000).map(|number| {
        let scene = &scene;
        async move { scene.turn(number, 1, Precedence::InTurn).await.unwrap().spend() }
    });
    join_all(sends).await;
    let elapsed = start.elapsed();
    assert!((2_990..3_200).contains(&elapsed.as_millis()), "a thousand a second: {elapsed:?}");
    let draws = scene.meter.draws.load(Ordering::SeqCst) - before;
    assert!(draws <= 200, "{draws} draws");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_given_back_while_a_turn_is_held() {
    let scene = Scene::new(600_000, None);
    let turns: Vec<_> = (0..10).map(|number| Box::pin(scene.turn(number, 1, Precedence::InTurn))).collect();
    let (held, _, others) = futures_util::future::select_all(turns).await;
    drop(others);
    scene.meter.given_back.notified().await;
    assert_eq!(scene.drawn(), 1, "the turn that is held keeps its own");
    held.unwrap().spend();
}

#[tokio::test(start_paused = true)]
async fn a_spent_day_puts_texts_off_and_lets_answers_through() {
    let scene = Scene::new(6_000, Some(3));
    for _ in 0..3 {
        scene.send(1).await;
    }
    let day_ends_at: Timestamp = "2026-03-05T08:00:00Z".parse().unwrap();
    for precedence in [Precedence::InTurn, Precedence::FirstContact] {
        assert_eq!(scene.turn(1, 1, precedence).await.err(), Some(DaySpent { day_ends_at }));
    }
    scene.turn(2, 1, Precedence::First).await.unwrap().spend();
    assert_eq!(scene.drawn(), 4);
    tokio::time::advance(Duration::from_hours(12)).await;
    scene.send(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_whole_line_is_put_off_by_one_draw() {
    let scene = Scene::new(6_000, Some(1));
    scene.send(1).await;
    let held = scene.meter.draws.load(Ordering::SeqCst);
    let turns = join_all((0..500).map(|number| scene.turn(number, 1, Precedence::InTurn))).await;
    assert!(turns.iter().all(Result::is_err));
    assert_eq!(scene.meter.draws.load(Ordering::SeqCst) - held, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_grants_nothing_and_is_asked_again_ever_more_slowly() {
    let scene = Scene::new(60, None);
    scene.meter.is_down.store(true, Ordering::SeqCst);
    let mut turn = Box::pin(scene.turn(1, 1, Precedence::InTurn));
    tokio::time::timeout(Duration::from_mins(1), &mut turn).await.err().expect("nothing is granted");
    let draws = scene.meter.draws.load(Ordering::SeqCst);
    assert!((10..25).contains(&draws), "{draws} draws in a minute");
    scene.meter.is_down.store(false, Ordering::SeqCst);
    let start = Instant::now();
    turn.await.unwrap().spend();
    assert!(start.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_stops_gives_back_what_is_left() {
    let scene = Scene::new(600_000, None);
    let turns: Vec<_> = (0..10).map(|number| Box::pin(scene.turn(number, 1, Precedence::InTurn))).collect();
    let (one, _, others) = futures_util::future::select_all(turns).await;
    drop(others);
    one.unwrap().spend();
    let Scene { meter, throttle, .. } = scene;
    drop(throttle);
    meter.given_back.notified().await;
    assert_eq!(meter.drawn.load(Ordering::SeqCst), 1);
}
