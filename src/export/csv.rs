//! The document as CSV (RFC 4180): one table, whose first column says what a row is. The last row has the hash of all before it.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and a patient may text one. Such a cell gets
//! an apostrophe in front; so does one that begins with an apostrophe, so that whoever reads takes off one, if there is one.

use std::io;

use super::{Octets, Part, Report, Written, hex, words};
use crate::domain::{Body, Practice, Suspension};

/// What a spreadsheet may take for the beginning of a formula; the wide forms are those of Japanese keyboards.
const FORMULA: [char; 12] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\''];

#[derive(Default)]
pub struct Csv {
    practice: Option<Practice>,
}

/// A row. Most cells of most rows are empty.
#[derive(Default)]
struct Row<'a> {
    record: &'a str,
    practice: &'a str,
    number: &'a str,
    conversation: String,
    phone: &'a str,
    id: String,
    name: String,
    date_of_birth: String,
    patients: String,
    at: String,
    updated_at: String,
    direction: &'a str,
    kind: &'a str,
    status: &'a str,
    from: &'a str,
    to: &'a str,
    by: &'a str,
    staff: &'a str,
    text: &'a str,
    message: String,
    segments: String,
    failure: String,
    invitation: &'a str,
    invitation_message: String,
    invitation_left_at: String,
    invitation_version: String,
    ledger: String,
    sha256: String,
}

const HEADINGS: [&str; 28] = [
    "record",
    "practice",
    "number",
    "conversation",
    "phone",
    "id",
    "name",
    "date_of_birth",
    "patients",
    "at",
    "updated_at",
    "direction",
    "kind",
    "status",
    "from",
    "to",
    "by",
    "staff",
    "text",
    "message",
    "segments",
    "failure",
    "invitation",
    "invitation_message",
    "invitation_left_at",
    "invitation_version",
    "ledger",
    "sha256",
];

impl Row<'_> {
    fn cells(&self) -> [&str; HEADINGS.len()] {
        [
            self.record,
            self.practice,
            self.number,
            &self.conversation,
            self.phone,
            &self.id,
            &self.name,
            &self.date_of_birth,
            &self.patients,
            &self.at,
            &self.updated_at,
            self.direction,
            self.kind,
            self.status,
            self.from,
            self.to,
            self.by,
            self.staff,
            self.text,
            &self.message,
            &self.segments,
            &self.failure,
            self.invitation,
            &self.invitation_message,
            &self.invitation_left_at,
            &self.invitation_version,
            &self.ledger,
            &self.sha256,
        ]
    }
}

/// Every cell is quoted: what separates cells in a spreadsheet depends on where it is opened.
fn write_row(cells: [&str; HEADINGS.len()], out: &mut dyn Octets) -> io::Result<()> {
    let cell = |cell: &str| {
        let guard = if cell.starts_with(FORMULA) { "'" } else { "" };
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    };
    let row: Vec<String> = cells.into_iter().map(cell).collect();
    out.write_all(row.join(",").as_bytes())?;
    out.write_all(b"\r\n")
}

