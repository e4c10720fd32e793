//! The document as a `Bundle` of FHIR R4 (4.0.1) of the type `collection`: the practice as `Organization`, its staff as
//! `Practitioner`, its patients as `Patient`, each change of consent as `Consent`, each text as `Communication`. The identifier
//! of the bundle, which is its last member, is the hash of every octet before the comma that is before it.
//!
//! What a patient wrote must be theirs to the letter, and a FHIR string may not hold every character. Words that it may not
//! hold, and all that is quoted as evidence, stand in attachments.

mod resources;

use std::io;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Change, Octets, Part, Report, Talk, Written, hex, words};
use crate::domain::ledger::By;
use crate::domain::{Consent, Kind, Message, StaffId, Status, Suspension};
use resources::{attachment, is_string, organization, patient, phone_of, practitioner, status};

const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem";
/// The rule that consent is asked for under (United States).
const RULE: &str = "47 CFR 64.1200: texts to a wireless number with the prior express consent of the called party";

#[derive(Default)]
pub struct Fhir {
    /// Whose document it is; none before it begins.
    practice: Option<String>,
}

impl Written for Fhir {
    fn part(&mut self, part: &Part<'_>, out: &mut dyn Octets) -> io::Result<()> {
        if let Part::Begins { practice, at } = part {
            writeln!(out, "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"timestamp\":\"{at}\",\"entry\":[")?;
            self.practice = Some(practice.id.to_string());
            let names = Names(practice.id.as_str());
            return write!(out, "{}", names.entry("practice", "", &organization(practice)));
        }
        let practice = self.practice.as_deref().expect("a document begins with its practice");
        let names = Names(practice);
        let mut add = |entry: Value| write!(out, ",\n{entry}");
        match part {
            Part::Begins { .. } | Part::ConversationEnds => Ok(()),
            Part::Staff(member) => add(names.entry("staff", member.id.as_str(), &practitioner(member))),
            Part::Patient(one) => add(names.entry("patient", one.id.as_str(), &patient(one))),
            Part::Conversation(talk) => names.consents(talk).into_iter().try_for_each(add),
            Part::Message(talk, message) => {
                add(names.entry("message", &message.id.to_string(), &names.communication(talk, message)))
            }
            Part::Report(talk, report) => {
                let (id, note) = names.report(talk, report);
                add(names.entry("report", &id, &note))
            }
            Part::Ends(_) => {
                out.write_all(b"\n]")?;
                let identifier = json!({"system": "urn:x-assent:sha256", "value": hex(&out.hash())});
                writeln!(out, ",\"identifier\":{identifier}}}")
            }
        }
    }
}

/// Names resources of one practice: the same in every document.
struct Names<'a>(&'a str);

