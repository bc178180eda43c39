//! Picture parameter sets that differ from a given one in few fields.
//!
//! Where the parameter sets of a recording are lost, those of another recording by the same camera are nearly right: encoders change the
//! initial quantiser with the rate, and tools with a preset. What is nearly right can be varied until a picture decodes. Sequence
//! parameter sets are not varied: they hold the size of the picture, which nothing else tells.

mod h264;
mod h265;
mod writer;

use crate::registry;

/// A parameter set that differs from the one given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The NAL unit, header and emulation prevention included.
    pub nal: Vec<u8>,
    /// The fields that differ, by their names in the standard, with their values.
    pub differs: String,
}

/// What a variant changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changes {
    /// What slice headers are read by. Pictures are not even found where it is wrong.
    Headers,
    /// What slice data is read by: only decoding tells.
    Data,
}

/// The variants of a picture parameter set of a codec, the most likely first; the set itself is not among them. None if it is no picture
/// parameter set, if the codec has none, or if the set uses what is not varied (slice groups, tiles, scaling lists). With the sequence
/// parameter set that it goes with, variants that its profile does not allow are left out.
///
/// At most 64 that change headers, 1100 that change data.
#[must_use]
pub fn variants(entry_type: [u8; 4], sps: &[u8], pps: &[u8], changes: Changes) -> Vec<Variant> {
    match registry::find(entry_type).map(|codec| codec.name) {
        Some("H.264") => h264::variants(sps, pps, changes),
        Some("H.265") => h265::variants(pps, changes),
        _ => Vec::new(),
    }
}

/// Names the fields in which two sets differ, with the values of the second.
fn differences(fields: &[(&str, i64, i64)]) -> String {
    let differ = fields.iter().filter(|(_, old, new)| old != new);
    let words: Vec<_> = differ
        .map(|(name, _, new)| format!("{name} {new}"))
        .collect();
    words.join(", ")
}

/// All values of a quantiser, the given one and those near it first.
fn by_distance(around: i32, least: i32, most: i32) -> Vec<i32> {
    let mut all: Vec<i32> = (least..=most).collect();
    all.sort_by_key(|value| ((value - around).abs(), *value));
    all
}
