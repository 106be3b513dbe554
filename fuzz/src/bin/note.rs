#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nymtrail_fuzz::note(input));
