//! What a file is, what is wrong with it and how bad that is.
//!
//! This crate gives verdicts and writes nothing: it reads heads, tables and as
//! much of the media as it is told to ([`Depth`]), accounts for every byte
//! ([`Ledger`]), says what it found as data ([`Inspection`], [`Finding`]), and
//! leaves words to the report. A file is opened read-only; if it changes while it
//! is read, that is a finding too.
#![forbid(unsafe_code)]

mod astray;
mod boxes;
mod check;
mod clocks;
mod codes;
mod difference;
mod error;
pub mod fields;
mod finding;
mod foreign;
mod form;
mod frame_times;
mod gops;
mod hidden;
mod hybrid;
mod inspection;
mod ledger;
mod listing;
mod map;
mod media;
mod nals;
pub mod names;
mod outlook;
mod places;
mod playing;
mod problem;
mod reference;
mod remedy;
mod saved;
mod summary;
mod survey;
mod timing;
mod verdict;

pub use astray::Astray;
pub use boxes::Boxes;
pub use clocks::{SeiClock, SeiClocks, SeiTime};
pub use difference::{BoxDifference, Change, Difference, TrackDifference, difference};
pub use error::{Error, Result};
pub use finding::{Finding, Severity, TimeRange};
pub use foreign::Foreign;
pub use form::{Family, Form, Own};
pub use frame_times::{FrameClock, FrameTime, FrameTimes};
pub use gops::{Gop, GopLengths, GopSummary, Gops, LengthBin, Rate, TrackGops};
pub use inspection::{Inspection, Options, inspect, inspect_file, inspect_file_with, inspect_with};
pub use ledger::{Entries, Entry, Holding, Ledger, Overlap};
pub use listing::{Listing, Stopped};
pub use map::{Cell, TrackMap};
pub use media::{Against, Depth, Harm, Harmed, Misfit, Tally};
pub use nals::{
    Count, Message, NalFormat, NalListing, NalTotals, NalUnit, Said, SampleUnits, UnitFlaw,
    parameter_sets,
};
pub use outlook::{Outlook, Prospect};
pub use problem::{Problem, Second};
pub use reference::{Aspect, Compared, Fit, ReferenceMatch, TrackMatch, reference_match};
pub use remedy::Remedy;
pub use saved::Saved;
pub use summary::{Cadence, CodecSummary, KeyframeInterval, TrackSummary};
pub use tapo_codec::MediaKind;
pub use tapo_codec::nal::NalCodec;
pub use tapo_codec::sei::{TimeCode, UserData};
pub use timing::{Dates, Stamp, StampKind, StampSpan, Timecode, TrackTiming};
pub use verdict::Verdict;
