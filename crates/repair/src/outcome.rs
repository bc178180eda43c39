//! What came of a repair, in terms that a person can act on.

use std::path::PathBuf;
use std::time::Duration;
use tapo_bmff::FourCc;
use tapo_io::Span;

/// How sure a sample is.
#[derive(Copy, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// The file's own index names it, or its syntax, its neighbours and the
    /// clock agree.
    A,
    /// Its syntax is right and one of its neighbours vouches for it.
    B,
    /// Nothing in its bytes says so: its place and length were inferred.
    C,
    /// It is delimited, but its bytes are damaged.
    D,
}

/// What became of one broken file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reconstruction {
    /// The broken file.
    pub source: PathBuf,
    /// What was written; `None` in a dry run.
    pub output: Option<PathBuf>,
    /// What was written, or would be.
    pub target: PathBuf,
    /// Whether that is the broken file itself.
    pub in_place: bool,
    /// SHA-256 of both, if asked for.
    pub hashes: Option<Hashes>,
    /// What else there is to say of it.
    pub notes: Vec<Note>,
    /// Where the descriptions of the tracks came from.
    pub basis: Basis,
    /// The tracks, in the order of the output.
    pub tracks: Vec<TrackOutcome>,
    /// Places where samples are missing, in file order.
    pub gaps: Vec<Gap>,
    /// Every byte of the broken file, once, in order.
    pub ledger: Vec<LedgerEntry>,
    /// Size of the output, bytes.
    pub size: u64,
    /// Whether every byte of the samples was looked at: [`Options::thorough`](crate::Options::thorough)
    /// asked for it, and the syntax of all tracks is read well enough.
    pub thorough: bool,
}

/// SHA-256 of the broken file and of the output.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Hashes {
    /// Of the broken file, before it was repaired.
    pub input: [u8; 32],
    /// Of the output; in a dry run of what it would be.
    pub output: [u8; 32],
}

/// Something that is worth knowing of a repair, and is no loss.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Note {
    /// The data ends within, or just behind, data without syntax (PCM, G.711):
    /// how much of its last row was recorded says the clock alone. Up to one row
    /// may be missing, or bytes of the sample behind it be heard.
    EndByClock {
        /// Track id in the output.
        track: u32,
        /// Samples of that row.
        samples: u64,
    },
    /// The last sample is cut off by the end of the data, and left out.
    CutOff {
        /// Its bytes that are there.
        bytes: Span,
    },
    /// Boxes vouch for where the media data ends, but the end of it is no sample that the
    /// basis knows.
    EndUnread {
        /// Where it stands.
        bytes: Span,
    },
    /// Samples of another recording, or of another part of this one, stand where
    /// others belong: left out.
    Foreign {
        /// Where they stand.
        bytes: Span,
        /// How many.
        samples: u64,
    },
    /// The parameter sets of a track are those in its media data, not those of
    /// the basis.
    SetsInMedia {
        /// Track id in the output.
        track: u32,
    },
    /// The settings of a track's decoder are those of another recording: it has none that can be read.
    SettingsTaken {
        /// Track id in the output.
        track: u32,
        /// The recording.
        from: PathBuf,
    },
    /// The parameter sets of a track were found by trial: those of the basis do
    /// not decode its pictures. None of its samples is of class A.
    SetsByTrial {
        /// Track id in the output.
        track: u32,
        /// The fields that differ from those of the basis, with their values.
        differs: String,
        /// Pictures that decode with them: all that were tried, but for damaged
        /// ones.
        pictures: u32,
    },
    /// The pictures of a track do not decode with the settings of its decoder, which the index holds, and nothing was found that
    /// they decode with.
    Undecodable {
        /// Track id in the output.
        track: u32,
    },
    /// Boxes that speak of single samples of the basis are left out, since nothing
    /// says it of those that were found.
    LeftOut {
        /// Track id in the output.
        track: u32,
        /// Their types.
        boxes: Vec<FourCc>,
    },
    /// The times of a track, as the index stated them, contradict its headers or the order of its
    /// pictures: they were worked out anew.
    TimesMended {
        /// Track id in the output.
        track: u32,
        /// Whether what contradicts them leaves no other choice.
        sure: bool,
    },
    /// Fragments are missing between others or in front of them: numbers are left out, and times with them.
    FragmentsMissing {
        /// How many, by the numbers.
        fragments: u64,
    },
    /// The index that was left names more tracks than it describes. Their data is
    /// left out.
    TracksUnknown {
        /// How many.
        tracks: usize,
    },
}

