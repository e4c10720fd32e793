//! The records, messages and consent as the API shows them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Api;
use super::etag::{ETag, Tags};
use super::forms::{
    Day, LanguageCode, MarkName, MessageIdentifier, Opening, PatientIdentifier, PhoneNumber, StaffIdentifier,
    StatusName, Time, TimeZoneName,
};
use super::hours::{self, QuietView};
use super::texts::{self, ByOccasion, Shown};
use crate::domain::desk::{Arrangement, DeskState, Reader};
use crate::domain::note::Note;
use crate::domain::{
    Budget, CarrierError, Cause, Consent, Conversation, ConversationId, ConversationKey, Evidence, Failure, Hold, Kind,
    Mark, Message, MessageId, Patient, Practice, PracticeId, ReceiptState, StaffId, StaffMember, Suspension,
};
use crate::ports::{InboxRow, StoreError, Unread};
use crate::records::Person;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Practice")]
pub struct PracticeView<'a> {
    #[schemars(example = &"riverside")]
    id: &'a str,
    #[schemars(example = &"Riverside Physical Therapy")]
    name: &'a str,
    #[schemars(with = "PhoneNumber", example = &"+13035550100")]
    number: &'a str,
    #[schemars(with = "TimeZoneName")]
    time_zone: &'a str,
    #[schemars(example = &"303-555-0199")]
    contact: &'a str,
    #[schemars(example = 75)]
    segments_per_minute: u32,
    /// `null` is no limit.
    #[schemars(example = 2000)]
    segments_per_day: Option<u32>,
    /// Those that the practice has set itself.
    #[schemars(example = json!({"help": {"en": "{practice}: call {contact}. Reply STOP to opt out."}}))]
    texts: ByOccasion<&'a str>,
    quiet_hours: Option<QuietView>,
    /// `null` is that nobody is told that the practice is closed.
    #[schemars(with = "Option<BTreeMap<String, Vec<Opening>>>", example = json!({"monday": ["08:00-12:00", "13:00-17:00"]}))]
    office_hours: Option<BTreeMap<&'static str, Vec<String>>>,
}

impl<'a> PracticeView<'a> {
    /// Tags what a PUT of the practice writes.
    pub fn tag(tags: &Tags, practice: &Practice) -> ETag {
        tags.of(&[practice.id.as_str(), "practice"], &PracticeView::of(practice))
    }

    pub fn of(practice: &'a Practice) -> Self {
        Self {
            id: practice.id.as_str(),
            name: &practice.name,
            number: practice.number.expose(),
            time_zone: &practice.time_zone,
            contact: &practice.contact,
            segments_per_minute: practice.segments_per_minute.get(),
            segments_per_day: practice.segments_per_day.map(NonZeroU32::get),
            texts: texts::own(practice),
            quiet_hours: practice.quiet_hours.as_ref().map(QuietView::of),
            office_hours: practice.office_hours.as_ref().map(hours::office_view),
        }
    }
}

/// A practice, what Assent writes to its patients, and what its number has sent today.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PracticeToday")]
pub struct PracticeTodayView<'a> {
    #[serde(flatten)]
    practice: PracticeView<'a>,
    #[schemars(example = json!({"help": {"en": {"text": "Riverside Physical Therapy: call 303-555-0199. Reply STOP to opt out.", "segments": 1}}}))]
    texts_in_force: ByOccasion<Shown>,
    /// `null` while the store does not say.
    today: Option<TodayView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Today")]
struct TodayView {
    #[schemars(example = 12)]
    segments: u32,
    #[schemars(example = 2000)]
    segments_per_day: Option<u32>,
    #[schemars(extend("enum" = ["open", "nearing", "spent"]), example = &"open")]
    budget: &'static str,
    #[schemars(with = "Time")]
    ends_at: String,
}

