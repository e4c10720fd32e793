//! The forms of texts in the API, for its description: what stands in JSON as a string and is more than one.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::domain::texts::WORDING_CHARS_MAX;
use crate::domain::{Mark, Status};
use crate::ports::{Changed, Silence};
use crate::webhooks;

/// One form: its name, and its JSON Schema.
macro_rules! form {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// Letters, digits, `.`, `_` and `-`, as callers choose them.
pub const ID_PATTERN: &str = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$";
pub const PHONE_PATTERN: &str = "^\\+[1-9][0-9]{7,14}$";
pub const MESSAGE_PATTERN: &str = "^[0-9a-f]{16}-[0-9]+$";
pub const DELIVERY_PATTERN: &str = "^msg_[0-9a-f]{32}$";
/// No control characters but line ends.
pub const TEXT_PATTERN: &str = "^[^\\u0000-\\u0009\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$";
/// One line.
pub const LINE_PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

form! {
    /// A point in time.
    Time, json_schema!({"type": "string", "format": "date-time", "examples": ["2026-03-04T15:00:00Z"]})
}
form! {
    /// A day of the calendar.
    Day, json_schema!({"type": "string", "format": "date", "examples": ["1985-03-04"]})
}
form! {
    /// A number in E.164.
    PhoneNumber, json_schema!({"type": "string", "pattern": PHONE_PATTERN, "examples": ["+13035550123"]})
}
form! {
    /// The id of a message.
    MessageIdentifier,
    json_schema!({"type": "string", "pattern": MESSAGE_PATTERN, "examples": ["4f1c0a52b7d93e68-2"]})
}
form! {
    /// The id of a member of staff.
    StaffIdentifier, json_schema!({"type": "string", "pattern": ID_PATTERN, "examples": ["maria"]})
}
form! {
    /// The id of a patient.
    PatientIdentifier, json_schema!({"type": "string", "pattern": ID_PATTERN, "examples": ["rosa"]})
}
form! {
    /// The name of a zone in the IANA database.
    TimeZoneName, json_schema!({"type": "string", "examples": ["America/Denver"]})
}
form! {
    /// The id of something that was posted to a webhook.
    DeliveryIdentifier,
    json_schema!({"type": "string", "pattern": DELIVERY_PATTERN, "examples": ["msg_5f0c2a9e7b1d4c3f8a6e0d2b4c6f8a1e"]})
}
form! {
    /// The id of a webhook.
    WebhookIdentifier, json_schema!({"type": "string", "pattern": ID_PATTERN, "examples": ["ehr"]})
}
form! {
    /// What happens in a practice.
    EventName, json_schema!({"type": "string", "enum": Changed::EVENTS, "examples": ["message.received"]})
}
form! {
    /// What is posted to a webhook.
    PostedName, {
        let names = Changed::EVENTS.into_iter().chain([webhooks::RESET, webhooks::TEST]);
        json_schema!({"type": "string", "enum": names.collect::<Vec<_>>(), "examples": ["message.received"]})
    }
}
form! {
    /// Why nothing was heard of a receiver.
    SilenceName, {
        let names = Silence::ALL.map(super::webhooks::silence_in_words);
        json_schema!({"type": "string", "enum": names, "examples": ["timeout"]})
    }
}
form! {
    /// The place where a list goes on.
    Place, json_schema!({"type": "string", "examples": ["AAAAAAAAAAKBRDiaUEmG5g"]})
}
form! {
    /// What a practice has Assent write.
    Wording, json_schema!({
        "type": "string", "minLength": 1, "maxLength": WORDING_CHARS_MAX, "pattern": LINE_PATTERN,
        "examples": ["{practice}: call {contact}. Reply STOP to opt out."],
    })
}
form! {
    /// The language of a text of ours.
    LanguageCode, json_schema!({"type": "string", "enum": ["en", "es"], "examples": ["en"]})
}
form! {
    /// The alphabet that a text is sent in: of 160 characters, or of 70.
    EncodingName, json_schema!({"type": "string", "enum": ["gsm7", "ucs2"], "examples": ["gsm7"]})
}
form! {
    /// `HH:MM`, from 00:00 to 24:00.
    TimeOfDay, json_schema!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "examples": ["21:00"]})
}
form! {
    /// `HH:MM-HH:MM`.
    Opening, json_schema!({
        "type": "string", "pattern": "^[0-9]{2}:[0-5][0-9]-[0-9]{2}:[0-5][0-9]$", "examples": ["08:00-12:00"],
    })
}
form! {
    /// What became of a message.
    StatusName, json_schema!({"type": "string", "enum": Status::ALL.map(Status::name), "examples": ["delivered"]})
}
form! {
    /// What staff should know of a text besides its words.
    MarkName, {
        let names = Mark::ALL.into_iter().map(Mark::name).chain([super::views::SHORTENED]);
        json_schema!({"type": "string", "enum": names.collect::<Vec<_>>(), "examples": ["partial"]})
    }
}
