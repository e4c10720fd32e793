//! Phones that staff linked to patients, besides the one in each patient's record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Put, Records, RecordsError, finished};
use crate::domain::{Link, Patient, PatientId, Phone, PracticeId};
use crate::ports::{Practices, Record, RecordKey};

/// Patients that one phone is linked to: a family. With more of them nobody could tell whose text it is. Two daemons that
/// add the last one at the same moment may both do so, here and below.
pub const PATIENTS_LINKED_MAX: usize = 10;
/// Phones that are linked to one patient: theirs, and those of who cares for them.
pub const PHONES_LINKED_MAX: usize = 10;

/// Somebody whose phone it is.
#[derive(Debug, Clone)]
pub struct Person {
    pub patient: Arc<Patient>,
    /// How staff know, if it is not the phone in the patient's record.
    pub link: Option<Link>,
}

/// The links of one practice.
#[derive(Default)]
pub(super) struct Links {
    by_phone: HashMap<Phone, BTreeMap<PatientId, Link>>,
    phones: HashMap<PatientId, BTreeSet<Phone>>,
}

impl Links {
    pub fn put(&mut self, link: Link) {
        self.phones.entry(link.patient.clone()).or_default().insert(link.phone.clone());
        self.by_phone.entry(link.phone.clone()).or_default().insert(link.patient.clone(), link);
    }

    pub fn remove(&mut self, phone: &Phone, patient: &PatientId) {
        if let Some(linked) = self.by_phone.get_mut(phone) {
            linked.remove(patient);
            if linked.is_empty() {
                self.by_phone.remove(phone);
            }
        }
        if let Some(phones) = self.phones.get_mut(patient) {
            phones.remove(phone);
            if phones.is_empty() {
                self.phones.remove(patient);
            }
        }
    }

    pub fn have(&self, phone: &Phone) -> bool {
        self.by_phone.contains_key(phone)
    }

    fn of_phone(&self, phone: &Phone) -> impl Iterator<Item = &Link> {
        self.by_phone.get(phone).into_iter().flat_map(BTreeMap::values)
    }

    fn of_patient(&self, patient: &PatientId) -> impl Iterator<Item = &Link> {
        let phones = self.phones.get(patient).into_iter().flatten();
        phones.filter_map(move |phone| self.by_phone.get(phone)?.get(patient))
    }
}

impl Records {
    /// Everybody whose phone it is, in the records or by a link, by id.
    pub fn people(&self, practice: &PracticeId, phone: &Phone) -> Vec<Person> {
        let cache = self.read();
        let Some(patients) = cache.patients.get(practice) else { return Vec::new() };
        let own = patients.with(phone).into_iter().map(|patient| Person { patient, link: None });
        let links = cache.links.get(practice).into_iter().flat_map(|links| links.of_phone(phone));
        let linked = links.filter_map(|link| {
            // A link to the phone in the record says nothing more.
            let patient = patients.by_id(&link.patient).filter(|patient| patient.mobile_phone != *phone)?;
            Some(Person { patient, link: Some(link.clone()) })
        });
        let mut people: Vec<Person> = own.chain(linked).collect();
        people.sort_by(|a, b| a.patient.id.cmp(&b.patient.id));
        people
    }

    /// The phones that are linked to a patient, in the order of their digits.
    pub fn links_of(&self, practice: &PracticeId, patient: &PatientId) -> Vec<Link> {
        let cache = self.read();
        cache.links.get(practice).into_iter().flat_map(|links| links.of_patient(patient)).cloned().collect()
    }

    /// Links a phone to a patient. A link that is there stays what it is: who found out first did.
    pub async fn link(self: &Arc<Self>, practice: &PracticeId, link: Link) -> Result<(Put, Link), RecordsError> {
        let (records, practice) = (Arc::clone(self), practice.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            records.practice(&practice).ok_or(RecordsError::UnknownPractice)?;
            records.patient(&practice, &link.patient).ok_or(RecordsError::UnknownPatient)?;
            if records.owner(&link.phone).is_some() {
                return Err(RecordsError::PhoneIsPractices);
            }
            let of_patient = records.links_of(&practice, &link.patient);
            if let Some(there) = of_patient.iter().find(|there| there.phone == link.phone) {
                return Ok((Put::Changed, there.clone()));
            }
            let of_phone = records.read().links.get(&practice).map_or(0, |links| links.of_phone(&link.phone).count());
            if of_patient.len() >= PHONES_LINKED_MAX || of_phone >= PATIENTS_LINKED_MAX {
                return Err(RecordsError::TooManyLinks);
            }
            records.write_down(&mut memory, None, Record::Link(practice, link.clone())).await?;
            Ok((Put::Created, link))
        })
        .await
    }

    /// Takes a link back.
    pub async fn unlink(
        self: &Arc<Self>,
        practice: &PracticeId,
        phone: &Phone,
        patient: &PatientId,
    ) -> Result<(), RecordsError> {
        let records = Arc::clone(self);
        let (practice, phone, patient) = (practice.clone(), phone.clone(), patient.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            let links = records.links_of(&practice, &patient);
            links.iter().find(|link| link.phone == phone).ok_or(RecordsError::UnknownLink)?;
            records.strike_out(&mut memory, &RecordKey::Link(practice, phone, patient)).await
        })
        .await
    }
}