impl Names<'_> {
    /// A UUID of version 8 (RFC 9562): a hash of what it names.
    fn uuid(&self, kind: &str, id: &str) -> String {
        let mut hash = Sha256::new();
        for part in ["assent export", self.0, kind, id] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut octets: [u8; 32] = hash.finalize().into();
        octets[6] = octets[6] & 0x0f | 0x80;
        octets[8] = octets[8] & 0x3f | 0x80;
        let digits = hex(&octets[..16]);
        format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
    }

    fn reference(&self, kind: &str, id: &str) -> Value {
        json!({"reference": format!("urn:uuid:{}", self.uuid(kind, id))})
    }

    fn entry(&self, kind: &str, id: &str, resource: &Value) -> Value {
        let uuid = self.uuid(kind, id);
        let mut resource = resource.clone();
        resource["id"] = json!(uuid);
        json!({"fullUrl": format!("urn:uuid:{uuid}"), "resource": resource})
    }

    fn us(&self) -> Value {
        self.reference("practice", "")
    }

    /// Whoever has the phone. Nobody, or several, are named by the phone.
    fn person(&self, talk: &Talk) -> Value {
        match talk.patients.as_slice() {
            [one] => self.reference("patient", one.id.as_str()),
            _ => json!({"type": "Patient", "identifier": phone_of(talk)}),
        }
    }

    fn author(&self, staff: Option<&StaffId>) -> Value {
        staff.map_or_else(|| self.us(), |staff| self.reference("staff", staff.as_str()))
    }

    /// One for each change and each patient who has the phone.
    fn consents(&self, talk: &Talk) -> Vec<Value> {
        let mut entries = Vec::new();
        for (index, change) in talk.changes.iter().enumerate() {
            let next = talk.changes.get(index + 1);
            let consent = self.consent(talk, change, next);
            let name = |patient: &str| format!("{:016x} {index} {patient}", talk.id.0);
            if talk.patients.is_empty() {
                entries.push(self.entry("consent", &name(""), &consent));
            }
            for patient in &talk.patients {
                let mut of_patient = consent.clone();
                of_patient["patient"] = self.reference("patient", patient.id.as_str());
                entries.push(self.entry("consent", &name(patient.id.as_str()), &of_patient));
            }
        }
        entries
    }

    fn consent(&self, talk: &Talk, change: &Change, next: Option<&Change>) -> Value {
        let (status, provision, rule) = match (&change.to, next) {
            (Consent::None, _) => ("inactive", "deny", None),
            (Consent::Invited { .. }, None) => ("proposed", "deny", None),
            (Consent::Invited { .. }, Some(_)) => ("inactive", "deny", None),
            (Consent::OptedIn { .. }, None) => ("active", "permit", Some(("OPTIN", "opt-in"))),
            (Consent::OptedIn { .. }, Some(_)) => ("inactive", "permit", Some(("OPTIN", "opt-in"))),
            (Consent::OptedOut { .. }, None) => ("active", "deny", Some(("OPTOUT", "opt-out"))),
            (Consent::OptedOut { .. }, Some(_)) => ("inactive", "deny", Some(("OPTOUT", "opt-out"))),
        };
        let mut period = json!({"start": change.at.to_string()});
        if let Some(next) = next {
            period["end"] = json!(next.at.to_string());
        }
        let mut policy_rule = json!({"text": RULE});
        if let Some((code, display)) = rule {
            policy_rule["coding"] =
                json!([{"system": format!("{TERMINOLOGY}/v3-ActCode"), "code": code, "display": display}]);
        }
        let (by, staff) = words::by(change.by.as_ref());
        let performer = match &change.by {
            Some(By::Patient) => Some(self.person(talk)),
            Some(By::Staff(_)) => Some(self.author(staff)),
            Some(By::Carrier | By::Import | By::Time) | None => None,
        };
        let mut extension = vec![
            json!({"url": "urn:x-assent:from", "valueCode": words::consent(&change.from)}),
            json!({"url": "urn:x-assent:to", "valueCode": words::consent(&change.to)}),
            json!({"url": "urn:x-assent:by", "valueCode": by}),
            json!({"url": "urn:x-assent:phone", "valueIdentifier": phone_of(talk)}),
        ];
        if let Some(said) = &change.words {
            let message = self.reference("message", &said.message.to_string());
            extension.push(json!({"url": "urn:x-assent:words-in", "valueReference": message}));
        }
        if let Some(reason) = change.reason() {
            let attachment = attachment(reason, "what staff wrote down", Some(change.at));
            extension.push(json!({"url": "urn:x-assent:reason", "valueAttachment": attachment}));
        }
        if let Some((message, code)) = change.refused() {
            let message = self.reference("message", &message.to_string());
            extension.push(json!({"url": "urn:x-assent:refused-by-carrier", "valueReference": message}));
            extension.push(json!({"url": "urn:x-assent:carrier-code", "valueString": code.to_string()}));
        }
        if let Some(asked) = &change.invitation {
            let attachment = attachment(&asked.text, "the invitation", asked.left_at);
            extension.push(json!({"url": "urn:x-assent:invitation", "valueAttachment": attachment}));
            let version = hex(&asked.version());
            extension.push(json!({"url": "urn:x-assent:invitation-version", "valueString": version}));
            let message = self.reference("message", &asked.message.to_string());
            extension.push(json!({"url": "urn:x-assent:invitation-in", "valueReference": message}));
        }
        let number = match change.seq {
            Some(seq) => format!("{:016x}-{seq}", talk.id.0),
            None => "before the ledger began".to_owned(),
        };
        let mut consent = json!({
            "resourceType": "Consent",
            "extension": extension,
            "identifier": [{"system": "urn:x-assent:ledger", "value": number}],
            "status": status,
            "scope": {"coding": [{
                "system": format!("{TERMINOLOGY}/consentscope"), "code": "patient-privacy", "display": "Privacy Consent",
            }]},
            "category": [{
                "coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}],
                "text": "Consent to text messages from the practice",
            }],
            "dateTime": change.at.to_string(),
            "organization": [self.us()],
            "policyRule": policy_rule,
            "provision": {"type": provision, "period": period},
        });
        if let Some(performer) = performer {
            consent["performer"] = json!([performer]);
        }
        if let Some(said) = &change.words {
            consent["sourceAttachment"] = attachment(&said.text, "the patient's own words", Some(change.at));
            let verified_with = self.person(talk);
            consent["verification"] =
                json!([{"verified": true, "verifiedWith": verified_with, "verificationDate": change.at.to_string()}]);
        }
        consent
    }

    fn communication(&self, talk: &Talk, message: &Message) -> Value {
        let mut communication = json!({
            "resourceType": "Communication",
            "identifier": [{"system": "urn:x-assent:message", "value": message.id.to_string()}],
            "extension": [
                {"url": "urn:x-assent:status", "valueCode": message.status.name()},
                {"url": "urn:x-assent:created-at", "valueInstant": message.created_at.to_string()},
                {"url": "urn:x-assent:updated-at", "valueInstant": message.updated_at.to_string()},
                {"url": "urn:x-assent:segments", "valueInteger": message.segments},
            ],
            "status": status(message.status),
            "category": [{"text": words::kind(&message.kind).replace('_', " ")}],
            "medium": [{"coding": [{
                "system": format!("{TERMINOLOGY}/v3-ParticipationMode"), "code": "SMSWRIT", "display": "SMS message",
            }]}],
        });
        if let [one] = talk.patients.as_slice() {
            communication["subject"] = self.reference("patient", one.id.as_str());
        }
        let people: Vec<Value> = match talk.patients.as_slice() {
            [] => vec![self.person(talk)],
            some => some.iter().map(|patient| self.reference("patient", patient.id.as_str())).collect(),
        };
        match &message.kind {
            Kind::Inbound => {
                communication["sender"] = self.person(talk);
                communication["recipient"] = json!([self.us()]);
                communication["received"] = json!(message.created_at.to_string());
            }
            Kind::StaffText { .. }
            | Kind::Invitation
            | Kind::OptOutConfirmation
            | Kind::StartConfirmation
            | Kind::Help
            | Kind::AfterHours => {
                communication["sender"] = self.author(words::author(&message.kind));
                communication["recipient"] = json!(people);
                // When it left is known while nothing has happened to it since, and when it arrived is when the receipt came.
                match message.status {
                    Status::Sent => communication["sent"] = json!(message.updated_at.to_string()),
                    Status::Delivered => communication["received"] = json!(message.updated_at.to_string()),
                    Status::Pending
                    | Status::Held
                    | Status::Scheduled
                    | Status::Queued
                    | Status::Sending
                    | Status::Undelivered
                    | Status::Failed
                    | Status::Unconfirmed
                    | Status::Expired
                    | Status::Canceled
                    | Status::Received => {}
                }
            }
        }
        if let Some(failure) = &message.failure {
            communication["statusReason"] = json!({"text": words::failure(failure)});
        }
        let text = message.text.expose();
        if is_string(text) {
            communication["payload"] = json!([{"contentString": text}]);
        } else if !text.is_empty() {
            let whole = attachment(&message.text, "the text", Some(message.created_at));
            communication["payload"] = json!([{"contentAttachment": whole}]);
        }
        communication
    }

    /// What shows nowhere else, as a note without words.
    fn report(&self, talk: &Talk, report: &Report) -> (String, Value) {
        let (at, note, about) = match report {
            Report::Unmatched { receipt, at } => {
                (at, format!("a receipt of no known message: {}", words::receipt(receipt.state)), None)
            }
            Report::Redelivered { of, at } => {
                (at, "the carrier delivered a text again".to_owned(), Some(self.reference("message", &of.to_string())))
            }
            Report::Held(hold) => {
                let note = format!("a text probably opts out, by the rule {}", hold.reading.rule);
                (&hold.since, note, Some(self.reference("message", &hold.text.to_string())))
            }
            Report::Suspended(Suspension { since, because }) => {
                let note = format!("the number is not the patient's any more: {}", because.name());
                (since, note, Some(self.reference("message", &because.message().to_string())))
            }
            Report::NumberGiven { at } => (at, "the patient gave the number again".to_owned(), None),
            Report::HoldSettled { settlement, by, at } => {
                let (by, _) = words::settled_by(by);
                (at, format!("a probable opt-out was settled by {by}: {}", words::settlement(*settlement)), None)
            }
        };
        let mut resource = json!({
            "resourceType": "Communication",
            "status": "completed",
            "category": [{"text": "report"}],
            "received": at.to_string(),
            "recipient": [self.us()],
            "note": [{"text": note}],
        });
        if let Some(about) = about {
            resource["about"] = json!([about]);
        }
        (format!("{:016x} {note} {}", talk.id.0, at.as_nanosecond()), resource)
    }
}
