//! The records in memory, with the look-ups that requests need.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::search::{Query, Searchable, fold};
use crate::domain::{
    Patient, PatientId, Phone, Practice, PracticeId, StaffId, StaffMember, Texting, Webhook, WebhookId,
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
        match (stored, key) {
            (Some(record), _) => self.put(record),
            (None, RecordKey::Token(_, id)) => self.remove_token(id),
            (None, RecordKey::Webhook(practice, id)) => self.remove_webhook(practice, id),
            // None of these is ever removed.
            (None, RecordKey::Practice(_) | RecordKey::Staff(..) | RecordKey::Patient(..)) => {}
        }
    }

    pub fn texting(&self, practice: &PracticeId) -> Texting {
        Texting::Only(self.texting.get(practice).cloned().unwrap_or_default())
    }

    /// Whether a number is a practice's, or a patient's: a practice that texts itself would never stop.
    pub fn is_in_use(&self, number: &Phone) -> bool {
        self.numbers.contains_key(number)
            || self.patients.values().any(|patients| patients.by_phone.contains_key(number))
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

/// The patients of one practice.
#[derive(Default)]
pub(super) struct Patients {
    places: HashMap<PatientId, Place>,
    by_phone: HashMap<Phone, BTreeSet<PatientId>>,
    in_order: BTreeMap<Place, Searchable>,
}

/// A patient's place in the order of names: last, first, and the id for those who share a name.
type Place = (String, String, PatientId);

impl Patients {
    fn put(&mut self, patient: Patient) {
        if let Some(place) = self.places.remove(&patient.id)
            && let Some(old) = self.in_order.remove(&place)
        {
            let phone = &old.patient.mobile_phone;
            let sharing = self.by_phone.get_mut(phone).expect("every patient is found under their phone");
            sharing.remove(&patient.id);
            if sharing.is_empty() {
                self.by_phone.remove(phone);
            }
        }
        let place = (fold(&patient.last_name), fold(&patient.first_name), patient.id.clone());
        self.places.insert(patient.id.clone(), place.clone());
        self.by_phone.entry(patient.mobile_phone.clone()).or_default().insert(patient.id.clone());
        self.in_order.insert(place, Searchable::of(patient));
    }

    pub fn by_id(&self, id: &PatientId) -> Option<Arc<Patient>> {
        let found = self.in_order.get(self.places.get(id)?)?;
        Some(Arc::clone(&found.patient))
    }

    pub fn with(&self, phone: &Phone) -> Vec<Arc<Patient>> {
        self.by_phone.get(phone).into_iter().flatten().filter_map(|id| self.by_id(id)).collect()
    }

    pub fn search(&self, query: &Query, max: usize) -> Vec<Arc<Patient>> {
        let fitting = self.in_order.values().filter(|one| query.fits(one));
        fitting.take(max).map(|one| Arc::clone(&one.patient)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn patient(id: &str, first: &str, last: &str, phone: &str) -> Patient {
        Patient {
            id: PatientId::parse(id).unwrap(),
            first_name: first.into(),
            last_name: last.into(),
            date_of_birth: date(1985, 3, 4),
            mobile_phone: Phone::parse(phone).unwrap(),
            preferences: Default::default(),
        }
    }

    #[test]
    fn a_patient_who_changes_name_and_phone_is_found_under_the_new_ones_alone() {
        let mut patients = Patients::default();
        patients.put(patient("1", "Ana", "Ruiz", "+13035550101"));
        patients.put(patient("2", "Bo", "Ruiz", "+13035550101"));
        patients.put(patient("1", "Ana", "Soto", "+13035550102"));
        let ids = |found: Vec<Arc<Patient>>| found.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(patients.with(&Phone::parse("+13035550101").unwrap())), ["2"]);
        assert_eq!(ids(patients.with(&Phone::parse("+13035550102").unwrap())), ["1"]);
        assert_eq!(ids(patients.search(&Query::parse("ruiz"), 50)), ["2"]);
        assert_eq!(ids(patients.search(&Query::parse(""), 50)), ["2", "1"]);
        assert_eq!(ids(patients.search(&Query::parse(""), 1)), ["2"]);
    }
}
