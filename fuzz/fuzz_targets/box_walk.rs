//! `cargo fuzz run box_walk`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tapo_fuzz::box_walk(data));

#[cfg(not(fuzzing))]
fn main() {}
