//! A list of opt-outs from the practice's earlier vendor, as CSV (RFC 4180): who wants no texts, since when and why.
//!
//! It can say nothing else. A column that is not known is refused, because it may say the opposite, and nothing in a row opts
//! anybody in.

mod header;
mod lines;
mod row;

pub use header::{Columns, HeaderError};
pub use lines::{LINE_OCTETS_MAX, Record, Records};
pub use row::{Flaw, REASON_CHARS_MAX, Row, Rules};
