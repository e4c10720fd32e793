//! What staff keep beside a conversation for each other: whose it is, whether it is done with, what it is about, and who read it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{MessageId, Seq, StaffId, Status};

/// Tags of one conversation: more say nothing at a glance.
pub const TAGS_MAX: usize = 10;
/// Characters of a tag: a word or a few, as they fit beside a name in a list.
pub const TAG_CHARS_MAX: usize = 40;
/// Members of staff of whom it is known how far they have read one conversation. Whoever read longest ago gives way.
pub const READERS_MAX: usize = 50;

/// How often staff, or a text that reopened it, changed what is arranged about a conversation. It only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeskVersion(pub u64);

/// A conversation as it lies on the practice's desk. Nothing of it is ever sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desk {
    pub arrangement: Arrangement,
    pub version: DeskVersion,
    /// When the oldest text came that staff have neither answered nor closed.
    pub waiting_since: Option<Timestamp>,
    /// The newest text that staff wrote, and whether it reached the patient, as far as is known.
    pub newest_by_staff: Option<NewestByStaff>,
    /// Who has read how far, whoever read last at the end.
    pub readers: Vec<Reader>,
    /// The number of the newest note; 0 before the first.
    pub notes: u64,
}

/// What staff arrange among each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// It stays theirs if they lose the permission to text: somebody has to see whose it was.
    pub assigned_to: Option<StaffId>,
    pub state: DeskState,
    pub tags: Tags,
}

/// Whether there is anything left to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeskState {
    #[default]
    Open,
    /// Until the patient texts again.
    Closed,
}

/// What staff change of an arrangement; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rearrangement {
    pub assigned_to: Option<Option<StaffId>>,
    pub state: Option<DeskState>,
    pub tags: Option<Tags>,
}

/// The newest text that staff wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestByStaff {
    pub seq: Seq,
    /// The carrier says that it did not arrive, or it was never sent.
    pub is_undeliverable: bool,
}

/// A member of staff who has read a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub staff: StaffId,
    /// The newest message that was there.
    pub up_to: Seq,
    /// When they first had read as far.
    pub at: Timestamp,
}

impl Desk {
    /// Whether the newest text of staff is known not to have arrived.
    pub fn is_undeliverable(&self) -> bool {
        self.newest_by_staff.is_some_and(|newest| newest.is_undeliverable)
    }

    /// The patient texted; `waits` is when staff are to answer it, and not Assent.
    pub(super) fn heard(&mut self, waits: Waits, now: Timestamp) {
        self.arrangement.state = DeskState::Open;
        match waits {
            Waits::ForStaff => self.waiting_since = self.waiting_since.or(Some(now)),
            Waits::ForNobody => {}
        }
    }

    /// Staff wrote.
    pub(super) fn answered(&mut self, seq: Seq) {
        self.waiting_since = None;
        self.newest_by_staff = Some(NewestByStaff { seq, is_undeliverable: false });
    }

    /// It is known what became of a message.
    pub(super) fn told(&mut self, id: MessageId, status: Status) {
        let Some(newest) = self.newest_by_staff.as_mut().filter(|newest| newest.seq == id.seq) else { return };
        newest.is_undeliverable = match status {
            Status::Undelivered | Status::Failed => true,
            Status::Pending
            | Status::Held
            | Status::Scheduled
            | Status::Queued
            | Status::Sending
            | Status::Sent
            | Status::Delivered
            | Status::Unconfirmed
            | Status::Expired
            | Status::Canceled
            | Status::Received => false,
        };
    }

    pub(super) fn rearrange(&mut self, change: Rearrangement) {
        let Rearrangement { assigned_to, state, tags } = change;
        let arrangement = &mut self.arrangement;
        arrangement.assigned_to = assigned_to.unwrap_or(arrangement.assigned_to.take());
        arrangement.state = state.unwrap_or(arrangement.state);
        arrangement.tags = tags.unwrap_or_else(|| std::mem::take(&mut arrangement.tags));
        if arrangement.state == DeskState::Closed {
            self.waiting_since = None;
        }
    }

