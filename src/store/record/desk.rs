//! What staff keep beside a conversation, and their notes, as they are written.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{KeyV1, ReadError, nanoseconds, read, time, write};
use crate::domain::desk::{
    Arrangement, Desk, DeskState, DeskVersion, NewestByStaff, Reader, Tag, TagError, Tags, TooManyTags,
};
use crate::domain::note::{Note, NoteId, NoteText};
use crate::domain::{Seq, StaffId};
use crate::ports::Typing;

/// What is as it is at first is left out: most conversations are nobody's in particular.
#[derive(Default, Serialize, Deserialize)]
pub struct DeskV1<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    assigned_to: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    tags: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting_since: Option<i64>,
    /// Its place, and whether it did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest_by_staff: Option<(u64, bool)>,
    /// Who, up to which place, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    readers: Vec<(Cow<'a, str>, u64, i64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    notes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<'a> DeskV1<'a> {
    /// Nothing of a desk on which nothing was ever done.
    pub fn of(desk: &'a Desk) -> Option<Self> {
        if *desk == Desk::default() {
            return None;
        }
        let Desk { arrangement, version, waiting_since, newest_by_staff, readers, notes } = desk;
        let Arrangement { assigned_to, state, tags } = arrangement;
        Some(Self {
            assigned_to: assigned_to.as_ref().map(|staff| staff.as_str().into()),
            closed: *state == DeskState::Closed,
            tags: tags.iter().map(|tag| tag.expose().into()).collect(),
            version: version.0,
            waiting_since: waiting_since.map(nanoseconds),
            newest_by_staff: newest_by_staff.map(|newest| (newest.seq.0, newest.is_undeliverable)),
            readers: readers
                .iter()
                .map(|Reader { staff, up_to, at }| (staff.as_str().into(), up_to.0, nanoseconds(*at)))
                .collect(),
            notes: *notes,
        })
    }

    pub fn read(written: Option<Self>) -> Result<Desk, ReadError> {
        let Self { assigned_to, closed, tags, version, waiting_since, newest_by_staff, readers, notes } =
            written.unwrap_or_default();
        let tags: Vec<Tag> = tags
            .iter()
            .map(|tag| Tag::parse(tag))
            .collect::<Result<_, _>>()
            .map_err(|TagError| ReadError::NotA("tag"))?;
        Ok(Desk {
            arrangement: Arrangement {
                assigned_to: assigned_to.as_deref().map(staff_id).transpose()?,
                state: if closed { DeskState::Closed } else { DeskState::Open },
                tags: Tags::of(tags).map_err(|TooManyTags| ReadError::NotA("list of tags"))?,
            },
            version: DeskVersion(version),
            waiting_since: waiting_since.map(time),
            newest_by_staff: newest_by_staff
                .map(|(seq, is_undeliverable)| NewestByStaff { seq: Seq(seq), is_undeliverable }),
            readers: readers
                .iter()
                .map(|(staff, up_to, at)| Ok(Reader { staff: staff_id(staff)?, up_to: Seq(*up_to), at: time(*at) }))
                .collect::<Result<_, ReadError>>()?,
            notes,
        })
    }
}

fn staff_id(text: &str) -> Result<StaffId, ReadError> {
    StaffId::parse(text).map_err(|_| ReadError::NotA("staff id"))
}

/// What of a note is sealed; its name is beside it.
#[derive(Serialize, Deserialize)]
struct NoteV1<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    staff: Option<Cow<'a, str>>,
    at: i64,
}

pub fn write_note(note: &Note) -> Vec<u8> {
    let Note { id: _, text, staff, created_at } = note;
    let staff = staff.as_ref().map(|staff| staff.as_str().into());
    write(&NoteV1 { text: text.expose().into(), staff, at: nanoseconds(*created_at) })
}

pub fn read_note(id: NoteId, octets: &[u8]) -> Result<Note, ReadError> {
    let NoteV1 { text, staff, at } = read(octets)?;
    Ok(Note {
        id,
        text: NoteText::parse(&text).map_err(|_| ReadError::NotA("note"))?,
        staff: staff.as_deref().map(staff_id).transpose()?,
        created_at: time(at),
    })
}

/// Who is writing, on its way to other daemons.
#[derive(Serialize, Deserialize)]
struct TypingV1<'a> {
    #[serde(borrow)]
    key: KeyV1<'a>,
    #[serde(borrow)]
    staff: Cow<'a, str>,
}

pub fn write_typing(typing: &Typing) -> Vec<u8> {
    write(&TypingV1 { key: (&typing.key).into(), staff: typing.staff.as_str().into() })
}

pub fn read_typing(octets: &[u8]) -> Result<Typing, ReadError> {
    let TypingV1 { key, staff } = read(octets)?;
    Ok(Typing { key: key.try_into()?, staff: staff_id(&staff)? })
}
