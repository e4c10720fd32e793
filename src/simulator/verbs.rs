//! What the carrier can be told to do at once, by its control port and by a scenario.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::faults::{Faults, Unfit, fits};
use super::opening::Call;
use super::{Simulator, SimulatorConfig, State, Text};
use crate::domain::text::Segments;

/// What one phone can type at once: as many segments as a header can count.
const SEGMENTS_MAX: u32 = 255;
/// `enquire_link` at once.
const ENQUIRIES_MAX: u32 = 10_000;
/// Orders that a connection has not got round to; what is more is not done there.
const ORDERS_MAX: usize = 100;
/// Octets out of place.
const STRAY_MAX: usize = 70_000;

/// One thing to do. What is not about a phone is done on every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// These are the faults from here on, and no others.
    Faults(Box<Faults>),
    /// A phone types a text.
    Text(Typed),
    /// A phone that was asked about can be reached again (`alert_notification`, SMPP 3.4 §4.12).
    Alert(Alert),
    /// Goes to a gateway that listens and says `outbind`, upon which the gateway binds (SMPP 3.4 §2.2.1, §4.1.7).
    Outbind(Callee),
    /// Goes to a gateway that listens and binds there as a transceiver: its texts come as `deliver_sm`, the phones' texts
    /// and receipts go as `submit_sm`.
    BindTo(Callee),
    /// Says `unbind`, and closes when it is answered.
    Unbind,
    /// Closes every connection without a word: what was still to be said is not.
    Drop,
    /// Resets every connection (RFC 9293 §3.10.7): what is on its way, in either direction, is lost.
    Reset,
    /// Writes octets that are no PDU, in hexadecimal.
    Stray(String),
    /// Asks so many times at once whether the gateway is there.
    EnquireLinks(u32),
    /// Says `generic_nack`.
    Nack(Nack),
    /// Ends the scenario.
    End,
}

/// A text as a phone types it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    pub phone: String,
    pub to: String,
    pub text: String,
}

/// Who can be reached again, and who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    pub phone: String,
    pub to: String,
}

/// A gateway that listens, and as whom the carrier comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callee {
    /// Host and port. TLS is not spoken there.
    pub address: String,
    pub system_id: String,
    #[serde(default)]
    pub password: String,
}

/// A `generic_nack` out of the blue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nack {
    pub status: u32,
    #[serde(default)]
    pub sequence: u32,
}

/// What a connection is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Unbind,
    Drop,
    Reset,
    Stray(Bytes),
    EnquireLinks(u32),
    Nack(Nack),
    Alert(Alert),
}

impl Typed {
    pub(super) fn check(&self) -> Result<(), Unfit> {
        number("phone", &self.phone)?;
        number("to", &self.to)?;
        let fit = !self.text.is_empty() && Segments::count(&self.text) <= SEGMENTS_MAX;
        fits(fit, "text", format!("a text of 1 to {SEGMENTS_MAX} segments"))
    }
}

impl Callee {
    fn check(&self) -> Result<(), Unfit> {
        let has_port = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_address = self.address.rsplit_once(':').is_some_and(has_port);
        fits(is_address, "address", "a host and a port, such as 127.0.0.1:2785")?;
        // SMPP 3.4 §5.2.1 and §5.2.2.
        let is_name = (1..=15).contains(&self.system_id.len()) && self.system_id.is_ascii();
        fits(is_name, "system_id", "1 to 15 ASCII characters")?;
        fits(self.password.len() <= 8 && self.password.is_ascii(), "password", "8 ASCII characters at most")
    }
}

impl Verb {
    /// Whether it can be done.
    pub fn check(&self) -> Result<(), Unfit> {
        match self {
            Self::Faults(faults) => faults.check(),
            Self::Text(typed) => typed.check(),
            Self::Outbind(callee) | Self::BindTo(callee) => callee.check(),
            Self::Alert(Alert { phone, to }) => number("phone", phone).and_then(|()| number("to", to)),
            Self::Stray(octets) => {
                let must = format!("an even number of hexadecimal digits, of {STRAY_MAX} octets at most");
                fits(hexadecimal(octets).is_some_and(|octets| octets.len() <= STRAY_MAX), "stray", must)
            }
            Self::EnquireLinks(count) => {
                let must = format!("a number from 1 to {ENQUIRIES_MAX}");
                fits((1..=ENQUIRIES_MAX).contains(count), "enquire_links", must)
            }
            Self::Unbind | Self::Drop | Self::Reset | Self::Nack(_) | Self::End => Ok(()),
        }
    }
}

impl Simulator {
    /// Does it, if it can be done.
    pub fn tell(&self, verb: Verb) -> Result<(), Unfit> {
        verb.check()?;
        let typed = self.shared.change(|state| state.does(verb, &self.shared.config));
        if let Some(text) = typed {
            self.shared.announce(&text);
        }
        Ok(())
    }
}