/// Where the descriptions of the tracks came from, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Basis {
    /// The broken file still held them.
    OwnIndex,
    /// A reference that was named.
    Reference {
        /// The reference.
        path: PathBuf,
        /// How it was chosen among several, if it was.
        why: String,
    },
    /// A healthy file found in the same folder.
    Sibling {
        /// The sibling.
        path: PathBuf,
        /// Why this one.
        why: String,
    },
    /// The profile that the recorder left of the camera.
    CameraProfile {
        /// The profile.
        path: PathBuf,
        /// Why this one.
        why: String,
    },
    /// The broken file still held them, but not where its samples are.
    OwnDescriptions {
        /// What was taken for the rest: another recording, or the profile of the
        /// camera.
        completed: Option<PathBuf>,
    },
    /// Nothing but the parameter sets in its media data: pictures alone are
    /// recovered, and all of them are of class C at best.
    ParameterSets {
        /// What they say of the rate, and what is left out.
        why: String,
    },
}

/// What was recovered of a track.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackOutcome {
    /// Track id in the output.
    pub id: u32,
    /// Kind of media, as the handler says.
    pub handler: FourCc,
    /// Sample entry type.
    pub entry: FourCc,
    /// Samples in the output.
    pub samples: u64,
    /// How long they last.
    pub recovered: Duration,
    /// Samples that the gaps are thought to have held.
    pub lost_samples: u64,
    /// How long they would have lasted.
    pub lost: Duration,
    /// Samples of each class: A, B, C, D.
    pub classes: [u64; 4],
    /// How long those of class C last: they are guessed.
    pub guessed: Duration,
    /// Those of class C that end the data of a constant-rate track: see
    /// [`Note::EndByClock`].
    pub ends_by_clock: u64,
    /// How long pictures last that are none of them damaged, and whose keyframe is lost or damaged.
    pub without_keyframe: Duration,
    /// Stretches of one class in the order of time.
    pub stretches: Vec<Stretch>,
    /// Samples that are damaged but kept, those of class D.
    pub damaged: Vec<Damaged>,
}

/// Consecutive samples of one class.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// Number of the first sample, from 1 on.
    pub first: u64,
    /// How many samples.
    pub samples: u64,
    /// How sure they are.
    pub class: Class,
    /// Decode time of the first, from that of the first sample of the track on.
    pub at: Duration,
    /// How long they last.
    pub length: Duration,
}

/// A sample whose bytes are damaged, and that is in the output all the same.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Damaged {
    /// Number of the sample, from 1 on.
    pub number: u64,
    /// Its bytes in the broken file.
    pub span: Span,
}

/// A place in the file where samples are missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gap {
    /// The bytes that could not be used.
    pub span: Span,
    /// When it begins on the timeline of the output.
    pub at: Duration,
    /// How long it lasts there.
    pub length: Duration,
}

/// What a range of bytes is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Use {
    /// Samples in the output.
    Samples,
    /// Boxes: the head of the file, `free`, a lost index.
    Structure,
    /// Zeros, outside of any sample.
    Zeros,
    /// Bytes that belong to no sample that could be delimited.
    Unusable,
    /// The beginning of a sample whose rest the file does not have.
    CutOff,
}

/// One range of the broken file.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct LedgerEntry {
    /// The bytes.
    pub span: Span,
    /// What they are.
    pub what: Use,
}

impl Reconstruction {
    /// Whether all that can be recovered is: nothing is missing between the first
    /// and the last sample, none is damaged, and none is guessed, but for the end
    /// of constant-rate sound at the end of the data ([`Note::EndByClock`]).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let sure = |t: &TrackOutcome| {
            t.classes[2] <= t.ends_by_clock && t.classes[3] == 0 && t.lost_samples == 0
        };
        let told = |n: &Note| {
            !matches!(
                n,
                Note::TracksUnknown { .. }
                    | Note::EndUnread { .. }
                    | Note::FragmentsMissing { .. }
                    | Note::Undecodable { .. }
                    | Note::TimesMended { sure: false, .. }
            )
        };
        self.gaps.is_empty() && self.tracks.iter().all(sure) && self.notes.iter().all(told)
    }

    /// Samples in the output, of all tracks.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.tracks.iter().map(|t| t.samples).sum()
    }
}
