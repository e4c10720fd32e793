//! Any segments behind any user data header, in any order.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assent_fuzz::memory::bounded(data, assent_fuzz::decoders::reassembly));
