#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hearth_fuzzing::targets::log_frames(bytes));
