//! What a record may be put over.

use crate::ports::Record;

/// Whether it matters what is there when a record is put.
pub enum Over {
    /// It does not: whoever comes last is right.
    Anything,
    /// Only over what this says yes to. It holds until the put is durable, towards other requests and other daemons.
    Only(Fits),
}

/// Whether a record may be put over what is there; `None` is that nothing is there.
pub type Fits = Box<dyn FnOnce(Option<&Record>) -> bool + Send>;
