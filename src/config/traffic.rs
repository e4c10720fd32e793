//! What goes for the texts of a link, whoever opens it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::profile;
use super::reader::{Reader, Section};
use crate::carrier::Profile;
use crate::domain::Phone;

/// The most texts that may be unanswered on one link.
const WINDOW_MAX: u32 = 1_000;
/// The longest that a link may go unchecked: with the ten seconds that the answer may take, a dead one is found within 40 s.
const ENQUIRE_LINK_MAX: Duration = Duration::from_secs(30);
/// The last in line of the links.
const PRIORITY_MAX: u32 = 100;
/// The longest `system_id` (SMPP 3.4 §5.2.1) and password (§5.2.2), without their terminating NUL.
const SYSTEM_ID_CHARS_MAX: usize = 15;
const PASSWORD_CHARS_MAX: usize = 8;

/// How texts go over a link.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// Unanswered texts at once.
    pub window: u32,
    /// What the carrier contract allows on this link.
    pub segments_per_second: NonZeroU32,
    /// After this long without traffic the link is checked.
    pub enquire_link: Duration,
    /// How long an answer to a text is waited for.
    pub response_timeout: Duration,
    /// The practice numbers that go through this link; none means all.
    pub numbers: Vec<Phone>,
    /// The carrier's ways.
    pub profile: Arc<Profile>,
    /// Of the links that serve a number, those with the lowest that are bound take its texts.
    pub priority: u32,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            window: 10,
            segments_per_second: NonZeroU32::new(100).expect("100 is not zero"),
            enquire_link: Duration::from_secs(30),
            response_timeout: Duration::from_mins(1),
            numbers: Vec::new(),
            profile: Arc::default(),
            priority: 1,
        }
    }
}

impl Traffic {
    pub(super) fn read(reader: &mut Reader, section: &mut Section) -> Self {
        let seconds = Duration::from_secs;
        let usual = Self::default();
        let per_second = usual.segments_per_second;
        let window = reader.number(section, "window", usual.window, WINDOW_MAX);
        let segments_per_second = reader.number(section, "segments_per_second", per_second.get(), 1_000_000);
        let checked = (seconds(1), ENQUIRE_LINK_MAX);
        let enquire_link = reader.duration(section, "enquire_link", usual.enquire_link, checked);
        let answered = (seconds(1), seconds(600));
        let response_timeout = reader.duration(section, "response_timeout", usual.response_timeout, answered);
        let numbers = reader.phones(section, "numbers");
        let profile = profile::read(reader, section);
        let priority = reader.number(section, "priority", usual.priority, PRIORITY_MAX);
        Self {
            window,
            segments_per_second: NonZeroU32::new(segments_per_second).unwrap_or(per_second),
            enquire_link,
            response_timeout,
            numbers,
            profile: Arc::new(profile),
            priority,
        }
    }
}

/// Says what is wrong with a `system_id`.
pub(super) fn check_system_id(reader: &mut Reader, section: &Section, key: &str, system_id: &str) {
    if system_id.len() > SYSTEM_ID_CHARS_MAX {
        reader.wrong(section, key, "has more than 15 characters (SMPP 3.4 §5.2.1)");
    }
}

/// Says what is wrong with a password.
pub(super) fn check_password(reader: &mut Reader, section: &Section, key: &str, password: &SecretString) {
    if password.expose_secret().len() > PASSWORD_CHARS_MAX {
        reader.wrong(section, key, "has more than 8 characters (SMPP 3.4 §5.2.2)");
    }
}