impl State {
    /// Does what was found to be possible. Gives the text, if a phone typed one.
    pub(super) fn does(&mut self, verb: Verb, config: &SimulatorConfig) -> Option<Text> {
        let order = match verb {
            Verb::Faults(faults) => {
                self.set_faults(*faults);
                return None;
            }
            Verb::Text(Typed { phone, to, text }) => return Some(self.typed(&phone, &to, &text, config)),
            Verb::End => {
                self.ended = true;
                return None;
            }
            Verb::Outbind(callee) => {
                // Whoever asks for more than can be waiting does not get more.
                let _ = self.calls.try_send(Call::Outbind(callee));
                return None;
            }
            Verb::BindTo(callee) => {
                let _ = self.calls.try_send(Call::Bind(callee));
                return None;
            }
            Verb::Unbind => Order::Unbind,
            Verb::Drop => Order::Drop,
            Verb::Reset => Order::Reset,
            Verb::Stray(octets) => Order::Stray(Bytes::from(hexadecimal(&octets).unwrap_or_default())),
            Verb::EnquireLinks(count) => Order::EnquireLinks(count),
            Verb::Nack(nack) => Order::Nack(nack),
            Verb::Alert(alert) => Order::Alert(alert),
        };
        let have_room = self.orders.values_mut().filter(|orders| orders.len() < ORDERS_MAX);
        have_room.for_each(|orders| orders.push(order.clone()));
        None
    }
}

/// A plus sign and 8 to 15 digits. Whether anybody has the number does not matter here.
pub(super) fn number(key: &'static str, text: &str) -> Result<(), Unfit> {
    let is_number = text
        .strip_prefix('+')
        .is_some_and(|digits| (8..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()));
    fits(is_number, key, "a plus sign and 8 to 15 digits, such as +13035550123")
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(written: Value, mistake: Option<&str>) {
        let verb = serde_json::from_value::<Verb>(written.clone());
        let found = match verb {
            Ok(verb) => verb.check().err().map(|unfit| unfit.to_string()),
            Err(error) => Some(error.to_string()),
        };
        match (found, mistake) {
            (None, None) => {}
            (Some(found), Some(mistake)) if found.contains(mistake) => {}
            (found, _) => panic!("{written}: {found:?}"),
        }
    }

    #[test]
    fn what_can_be_told() {
        check(json!("unbind"), None);
        check(json!("drop"), None);
        check(json!("reset"), None);
        check(json!("end"), None);
        check(json!({"faults": {"refuse_with": 88, "refuse_of": [1, 3]}}), None);
        check(json!({"text": {"phone": "+13035550123", "to": "+13035550100", "text": "Yes"}}), None);
        check(json!({"alert": {"phone": "+13035550123", "to": "+13035550100"}}), None);
        check(json!({"stray": "00ffAB"}), None);
        check(json!({"outbind": {"address": "127.0.0.1:2785", "system_id": "carrier-a"}}), None);
        check(json!({"bind_to": {"address": "gw.example:2785", "system_id": "carrier-a", "password": "secret"}}), None);
        check(json!({"enquire_links": 1000}), None);
        check(json!({"nack": {"status": 3}}), None);
    }

    #[test]
    fn what_can_not_is_refused_in_words() {
        check(json!("shout"), Some("unknown variant `shout`, expected one of `faults`, `text`"));
        check(json!({"faults": {"silence": true}}), Some("unknown field `silence`, expected one of `silent`"));
        check(json!({"faults": {"receipt_copies": 99}}), Some("receipt_copies must be 10 at most"));
        check(json!({"text": {"phone": "me", "to": "+13035550100", "text": "Yes"}}), Some("phone must be a plus sign"));
        check(
            json!({"text": {"phone": "+13035550123", "to": "+13035550100", "text": ""}}),
            Some("text must be a text"),
        );
        let outbind = |address: &str, system_id: &str, password: &str| json!({"outbind": {"address": address, "system_id": system_id, "password": password}});
        check(outbind("127.0.0.1", "a", ""), Some("address must be a host and a port"));
        check(outbind(":1", "a", ""), Some("address must be"));
        check(outbind("here:0", "a", ""), Some("address must be"));
        check(outbind("here:1", "", ""), Some("system_id must be 1 to 15 ASCII"));
        check(outbind("here:1", "sixteen-letters!", ""), Some("system_id must be"));
        check(outbind("here:1", "a", "password9"), Some("password must be 8 ASCII"));
        check(json!({"stray": "0"}), Some("stray must be an even number"));
        check(json!({"stray": "0x"}), Some("stray must be"));
        check(json!({"enquire_links": 0}), Some("enquire_links must be a number from 1"));
        check(json!({"enquire_links": 10_001}), Some("enquire_links must be"));
        check(json!({"nack": {"status": 3, "why": 1}}), Some("unknown field `why`"));
    }
}
