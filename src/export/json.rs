//! The document as JSON: one object, one item a line. `sha256` is the hash of every octet before the comma that is before it.

use std::io;

use serde_json::{Value, json};

use super::{Change, Counts, Octets, Part, Report, Talk, Written, hex, words};
use crate::domain::{Body, Message, Suspension};

/// Which list is open, and whether something stands in it.
#[derive(Default)]
pub struct Json {
    section: Section,
    is_filled: bool,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Section {
    #[default]
    Heading,
    Staff,
    Patients,
    Conversations,
    Messages,
    Reports,
}

impl Json {
    /// Goes on to a list, through those that are left empty on the way.
    fn go_to(&mut self, section: Section, out: &mut dyn Octets) -> io::Result<()> {
        while self.section != section {
            let (next, between) = match self.section {
                Section::Heading => (Section::Staff, ",\n\"staff\":["),
                Section::Staff => (Section::Patients, "\n],\n\"patients\":["),
                Section::Patients => (Section::Conversations, "\n],\n\"conversations\":["),
                Section::Conversations => (Section::Messages, ""),
                Section::Messages => (Section::Reports, "\n],\"reports\":["),
                Section::Reports => (Section::Conversations, "\n]}"),
            };
            out.write_all(between.as_bytes())?;
            self.is_filled = self.section == Section::Reports;
            self.section = next;
        }
        Ok(())
    }

    fn item(&mut self, item: &Value, out: &mut dyn Octets) -> io::Result<()> {
        out.write_all(if self.is_filled { b",\n" } else { b"\n" })?;
        self.is_filled = true;
        write!(out, "{item}")
    }
}

impl Written for Json {
    fn part(&mut self, part: &Part<'_>, out: &mut dyn Octets) -> io::Result<()> {
        match part {
            Part::Begins { practice, at } => {
                let practice = json!({
                    "id": practice.id.as_str(),
                    "name": practice.name,
                    "number": practice.number.expose(),
                    "time_zone": practice.time_zone,
                    "contact": practice.contact,
                });
                write!(out, "{{\"format\":\"assent export 1\",\"exported_at\":\"{at}\",\n\"practice\":{practice}")
            }
            Part::Staff(member) => {
                self.go_to(Section::Staff, out)?;
                self.item(&json!({"id": member.id.as_str(), "name": member.name}), out)
            }
            Part::Patient(patient) => {
                self.go_to(Section::Patients, out)?;
                let item = json!({
                    "id": patient.id.as_str(),
                    "first_name": patient.first_name,
                    "last_name": patient.last_name,
                    "date_of_birth": patient.date_of_birth.to_string(),
                    "mobile_phone": patient.mobile_phone.expose(),
                });
                self.item(&item, out)
            }
            Part::Conversation(talk) => {
                self.go_to(Section::Conversations, out)?;
                let whole = conversation(talk).to_string();
                out.write_all(if self.is_filled { b",\n" } else { b"\n" })?;
                // Its messages stand inside of it.
                let open = whole.strip_suffix('}').expect("an object ends with a brace");
                write!(out, "{open},\"messages\":[")?;
                (self.section, self.is_filled) = (Section::Messages, false);
                Ok(())
            }
            Part::Message(_, one) => self.item(&message(one), out),
            Part::Report(_, one) => {
                self.go_to(Section::Reports, out)?;
                self.item(&report(one), out)
            }
            Part::ConversationEnds => {
                self.go_to(Section::Reports, out)?;
                self.go_to(Section::Conversations, out)
            }
            Part::Ends(counts) => {
                self.go_to(Section::Conversations, out)?;
                let Counts { staff, patients, conversations, changes, messages, reports } = counts;
                let counts = json!({"staff": staff, "patients": patients, "conversations": conversations,
                                    "changes": changes, "messages": messages, "reports": reports});
                write!(out, "\n],\n\"counts\":{counts}")?;
                let hash = hex(&out.hash());
                writeln!(out, ",\n\"sha256\":\"{hash}\"}}")
            }
        }
    }
}

fn conversation(talk: &Talk) -> Value {
    let patients: Vec<&str> = talk.patients.iter().map(|patient| patient.id.as_str()).collect();
    let history: Vec<Value> = talk.changes.iter().map(change).collect();
    json!({
        "id": format!("{:016x}", talk.id.0),
        "phone": talk.phone.expose(),
        "patients": patients,
        "consent": words::consent(&talk.consent),
        "unread": talk.unread,
        "consent_history": history,
    })
}

fn change(change: &Change) -> Value {
    let (by, staff) = words::by(change.by.as_ref());
    let mut written = json!({
        "at": change.at.to_string(),
        "from": words::consent(&change.from),
        "to": words::consent(&change.to),
        "by": by,
        "staff": staff.map(|staff| staff.as_str()),
        "words": change.words.as_ref().map(|words| json!({
            "message": words.message.to_string(),
            "text": words.text.expose(),
        })),
        "reason": change.reason().map(Body::expose),
        "imported": change.imported().map(|imported| json!({
            "file_sha256": imported.file.to_string(),
            "line": imported.line,
            "opted_out_at": imported.opted_out_at.map(|at| at.to_string()),
        })),
        "invitation": change.invitation.as_ref().map(|asked| json!({
            "message": asked.message.to_string(),
            "text": asked.text.expose(),
            "version": hex(&asked.version()),
            "left_at": asked.left_at.map(|at| at.to_string()),
        })),
        "ledger": match change.seq {
            Some(seq) => json!({"number": seq}),
            None => json!("before the ledger began"),
        },
    });
    if let Some((message, code)) = change.refused() {
        written["carrier"] = json!({"message": message.to_string(), "code": code.to_string()});
    }
    written
}

fn message(message: &Message) -> Value {
    json!({
        "id": message.id.to_string(),
        "direction": words::direction(&message.kind),
        "kind": words::kind(&message.kind),
        "text": message.text.expose(),
        "status": message.status.name(),
        "created_at": message.created_at.to_string(),
        "updated_at": message.updated_at.to_string(),
        "staff": words::author(&message.kind).map(|staff| staff.as_str()),
        "segments": message.segments,
        "failure": message.failure.as_ref().map(words::failure),
    })
}

fn report(report: &Report) -> Value {
    match report {
        Report::Unmatched { receipt, at } => json!({
            "what": "receipt of no known message",
            "at": at.to_string(),
            "state": words::receipt(receipt.state),
            "carrier_id": receipt.carrier_id.as_ref().map(|id| &*id.0),
            "error": receipt.error.map(|error| error.code.get()),
        }),
        Report::Redelivered { of, at } => json!({
            "what": "delivered again",
            "at": at.to_string(),
            "message": of.to_string(),
        }),
        Report::Held(hold) => json!({
            "what": "probable opt-out",
            "at": hold.since.to_string(),
            "message": hold.text.to_string(),
            "rule": &*hold.reading.rule,
            "words": hold.reading.words.expose(),
        }),
        Report::Suspended(Suspension { since, because }) => json!({
            "what": "number suspended",
            "at": since.to_string(),
            "because": because.name(),
            "message": because.message().to_string(),
        }),
        Report::NumberGiven { at } => json!({"what": "number given again", "at": at.to_string()}),
        Report::HoldSettled { settlement, by, at } => {
            let (by, staff) = words::settled_by(by);
            json!({
                "what": "hold settled",
                "at": at.to_string(),
                "decision": words::settlement(*settlement),
                "by": by,
                "staff": staff.map(|staff| staff.as_str()),
            })
        }
    }
}
