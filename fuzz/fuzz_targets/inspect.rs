//! `cargo fuzz run inspect`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tapo_fuzz::inspect(data));

#[cfg(not(fuzzing))]
fn main() {}
