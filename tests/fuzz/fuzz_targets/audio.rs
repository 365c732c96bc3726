#![no_main]

libfuzzer_sys::fuzz_target!(init: antiphon_fuzz::report_panics(), |bytes: &[u8]| antiphon_fuzz::audio::check(bytes));
