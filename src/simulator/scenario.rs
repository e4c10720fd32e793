//! A scenario: what the carrier does and when, and what must come of it.

use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::expectations::Expectations;
use super::faults::{Faults, Unfit};
use super::span::Span;
use super::verbs::{Verb, number};
use super::{Counts, Simulator, SimulatorConfig, State, Summary, Text};

/// Steps of one scenario.
const STEPS_MAX: usize = 10_000;

/// A scenario as it is written. `config/scenario.toml` says every key in one sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// What goes wrong from the start.
    faults: Faults,
    step: Vec<Step>,
    expect: Expectations,
}

/// Something that is done once, in its time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    after: Option<Trigger>,
    /// Counted from `after` where there is one, and from the start otherwise.
    #[serde(default)]
    at: Span,
    #[serde(rename = "do")]
    verb: Verb,
}

/// So many of these since the carrier was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Trigger {
    Connections(u64),
    Binds(u64),
    Submits(u64),
    Refused(u64),
    Delivers(u64),
    Answered(u64),
    Receipts(u64),
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("the scenario can't be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("the scenario has {0} steps; {STEPS_MAX} is the most")]
    TooLong(usize),
    #[error("the faults that the scenario begins with can't be played: {0}")]
    Faults(#[source] Unfit),
    #[error("step {step} of the scenario can't be done: {unfit}")]
    Step { step: usize, unfit: Unfit },
    #[error("a phone that the scenario expects something of can't be one: {0}")]
    Phone(#[source] Unfit),
}

impl Trigger {
    fn is_met(self, counts: &Counts) -> bool {
        match self {
            Self::Connections(many) => counts.connections >= many,
            Self::Binds(many) => counts.binds >= many,
            Self::Submits(many) => counts.submits >= many,
            Self::Refused(many) => counts.refused >= many,
            Self::Delivers(many) => counts.delivers >= many,
            Self::Answered(many) => counts.answered >= many,
            Self::Receipts(many) => counts.receipts >= many,
        }
    }
}

impl Scenario {
    /// Reads a scenario, and refuses what can't be done before anything is.
    pub fn parse(toml: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(toml)?;
        if scenario.step.len() > STEPS_MAX {
            return Err(ScenarioError::TooLong(scenario.step.len()));
        }
        scenario.faults.check().map_err(ScenarioError::Faults)?;
        for (step, Step { verb, .. }) in (1..).zip(&scenario.step) {
            verb.check().map_err(|unfit| ScenarioError::Step { step, unfit })?;
        }
        for phone in &scenario.expect.phone {
            number("number", &phone.number).map_err(ScenarioError::Phone)?;
        }
        Ok(scenario)
    }

    /// What was expected and is not so, a sentence each.
    pub fn unmet(&self, summary: &Summary) -> Vec<String> {
        self.expect.unmet(summary)
    }
}

/// A scenario that is being played.
#[derive(Default)]
pub(super) struct Play {
    left: Vec<Waiting>,
}

struct Waiting {
    step: Step,
    /// From when on its time is counted; `None` is not yet.
    since: Option<Instant>,
}

impl Play {
    fn new(steps: &[Step], start: Instant) -> Self {
        let waiting = |step: &Step| Waiting { since: step.after.is_none().then_some(start), step: step.clone() };
        Self { left: steps.iter().map(waiting).collect() }
    }

    /// What is to be done: in the order of its times, then as it is written.
    fn due(&mut self, counts: &Counts, now: Instant) -> Vec<Verb> {
        for waiting in &mut self.left {
            if waiting.since.is_none() && waiting.step.after.is_some_and(|trigger| trigger.is_met(counts)) {
                waiting.since = Some(now);
            }
        }
        let mut due: Vec<Waiting> =
            self.left.extract_if(.., |waiting| waiting.time().is_some_and(|time| time <= now)).collect();
        due.sort_by_key(Waiting::time);
        due.into_iter().map(|waiting| waiting.step.verb).collect()
    }

    /// When the next step is due by the clock alone.
    fn next_due(&self) -> Option<Instant> {
        self.left.iter().filter_map(Waiting::time).min()
    }
}

impl Waiting {
    fn time(&self) -> Option<Instant> {
        self.since.map(|since| since + self.step.at.0)
    }
}

impl State {
    /// The faults are those that a scenario begins with, and its time is counted from here on.
    pub(super) fn begins(&mut self, scenario: &Scenario) {
        self.set_faults(scenario.faults.clone());
        self.ended = false;
        self.play = Play::new(&scenario.step, Instant::now());
    }

    /// Does what the scenario does upon what has just happened, so that nothing comes in between. Gives what phones
    /// typed.
    pub(super) fn play_on(&mut self, config: &SimulatorConfig) -> Vec<Text> {
        let due = self.play.due(&self.counts, Instant::now());
        due.into_iter().filter_map(|verb| self.does(verb, config)).collect()
    }
}

impl Simulator {
    /// Plays the scenario by the clock until it says `end`; what it does upon something is done without this.
    pub async fn play(&self) {
        let mut revision = self.shared.revision.subscribe();
        loop {
            revision.borrow_and_update();
            let (ended, next_due) = {
                let state = self.shared.state();
                (state.ended, state.play.next_due())
            };
            if ended {
                return;
            }
            tokio::select! {
                _ = revision.changed() => {}
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => {
                    // Its time has come: that alone makes the scenario go on.
                    self.shared.change(|_| {});
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stray(octet: &str) -> Verb {
        Verb::Stray(octet.to_owned())
    }

    fn scenario(steps: &str) -> Scenario {
        Scenario::parse(steps).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn steps_are_done_in_their_time_and_once() {
        let scenario = scenario(
            r#"
            step = [
                { at = "2s", do = { stray = "02" } },
                { at = "1s", do = { stray = "01" } },
                { at = "1s", do = { stray = "11" } },
                { do = { stray = "00" } },
            ]
            "#,
        );
        let start = Instant::now();
        let mut play = Play::new(&scenario.step, start);
        let counts = Counts::default();
        assert_eq!(play.due(&counts, start), [stray("00")]);
        assert_eq!(play.due(&counts, start), []);
        assert_eq!(play.next_due(), Some(start + SECOND));
        assert_eq!(play.due(&counts, start + 3 * SECOND), [stray("01"), stray("11"), stray("02")]);
        assert_eq!(play.next_due(), None);
    }

    #[test]
    fn a_step_waits_for_what_it_comes_after() {
        let scenario = scenario(
            r#"
            step = [
                { after = { submits = 10 }, do = { stray = "01" } },
                { after = { submits = 10 }, at = "1s", do = { stray = "02" } },
            ]
            "#,
        );
        let start = Instant::now();
        let mut play = Play::new(&scenario.step, start);
        assert_eq!(play.due(&Counts { submits: 9, ..Counts::default() }, start + 5 * SECOND), []);
        assert_eq!(play.next_due(), None);
        let counts = Counts { submits: 12, ..Counts::default() };
        assert_eq!(play.due(&counts, start + 6 * SECOND), [stray("01")]);
        assert_eq!(play.next_due(), Some(start + 7 * SECOND));
        assert_eq!(play.due(&counts, start + 7 * SECOND), [stray("02")]);
    }

    #[test]
    fn what_is_mistyped_is_refused_in_words() {
        for (written, mistake) in [
            ("steps = []", "unknown field `steps`, expected one of `faults`, `step`, `expect`"),
            ("[faults]\nsilence = true", "unknown field `silence`"),
            ("[faults]\nreceipt_copies = 99", "begins with can't be played: receipt_copies must be 10 at most"),
            ("[[step]]\ndo = \"shout\"", "unknown variant `shout`"),
            ("[[step]]\nat = \"soon\"\ndo = \"drop\"", "must be a time of at most a day"),
            (
                "[[step]]\nafter = { texts = 1 }\ndo = \"drop\"",
                "unknown variant `texts`, expected one of `connections`",
            ),
            (
                "[[step]]\ndo = \"drop\"\n[[step]]\ndo = { stray = \"x\" }",
                "step 2 of the scenario can't be done: stray",
            ),
            ("[expect]\nsubmit = 1", "unknown field `submit`, expected one of `connections`"),
            ("[expect]\nsubmits = \"many\"", "an amount must be a number"),
            ("[[expect.phone]]\nnumber = \"me\"\ntexts = []", "number must be a plus sign"),
        ] {
            let error = Scenario::parse(written).unwrap_err().to_string();
            assert!(error.contains(mistake), "{written}: {error}");
        }
        let many = "[[step]]\ndo = \"drop\"\n".repeat(STEPS_MAX + 1);
        assert!(matches!(Scenario::parse(&many), Err(ScenarioError::TooLong(_))));
    }
}
