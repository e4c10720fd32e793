//! The records in memory, with the look-ups that requests need.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::links::Links;
use super::patients::Patients;
use crate::domain::{
    Phone, Practice, PracticeId, StaffId, StaffMember, Template, TemplateId, Texting, Webhook, WebhookId,
};
use crate::ports::{Record, RecordKey, TokenRecord};

#[derive(Default)]
pub(super) struct Cache {
    pub practices: BTreeMap<PracticeId, Arc<Practice>>,
    pub numbers: HashMap<Phone, PracticeId>,
    pub staff: HashMap<PracticeId, BTreeMap<StaffId, StaffMember>>,
    /// Those of the staff who may text, ready for every decision.
    texting: HashMap<PracticeId, Arc<BTreeSet<StaffId>>>,
    pub patients: HashMap<PracticeId, Patients>,
    pub links: HashMap<PracticeId, Links>,
    pub templates: HashMap<PracticeId, BTreeMap<TemplateId, Template>>,
    pub tokens: HashMap<String, TokenRecord>,
    /// The sessions of a practice, in the order in which they expire.
    sessions: HashMap<PracticeId, BTreeSet<(Timestamp, String)>>,
    pub webhooks: HashMap<PracticeId, BTreeMap<WebhookId, Arc<Webhook>>>,
}

impl Cache {
    pub fn of(records: Vec<Record>) -> Self {
        let mut cache = Self::default();
        records.into_iter().for_each(|record| cache.put(record));
        cache
    }

    pub fn put(&mut self, record: Record) {
        match record {
            Record::Practice(practice) => {
                self.numbers.insert(practice.number.clone(), practice.id.clone());
                self.practices.insert(practice.id.clone(), Arc::new(practice));
            }
            Record::Staff(practice, member) => {
                let staff = self.staff.entry(practice.clone()).or_default();
                staff.insert(member.id.clone(), member);
                let may_text = staff.values().filter(|member| member.patient_text_administrator);
                self.texting.insert(practice, Arc::new(may_text.map(|member| member.id.clone()).collect()));
            }
            Record::Patient(practice, patient) => self.patients.entry(practice).or_default().put(patient),
            Record::Link(practice, link) => self.links.entry(practice).or_default().put(link),
            Record::Template(practice, template) => {
                self.templates.entry(practice).or_default().insert(template.id.clone(), template);
            }
            Record::Token(token) => {
                if let Some(expires_at) = token.expires_at {
                    self.sessions.entry(token.practice.clone()).or_default().insert((expires_at, token.id.clone()));
                }
                self.tokens.insert(token.id.clone(), token);
            }
            Record::Webhook(practice, webhook) => {
                self.webhooks.entry(practice).or_default().insert(webhook.id.clone(), Arc::new(webhook));
            }
        }
    }

    pub fn remove_token(&mut self, id: &str) {
        let Some(token) = self.tokens.remove(id) else { return };
        if let Some(expires_at) = token.expires_at
            && let Some(sessions) = self.sessions.get_mut(&token.practice)
        {
            sessions.remove(&(expires_at, token.id));
        }
    }

    pub fn remove_webhook(&mut self, practice: &PracticeId, id: &WebhookId) {
        if let Some(webhooks) = self.webhooks.get_mut(practice) {
            webhooks.remove(id);
        }
    }

    /// What the store has under this name, or nothing there.
    pub fn learn(&mut self, key: &RecordKey, stored: Option<Record>) {
        match stored {
            Some(record) => self.put(record),
            None => self.remove(key),
        }
    }

    pub fn remove(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Link(practice, phone, patient) => {
                if let Some(links) = self.links.get_mut(practice) {
                    links.remove(phone, patient);
                }
            }
            RecordKey::Template(practice, id) => {
                self.templates.get_mut(practice).and_then(|templates| templates.remove(id));
            }
            RecordKey::Token(_, id) => self.remove_token(id),
            RecordKey::Webhook(practice, id) => self.remove_webhook(practice, id),
            // None of these is ever removed.
            RecordKey::Practice(_) | RecordKey::Staff(..) | RecordKey::Patient(..) => {}
        }
    }

    pub fn texting(&self, practice: &PracticeId) -> Texting {
        Texting::Only(self.texting.get(practice).cloned().unwrap_or_default())
    }

    /// Whether a number is a practice's, or a patient's: a practice that texts itself would never stop.
    pub fn is_in_use(&self, number: &Phone) -> bool {
        self.numbers.contains_key(number)
            || self.patients.values().any(|patients| patients.have(number))
            || self.links.values().any(|links| links.have(number))
    }

    pub fn sessions_after(&self, practice: &PracticeId, now: Timestamp) -> usize {
        let Some(sessions) = self.sessions.get(practice) else { return 0 };
        let expired = sessions.iter().take_while(|(expires_at, _)| *expires_at <= now).count();
        sessions.len() - expired
    }

    pub fn expired_sessions(&self, practice: &PracticeId, now: Timestamp, max: usize) -> Vec<String> {
        let sessions = self.sessions.get(practice).into_iter().flatten();
        sessions.take_while(|(expires_at, _)| *expires_at <= now).take(max).map(|(_, id)| id.clone()).collect()
    }
}
