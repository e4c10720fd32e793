//! What a scenario expects of its summary.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tally::{Phone, Summary};

/// What must hold at the end; what is left out may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectations {
    pub connections: Option<Amount>,
    pub binds: Option<Amount>,
    /// Texts that were taken, by segments.
    pub submits: Option<Amount>,
    pub refused: Option<Amount>,
    pub delivers: Option<Amount>,
    /// `deliver_sm` that were answered.
    pub answered: Option<Amount>,
    pub receipts: Option<Amount>,
    pub doubles: Option<Amount>,
    pub disordered: Option<Amount>,
    /// `deliver_sm` and `enquire_link` that the gateway did not answer.
    pub unanswered: Option<Amount>,
    /// `generic_nack` that the gateway said.
    pub nacks: Option<Amount>,
    /// The texts of a phone, all of them, in their order.
    pub phone: Vec<PhoneExpectation>,
}

/// What a phone must show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneExpectation {
    pub number: String,
    pub texts: Vec<String>,
}

/// How much is expected: 3, or `{ at_least = 3 }`, or `{ at_least = 3, at_most = 5 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an amount must be a number, or { at_least = …, at_most = … } with one or both")]
pub enum Amount {
    Exactly(u64),
    Between(Range),
}

/// From where to where; a missing end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    #[serde(default)]
    pub at_least: u64,
    #[serde(default = "no_end")]
    pub at_most: u64,
}

const fn no_end() -> u64 {
    u64::MAX
}

impl Amount {
    fn has(self, found: u64) -> bool {
        match self {
            Self::Exactly(expected) => found == expected,
            Self::Between(Range { at_least, at_most }) => (at_least..=at_most).contains(&found),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(expected) => write!(f, "{expected}"),
            Self::Between(Range { at_least, at_most: u64::MAX }) => write!(f, "at least {at_least}"),
            Self::Between(Range { at_least: 0, at_most }) => write!(f, "at most {at_most}"),
            Self::Between(Range { at_least, at_most }) => write!(f, "{at_least} to {at_most}"),
        }
    }
}

impl Expectations {
    /// What was expected and is not so, a sentence each.
    pub fn unmet(&self, summary: &Summary) -> Vec<String> {
        let counts = &summary.counts;
        let by_gateway = |command: &&super::tally::Command| {
            command.command == "generic_nack" && command.direction == super::WireDirection::FromGateway
        };
        let nacks = summary.commands.iter().filter(by_gateway).map(|command| command.count).sum();
        let amounts = [
            ("connections", self.connections, counts.connections),
            ("binds", self.binds, counts.binds),
            ("submits", self.submits, counts.submits),
            ("refused", self.refused, counts.refused),
            ("delivers", self.delivers, counts.delivers),
            ("answered", self.answered, counts.answered),
            ("receipts", self.receipts, counts.receipts),
            ("doubles", self.doubles, summary.doubles),
            ("disordered", self.disordered, summary.disordered),
            ("unanswered", self.unanswered, summary.unanswered.deliver_sm + summary.unanswered.enquire_link),
            ("nacks", self.nacks, nacks),
        ];
        let unmet = amounts.into_iter().filter_map(|(what, expected, found)| {
            let expected = expected.filter(|expected| !expected.has(found))?;
            Some(format!("{what}: {expected} expected, {found} found"))
        });
        unmet.chain(self.phone.iter().filter_map(|expected| expected.unmet(&summary.phones))).collect()
    }
}

impl PhoneExpectation {
    fn unmet(&self, phones: &[Phone]) -> Option<String> {
        let found = phones.iter().find(|phone| phone.number == self.number);
        let found = found.map(|phone| phone.texts.as_slice()).unwrap_or_default();
        let differ = found != self.texts;
        differ.then(|| format!("texts of {}: {:?} expected, {found:?} found", self.number, self.texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(written: &str) -> Amount {
        serde_json::from_str(written).unwrap()
    }

    #[test]
    fn an_amount_is_a_number_or_a_range() {
        for (written, said, has, has_not) in [
            ("3", "3", 3, 4),
            (r#"{"at_least": 3}"#, "at least 3", 1_000, 2),
            (r#"{"at_most": 3}"#, "at most 3", 0, 4),
            (r#"{"at_least": 3, "at_most": 5}"#, "3 to 5", 5, 6),
        ] {
            let amount = amount(written);
            assert_eq!(amount.to_string(), said);
            assert!(amount.has(has) && !amount.has(has_not), "{written}");
        }
        let error = serde_json::from_str::<Amount>(r#"{"about": 3}"#).unwrap_err().to_string();
        assert!(error.contains("an amount must be a number"), "{error}");
    }
}