impl<'a> PracticeTodayView<'a> {
    pub async fn of(api: &Api, practice: &'a Practice) -> Self {
        let standing = api.inbox.standing(practice, api.clock.now()).await.ok();
        let today = standing.map(|standing| TodayView {
            segments: standing.spent_today,
            segments_per_day: practice.segments_per_day.map(NonZeroU32::get),
            budget: match standing.budget(practice.segments_per_day) {
                Budget::Open => "open",
                Budget::Nearing => "nearing",
                Budget::Spent => "spent",
            },
            ends_at: standing.day_ends_at.to_string(),
        });
        let texts_in_force = texts::in_force(practice, api.records.writing(practice));
        Self { practice: PracticeView::of(practice), texts_in_force, today }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StaffMember")]
pub struct StaffView<'a> {
    #[schemars(with = "StaffIdentifier")]
    id: &'a str,
    #[schemars(example = &"Maria Alvarez")]
    name: &'a str,
    #[schemars(example = false)]
    site_administrator: bool,
    #[schemars(example = true)]
    patient_text_administrator: bool,
}

impl<'a> StaffView<'a> {
    pub fn tag(tags: &Tags, practice: &PracticeId, member: &StaffMember) -> ETag {
        tags.of(&[practice.as_str(), "staff"], &StaffView::of(member))
    }

