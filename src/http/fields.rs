//! Reads the members of a JSON object, or the parameters of a query, one by one, and tells everything that is wrong at once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::problem::{FieldError, Problem};

/// Mistakes that are told at once; who makes more is not helped by a longer list.
const ERRORS_MAX: usize = 20;

/// What a request consists of, to be taken field by field.
#[derive(Debug)]
pub struct Fields {
    members: Vec<(String, Value)>,
    errors: Vec<FieldError>,
}

/// Whether a field may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Yes,
    No,
}

impl Fields {
    /// The members of a JSON object.
    pub fn of_json(body: &[u8]) -> Result<Self, Problem> {
        let malformed =
            |error: serde_json::Error| Problem::MalformedJson { line: error.line(), column: error.column() };
        let value: Value = serde_json::from_slice(body).map_err(malformed)?;
        if !value.is_object() {
            return Err(Problem::Invalid(Vec::new()));
        }
        // Once more, because a `Value` keeps the last of two members with one name.
        let Members(members) = serde_json::from_slice(body).map_err(malformed)?;
        Ok(Self::of(members))
    }

    /// The parameters of a query.
    pub fn of_query(parameters: Vec<(String, String)>) -> Self {
        Self::of(parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
    }

    fn of(mut members: Vec<(String, Value)>) -> Self {
        let mut errors = Vec::new();
        let mut index = 0;
        while index < members.len() {
            let is_repeated = members[..index].iter().any(|(name, _)| *name == members[index].0);
            if is_repeated {
                let (name, _) = members.remove(index);
                errors.push(error(&name, "is given more than once"));
            } else {
                index += 1;
            }
        }
        Self { members, errors }
    }

    /// A text that has to be there.
    pub fn text<T, E: fmt::Display>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.read_text(name, Needed::Yes, read)
    }