    /// Nobody reads backwards: whoever has read further stays there.
    pub(super) fn read(&mut self, staff: StaffId, up_to: Seq, now: Timestamp) {
        let known = self.readers.iter().position(|reader| reader.staff == staff);
        if known.is_some_and(|index| self.readers[index].up_to >= up_to) {
            return;
        }
        match known {
            Some(index) => drop(self.readers.remove(index)),
            None if self.readers.len() >= READERS_MAX => drop(self.readers.remove(0)),
            None => {}
        }
        self.readers.push(Reader { staff, up_to, at: now });
    }
}

/// Whether anybody has to answer a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    ForStaff,
    /// Assent has answered it, or done what it asks for.
    ForNobody,
}

/// What a conversation is about, in a word or a few. It may say as much of a patient as a text does, so `Debug` shows
/// none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {TAG_CHARS_MAX} characters on one line")]
pub struct TagError;

impl Tag {
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let text = text.trim();
        let fits = (1..=TAG_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.into())) } else { Err(TagError) }
    }

    /// The words themselves, for the record and the API.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What two tags have in common that differ in their capitals alone: they are the same to whoever looks for one.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹tag of {} chars›", self.0.chars().count())
    }
}

/// The tags of a conversation: at most [`TAGS_MAX`], no two the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// Too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {TAGS_MAX} tags")]
pub struct TooManyTags;

impl Tags {
    /// In the order in which they are given; one that comes again counts once.
    pub fn of(given: Vec<Tag>) -> Result<Self, TooManyTags> {
        let mut tags: Vec<Tag> = Vec::new();
        for tag in given {
            if !tags.iter().any(|known| known.folded() == tag.folded()) {
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_MAX { Err(TooManyTags) } else { Ok(Self(tags)) }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter()
    }
}

/// By what a conversation is found in the inbox, besides what is unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facet {
    /// A text of the patient's waits for an answer.
    Waiting,
    /// The newest text of staff did not arrive.
    Undeliverable,
    /// Staff have to settle a probable opt-out, or to answer for a text whose author may text no more.
    Held,
    Closed,
    /// Somebody's, whosever it is.
    Assigned,
    AssignedTo(StaffId),
    Tagged(Tag),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Result<Vec<String>, TooManyTags> {
        let given = texts.iter().map(|text| Tag::parse(text).unwrap()).collect();
        Tags::of(given).map(|tags| tags.iter().map(|tag| tag.expose().to_owned()).collect())
    }

    #[test]
    fn a_tag_is_a_few_words_on_one_line() {
        assert_eq!(Tag::parse("  back pain ").unwrap().expose(), "back pain");
        assert!(Tag::parse(&"é".repeat(TAG_CHARS_MAX)).is_ok());
        for bad in ["", "  ", "a\nb", "a\u{7}", &"é".repeat(TAG_CHARS_MAX + 1)] {
            assert_eq!(Tag::parse(bad), Err(TagError), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Tag::parse("hiv").unwrap()), "‹tag of 3 chars›");
    }

    #[test]
    fn tags_are_bounded_and_each_counts_once() {
        assert_eq!(tags(&["Billing", "knee", "billing"]).unwrap(), ["Billing", "knee"]);
        let many: Vec<String> = (0..=TAGS_MAX).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(tags(&many[..TAGS_MAX]).unwrap(), many[..TAGS_MAX]);
        assert_eq!(tags(&many), Err(TooManyTags));
    }

    #[test]
    fn whoever_read_longest_ago_gives_way_and_nobody_reads_backwards() {
        let staff = |number: usize| StaffId::parse(&format!("s{number}")).unwrap();
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        let mut desk = Desk::default();
        for number in 0..READERS_MAX {
            desk.read(staff(number), Seq(1), at(number));
        }
        desk.read(staff(0), Seq(2), at(100));
        desk.read(staff(0), Seq(1), at(101));
        desk.read(staff(READERS_MAX), Seq(2), at(102));
        assert_eq!(desk.readers.len(), READERS_MAX);
        assert!(!desk.readers.iter().any(|reader| reader.staff == staff(1)));
        let first = desk.readers.iter().find(|reader| reader.staff == staff(0)).unwrap();
        assert_eq!((first.up_to, first.at), (Seq(2), at(100)));
    }
}
