//! Reads a carrier's profile: a file of its own, or one of those that come with Assent.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::reader::{Reader, Section};
use super::traffic::Traffic;
use crate::carrier::profile::{AddressForm, Concatenation, Profile, ValidityPeriod};
use crate::carrier::receipt::Errors;
use crate::carrier::refusal::{OVERRIDES_MAX, Refusals};
use crate::carrier::translate::{Dialect, ReceiptZone};
use crate::domain::text::{DefaultAlphabet, SEGMENTS_MAX, Writing};
use crate::domain::{Cause, Phone, Retry, Writings};

/// The profiles that need no file, by name.
const KNOWN: [(&str, &str); 4] = [
    ("strict", include_str!("../../config/carriers/strict.toml")),
    ("sinch", include_str!("../../config/carriers/sinch.toml")),
    ("smsportal", include_str!("../../config/carriers/smsportal.toml")),
    ("vonage", include_str!("../../config/carriers/vonage.toml")),
];

/// What `profile` of a link names: a profile that is known, or the path of a file.
pub fn read(reader: &mut Reader, section: &mut Section) -> Profile {
    let Some(name) = reader.text(section, "profile") else { return Profile::default() };
    let text = match KNOWN.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => (*text).to_owned(),
        None => match std::fs::read_to_string(&name) {
            Ok(text) => text,
            Err(error) => {
                let names = KNOWN.map(|(known, _)| known).join(", ");
                reader.wrong(section, "profile", format!("{name}: {error}; it is a file, or one of {names}"));
                return Profile::default();
            }
        },
    };
    match from_toml(&text) {
        Ok(profile) => profile,
        Err(mistakes) => {
            for mistake in mistakes {
                reader.wrong(section, "profile", format!("{name}: {mistake}"));
            }
            Profile::default()
        }
    }
}

/// How each practice number's texts are written: in the ways of the link that is preferred of those that name it, else of
/// those that name none. A link that stands in for it writes them in its own, and may take more segments for one: that is
/// what is counted, and no text is refused for it.
pub fn writings<'a>(links: impl Iterator<Item = &'a Traffic>) -> Writings {
    let mut links: Vec<&Traffic> = links.collect();
    links.sort_by_key(|link| link.priority);
    let numbers = links.iter().flat_map(|link| &link.numbers);
    let naming = |number: &Phone| writing(links.iter().filter(|link| link.numbers.contains(number)));
    Writings {
        named: numbers.map(|number| (number.clone(), naming(number))).collect(),
        others: writing(links.iter().filter(|link| link.numbers.is_empty())),
    }
}

/// How a text is written that goes through one of these links, of which the first is preferred.
fn writing<'a>(links: impl Iterator<Item = &'a &'a Traffic>) -> Writing {
    let each = links.map(|link| link.profile.writing());
    each.reduce(Writing::with_stand_in).unwrap_or_default()
}

/// Reads the text of a profile. What it leaves out is strict.
fn from_toml(text: &str) -> Result<Profile, Vec<String>> {
    use config::Source;
    let keys = config::File::from_str(text, config::FileFormat::Toml).collect();
    let mut root = Section::root(keys.map_err(|error| vec![error.to_string()])?);
    let mut reader = Reader::default();
    let strict = Profile::default();
    let concatenation = [
        ("udh8", Concatenation::Udh8),
        ("udh16", Concatenation::Udh16),
        ("sar", Concatenation::Sar),
        ("message_payload", Concatenation::MessagePayload),
    ];
    let alphabets =
        [("gsm", DefaultAlphabet::Gsm), ("latin1", DefaultAlphabet::Latin1), ("ascii", DefaultAlphabet::Ascii)];
    let periods = [("absolute", ValidityPeriod::Absolute), ("relative", ValidityPeriod::Relative)];
    let profile = Profile {
        concatenation: reader.choice(&mut root, "concatenation", strict.concatenation, &concatenation),
        dialect: Dialect {
            default_alphabet: reader.choice(&mut root, "default_alphabet", DefaultAlphabet::default(), &alphabets),
            errors: errors(&mut reader, &mut root),
            receipt_zone: receipt_zone(&mut reader, &mut root),
        },
        data_coding: reader.octet(&mut root, "data_coding", strict.data_coding),
        source: address(&mut reader, &mut root, "source", strict.source),
        destination: address(&mut reader, &mut root, "destination", strict.destination),
        validity_period: reader.choice(&mut root, "validity_period", strict.validity_period, &periods),
        segments_max: reader.number(&mut root, "segments_max", strict.segments_max, SEGMENTS_MAX),
        answer_within: reader.duration(&mut root, "answer_within", strict.answer_within, ANSWER_WITHIN),
        refusals: refusals(&mut reader, &mut root, strict.refusals),
    };
    if profile.data_coding == UCS2 {
        reader.wrong(&root, "data_coding", "8 is UCS-2, which is not a default alphabet");
    }
    reader.finish(root);
    if reader.mistakes.is_empty() { Ok(profile) } else { Err(reader.mistakes) }
}

