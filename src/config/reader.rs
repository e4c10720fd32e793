//! Reads nested keys one by one, and collects what is wrong instead of stopping at it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use jiff::SignedDuration;
use secrecy::SecretString;

use crate::domain::Phone;

/// The variables that are meant for Assent, as nested keys: `ASSENT__CARRIER__0__PASSWORD` is `carrier[0].password`.
pub fn environment(variables: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut keys = Map::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix("ASSENT__") else { continue };
        let mut steps: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let last = steps.pop().expect("a split has at least one part");
        let mut table = &mut keys;
        for step in steps {
            let below = table.entry(step).or_insert_with(|| Value::from(Map::<String, Value>::new()));
            if !matches!(below.kind, ValueKind::Table(_)) {
                below.kind = ValueKind::Table(Map::new());
            }
            let ValueKind::Table(deeper) = &mut below.kind else { unreachable!("it was made a table") };
            table = deeper;
        }
        table.insert(last, Value::from(value));
    }
    keys
}

/// Lays one set of keys over another: tables are merged, a numbered key goes into the list at its place.
pub fn overlay(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(&key).map(|below| &mut below.kind), value.kind) {
            (Some(ValueKind::Table(below)), ValueKind::Table(above)) => overlay(below, above),
            (Some(ValueKind::Array(list)), ValueKind::Table(above)) => {
                for (place, value) in above {
                    let below = place.parse::<usize>().ok().and_then(|place| list.get_mut(place));
                    match (below.map(|below| &mut below.kind), value.kind) {
                        (Some(ValueKind::Table(below)), ValueKind::Table(above)) => overlay(below, above),
                        // It has no place in the list: there, it is reported as unknown.
                        (_, kind) => list.push(Value::from(Map::from_iter([(place, Value::new(None, kind))]))),
                    }
                }
            }
            (_, kind) => {
                base.insert(key, Value::new(None, kind));
            }
        }
    }
}

/// A table of keys that are taken out as they are read.
pub struct Section {
    path: String,
    keys: Map<String, Value>,
}

impl Section {
    pub fn root(keys: Map<String, Value>) -> Self {
        Self { path: String::new(), keys }
    }

    /// Has a key say this, whatever it said.
    pub fn say(&mut self, key: &str, text: &str) {
        self.keys.insert(key.to_owned(), Value::from(text));
    }