    /// A text that may be left out.
    pub fn optional_text<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.read_text(name, Needed::No, read)
    }

    /// A text or `null`, which may be left out and means the same.
    pub fn text_or_null<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.take_null(name) { None } else { self.optional_text(name, read) }
    }

    /// A text or `null`, which may be left out and means something else then.
    pub fn given_text_or_null<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        if self.take_null(name) { Some(None) } else { self.optional_text(name, read).map(Some) }
    }

    fn read_text<T, E: fmt::Display>(
        &mut self,
        name: &str,
        needed: Needed,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.take(name) {
            Some(Value::String(text)) => match read(&text) {
                Ok(value) => return Some(value),
                Err(wrong) => self.errors.push(error(name, &wrong.to_string())),
            },
            Some(_) => self.errors.push(error(name, "must be a string")),
            None if needed == Needed::Yes => self.errors.push(error(name, "is required")),
            None => {}
        }
        None
    }

    /// `true` or `false`; left out it is `false`.
    pub fn flag(&mut self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// `true` or `false`, which may be left out.
    pub fn flag_or(&mut self, name: &str, default: bool) -> bool {
        match self.take(name) {
            Some(Value::Bool(flag)) => return flag,
            Some(_) => self.errors.push(error(name, "must be true or false")),
            None => {}
        }
        default
    }

    /// `true` or `false`, which may be left out.
    pub fn optional_flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => return Some(flag),
            _ => self.errors.push(error(name, "must be true or false")),
        }
        None
    }

    /// A whole number within bounds, which may be left out.
    pub fn number(&mut self, name: &str, least: u32, most: u32) -> Option<u32> {
        let value = self.take(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let fitting = number.filter(|number| (least..=most).contains(number));
        if fitting.is_none() {
            self.errors.push(error(name, &format!("must be a whole number from {least} to {most}")));
        }
        fitting
    }

    /// A whole number within bounds or `null`, which may be left out.
    pub fn number_or_null(&mut self, name: &str, least: u32, most: u32) -> Option<Option<u32>> {
        if self.take_null(name) { Some(None) } else { self.number(name, least, most).map(Some) }
    }

    /// An object within the object, which may be left out. What is wrong in it is told by [`absorb`](Self::absorb).
    pub fn object(&mut self, name: &str) -> Option<Self> {
        match self.take(name)? {
            Value::Object(members) => return Some(Self::of(members.into_iter().collect())),
            _ => self.errors.push(error(name, "must be an object")),
        }
        None
    }

    /// An object within the object or `null`, which may be left out and means the same.
    pub fn object_or_null(&mut self, name: &str) -> Option<Self> {
        if self.take_null(name) { None } else { self.object(name) }
    }

    /// A list of texts, which may be left out.
    pub fn texts<T, E: fmt::Display>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, E>) -> Option<Vec<T>> {
        let read_one = |value: Value| match value {
            Value::String(text) => read(&text).map_err(|wrong| wrong.to_string()),
            _ => Err("must be a list of strings".to_owned()),
        };
        let Value::Array(values) = self.take(name)? else {
            self.refuse(name, &"must be a list of strings");
            return None;
        };
        let read: Result<Vec<T>, String> = values.into_iter().map(read_one).collect();
        read.map_err(|wrong| self.errors.push(error(name, &wrong))).ok()
    }

    /// A list of texts or `null`, which may be left out and means the same.
    pub fn texts_or_null<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        if self.take_null(name) { None } else { self.texts(name, read) }
    }

    /// Tells that a field can't be what it was read as.
    pub fn refuse(&mut self, name: &str, why: &impl fmt::Display) {
        self.errors.push(error(name, &why.to_string()));
    }

    /// Takes over what is wrong in an object that was a member of this one.
    pub fn absorb(&mut self, name: &str, mut object: Self) {
        for (unread, _) in &object.members {
            object.errors.push(error(unread, "is not a field here"));
        }
        let within = |inner: FieldError| FieldError { field: format!("{name}.{}", inner.field), ..inner };
        self.errors.extend(object.errors.into_iter().map(within));
    }

    /// Tells what is wrong, unread fields among it.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in &self.members {
            self.errors.push(error(name, "is not a field of this call"));
        }
        self.errors.truncate(ERRORS_MAX);
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::Invalid(self.errors)) }
    }

    /// Takes a member that is `null`, and only such a one.
    fn take_null(&mut self, name: &str) -> bool {
        let is_null = self.members.iter().any(|(known, value)| known == name && value.is_null());
        is_null && self.take(name).is_some()
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.members.iter().position(|(known, _)| known == name)?;
        Some(self.members.remove(index).1)
    }
}

/// A name that could be somebody's words is not repeated.
fn error(name: &str, detail: &str) -> FieldError {
    let is_plain = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    FieldError { field: if is_plain { name } else { "?" }.to_owned(), detail: detail.to_owned() }
}

/// The members of an object, in the order in which they came, repetitions and all.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Readers of the texts that several calls share.
pub mod read {
    use jiff::civil::Date;
    use jiff::tz::TimeZone;

    use crate::domain::Phone;

    /// A name in one line.
    pub fn line(max: usize) -> impl Fn(&str) -> Result<String, String> {
        move |text| {
            let fits = (1..=max).contains(&text.chars().count());
            if !fits || text.trim().is_empty() || text.chars().any(char::is_control) {
                return Err(format!("must be 1 to {max} characters in one line, and not blank"));
            }
            Ok(text.to_owned())
        }
    }

    pub fn phone(text: &str) -> Result<Phone, String> {
        let phone = Phone::parse(text).map_err(|error| error.to_string())?;
        // NANP keeps the area code 900 for numbers that charge whoever reaches them: nobody's mobile phone.
        if text.starts_with("+1900") {
            return Err("is a premium-rate number, which takes no texts".into());
        }
        Ok(phone)
    }

