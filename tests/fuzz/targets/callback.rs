#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ttscm_fuzz::callback::check(data));
