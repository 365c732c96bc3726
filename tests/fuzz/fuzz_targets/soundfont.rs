#![no_main]

// libFuzzer's hook aborts at any panic. Those of other crates are contained by the library: this reports them and goes on, and
// what is not contained still ends the run.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))), |bytes: &[u8]| {
    antiphon_fuzz::soundfont::check(bytes);
});
