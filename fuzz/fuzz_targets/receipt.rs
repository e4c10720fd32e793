//! Any text of a receipt, and any optional parameters beside it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assent_fuzz::memory::bounded(data, assent_fuzz::decoders::receipt));