    /// The name of a time zone, as the IANA database spells it.
    pub fn time_zone(text: &str) -> Result<String, &'static str> {
        let zone = TimeZone::get(text).ok();
        let name = zone.as_ref().and_then(TimeZone::iana_name);
        name.map(str::to_owned).ok_or("must be the name of a time zone in the IANA database, such as America/Denver")
    }

    /// A date of birth as `YYYY-MM-DD`, not before 1900 and not after today.
    pub fn date_of_birth(today: Date) -> impl Fn(&str) -> Result<Date, &'static str> {
        move |text| {
            let wrong = "must be a real date in the form YYYY-MM-DD, not before 1900 and not in the future";
            let is_shaped = text.len() == 10
                && text.bytes().enumerate().all(|(at, byte)| match at {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
            let date: Date = if is_shaped { text.parse().map_err(|_| wrong)? } else { return Err(wrong) };
            if date.year() < 1900 || date > today { Err(wrong) } else { Ok(date) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(body: &str, take: impl FnOnce(&mut Fields)) -> Vec<(String, String)> {
        let mut fields = Fields::of_json(body.as_bytes()).unwrap();
        take(&mut fields);
        match fields.finish() {
            Ok(()) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|one| (one.field, one.detail)).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let body = r#"{"name":"","flag":1,"count":0,"extra":true,"Jane Doe":1,"name":"x","text":7}"#;
        let found = wrong(body, |fields| {
            fields.text("name", read::line(5));
            fields.flag("flag");
            fields.number("count", 1, 9);
            fields.text("text", read::line(5));
            fields.text("phone", read::phone);
        });
        let found: Vec<(&str, &str)> = found.iter().map(|(field, detail)| (field.as_str(), detail.as_str())).collect();
        assert_eq!(
            found,
            [
                ("name", "is given more than once"),
                ("name", "must be 1 to 5 characters in one line, and not blank"),
                ("flag", "must be true or false"),
                ("count", "must be a whole number from 1 to 9"),
                ("text", "must be a string"),
                ("phone", "is required"),
                ("extra", "is not a field of this call"),
                ("?", "is not a field of this call"),
            ]
        );
    }

    #[test]
    fn what_is_wrong_within_an_object_is_told_with_its_place() {
        let found = wrong(r#"{"texts":{"help":{"en":"","fr":"x","Jane Doe":1}},"hours":7}"#, |fields| {
            assert!(fields.object("hours").is_none() && fields.object("left_out").is_none());
            let mut texts = fields.object("texts").unwrap();
            let mut help = texts.object("help").unwrap();
            help.optional_text("en", read::line(5));
            texts.absorb("help", help);
            fields.absorb("texts", texts);
        });
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["hours", "texts.help.en", "texts.help.?", "texts.help.fr"]);
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (body, line, column) in [("", 1, 0), ("{", 1, 1), ("{\n\"a\": tru}", 2, 9), (r#"{"a":"\uD800"}"#, 1, 13)] {
            match Fields::of_json(body.as_bytes()) {
                Err(Problem::MalformedJson { line: l, column: c }) => assert_eq!((l, c), (line, column), "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        assert!(matches!(Fields::of_json(b"{\"a\":\"\xff\"}"), Err(Problem::MalformedJson { .. })));
        let deep = "[".repeat(200);
        assert!(matches!(Fields::of_json(deep.as_bytes()), Err(Problem::MalformedJson { .. })));
        assert!(matches!(Fields::of_json(b"[]"), Err(Problem::Invalid(_))));
    }

    #[test]
    fn a_date_of_birth_is_a_real_day_in_the_past() {
        let read = read::date_of_birth(jiff::civil::date(2026, 3, 3));
        for good in ["1900-01-01", "2026-03-03", "2024-02-29"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "1899-12-31",
            "2026-03-04",
            "2026-02-30",
            "0001-01-01",
            "1985-3-4",
            "19850304",
            "1985-03-04T00:00",
            "+1985-3-04",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_zone_is_one_of_the_database() {
        assert_eq!(read::time_zone("America/Denver").unwrap(), "America/Denver");
        for bad in ["", "Denver", "America/Nowhere", "+07:00", "../etc"] {
            assert!(read::time_zone(bad).is_err(), "{bad}");
        }
    }
}
