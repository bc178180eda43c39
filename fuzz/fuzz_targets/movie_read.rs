//! `cargo fuzz run movie_read`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tapo_fuzz::movie_read(data));

#[cfg(not(fuzzing))]
fn main() {}