fn receipt_zone(reader: &mut Reader, root: &mut Section) -> ReceiptZone {
    let Some(name) = reader.text(root, "receipt_time_zone") else { return ReceiptZone::default() };
    match TimeZone::get(&name) {
        Ok(zone) => ReceiptZone(zone),
        Err(_) => {
            reader.wrong(root, "receipt_time_zone", format!("{name} is no time zone; one is \"America/New_York\""));
            ReceiptZone::default()
        }
    }
}

/// How long a carrier can be said to wait for an answer.
const ANSWER_WITHIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(10));
/// SMPP 3.4 §5.2.19.
const UCS2: u8 = 8;

fn address(reader: &mut Reader, root: &mut Section, key: &str, strict: AddressForm) -> AddressForm {
    let mut section = reader.section(root, key);
    let form = AddressForm {
        ton: reader.octet(&mut section, "ton", strict.ton),
        npi: reader.octet(&mut section, "npi", strict.npi),
    };
    reader.finish(section);
    form
}

/// What a carrier's own numbers for errors in receipts mean, by the words for it.
const CAUSES: [(&str, Cause); 7] = [
    ("unknown_number", Cause::UnknownNumber),
    ("landline", Cause::Landline),
    ("unreachable", Cause::Unreachable),
    ("blocked_by_carrier", Cause::BlockedByCarrier),
    ("opted_out_at_carrier", Cause::OptedOutAtCarrier),
    ("over_limit", Cause::OverLimit),
    ("content", Cause::Content),
];

fn errors(reader: &mut Reader, root: &mut Section) -> Errors {
    let mut section = reader.section(root, "errors");
    let mut known: Vec<(u16, Cause)> = Vec::new();
    for (key, cause) in CAUSES {
        for code in reader.refusals(&mut section, key, OVERRIDES_MAX).unwrap_or_default() {
            match u16::try_from(code) {
                Err(_) => {
                    let what = format!("{code} is more than a receipt can say, which is {}", u16::MAX);
                    reader.wrong(&section, key, what);
                }
                Ok(code) if known.iter().any(|(other, _)| *other == code) => {
                    reader.wrong(&section, key, format!("{code} means something else already"));
                }
                Ok(code) => known.push((code, cause)),
            }
        }
    }
    reader.finish(section);
    Errors::from_iter(known)
}

