//! The names in paths, and the parameters and headers that several calls share.

use super::PAGE_MAX;
use super::forms::{DELIVERY_PATTERN, ID_PATTERN, MESSAGE_PATTERN, PHONE_PATTERN};
use super::operation::{Form, Parameter};

/// Every name that stands in braces in a path of the route table.
pub const IN_PATHS: &[Parameter] = &[
    Parameter {
        name: "practice",
        about: "The practice, by the id that the operator chose.",
        form: Form::Pattern(ID_PATTERN),
        example: "riverside",
    },
    Parameter {
        name: "staff",
        about: "A member of staff, by the id that the practice chose.",
        form: Form::Pattern(ID_PATTERN),
        example: "maria",
    },
    Parameter {
        name: "patient",
        about: "A patient, by the id that the practice chose.",
        form: Form::Pattern(ID_PATTERN),
        example: "rosa",
    },
    Parameter {
        name: "message",
        about: "A message, by its id.",
        form: Form::Pattern(MESSAGE_PATTERN),
        example: "4f1c0a52b7d93e68-2",
    },
    Parameter {
        name: "phone",
        about: "The phone of a conversation. Its + is written %2B.",
        form: Form::Pattern(PHONE_PATTERN),
        example: "+13035550123",
    },
    Parameter {
        name: "template",
        about: "A template, by the id that the practice chose.",
        form: Form::Pattern(ID_PATTERN),
        example: "reminder",
    },
    Parameter {
        name: "token",
        about: "A token, by its public id.",
        form: Form::Text { chars_max: 64 },
        example: "Q2hlY2tNZQ",
    },
    Parameter {
        name: "webhook",
        about: "A webhook, by the id that the practice chose.",
        form: Form::Pattern(ID_PATTERN),
        example: "ehr",
    },
    Parameter {
        name: "delivery",
        about: "A delivery, by its id: the header `webhook-id` that it was posted with.",
        form: Form::Pattern(DELIVERY_PATTERN),
        example: "msg_5f0c2a9e7b1d4c3f8a6e0d2b4c6f8a1e",
    },
];

pub const LIMIT: Parameter = Parameter {
    name: "limit",
    about: "How many of them; 50 if left out.",
    form: Form::Number { least: 1, most: PAGE_MAX },
    example: "20",
};
pub const BEFORE: Parameter = Parameter {
    name: "before",
    about: "`next` of the answer before: the page of what is older.",
    form: Form::Text { chars_max: 200 },
    example: "",
};
/// `*`, or tags in quotes (RFC 9110 §13.1).
const TAGS_PATTERN: &str = "^\\*$|^(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*$";

/// Where two people may change one thing.
pub const CONDITIONS: &[Parameter] = &[
    Parameter {
        name: "If-Match",
        about: "The ETag of what the caller has seen: it is changed only if it is still that. Left out, it is changed anyhow.",
        form: Form::Pattern(TAGS_PATTERN),
        example: "",
    },
    Parameter {
        name: "If-None-Match",
        about: "`*` creates, and replaces nothing.",
        form: Form::Pattern(TAGS_PATTERN),
        example: "",
    },
];
pub const ASSENT_STAFF: Parameter = Parameter {
    name: "Assent-Staff",
    about: "Who acts, with a practice's token. A session acts for its own member of staff; the operator needs no name.",
    form: Form::Pattern(ID_PATTERN),
    example: "maria",
};