impl Written for Csv {
    fn part(&mut self, part: &Part<'_>, out: &mut dyn Octets) -> io::Result<()> {
        if let Part::Begins { practice, .. } = part {
            self.practice = Some((*practice).clone());
            write_row(HEADINGS, out)?;
        }
        let us = self.practice.clone();
        let us = us.as_ref().expect("a document begins with its practice");
        let blank = || Row { practice: us.id.as_str(), number: us.number.expose(), ..Row::default() };
        let row = match part {
            Part::Begins { practice, at } => {
                Row { record: "practice", name: practice.name.clone(), at: at.to_string(), ..blank() }
            }
            Part::Staff(member) => {
                Row { record: "staff", id: member.id.to_string(), name: member.name.clone(), ..blank() }
            }
            Part::Patient(patient) => Row {
                record: "patient",
                phone: patient.mobile_phone.expose(),
                id: patient.id.to_string(),
                name: format!("{} {}", patient.first_name, patient.last_name),
                date_of_birth: patient.date_of_birth.to_string(),
                ..blank()
            },
            Part::Conversation(talk) => {
                let patients: Vec<&str> = talk.patients.iter().map(|patient| patient.id.as_str()).collect();
                let patients = patients.join(" ");
                let of_talk = || Row {
                    conversation: format!("{:016x}", talk.id.0),
                    phone: talk.phone.expose(),
                    patients: patients.clone(),
                    ..blank()
                };
                let state = words::consent(&talk.consent);
                write_row(Row { record: "conversation", status: state, ..of_talk() }.cells(), out)?;
                for change in &talk.changes {
                    let (by, staff) = words::by(change.by.as_ref());
                    let (said, asked) = (change.words.as_ref(), change.invitation.as_ref());
                    let refused = change.refused();
                    let row = Row {
                        record: "consent",
                        at: change.at.to_string(),
                        from: words::consent(&change.from),
                        to: words::consent(&change.to),
                        by,
                        staff: staff.map_or("", |staff| staff.as_str()),
                        text: said.map(|words| &words.text).or(change.reason()).map_or("", Body::expose),
                        message: said
                            .map(|words| words.message)
                            .or(refused.map(|(message, _)| message))
                            .map(|message| message.to_string())
                            .unwrap_or_default(),
                        failure: refused.map(|(_, code)| code.to_string()).unwrap_or_default(),
                        invitation: asked.map_or("", |asked| asked.text.expose()),
                        invitation_message: asked.map(|asked| asked.message.to_string()).unwrap_or_default(),
                        invitation_left_at: asked
                            .and_then(|asked| asked.left_at)
                            .map(|at| at.to_string())
                            .unwrap_or_default(),
                        invitation_version: asked.map(|asked| hex(&asked.version())).unwrap_or_default(),
                        ledger: change.seq.map_or_else(|| "before the ledger began".into(), |seq| seq.to_string()),
                        ..of_talk()
                    };
                    write_row(row.cells(), out)?;
                }
                return Ok(());
            }
            Part::Message(talk, message) => Row {
                record: "message",
                conversation: format!("{:016x}", talk.id.0),
                phone: talk.phone.expose(),
                at: message.created_at.to_string(),
                updated_at: message.updated_at.to_string(),
                direction: words::direction(&message.kind),
                kind: words::kind(&message.kind),
                status: message.status.name(),
                staff: words::author(&message.kind).map_or("", |staff| staff.as_str()),
                text: message.text.expose(),
                message: message.id.to_string(),
                segments: message.segments.to_string(),
                failure: message.failure.as_ref().map(words::failure).unwrap_or_default(),
                ..blank()
            },
            Part::Report(talk, report) => {
                let of_talk = Row {
                    record: "report",
                    conversation: format!("{:016x}", talk.id.0),
                    phone: talk.phone.expose(),
                    ..blank()
                };
                match report {
                    Report::Unmatched { receipt, at } => Row {
                        kind: "receipt of no known message",
                        at: at.to_string(),
                        status: words::receipt(receipt.state),
                        id: receipt.carrier_id.as_ref().map(|id| id.0.to_string()).unwrap_or_default(),
                        failure: receipt.error.map(|error| error.code.to_string()).unwrap_or_default(),
                        ..of_talk
                    },
                    Report::Redelivered { of, at } => {
                        Row { kind: "delivered again", at: at.to_string(), message: of.to_string(), ..of_talk }
                    }
                    Report::Held(hold) => Row {
                        kind: "probable opt-out",
                        at: hold.since.to_string(),
                        message: hold.text.to_string(),
                        text: hold.reading.words.expose(),
                        ..of_talk
                    },
                    Report::Suspended(Suspension { since, because }) => Row {
                        kind: "number suspended",
                        at: since.to_string(),
                        message: because.message().to_string(),
                        failure: because.name().to_owned(),
                        ..of_talk
                    },
                    Report::NumberGiven { at } => Row { kind: "number given again", at: at.to_string(), ..of_talk },
                    Report::HoldSettled { settlement, by, at } => {
                        let (by, staff) = words::settled_by(by);
                        Row {
                            kind: "hold settled",
                            at: at.to_string(),
                            status: words::settlement(*settlement),
                            by,
                            staff: staff.map_or("", |staff| staff.as_str()),
                            ..of_talk
                        }
                    }
                }
            }
            Part::ConversationEnds => return Ok(()),
            Part::Ends(counts) => {
                let sha256 = hex(&out.hash());
                let text = format!(
                    "{} patients, {} conversations, {} changes of consent, {} messages",
                    counts.patients, counts.conversations, counts.changes, counts.messages
                );
                return write_row(Row { record: "end", text: &text, sha256, ..blank() }.cells(), out);
            }
        };
        write_row(row.cells(), out)
    }
}