fn refusals(reader: &mut Reader, root: &mut Section, strict: Refusals) -> Refusals {
    let throttled_by = reader.refusals(root, "throttled_by", OVERRIDES_MAX).unwrap_or(strict.throttled_by);
    let mut section = reader.section(root, "retry");
    let mut overrides: Vec<(u32, Retry)> = Vec::new();
    let meanings = [
        ("when_ready", Retry::WhenReady),
        ("few_times", Retry::FewTimes),
        ("never", Retry::Never),
        ("opted_out", Retry::OptedOut),
    ];
    for (key, retry) in meanings {
        for command_status in reader.refusals(&mut section, key, OVERRIDES_MAX).unwrap_or_default() {
            let is_known = overrides.iter().any(|(known, _)| *known == command_status);
            if is_known || throttled_by.contains(&command_status) {
                reader.wrong(&section, key, format!("{command_status:#04x} stands in another list already"));
            }
            overrides.push((command_status, retry));
        }
    }
    reader.finish(section);
    Refusals { throttled_by, overrides }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::domain::text::{Pdus, Spread};

    #[test]
    fn a_number_is_written_as_the_link_wants_it_that_it_goes_through() {
        let text = |profile: &str| {
            format!(
                "auth.operator_token = \"0123456789abcdef0123456789abcdef\"\n\
                 [[carrier]]\nname = \"all\"\naddress = \"127.0.0.1:1\"\nsystem_id = \"a\"\npassword = \"b\"\n\
                 [[carrier]]\nname = \"one\"\naddress = \"127.0.0.1:1\"\nsystem_id = \"a\"\npassword = \"b\"\n\
                 numbers = [\"+13035550101\"]\nprofile = \"{profile}\""
            )
        };
        let profile = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(profile.path(), "concatenation = \"udh16\"\nsegments_max = 3").unwrap();
        let path = profile.path().to_str().unwrap();
        let writings = writings(Config::from_toml(&text(path)).unwrap().traffic());
        assert_eq!(writings.of(&Phone::parse("+13035550100").unwrap()), Writing::default());
        let one = writings.of(&Phone::parse("+13035550101").unwrap());
        assert_eq!((one.header_octets, one.segments_max, one.spread), (7, 3, None));

        std::fs::write(profile.path(), "segments = 3").unwrap();
        let mistakes = Config::from_toml(&text(path)).unwrap_err().0;
        assert_eq!(mistakes, [format!("carrier[1].profile: {path}: segments: unknown key")]);
        let mistakes = Config::from_toml(&text("stirct")).unwrap_err().0;
        assert!(mistakes[0].ends_with("it is a file, or one of strict, sinch, smsportal, vonage"), "{mistakes:?}");
    }

    #[test]
    fn a_link_that_stands_in_is_counted_and_not_written_for() {
        let link = |priority: u32, profile: &std::path::Path| {
            format!(
                "[[carrier]]\nname = \"{priority}\"\naddress = \"127.0.0.1:1\"\nsystem_id = \"a\"\npassword = \"b\"\n\
                 priority = {priority}\nprofile = \"{}\"\n",
                profile.display()
            )
        };
        let [first, second] = [
            "concatenation = \"message_payload\"\nsegments_max = 4",
            "concatenation = \"udh16\"\ndefault_alphabet = \"ascii\"\nsegments_max = 2",
        ]
        .map(|profile| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), profile).unwrap();
            file
        });
        let token = "auth.operator_token = \"0123456789abcdef0123456789abcdef\"\n";
        // In whatever order they stand in the file.
        let text = format!("{token}{}{}", link(2, second.path()), link(1, first.path()));
        let writing = writings(Config::from_toml(&text).unwrap().traffic()).others;
        let spread = Spread { default_alphabet: DefaultAlphabet::Ascii, header_octets_min: 6, header_octets_max: 7 };
        let own = (writing.default_alphabet, writing.header_octets, writing.segments_max);
        assert_eq!(own, (DefaultAlphabet::Gsm, 6, 4));
        assert_eq!((writing.spread, writing.pdus), (Some(spread), Pdus::PerSegment));
    }

    #[test]
    fn the_strict_profile_names_every_knob_and_is_the_default() {
        let strict = KNOWN[0].1;
        assert_eq!(from_toml(strict), Ok(Profile::default()));
        assert_eq!(from_toml(""), Ok(Profile::default()));
        let knobs = [
            "concatenation",
            "default_alphabet",
            "data_coding",
            "validity_period",
            "segments_max",
            "receipt_time_zone",
            "answer_within",
            "throttled_by",
            "[source]",
            "[destination]",
            "ton",
            "npi",
            "[errors]",
            "unknown_number",
            "landline",
            "unreachable",
            "blocked_by_carrier",
            "opted_out_at_carrier",
            "over_limit",
            "content",
            "[retry]",
            "when_ready",
            "few_times",
            "never",
            "opted_out",
        ];
        for knob in knobs {
            assert!(strict.lines().any(|line| line.starts_with(knob)), "{knob} is not shown");
        }
    }

    #[test]
    fn every_profile_that_comes_with_assent_is_known_and_reads() {
        for (name, text) in KNOWN {
            assert!(from_toml(text).is_ok(), "{name}: {:?}", from_toml(text));
        }
        let mut files: Vec<String> = std::fs::read_dir("config/carriers")
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let mut known = KNOWN.map(|(name, _)| name);
        known.sort_unstable();
        assert_eq!(files, known);
    }

    #[test]
    fn a_profile_says_how_its_carrier_differs() {
        let read = from_toml(
            r#"
            concatenation = "sar"
            default_alphabet = "latin1"
            data_coding = 3
            validity_period = "relative"
            segments_max = 4
            receipt_time_zone = "Europe/Oslo"
            answer_within = "30s"
            throttled_by = [0x58, 0x400]
            [destination]
            ton = 0
            [retry]
            when_ready = [0x401]
            never = [0x08]
            opted_out = [0x413]
            [errors]
            unknown_number = [5]
            landline = [30, 31]
            "#,
        );
        let expected = Profile {
            concatenation: Concatenation::Sar,
            dialect: Dialect {
                default_alphabet: DefaultAlphabet::Latin1,
                errors: Errors::from_iter([(5, Cause::UnknownNumber), (30, Cause::Landline), (31, Cause::Landline)]),
                receipt_zone: ReceiptZone(TimeZone::get("Europe/Oslo").unwrap()),
            },
            data_coding: 3,
            destination: AddressForm { ton: 0, npi: 1 },
            validity_period: ValidityPeriod::Relative,
            segments_max: 4,
            answer_within: Duration::from_secs(30),
            refusals: Refusals {
                throttled_by: vec![0x58, 0x400],
                overrides: vec![(0x401, Retry::WhenReady), (0x08, Retry::Never), (0x413, Retry::OptedOut)],
            },
            ..Profile::default()
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn every_mistake_of_a_profile_is_named_at_once() {
        let found = from_toml(
            r#"
            concatenation = "udh"
            data_coding = 8
            segments_max = 11
            receipt_time_zone = "Mars"
            answer_within = "1s"
            throttled_by = [0]
            id_base = "hex"
            [source]
            ton = 256
            [retry]
            few_times = [0x58, 0x08]
            never = [0x08]
            opted_out = [0x58]
            always = []
            [errors]
            landline = [30, 70000]
            over_limit = [30]
            spam = [7]
            "#,
        );
        let expected = [
            "concatenation: must be one of \"udh8\", \"udh16\", \"sar\", \"message_payload\"",
            "errors.landline: 70000 is more than a receipt can say, which is 65535",
            "errors.over_limit: 30 means something else already",
            "errors.spam: unknown key",
            "receipt_time_zone: Mars is no time zone; one is \"America/New_York\"",
            "source.ton: must be a whole number from 0 to 255",
            "segments_max: must be a whole number from 1 to 10",
            "answer_within: must be a duration from 5s to 600s, such as \"30s\"",
            "throttled_by: must be a list of up to 64 error codes other than 0, such as [0x58]",
            "retry.few_times: 0x58 stands in another list already",
            "retry.never: 0x08 stands in another list already",
            "retry.opted_out: 0x58 stands in another list already",
            "retry.always: unknown key",
            "data_coding: 8 is UCS-2, which is not a default alphabet",
            "id_base: unknown key",
        ];
        assert_eq!(found, Err(expected.map(str::to_owned).to_vec()));
    }
}
