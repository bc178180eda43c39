//! `cargo fuzz run sample_entry`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tapo_fuzz::sample_entry(data));

#[cfg(not(fuzzing))]
fn main() {}
