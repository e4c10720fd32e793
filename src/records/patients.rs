//! The patients of one practice, in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::search::{Index, Query, Searchable};
use crate::domain::{Patient, PatientId, Phone};

/// The patients of one practice.
#[derive(Default)]
pub(super) struct Patients {
    places: HashMap<PatientId, u32>,
    by_phone: HashMap<Phone, BTreeSet<PatientId>>,
    index: Index,
}

impl Patients {
    pub fn put(&mut self, patient: Patient) {
        let (id, phone) = (patient.id.clone(), patient.mobile_phone.clone());
        let one = Searchable::of(patient);
        match self.places.get(&id) {
            Some(place) => {
                let old = self.index.replace(*place, one);
                self.has_no_more(&id, &old.patient.mobile_phone);
            }
            None => drop(self.places.insert(id.clone(), self.index.add(one))),
        }
        self.by_phone.entry(phone).or_default().insert(id);
    }

    fn has_no_more(&mut self, id: &PatientId, phone: &Phone) {
        let sharing = self.by_phone.get_mut(phone).expect("every patient is found under their phone");
        sharing.remove(id);
        if sharing.is_empty() {
            self.by_phone.remove(phone);
        }
    }

    pub fn by_id(&self, id: &PatientId) -> Option<Arc<Patient>> {
        Some(Arc::clone(&self.index.at(*self.places.get(id)?).patient))
    }

    pub fn with(&self, phone: &Phone) -> Vec<Arc<Patient>> {
        self.by_phone.get(phone).into_iter().flatten().filter_map(|id| self.by_id(id)).collect()
    }

    pub fn have(&self, phone: &Phone) -> bool {
        self.by_phone.contains_key(phone)
    }

    pub fn search(&self, query: &Query, max: usize) -> Vec<Arc<Patient>> {
        self.index.search(query, max)
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

    fn found(patients: &Patients, query: &str, max: usize) -> Vec<String> {
        patients.search(&Query::parse(query), max).iter().map(|one| one.id.to_string()).collect()
    }

    #[test]
    fn a_patient_who_changes_is_found_as_they_are_alone() {
        let mut patients = Patients::default();
        patients.put(patient("1", "Ana", "Ruiz", "+13035550101"));
        patients.put(patient("2", "Bo", "Ruiz", "+13035550101"));
        patients.put(Patient { date_of_birth: date(1999, 1, 2), ..patient("1", "Ana", "Soto", "+13035550102") });
        let ids = |found: Vec<Arc<Patient>>| found.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(patients.with(&Phone::parse("+13035550101").unwrap())), ["2"]);
        assert_eq!(ids(patients.with(&Phone::parse("+13035550102").unwrap())), ["1"]);
        for (query, expected) in [
            ("ruiz", &["2"][..]),
            ("ana ruiz", &[]),
            ("ana", &["1"]),
            ("soto", &["1"]),
            ("0101", &["2"]),
            ("0102", &["1"]),
            ("1985-03-04", &["2"]),
            ("1/2/1999", &["1"]),
            ("", &["2", "1"]),
        ] {
            assert_eq!(found(&patients, query, 50), expected, "{query}");
        }
        assert_eq!(found(&patients, "", 1), ["2"]);
        assert_eq!(found(&patients, "", 0), [""; 0]);
        patients.put(patient("1", "Ana", "Soto", "+13035550102"));
        patients.put(patient("1", "Ana", "Soto", "+13035550102"));
        assert_eq!(found(&patients, "soto 0102 1985-03-04", 50), ["1"], "who is put as they are stays found");
    }

    #[test]
    fn a_whole_name_comes_before_one_that_only_begins_so() {
        let mut patients = Patients::default();
        for (id, first, last) in [
            ("1", "Ann", "Zeller"),
            ("2", "Annabel", "Abbot"),
            ("3", "Jo", "Ann"),
            ("4", "Anna", "Ann"),
            ("5", "Annie", "Ann"),
            ("6", "Bob", "Miller"),
        ] {
            patients.put(patient(id, first, last, &format!("+1303555010{id}")));
        }
        assert_eq!(found(&patients, "ann", 50), ["4", "5", "3", "1", "2"], "and those by last and first name");
        assert_eq!(found(&patients, "ann", 4), ["4", "5", "3", "1"]);
        assert_eq!(found(&patients, "ann", 2), ["4", "5"]);
        assert_eq!(found(&patients, "ann j", 50), ["3"]);
        assert_eq!(found(&patients, "303555", 50), ["2", "4", "5", "3", "6", "1"]);
        assert_eq!(found(&patients, "303 555 0106", 50), ["6"], "one number, though each part is in others");
    }

    /// The index finds what a look at everybody finds, whatever it decides to look through.
    #[test]
    fn a_search_finds_what_a_look_at_everybody_finds() {
        let (firsts, lasts) = (["Ana", "Anabel", "Bo", "Cléo", "José María"], ["Ruiz", "Ruis", "O'Ana", "Bo-Soto"]);
        let mut patients = Patients::default();
        let mut everybody: Vec<Patient> = Vec::new();
        for number in 0..200_usize {
            let id = format!("p{}", number % 150);
            let one = Patient {
                date_of_birth: date(1980 + (number % 7) as i16, 3, 4),
                ..patient(
                    &id,
                    firsts[number * 7 % 5],
                    lasts[number * 11 / 3 % 4],
                    &format!("+1303555{:04}", number * 37),
                )
            };
            everybody.retain(|other| other.id != one.id);
            everybody.push(one.clone());
            patients.put(one);
        }
        for query in
            ["a", "ana", "ana r", "ru 555", "bo bo", "1982-03-04 a", "jose ruiz", "0999", "nobody", "", "s m 1984-3-4"]
        {
            let alone = |one: &Patient| {
                let mut only = Patients::default();
                only.put(one.clone());
                !found(&only, query, 1).is_empty()
            };
            let mut expected: Vec<String> =
                everybody.iter().filter(|one| alone(one)).map(|one| one.id.to_string()).collect();
            let mut found = found(&patients, query, usize::MAX);
            for page in [1, 5, 50] {
                let first = patients.search(&Query::parse(query), page);
                let first: Vec<String> = first.iter().map(|one| one.id.to_string()).collect();
                assert_eq!(first, found[..page.min(found.len())], "{query}: a page is the beginning of all");
            }
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "{query}");
        }
    }
}