    pub fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    pub fn forget(&mut self, key: &str) {
        self.keys.remove(key);
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Reads keys and collects what is wrong with them.
#[derive(Default)]
pub struct Reader {
    pub mistakes: Vec<String>,
}

impl Reader {
    pub fn wrong(&mut self, section: &Section, key: &str, what: impl fmt::Display) {
        self.mistakes.push(format!("{}: {what}", section.key(key)));
    }

    /// A table, empty when it is not there.
    pub fn section(&mut self, root: &mut Section, key: &str) -> Section {
        let path = root.key(key);
        let keys = match root.keys.remove(key).map(|value| value.kind) {
            Some(ValueKind::Table(keys)) => keys,
            None => Map::new(),
            Some(_) => {
                self.wrong(root, key, format!("must be a table: [{path}]"));
                Map::new()
            }
        };
        Section { path, keys }
    }

    /// A list of tables, empty when it is not there.
    pub fn sections(&mut self, root: &mut Section, key: &str) -> Vec<Section> {
        let path = root.key(key);
        let values = match root.keys.remove(key).map(|value| value.kind) {
            Some(ValueKind::Array(values)) => values,
            None => Vec::new(),
            Some(_) => {
                self.wrong(root, key, format!("must be a list of tables: [[{path}]]"));
                Vec::new()
            }
        };
        let mut sections = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            match value.kind {
                ValueKind::Table(keys) => sections.push(Section { path: format!("{path}[{index}]"), keys }),
                _ => self.mistakes.push(format!("{path}[{index}]: must be a table")),
            }
        }
        sections
    }

    pub fn text(&mut self, section: &mut Section, key: &str) -> Option<String> {
        let value = section.keys.remove(key)?;
        match value.kind {
            ValueKind::String(text) if text.trim().is_empty() => {
                self.wrong(section, key, "must not be empty");
                None
            }
            ValueKind::String(text) => Some(text),
            _ => {
                self.wrong(section, key, "must be a text");
                None
            }
        }
    }

    pub fn required_text(&mut self, section: &mut Section, key: &str) -> String {
        if !section.keys.contains_key(key) {
            self.wrong(section, key, "is needed");
        }
        self.text(section, key).unwrap_or_default()
    }

    /// A file that is read later, and can be.
    pub fn file(&mut self, section: &mut Section, key: &str) -> Option<PathBuf> {
        let file = PathBuf::from(self.text(section, key)?);
        if let Err(error) = std::fs::File::open(&file) {
            self.wrong(section, key, format!("{}: {error}", file.display()));
        }
        Some(file)
    }

    /// A value in text form, or the default.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, section: &mut Section, key: &str, default: T) -> T {
        match self.text(section, key).map(|text| text.parse::<T>()) {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.wrong(section, key, error);
                default
            }
            None => default,
        }
    }

    pub fn number(&mut self, section: &mut Section, key: &str, default: u32, most: u32) -> u32 {
        let Some(value) = section.keys.remove(key) else { return default };
        let number = value.into_int().ok().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (1..=most).contains(number)) {
            Some(number) => number,
            None => {
                self.wrong(section, key, format!("must be a whole number from 1 to {most}"));
                default
            }
        }
    }

    /// A whole number that fits an octet.
    pub fn octet(&mut self, section: &mut Section, key: &str, default: u8) -> u8 {
        let Some(value) = section.keys.remove(key) else { return default };
        value.into_int().ok().and_then(|number| u8::try_from(number).ok()).unwrap_or_else(|| {
            self.wrong(section, key, "must be a whole number from 0 to 255");
            default
        })
    }

    /// One of several words.
    pub fn choice<T: Copy>(&mut self, section: &mut Section, key: &str, default: T, words: &[(&str, T)]) -> T {
        let Some(text) = self.text(section, key) else { return default };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => *choice,
            None => {
                let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                self.wrong(section, key, format!("must be one of {}", known.join(", ")));
                default
            }
        }
    }

    /// A list of `command_status` that say no (SMPP 3.4 §5.1.3).
    pub fn refusals(&mut self, section: &mut Section, key: &str, most: usize) -> Option<Vec<u32>> {
        let value = section.keys.remove(key)?;
        let read = |value: Value| value.into_int().ok().and_then(|number| u32::try_from(number).ok());
        let found: Option<Vec<u32>> = match value.kind {
            ValueKind::Array(values) if values.len() <= most => values.into_iter().map(read).collect(),
            _ => None,
        };
        let found = found.filter(|refusals| !refusals.contains(&0));
        if found.is_none() {
            self.wrong(
                section,
                key,
                format!("must be a list of up to {most} error codes other than 0, such as [0x58]"),
            );
        }
        found
    }

    pub fn switch(&mut self, section: &mut Section, key: &str, default: bool) -> bool {
        let Some(value) = section.keys.remove(key) else { return default };
        value.into_bool().unwrap_or_else(|_| {
            self.wrong(section, key, "must be true or false");
            default
        })
    }

    pub fn duration(
        &mut self,
        section: &mut Section,
        key: &str,
        default: Duration,
        range: (Duration, Duration),
    ) -> Duration {
        let Some(text) = self.text(section, key) else { return default };
        let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
        match duration.filter(|duration| (range.0..=range.1).contains(duration)) {
            Some(duration) => duration,
            None => {
                let what = format!("must be a duration from {:?} to {:?}, such as \"30s\"", range.0, range.1);
                self.wrong(section, key, what);
                default
            }
        }
    }

    /// A secret, from a file named by `KEY_file` or in clear.
    pub fn secret(&mut self, section: &mut Section, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        if !section.keys.contains_key(key) && !section.keys.contains_key(&file_key) {
            self.wrong(section, key, format!("is needed, or {file_key}"));
        }
        self.optional_secret(section, key)
    }

    /// A secret that need not be there.
    pub fn optional_secret(&mut self, section: &mut Section, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let in_clear = self.text(section, key);
        let secret = match (in_clear, self.text(section, &file_key)) {
            (Some(_), Some(_)) => {
                self.wrong(section, key, format!("give either {key} or {file_key}"));
                None
            }
            (Some(secret), None) => Some(secret),
            (None, Some(file)) => match std::fs::read_to_string(&file) {
                Ok(secret) if !secret.trim().is_empty() => Some(secret.trim_end_matches(['\r', '\n']).to_owned()),
                Ok(_) => {
                    self.wrong(section, &file_key, format!("{file} is empty"));
                    None
                }
                Err(error) => {
                    self.wrong(section, &file_key, format!("{file}: {error}"));
                    None
                }
            },
            (None, None) => None,
        };
        secret.map(SecretString::from)
    }

    pub fn phones(&mut self, section: &mut Section, key: &str) -> Vec<Phone> {
        self.list_of(section, key, "phone numbers", usize::MAX, Phone::parse).unwrap_or_default()
    }

    /// A list of values in text form, if it is there. `what` is what they are called.
    pub fn list<T: FromStr<Err: fmt::Display>>(
        &mut self,
        section: &mut Section,
        key: &str,
        what: &str,
        most: usize,
    ) -> Option<Vec<T>> {
        self.list_of(section, key, what, most, str::parse)
    }

    fn list_of<T, E: fmt::Display>(
        &mut self,
        section: &mut Section,
        key: &str,
        what: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let values = match section.keys.remove(key)?.kind {
            ValueKind::Array(values) if values.len() <= most => values,
            ValueKind::Array(_) => {
                self.wrong(section, key, format!("must be a list of at most {most} {what}"));
                return Some(Vec::new());
            }
            _ => {
                self.wrong(section, key, format!("must be a list of {what}"));
                return Some(Vec::new());
            }
        };
        let mut found = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            match value.into_string().map(|text| parse(&text)) {
                Ok(Ok(value)) => found.push(value),
                Ok(Err(error)) => self.wrong(section, &format!("{key}[{index}]"), error),
                Err(_) => self.wrong(section, &format!("{key}[{index}]"), "must be a text"),
            }
        }
        Some(found)
    }

    /// Whatever was not read is unknown.
    pub fn finish(&mut self, section: Section) {
        let mut unknown: Vec<&String> = section.keys.keys().collect();
        unknown.sort();
        for key in unknown {
            self.mistakes.push(format!("{}: unknown key", section.key(key)));
        }
    }
}
