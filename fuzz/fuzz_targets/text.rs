//! Any octets under any `data_coding`, and any text on its way out.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assent_fuzz::memory::bounded(data, assent_fuzz::decoders::text));
