//! Any octets, cut anywhere: what is framed, and what a session makes of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assent_fuzz::memory::bounded(data, assent_fuzz::decoders::frame));
