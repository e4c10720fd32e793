//! What finds patients without a look at each: who has a word in their name, and who was born when.
//!
//! Putting a patient touches the few entries of that patient's words. A search looks through the patients of its rarest word,
//! unless the page is full before that with those who come first in the order of names. Phones are looked through one after
//! the other: they are packed, and that is faster than it sounds.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use jiff::civil::Date;

use super::digits::Digits;
use super::{Fit, Query, Word, fit, fold, words_of};
use crate::domain::Patient;

/// Words of a query that are weighed for the rarest one. The rest only has to fit.
const WEIGHED_MAX: usize = 8;

/// The place of a patient among all of a practice's. It is theirs for good: nobody is ever removed.
type Place = u32;

/// A patient, with what is compared.
pub(in crate::records) struct Searchable {
    pub patient: Arc<Patient>,
    /// Last name, first name and id, in the order in which patients are shown.
    order: Arc<str>,
    /// The words of the names, each once, with a space between them.
    words: Box<str>,
    pub(super) digits: Digits,
}

impl Searchable {
    pub fn of(patient: Patient) -> Self {
        let (first, last) = (fold(&patient.first_name), fold(&patient.last_name));
        let mut words = words_of(&patient.first_name);
        words.extend(words_of(&patient.last_name));
        words.sort_unstable();
        words.dedup();
        Self {
            order: format!("{last}\0{first}\0{}", patient.id).into(),
            words: words.join(" ").into(),
            digits: Digits::of(&patient.mobile_phone),
            patient: Arc::new(patient),
        }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.split(' ').filter(|word| !word.is_empty())
    }
}

/// Everybody, and the ways to them.
#[derive(Default)]
pub(in crate::records) struct Index {
    all: Vec<Searchable>,
    in_order: BTreeMap<Arc<str>, Place>,
    named: BTreeMap<Box<str>, Vec<Place>>,
    born: HashMap<Date, Vec<Place>>,
    /// The digits of everybody's phone, in the order of places, side by side for the processor's sake.
    phones: Vec<Digits>,
}

impl Index {
    pub fn add(&mut self, one: Searchable) -> Place {
        let place = Place::try_from(self.all.len()).expect("a practice has fewer patients than people live");
        self.enter(place, &one);
        self.phones.push(one.digits);
        self.all.push(one);
        place
    }

    pub fn replace(&mut self, place: Place, one: Searchable) -> Searchable {
        self.enter(place, &one);
        self.phones[place as usize] = one.digits;
        let old = std::mem::replace(&mut self.all[place as usize], one);
        self.leave(place, &old);
        old
    }

    pub fn at(&self, place: Place) -> &Searchable {
        &self.all[place as usize]
    }

    fn enter(&mut self, place: Place, one: &Searchable) {
        self.in_order.insert(Arc::clone(&one.order), place);
        for word in one.words() {
            match self.named.get_mut(word) {
                Some(places) => insert(places, place),
                None => drop(self.named.insert(word.into(), vec![place])),
            }
        }
        insert(self.born.entry(one.patient.date_of_birth).or_default(), place);
    }

    /// Takes out what led to a patient as they were, and does not lead to them as they are.
    fn leave(&mut self, place: Place, old: &Searchable) {
        let Self { all, in_order, named, born, .. } = self;
        let one = &all[place as usize];
        if one.order != old.order {
            in_order.remove(&old.order);
        }
        for word in old.words().filter(|word| !one.words().any(|kept| kept == *word)) {
            let places = named.get_mut(word).expect("every patient is found under the words of their name");
            if remove(places, place).is_empty() {
                named.remove(word);
            }
        }
        let date = old.patient.date_of_birth;
        if date != one.patient.date_of_birth {
            let places = born.get_mut(&date).expect("every patient is found under their date of birth");
            if remove(places, place).is_empty() {
                born.remove(&date);
            }
        }
    }

