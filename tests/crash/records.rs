//! What each side wrote down: the practice's UI, the phones, the carrier, the threads, and the dead daemons' stores.

use assent::simulator::WireEntry;
use serde_json::Value;

/// Marks the texts of staff, so that they are found on the wire and nowhere else.
pub const OF_STAFF: &str = "canary of staff";
/// Marks what phones say, apart from STOP and START.
pub const OF_PHONES: &str = "canary of a phone";
/// What the confirmation of an opt-out says.
pub const OPTED_OUT: &str = "You are opted out";

/// Everything that is held against everything else.
#[derive(Clone, Default)]
pub struct Records {
    pub drafted: Vec<Drafted>,
    pub typed: Vec<Typed>,
    pub wire: Vec<WireEntry>,
    pub threads: Vec<Message>,
    pub deaths: Vec<Death>,
}

impl Records {
    /// How much there is to check.
    pub fn figures(&self) -> String {
        let unconfirmed = self.threads.iter().filter(|message| message.status == "unconfirmed").count();
        let Self { drafted, typed, wire, deaths, .. } = self;
        let refused = drafted.iter().filter(|draft| draft.refused).count();
        let words = typed.iter().filter(|typed| !typed.text.starts_with(OF_PHONES)).count();
        format!(
            "{} drafts ({refused} refused), {} texts from phones ({words} of them STOP or START), {} PDUs, {} deaths, \
             {} texts sending at one, {unconfirmed} unconfirmed",
            drafted.len(),
            typed.len(),
            wire.len(),
            deaths.len(),
            deaths.iter().map(|death| death.sending.len()).sum::<usize>(),
        )
    }
}

/// A draft, as the UI remembers it.
#[derive(Clone)]
pub struct Drafted {
    pub key: String,
    pub phone: String,
    pub text: String,
    /// The ids in the answers with 202, however often it was asked.
    pub accepted: Vec<String>,
    /// It was answered with 409.
    pub refused: bool,
}

impl Drafted {
    pub fn is_answered(&self) -> bool {
        self.refused || !self.accepted.is_empty()
    }
}

/// What somebody typed on a phone.
#[derive(Clone)]
pub struct Typed {
    pub phone: String,
    pub text: String,
    /// As the carrier names it.
    pub id: String,
    /// The carrier saw `deliver_sm_resp` with ROK.
    pub answered: bool,
}

/// A message of a thread.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: String,
    pub phone: String,
    pub is_inbound: bool,
    pub text: String,
    pub status: String,
}

impl Message {
    pub fn of(phone: &str, message: &Value) -> Self {
        let field = |name: &str| message[name].as_str().unwrap().to_owned();
        let is_inbound = message["direction"] == "inbound";
        Self { id: field("id"), phone: phone.to_owned(), is_inbound, text: field("text"), status: field("status") }
    }

    pub fn is_of_staff(&self) -> bool {
        !self.is_inbound && self.text.starts_with(OF_STAFF)
    }
}

/// A daemon was killed.
#[derive(Clone)]
pub struct Death {
    /// The last connection that it had to the carrier.
    pub last_connection: u64,
    /// The texts that its store calls `sending`.
    pub sending: Vec<String>,
}
