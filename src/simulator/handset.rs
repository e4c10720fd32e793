//! A phone behind the carrier, as whoever holds it sees it.

use jiff::Timestamp;

use super::{Direction, Simulator, State, Text};

/// A phone, for whoever holds it.
#[derive(Clone)]
pub struct Handset {
    pub(super) simulator: Simulator,
    pub(super) number: String,
}

impl Handset {
    /// What it shows, oldest first: what came, and what was typed.
    pub fn texts(&self) -> Vec<Text> {
        self.simulator.shared.state().phones.texts(&self.number)
    }

    /// Types a text and sends it; the carrier delivers it when it can.
    pub fn send(&self, to: &str, words: &str) -> Text {
        self.simulator.shared.typed(&self.number, to, words)
    }

    /// Shows a text from another run of the carrier, as one that was dealt with.
    pub fn remember(&self, direction: Direction, other: &str, words: &str, at: Timestamp) {
        let (from, to) = match direction {
            Direction::ToPhone => (other, self.number.as_str()),
            Direction::FromPhone => (self.number.as_str(), other),
        };
        let [from, to, text] = [from, to, words].map(str::to_owned);
        self.simulator.shared.change(|state| {
            let id = format!("{:x}", state.new_id());
            state.phones.keep(Text { id, direction, from, to, text, at, answered: true });
        });
    }

    /// Types a text and waits until the gateway has answered for all of it.
    pub async fn text(&self, to: &str, words: &str) -> Text {
        let Text { id, .. } = self.send(to, words);
        self.wait_until_answered(&id).await
    }

    /// Waits until the gateway has answered for all of a text that was typed.
    pub async fn wait_until_answered(&self, id: &str) -> Text {
        self.wait_for(|text| text.id == id && text.answered).await
    }

    /// Waits until a text that came satisfies.
    pub async fn wait_for_text(&self, wanted: impl Fn(&Text) -> bool) -> Text {
        self.wait_for(|text| text.direction == Direction::ToPhone && wanted(text)).await
    }

    async fn wait_for(&self, wanted: impl Fn(&Text) -> bool) -> Text {
        let find = |state: &State| state.phones.texts(&self.number).into_iter().find(|text| wanted(text));
        self.simulator.shared.until(find).await
    }
}