    /// The first of those that the query fits: whom it fits whole first, and by last and first name.
    pub fn search(&self, query: &Query, max: usize) -> Vec<Arc<Patient>> {
        let mut found = Vec::new();
        for words in &query.readings {
            let by_phone =
                words.iter().map(|word| word.digits.map(|digits| self.with_digits(digits)).unwrap_or_default());
            let by_phone: Vec<Vec<Place>> = by_phone.take(WEIGHED_MAX).collect();
            for wanted in [Fit::Whole, Fit::Beginning] {
                let room = max - found.len();
                if room > 0 {
                    found.extend(self.first(words, &by_phone, wanted, room));
                }
            }
            if !found.is_empty() {
                break;
            }
        }
        found.into_iter().map(|one| Arc::clone(&one.patient)).collect()
    }

    /// The first patients in the order of names whom words fit so well, and not better.
    fn first(&self, words: &[Word], by_phone: &[Vec<Place>], wanted: Fit, max: usize) -> Vec<&Searchable> {
        let fits = |one: &&Searchable| fit(words, one) == Some(wanted);
        let weighed = words.iter().zip(by_phone).map(|(word, by_phone)| self.having(word, by_phone, wanted));
        let Some(rarest) = weighed.min_by_key(Having::count) else {
            return self.by_name().filter(fits).take(max).collect();
        };
        // Where most words are common, the page is full after a few steps. Where it is not, they cost no more than what follows.
        let near: Vec<&Searchable> = self.by_name().take(rarest.count()).filter(fits).take(max).collect();
        if near.len() == max {
            return near;
        }
        let mut found: Vec<&Searchable> =
            rarest.places().into_iter().map(|place| self.at(place)).filter(fits).collect();
        if found.len() > max {
            found.select_nth_unstable_by(max, |a, b| a.order.cmp(&b.order));
            found.truncate(max);
        }
        found.sort_unstable_by(|a, b| a.order.cmp(&b.order));
        found
    }

    /// Everybody, by last and first name.
    fn by_name(&self) -> impl Iterator<Item = &Searchable> {
        self.in_order.values().map(|place| self.at(*place))
    }

    /// Everybody whom a word may fit at least so well.
    fn having<'a>(&'a self, word: &Word, by_phone: &'a [Place], wanted: Fit) -> Having<'a> {
        let mut lists = vec![by_phone];
        match wanted {
            Fit::Whole => lists.extend(self.named.get(word.name.as_str()).map(Vec::as_slice)),
            Fit::Beginning => {
                let from = (Bound::Included(word.name.as_str()), Bound::Unbounded);
                let named = self.named.range::<str, _>(from).take_while(|(name, _)| name.starts_with(&word.name));
                lists.extend(named.map(|(_, places)| places.as_slice()));
            }
        }
        lists.extend(word.born.and_then(|date| self.born.get(&date)).map(Vec::as_slice));
        Having { lists }
    }

    fn with_digits(&self, digits: Digits) -> Vec<Place> {
        let with = (0..).zip(&self.phones).filter(|(_, phone)| phone.contain(digits));
        with.map(|(place, _)| place).collect()
    }
}

/// Whom a word may fit, in lists that may name somebody more than once.
struct Having<'a> {
    lists: Vec<&'a [Place]>,
}

impl Having<'_> {
    fn count(&self) -> usize {
        self.lists.iter().map(|places| places.len()).sum()
    }

    fn places(self) -> Vec<Place> {
        let mut places = self.lists.concat();
        places.sort_unstable();
        places.dedup();
        places
    }
}

fn insert(places: &mut Vec<Place>, place: Place) {
    if let Err(at) = places.binary_search(&place) {
        places.insert(at, place);
    }
}

fn remove(places: &mut Vec<Place>, place: Place) -> &[Place] {
    if let Ok(at) = places.binary_search(&place) {
        places.remove(at);
    }
    places
}
