#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::formats::read_and_check(bytes));
