//! What the fuzz targets share. `fuzz/run` runs them all; `tests/decoders.rs` runs the same functions on stable.

pub mod decoders;
pub mod memory;
