//! A length of time as it is written in a script: "500ms", "2s", "1m 30s".

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Nothing in a script takes longer than a day.
const SPAN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A length of time of at most a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What a script may say is far below what a signed duration holds.
        let duration = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        serializer.collect_str(&format_args!("{duration:#}"))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
        duration.filter(|duration| *duration <= SPAN_MAX).map(Self).ok_or_else(|| {
            de::Error::custom(format_args!("\"{text}\" must be a time of at most a day, such as \"500ms\" or \"2s\""))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Duration>) {
        let read = serde_json::from_value::<Span>(text.into());
        assert_eq!(read.ok().map(|span| span.0), expected, "{text}");
    }

    #[test]
    fn a_time_is_written_with_its_unit() {
        check("500ms", Some(Duration::from_millis(500)));
        check("1m 30s", Some(Duration::from_secs(90)));
        check("0s", Some(Duration::ZERO));
        check("5", None);
        check("-1s", None);
        check("25h", None);
        check("soon", None);
    }

    #[test]
    fn what_is_written_reads_back() {
        for millis in [0, 1, 1_500, 90_000] {
            let span = Span(Duration::from_millis(millis));
            assert_eq!(serde_json::from_value::<Span>(serde_json::to_value(span).unwrap()).unwrap(), span);
        }
    }
}
