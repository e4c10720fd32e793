//! The evidence ledger as it is written: a conversation's part of it, and each proof.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::message::{status_code, status_of};
use super::{ConsentV1, MessageIdV1, ReadError, base64, nanoseconds, octets, phone, practice_id, time};
use crate::domain::ledger::{Asked, Awaited, By, Ledger, Link, Proof, Words};
use crate::domain::{Body, ConversationId, FileHash, StaffId};

/// What a conversation holds of its part.
#[derive(Serialize, Deserialize)]
pub struct LedgerV1<'a> {
    count: u64,
    link: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    invitations: Vec<AwaitedV1<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    held: Option<WordsV1<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imported: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct AwaitedV1<'a> {
    #[serde(flatten, borrow)]
    asked: AskedV1<'a>,
    status: i64,
}

#[derive(Serialize, Deserialize)]
struct AskedV1<'a> {
    message: MessageIdV1,
    #[serde(borrow)]
    text: Cow<'a, str>,
    left_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub struct ProofV1<'a> {
    conversation: u64,
    seq: u64,
    previous: String,
    #[serde(borrow)]
    practice: Cow<'a, str>,
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    phone: Cow<'a, str>,
    at: i64,
    #[serde(borrow)]
    from: ConsentV1<'a>,
    #[serde(borrow)]
    to: ConsentV1<'a>,
    by: ByV1<'a>,
    #[serde(borrow)]
    words: Option<WordsV1<'a>>,
    #[serde(borrow)]
    invitation: Option<AskedV1<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByV1<'a> {
    Patient,
    Staff { staff: Option<Cow<'a, str>> },
    Carrier,
    Import,
    Time,
}

#[derive(Serialize, Deserialize)]
struct WordsV1<'a> {
    message: MessageIdV1,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl<'a> LedgerV1<'a> {
    /// None of a conversation that has no part in the ledger yet, so that what an earlier release wrote stays as it is.
    pub fn of(ledger: &'a Ledger) -> Option<Self> {
        (*ledger != Ledger::default()).then(|| Self {
            count: ledger.count,
            link: base64(&ledger.link.0),
            invitations: ledger.invitations.iter().map(AwaitedV1::from).collect(),
            held: ledger.held.as_ref().map(WordsV1::from),
            imported: ledger.imported.map(|file| base64(&file.0)),
        })
    }

    pub fn read(written: Option<Self>) -> Result<Ledger, ReadError> {
        let Some(Self { count, link, invitations, held, imported }) = written else { return Ok(Ledger::default()) };
        let invitations = invitations.into_iter().map(Awaited::try_from).collect::<Result<_, _>>()?;
        let imported = imported.map(|file| octets(&file)).transpose()?.map(FileHash);
        Ok(Ledger { count, link: Link(octets(&link)?), invitations, held: held.map(Words::from), imported })
    }
}

impl<'a> From<&'a Awaited> for AwaitedV1<'a> {
    fn from(Awaited { asked, status }: &'a Awaited) -> Self {
        Self { asked: asked.into(), status: status_code(*status) }
    }
}

impl TryFrom<AwaitedV1<'_>> for Awaited {
    type Error = ReadError;

    fn try_from(AwaitedV1 { asked, status }: AwaitedV1<'_>) -> Result<Self, ReadError> {
        Ok(Self { asked: asked.into(), status: status_of(status)? })
    }
}

impl<'a> From<&'a Asked> for AskedV1<'a> {
    fn from(Asked { message, text, left_at }: &'a Asked) -> Self {
        Self { message: (*message).into(), text: text.expose().into(), left_at: left_at.map(nanoseconds) }
    }
}

impl From<AskedV1<'_>> for Asked {
    fn from(AskedV1 { message, text, left_at }: AskedV1<'_>) -> Self {
        Self { message: message.into(), text: Body::new(text), left_at: left_at.map(time) }
    }
}

impl<'a> From<&'a Words> for WordsV1<'a> {
    fn from(Words { message, text }: &'a Words) -> Self {
        Self { message: (*message).into(), text: text.expose().into() }
    }
}

impl From<WordsV1<'_>> for Words {
    fn from(WordsV1 { message, text }: WordsV1<'_>) -> Self {
        Self { message: message.into(), text: Body::new(text) }
    }
}

impl<'a> From<&'a Proof> for ProofV1<'a> {
    fn from(proof: &'a Proof) -> Self {
        let Proof { conversation, seq, previous, practice, number, phone, at, from, to, by, words, invitation } = proof;
        Self {
            conversation: conversation.0,
            seq: *seq,
            previous: base64(&previous.0),
            practice: practice.as_str().into(),
            number: number.expose().into(),
            phone: phone.expose().into(),
            at: nanoseconds(*at),
            from: from.into(),
            to: to.into(),
            by: match by {
                By::Patient => ByV1::Patient,
                By::Staff(staff) => ByV1::Staff { staff: staff.as_ref().map(|staff| staff.as_str().into()) },
                By::Carrier => ByV1::Carrier,
                By::Import => ByV1::Import,
                By::Time => ByV1::Time,
            },
            words: words.as_ref().map(WordsV1::from),
            invitation: invitation.as_ref().map(AskedV1::from),
        }
    }
}

impl TryFrom<ProofV1<'_>> for Proof {
    type Error = ReadError;

    fn try_from(written: ProofV1<'_>) -> Result<Self, ReadError> {
        let by = match written.by {
            ByV1::Patient => By::Patient,
            ByV1::Staff { staff } => {
                let staff = staff.map(|staff| StaffId::parse(&staff)).transpose();
                By::Staff(staff.map_err(|_| ReadError::NotA("staff id"))?)
            }
            ByV1::Carrier => By::Carrier,
            ByV1::Import => By::Import,
            ByV1::Time => By::Time,
        };
        Ok(Self {
            conversation: ConversationId(written.conversation),
            seq: written.seq,
            previous: Link(octets(&written.previous)?),
            practice: practice_id(&written.practice)?,
            number: phone(&written.number)?,
            phone: phone(&written.phone)?,
            at: time(written.at),
            from: written.from.try_into()?,
            to: written.to.try_into()?,
            by,
            words: written.words.map(Words::from),
            invitation: written.invitation.map(Asked::from),
        })
    }
}
