//! Any body behind any `command_id`: what is read, and how it is answered.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assent_fuzz::memory::bounded(data, assent_fuzz::decoders::body));
