//! The identifiers that callers choose for practices, staff, patients, templates and webhooks.

use std::fmt;
use std::sync::Arc;

/// The most characters an identifier may have.
pub const ID_CHARS_MAX: usize = 64;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {ID_CHARS_MAX} characters out of letters, digits, '.', '_' and '-', and not start with '.'")]
pub struct IdError;

/// Checks the shape that every caller-chosen identifier has.
fn parse(text: &str) -> Result<Arc<str>, IdError> {
    let fits = (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !text.starts_with('.');
    if fits { Ok(text.into()) } else { Err(IdError) }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses an identifier as callers give it.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier! {
    /// A practice: a site with its own number, staff, patients and tokens.
    PracticeId
}
identifier! {
    /// A member of a practice's staff.
    StaffId
}
identifier! {
    /// A patient in the practice's records.
    PatientId
}
identifier! {
    /// A text that the practice's staff keep to write it again.
    TemplateId
}
identifier! {
    /// A place that a practice's events are posted to.
    WebhookId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_short_and_plain() {
        for good in ["a", "riverside", "p-1.2_3", &"x".repeat(64)] {
            assert!(PracticeId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "../x", ".", "a b", "a/b", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(PracticeId::parse(bad), Err(IdError), "{bad:?}");
        }
    }
}
