//! Assent: a two-way patient texting gateway.
