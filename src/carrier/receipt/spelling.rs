//! How one carrier spells the ids of its answers in its receipts, learnt from both. It is told of each as it comes, and knows
//! only so many: what it has forgotten teaches nothing.

use std::collections::{HashMap, VecDeque};

use crate::domain::{CarrierId, Likeness};

/// Ids of answers that are remembered: a minute and a half of a link at a hundred segments a second is more than most
/// receipts take.
const GIVEN_MAX: usize = 10_000;

/// What a link knows of its carrier's ids.
#[derive(Debug, Default)]
pub struct Spelling {
    /// The ids that were given, by what is left of them without case and zeros; `None` for two that are the same then.
    given: HashMap<String, Option<CarrierId>>,
    /// The keys of the above, the oldest first.
    order: VecDeque<String>,
    /// How many receipts were spelled in each way.
    heard: HashMap<Likeness, u64>,
    usual: Option<Likeness>,
}

/// What a receipt's id is to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// How the receipts before it were mostly spelled, which is tried first.
    pub usual: Option<Likeness>,
    /// How it is spelled itself, if it names one id that the link was given and no other.
    pub this: Option<Likeness>,
    /// Whether none was spelled so before.
    pub is_first: bool,
}

impl Heard {
    /// Whether it is spelled in a way that the usual one does not explain: an id without zeros has none to lose.
    pub fn is_odd(self) -> bool {
        self.usual.zip(self.this).is_some_and(|(usual, this)| match usual.is_of_other_digits() {
            true => this != usual,
            false => this > usual,
        })
    }
}

impl Spelling {
    /// The carrier answered with this id.
    pub fn given(&mut self, id: &CarrierId) {
        if id.0.is_empty() {
            return;
        }
        let key = id.without_zeros();
        let known = self.given.get_mut(&key);
        if let Some(known) = known {
            known.take_if(|known| known != id);
            return;
        }
        if self.order.len() == GIVEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.given.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.given.insert(key, Some(id.clone()));
    }

    /// A receipt came with this id.
    pub fn heard(&mut self, id: &CarrierId) -> Heard {
        let (usual, this) = (self.usual, self.likeness(id));
        let Some(way) = this else { return Heard { usual, this, is_first: false } };
        let times = self.heard.entry(way).or_default();
        *times += 1;
        let is_first = *times == 1;
        self.usual = Some(usual.map_or(way, |usual| self.more_usual(usual, way)));
        Heard { usual, this, is_first }
    }

    /// Which of two ways is to be tried first from here on. As long as the digits are the same the farther one explains the
    /// nearer; else the one of which there were more.
    fn more_usual(&self, usual: Likeness, way: Likeness) -> Likeness {
        let times = |way: Likeness| match way {
            Likeness::Same | Likeness::OtherCase | Likeness::OtherZeros => {
                self.heard.iter().filter(|(way, _)| !way.is_of_other_digits()).map(|(_, times)| times).sum()
            }
            Likeness::HexToDecimal | Likeness::DecimalToHex => self.heard.get(&way).copied().unwrap_or_default(),
        };
        match usual.is_of_other_digits() || way.is_of_other_digits() {
            false => usual.max(way),
            true if times(way) > times(usual) => way,
            true => usual,
        }
    }

    /// How an id is spelled that names one that was given, however it is read.
    fn likeness(&self, id: &CarrierId) -> Option<Likeness> {
        let digits = id.without_zeros();
        let as_hexadecimal = digits.parse::<u128>().ok().map(|number| format!("{number:x}"));
        let as_decimal = u128::from_str_radix(&digits, 16).ok().map(|number| number.to_string());
        let mut keys = vec![digits];
        keys.extend(as_hexadecimal.into_iter().chain(as_decimal));
        keys.dedup();
        let mut found = keys.iter().filter_map(|key| self.given.get(key));
        let one = found.next()?.as_ref()?;
        if found.next().is_some() { None } else { one.likeness(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CarrierId {
        CarrierId(text.into())
    }

    /// What is heard of each of these, an answer and its receipt, one after the other.
    fn heard(pairs: &[(&str, &str)]) -> Vec<Heard> {
        let mut spelling = Spelling::default();
        let each = pairs.iter().map(|(given, receipted)| {
            spelling.given(&id(given));
            spelling.heard(&id(receipted))
        });
        each.collect()
    }

    #[test]
    fn the_first_receipt_teaches_how_the_next_is_read() {
        for (given, receipted, way) in [
            ("abc-1", "abc-1", Likeness::Same),
            ("abc-1", "ABC-1", Likeness::OtherCase),
            ("00B8BE19", "b8be19", Likeness::OtherZeros),
            ("39F99DD5", "0972660181", Likeness::HexToDecimal),
            ("972660181", "39f99dd5", Likeness::DecimalToHex),
        ] {
            let found = heard(&[(given, receipted), (given, receipted)]);
            let first = Heard { usual: None, this: Some(way), is_first: true };
            assert_eq!(found[0], first, "{given} and {receipted}");
            assert_eq!(found[1], Heard { usual: Some(way), this: Some(way), is_first: false });
            assert!(!found[0].is_odd() && !found[1].is_odd());
        }
    }

    #[test]
    fn a_receipt_in_another_way_than_the_usual_is_odd_and_changes_nothing_by_itself() {
        let found = heard(&[("a1", "161"), ("b2", "178"), ("c3", "c3"), ("d4", "212")]);
        let hex_to_decimal = Some(Likeness::HexToDecimal);
        assert_eq!(found[2], Heard { usual: hex_to_decimal, this: Some(Likeness::Same), is_first: true });
        assert_eq!(found[3], Heard { usual: hex_to_decimal, this: hex_to_decimal, is_first: false });
        assert_eq!(found.iter().map(|heard| heard.is_odd()).collect::<Vec<_>>(), [false, false, true, false]);
    }

    #[test]
    fn a_carrier_that_changes_its_ways_is_followed() {
        let found = heard(&[("a1", "161"), ("b2", "b2"), ("c3", "c3"), ("d4", "d4")]);
        assert_eq!(found[3], Heard { usual: Some(Likeness::Same), this: Some(Likeness::Same), is_first: false });
    }

    #[test]
    fn an_id_that_has_no_zeros_to_lose_is_as_usual() {
        let found = heard(&[("b", "b"), ("0A", "a"), ("c", "c"), ("0D", "D")]);
        assert_eq!(found.iter().map(|heard| heard.is_odd()).collect::<Vec<_>>(), [false, true, false, false]);
        assert_eq!(found[3].usual, Some(Likeness::OtherZeros));
    }

    #[test]
    fn an_id_that_may_be_two_or_that_nobody_gave_teaches_nothing() {
        let mut spelling = Spelling::default();
        for given in ["1a", "26", "0x", "x", ""] {
            spelling.given(&id(given));
        }
        for receipted in ["26", "x", "stranger", ""] {
            assert_eq!(spelling.heard(&id(receipted)).this, None, "{receipted}");
        }
    }

    #[test]
    fn ids_are_forgotten_in_the_order_in_which_they_came() {
        let mut spelling = Spelling::default();
        for number in 0..=GIVEN_MAX {
            spelling.given(&id(&format!("g-{number}")));
        }
        assert_eq!((spelling.given.len(), spelling.order.len()), (GIVEN_MAX, GIVEN_MAX));
        assert_eq!(spelling.heard(&id("g-0")).this, None);
        assert_eq!(spelling.heard(&id("g-1")).this, Some(Likeness::Same));
    }
}