    pub fn of(member: &'a StaffMember) -> Self {
        Self {
            id: member.id.as_str(),
            name: &member.name,
            site_administrator: member.site_administrator,
            patient_text_administrator: member.patient_text_administrator,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Patient")]
pub struct PatientView<'a> {
    #[schemars(with = "PatientIdentifier")]
    id: &'a str,
    #[schemars(example = &"Rosa")]
    first_name: &'a str,
    #[schemars(example = &"Martinez")]
    last_name: &'a str,
    #[schemars(with = "Day")]
    date_of_birth: String,
    #[schemars(with = "PhoneNumber")]
    mobile_phone: &'a str,
    #[schemars(with = "LanguageCode")]
    language: &'static str,
    /// `null` is the practice's.
    #[schemars(with = "Option<TimeZoneName>")]
    time_zone: Option<&'a str>,
}

impl<'a> PatientView<'a> {
    /// Tags what a PUT of the patient writes.
    pub fn tag(tags: &Tags, practice: &PracticeId, patient: &Patient) -> ETag {
        tags.of(&[practice.as_str(), "patient"], &PatientView::of(patient))
    }

    pub fn of(patient: &'a Patient) -> Self {
        Self {
            id: patient.id.as_str(),
            first_name: &patient.first_name,
            last_name: &patient.last_name,
            date_of_birth: patient.date_of_birth.to_string(),
            mobile_phone: patient.mobile_phone.expose(),
            language: texts::code_of(patient.preferences.language),
            time_zone: patient.preferences.time_zone.as_deref(),
        }
    }
}

/// A patient by name alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Person")]
pub struct PersonView {
    #[schemars(with = "PatientIdentifier")]
    id: String,
    #[schemars(example = &"Rosa")]
    first_name: String,
    #[schemars(example = &"Martinez")]
    last_name: String,
    /// Whether staff linked the phone to the patient: it is not the one in their record.
    #[schemars(example = false)]
    linked: bool,
}

impl PersonView {
    pub fn of(person: &Person) -> Self {
        let Person { patient, link } = person;
        Self {
            id: patient.id.to_string(),
            first_name: patient.first_name.clone(),
            last_name: patient.last_name.clone(),
            linked: link.is_some(),
        }
    }

    /// Everybody who has the phone of a conversation.
    pub fn all(api: &Api, key: &ConversationKey) -> Vec<Self> {
        api.records.people(&key.practice, &key.phone).iter().map(Self::of).collect()
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Consent")]
pub struct ConsentView {
    #[schemars(extend("enum" = ["none", "invited", "opted_in", "opted_out"]), example = &"opted_in")]
    state: &'static str,
    #[schemars(with = "Option<Time>")]
    since: Option<String>,
    evidence: Option<EvidenceView>,
    /// A probable opt-out that staff have not settled.
    #[schemars(example = json!(null))]
    hold: Option<HoldView>,
    /// Why nothing is written to the number until the patient gives it again.
    #[schemars(example = json!(null))]
    suspension: Option<SuspensionView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Suspension")]
struct SuspensionView {
    #[schemars(with = "Time")]
    since: String,
    /// `disconnected` or `wrong-number`.
    #[schemars(extend("enum" = ["disconnected", "wrong-number"]), example = &"wrong-number")]
    because: &'static str,
    /// The text that was not delivered, or that said so.
    evidence: EvidenceView,
}

/// The patient's text, what staff wrote down, what the carrier said, or what was imported.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Evidence", example = json!({"message": "4f1c0a52b7d93e68-2"}))]
enum EvidenceView {
    Text {
        #[schemars(with = "MessageIdentifier")]
        message: String,
        /// That what opted out may have been about an appointment: somebody should call. Told only where it is so.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        may_mean_appointment: bool,
    },
    Staff {
        #[schemars(with = "Option<StaffIdentifier>")]
        staff: Option<String>,
        reason: String,
    },
    /// A row of a list of the practice's earlier vendor.
    Imported {
        file_sha256: String,
        line: u64,
        #[schemars(with = "Option<Time>")]
        opted_out_at: Option<String>,
        reason: Option<String>,
    },
    Carrier {
        carrier: RefusedView,
    },
}

/// A text of ours that the carrier did not take or deliver.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RefusedText")]
struct RefusedView {
    #[schemars(with = "MessageIdentifier")]
    message: String,
    #[schemars(example = &"0x00000515")]
    code: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Hold")]
struct HoldView {
    #[schemars(with = "Time")]
    since: String,
    evidence: EvidenceView,
    /// Which rule read the text as an opt-out, and by which of its words.
    #[schemars(example = &"take-me-off")]
    rule: String,
    #[schemars(example = &"take me off your list")]
    words: String,
    /// When it becomes an opt-out, unless staff settle it.
    #[schemars(with = "Time")]
    ends_at: String,
}

impl ConsentView {
    pub fn of(practice: &Practice, consent: &Consent, hold: Option<&Hold>, suspension: Option<&Suspension>) -> Self {
        let (state, since, evidence) = match consent {
            Consent::None => ("none", None, None),
            Consent::Invited { since } => ("invited", Some(since), None),
            Consent::OptedIn { since, evidence } => ("opted_in", Some(since), Some(EvidenceView::text(*evidence))),
            Consent::OptedOut { since, evidence } => ("opted_out", Some(since), Some(EvidenceView::of(evidence))),
        };
        let hold = hold.map(|hold| HoldView::of(practice, hold));
        let suspension = suspension.map(|Suspension { since, because }| SuspensionView {
            since: since.to_string(),
            because: because.name(),
            evidence: EvidenceView::text(because.message()),
        });
        Self { state, since: since.map(ToString::to_string), evidence, hold, suspension }
    }

    /// Of a conversation that may never have begun.
    pub async fn read(api: &Api, practice: &Practice, key: &ConversationKey) -> Result<Self, StoreError> {
        let found = api.inbox.conversation(key).await?;
        let Some(Conversation { consent, hold, suspension, .. }) = found else {
            return Ok(Self::of(practice, &Consent::None, None, None));
        };
        Ok(Self::of(practice, &consent, hold.as_ref(), suspension.as_ref()))
    }
}

impl EvidenceView {
    fn text(message: MessageId) -> Self {
        Self::Text { message: message.to_string(), may_mean_appointment: false }
    }

    fn of(evidence: &Evidence) -> Self {
        match evidence {
            Evidence::Text(message) => Self::text(*message),
            Evidence::AmbiguousText(message) => Self::Text { message: message.to_string(), may_mean_appointment: true },
            Evidence::Staff { staff, reason } => {
                let staff = staff.as_ref().map(StaffId::to_string);
                Self::Staff { staff, reason: reason.expose().to_owned() }
            }
            Evidence::Carrier { message, code } => {
                Self::Carrier { carrier: RefusedView { message: message.to_string(), code: code.to_string() } }
            }
            Evidence::Imported(imported) => Self::Imported {
                file_sha256: imported.file.to_string(),
                line: imported.line,
                opted_out_at: imported.opted_out_at.map(|at| at.to_string()),
                reason: imported.reason.as_ref().map(|reason| reason.expose().to_owned()),
            },
        }
    }
}

impl HoldView {
    fn of(practice: &Practice, hold: &Hold) -> Self {
        Self {
            since: hold.since.to_string(),
            evidence: EvidenceView::text(hold.text),
            rule: hold.reading.rule.to_string(),
            words: hold.reading.words.expose().to_owned(),
            ends_at: hold.ends_at(practice).to_string(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageView {
    #[schemars(with = "MessageIdentifier")]
    id: String,
    #[schemars(extend("enum" = ["outbound", "inbound"]), example = &"outbound")]
    direction: &'static str,
    #[schemars(extend("enum" = ["text", "invitation", "opt_out_confirmation", "start_confirmation", "help", "after_hours"]), example = &"text")]
    kind: &'static str,
    #[schemars(example = &"Hi Rosa, see you Tuesday at 3?")]
    text: String,
    #[schemars(with = "StatusName")]
    status: &'static str,
    #[schemars(with = "Time")]
    created_at: String,
    #[schemars(with = "Time")]
    updated_at: String,
    #[schemars(with = "Option<StaffIdentifier>")]
    staff: Option<String>,
    #[schemars(example = 1)]
    segments: u32,
    #[schemars(example = json!(null))]
    failure: Option<FailureView>,
    /// When what is queued is expected to go: an estimate, or `null` when nobody knows.
    #[schemars(with = "Option<Time>", example = json!(null))]
    expected_at: Option<String>,
    /// What staff should know of it besides its words, by the names of [`Mark`], and [`SHORTENED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<MarkName>")]
    marks: Vec<&'static str>,
}

/// Characters of a text that a list or an event shows. A carrier may bring 64 KiB in one text; all that we send is shorter.
pub const SHOWN_CHARS_MAX: usize = 2_000;
/// The mark of a text that is longer than what is shown of it.
pub const SHORTENED: &str = "shortened";

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Failure")]
struct FailureView {
    #[schemars(example = &"carrier-rejected")]
    code: &'static str,
    #[schemars(example = &"The carrier refused it (command_status 0x0000000B).")]
    detail: String,
}

impl MessageView {
    /// Some messages of one conversation.
    pub async fn all(api: &Api, practice: &Practice, key: &ConversationKey, messages: &[Message]) -> Vec<Self> {
        let expected = api.inbox.expected(practice, key, messages, api.clock.now()).await;
        messages.iter().map(|message| Self::of(message, expected.get(&message.id).copied())).collect()
    }

    /// One message of a conversation.
    pub async fn one(api: &Api, practice: &Practice, key: &ConversationKey, message: &Message) -> Self {
        let expected = api.inbox.expected(practice, key, std::slice::from_ref(message), api.clock.now()).await;
        Self::of(message, expected.get(&message.id).copied())
    }

    /// One message of a conversation, however long its text is.
    pub async fn whole(api: &Api, practice: &Practice, key: &ConversationKey, message: &Message) -> Self {
        let view = Self::one(api, practice, key, message).await;
        let marks = view.marks.into_iter().filter(|mark| *mark != SHORTENED).collect();
        Self { text: message.text.expose().to_owned(), marks, ..view }
    }

    fn of(message: &Message, expected_at: Option<Timestamp>) -> Self {
        let (direction, kind, staff) = match &message.kind {
            Kind::Inbound => ("inbound", "text", None),
            Kind::StaffText { staff } => ("outbound", "text", staff.as_ref()),
            Kind::Invitation => ("outbound", "invitation", None),
            Kind::OptOutConfirmation => ("outbound", "opt_out_confirmation", None),
            Kind::StartConfirmation => ("outbound", "start_confirmation", None),
            Kind::Help => ("outbound", "help", None),
            Kind::AfterHours => ("outbound", "after_hours", None),
        };
        let text = message.text.expose();
        let cut = text.char_indices().nth(SHOWN_CHARS_MAX).map(|(at, _)| at);
        let marks = message.marks.iter().map(Mark::name).chain(cut.map(|_| SHORTENED));
        Self {
            id: message.id.to_string(),
            direction,
            kind,
            text: text[..cut.unwrap_or(text.len())].to_owned(),
            status: message.status.name(),
            created_at: message.created_at.to_string(),
            updated_at: message.updated_at.to_string(),
            staff: staff.map(ToString::to_string),
            segments: message.segments,
            failure: message.failure.map(FailureView::of),
            expected_at: expected_at.map(|at| at.to_string()),
            marks: marks.collect(),
        }
    }
}

impl FailureView {
    fn of(failure: Failure) -> Self {
        let (code, detail) = match failure {
            Failure::OptedOut => ("opted-out", "The patient opted out before it was sent.".into()),
            Failure::Unreachable => (
                "unreachable",
                "It did not reach the patient: this phone could not be asked, or is not theirs any more.".into(),
            ),
            Failure::CarrierRejected { command_status } => {
                ("carrier-rejected", format!("The carrier refused it (command_status 0x{command_status:08X})."))
            }
            Failure::PartlySent => ("partly-sent", "The carrier took only a part of it.".into()),
            Failure::Discarded => ("discarded", "It may or may not have gone out, and staff let it rest.".into()),
            Failure::SentAgain { .. } => {
                ("sent-again", "It may or may not have gone out, and staff sent it again as another message.".into())
            }
            Failure::AuthorMayNotText => (
                "author-may-not-text",
                "Its author may no longer text patients. Somebody who may can send it, or take it back.".into(),
            ),
            Failure::TakenOver { .. } => (
                "taken-over",
                "Its author may no longer text patients, and somebody else sent it as another message.".into(),
            ),
            Failure::NotDelivered { state, error } => not_delivered(state, error),
        };
        Self { code, detail }
    }
}

/// What the carrier's error means, where that is known; else what became of the message.
fn not_delivered(state: ReceiptState, error: Option<CarrierError>) -> (&'static str, String) {
    let (code, detail) = match error.and_then(|error| error.cause) {
        Some(cause) => (cause.name(), because(cause)),
        None => by_state(state),
    };
    let number = error.map(|error| format!(" The carrier's error is {}.", error.code));
    (code, format!("{detail}{}", number.unwrap_or_default()))
}

fn because(cause: Cause) -> &'static str {
    match cause {
        Cause::UnknownNumber => "Nobody has this number. Check it with the patient.",
        Cause::Landline => "This number can't get texts: it may be a landline. Ask the patient for a mobile phone.",
        Cause::Unreachable => "The phone was off, out of reach or full. Call, or send it again later.",
        Cause::BlockedByCarrier => {
            "The carrier blocks texts from the practice to this phone. Call, and tell whoever runs the server."
        }
        Cause::OptedOutAtCarrier => {
            "The patient opted out at the carrier, and can undo it by texting START to the practice's number."
        }
        Cause::OverLimit => "The carrier's limit for the practice's number was reached. Send it again later.",
        Cause::Content => "The carrier took it for spam. Send it again in other words and without links.",
    }
}

fn by_state(state: ReceiptState) -> (&'static str, &'static str) {
    match state {
        ReceiptState::Expired => ("not-delivered-expired", "The phone could not be reached in time."),
        ReceiptState::Deleted => ("not-delivered-deleted", "The carrier deleted it before it arrived."),
        ReceiptState::Undeliverable => {
            ("not-delivered-undeliverable", "The carrier can't deliver to this phone. Check the number.")
        }
        ReceiptState::Rejected => ("not-delivered-rejected", "The carrier rejected it on the way to the phone."),
        ReceiptState::Enroute | ReceiptState::Delivered | ReceiptState::Accepted | ReceiptState::Unknown => {
            ("not-delivered-unknown", "The carrier says that it did not arrive.")
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Conversation")]
pub struct ConversationView {
    #[schemars(with = "PhoneNumber")]
    phone: String,
    patients: Vec<PersonView>,
    consent: ConsentView,
    #[schemars(example = 1)]
    unread: u32,
    last_message: Option<MessageView>,
    /// It stays theirs if they lose the permission to text.
    #[schemars(with = "Option<StaffIdentifier>")]
    assigned_to: Option<String>,
    /// Until the patient texts again.
    #[schemars(example = false)]
    closed: bool,
    #[schemars(example = ["billing"])]
    tags: Vec<String>,
    /// When the oldest text came that staff have neither answered nor closed.
    #[schemars(with = "Option<Time>")]
    waiting_since: Option<String>,
    /// Whether the newest text of staff is known not to have arrived.
    #[schemars(example = false)]
    undeliverable: bool,
}

impl ConversationView {
    pub fn of(api: &Api, practice: &Practice, row: &InboxRow) -> Self {
        let key = ConversationKey { practice: practice.id.clone(), phone: row.phone.clone() };
        let Arrangement { assigned_to, state, tags } = &row.desk.arrangement;
        Self {
            phone: row.phone.expose().to_owned(),
            patients: PersonView::all(api, &key),
            consent: ConsentView::of(practice, &row.consent, row.hold.as_ref(), row.suspension.as_ref()),
            unread: row.unread,
            // The list is long: when its messages are expected to go is told where their threads are.
            last_message: row.last.as_ref().map(|last| MessageView::of(last, None)),
            assigned_to: assigned_to.as_ref().map(StaffId::to_string),
            closed: *state == DeskState::Closed,
            tags: tags.iter().map(|tag| tag.expose().to_owned()).collect(),
            waiting_since: row.desk.waiting_since.map(|since| since.to_string()),
            undeliverable: row.desk.is_undeliverable(),
        }
    }
}

/// A conversation with what staff do in it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeConversation")]
pub struct WholeConversationView {
    #[serde(flatten)]
    conversation: ConversationView,
    /// Who has read how far; whoever read last stands last.
    readers: Vec<ReaderView>,
    /// Who is writing at this moment.
    typing: Vec<TypingView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Reader")]
struct ReaderView {
    #[schemars(with = "StaffIdentifier")]
    staff: String,
    /// The newest message that was there.
    #[schemars(with = "MessageIdentifier")]
    message: String,
    #[schemars(with = "Time")]
    at: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Typing")]
struct TypingView {
    #[schemars(with = "StaffIdentifier")]
    staff: String,
    /// Unless they go on.
    #[schemars(with = "Time")]
    until: String,
}

impl WholeConversationView {
    pub fn of(
        api: &Api,
        practice: &Practice,
        id: ConversationId,
        row: &InboxRow,
        typing: Vec<(StaffId, Timestamp)>,
    ) -> Self {
        let reader = |Reader { staff, up_to, at }: &Reader| ReaderView {
            staff: staff.to_string(),
            message: MessageId { conversation: id, seq: *up_to }.to_string(),
            at: at.to_string(),
        };
        Self {
            conversation: ConversationView::of(api, practice, row),
            readers: row.desk.readers.iter().map(reader).collect(),
            typing: typing
                .into_iter()
                .map(|(staff, until)| TypingView { staff: staff.to_string(), until: until.to_string() })
                .collect(),
        }
    }
}

/// What staff wrote down for each other.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Note")]
pub struct NoteView {
    #[schemars(example = &"4f1c0a52b7d93e68-note-1")]
    id: String,
    #[schemars(example = &"Her son answers the phone after five.")]
    text: String,
    #[schemars(with = "Option<StaffIdentifier>")]
    staff: Option<String>,
    #[schemars(with = "Time")]
    created_at: String,
}

impl NoteView {
    pub fn of(note: &Note) -> Self {
        Self {
            id: note.id.to_string(),
            text: note.text.expose().to_owned(),
            staff: note.staff.as_ref().map(StaffId::to_string),
            created_at: note.created_at.to_string(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Unread")]
pub struct UnreadView {
    #[schemars(example = true)]
    red_dot: bool,
    #[schemars(example = 1)]
    conversations: u64,
    #[schemars(example = 2)]
    messages: u64,
}

impl UnreadView {
    pub fn of(unread: Unread) -> Self {
        Self { red_dot: unread.messages > 0, conversations: unread.conversations, messages: unread.messages }
    }
}
