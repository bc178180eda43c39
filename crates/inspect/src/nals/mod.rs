//! NAL units sample by sample: what each is, and what its SEI messages say.
//!
//! Only the heads of units are read, and SEI whole; lengths that do not add up
//! end the sample, never the listing.

use crate::{Inspection, Listing, Result, Stopped};
use std::collections::BTreeMap;
use std::ops::Range;
use tapo_codec::h264::{AvcConfig, PicTiming};
use tapo_codec::nal::{NalCodec, NalLengthSize};
use tapo_codec::sei::{self, SeiContent, SeiMessage, TimeCode, UserData};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Sample, SampleDescription, Track};

/// Units of one sample that are listed; the highest levels allow 600 slices.
const UNITS: usize = 4096;

/// SEI messages of one sample that are listed.
const MESSAGES: usize = 256;

/// Bytes of an SEI unit that are looked into.
const SEI_BYTES: usize = 64 << 10;

/// Bytes of user data that are kept of a message.
const DATA: usize = 4096;

/// Kinds of user data that are told apart in the totals of a track.
const OWNERS: usize = 64;

/// `payloadType` of picture timing (H.264 D.1.1).
const PIC_TIMING: u32 = 1;

/// How samples are made of NAL units, as a sample description says.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct NalFormat {
    /// The codec.
    pub codec: NalCodec,
    /// Bytes of the length in front of each unit.
    pub lengths: NalLengthSize,
}

/// One NAL unit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NalUnit {
    /// `nal_unit_type`; `None` where there is no valid header.
    pub kind: Option<u8>,
    /// A short name.
    pub name: &'static str,
    /// Its bytes in the file, behind the length.
    pub span: Span,
    /// Its SEI messages, among those of the sample.
    pub messages: Range<usize>,
}

/// One SEI message, kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// `payloadType`.
    pub kind: u32,
    /// A short name.
    pub name: &'static str,
    /// `payloadSize`, bytes.
    pub size: u32,
    /// Whether all of its payload was there and read.
    pub whole: bool,
    /// What it says.
    pub said: Option<Said>,
}

/// What a message says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// Pictures until what is shown is right.
    RecoveryPoint(i64),
    /// A time code.
    TimeCode(TimeCode),
    /// Unregistered user data.
    Unregistered {
        /// The UUID.
        uuid: [u8; 16],
        /// Whose it is, if that is known.
        owner: Option<UserData>,
        /// The first bytes behind the UUID.
        data: Vec<u8>,
    },
    /// User data by ITU-T T.35.
    Registered {
        /// The country code.
        country: u8,
        /// The provider code.
        provider: u16,
        /// What it is known to be.
        owner: Option<&'static str>,
    },
}

/// What is wrong with the units of a sample.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum UnitFlaw {
    /// The sample does not lie in the file in full.
    Missing,
    /// A unit reaches beyond the end of its sample.
    Overrun {
        /// Where its length stands in the file.
        offset: u64,
        /// The length.
        declared: u64,
        /// Bytes that are left for it.
        left: u64,
    },
    /// What is left is too short for a length.
    Leftover {
        /// Where it begins in the file.
        offset: u64,
        /// How many bytes.
        left: u64,
    },
    /// More units than are listed.
    TooMany,
}

/// A sample and its units.
#[derive(Clone, Debug)]
pub struct SampleUnits {
    /// The sample.
    pub sample: Sample,
    /// How it is coded.
    pub format: NalFormat,
    /// Its units, as far as they were listed.
    pub units: Vec<NalUnit>,
    /// The messages of its SEI units.
    pub messages: Vec<Message>,
    /// Why they are not all of the sample.
    pub flaw: Option<UnitFlaw>,
}

/// How often something was met.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// Times.
    pub units: u64,
    /// Bytes of all, without the lengths in front.
    pub bytes: u64,
}

/// The units of a track in numbers.
#[derive(Clone, Debug, Default)]
pub struct NalTotals {
    /// Units by type and name; without a valid header under `None`.
    pub types: BTreeMap<(Option<u8>, &'static str), Count>,
    /// SEI messages by type and name; sizes are those declared.
    pub messages: BTreeMap<(u32, &'static str), Count>,
    /// User data by UUID: how often, and the first of it. 64 at most.
    pub user_data: BTreeMap<[u8; 16], (u64, Message)>,
    /// Samples whose units do not add up.
    pub flawed: u64,
}

/// Lists the units of a track's samples.
pub struct NalListing<'a> {
    source: &'a dyn ByteSource,
    window: Window<'a>,
    listing: Listing<'a>,
    formats: Vec<Option<NalFormat>>,
    /// How picture timing messages are written, of each description.
    timings: Vec<Option<PicTiming>>,
    nal: Vec<u8>,
    rbsp: Vec<u8>,
}

impl Inspection {
    /// The tracks that are made of NAL units, in file order.
    pub fn nal_tracks(&self) -> impl Iterator<Item = &Track> {
        let movie = self.read.movie.iter();
        let tracks = movie.flat_map(|m| &m.tracks);
        tracks.filter(|t| t.descriptions.iter().any(|d| NalFormat::of(d).is_some()))
    }

    /// Lists the units of a track of this file, which `source` must be.
    #[must_use]
    pub fn nals<'a>(&self, source: &'a dyn ByteSource, track: &'a Track) -> NalListing<'a> {
        NalListing {
            source,
            window: Window::new(source),
            listing: Listing::new(&track.samples, source.len()),
            formats: track.descriptions.iter().map(NalFormat::of).collect(),
            timings: track.descriptions.iter().map(timing).collect(),
            nal: Vec::new(),
            rbsp: Vec::new(),
        }
    }
}

/// How picture timing messages are written by the configuration of H.264.
fn timing(description: &SampleDescription) -> Option<PicTiming> {
    let config = AvcConfig::parse(description.entry.child(b"avcC")?).ok()?;
    PicTiming::of_sps(config.sps.first()?)
}

impl NalFormat {
    /// What a sample description says; `None` if it is of another codec.
    #[must_use]
    pub fn of(description: &SampleDescription) -> Option<Self> {
        let entry = &description.entry;
        let known = [
            (b"avcC", NalCodec::H264),
            (b"hvcC", NalCodec::H265),
            (b"vvcC", NalCodec::H266),
        ];
        let configured = |(kind, _): &&(&[u8; 4], _)| entry.child(kind).is_some();
        let (_, codec) = *known.iter().find(configured)?;
        let boxes: Vec<_> = entry.children().map(|(kind, b)| (kind.0, b)).collect();
        let said = tapo_codec::describe(description.kind().0, &boxes);
        let lengths = said.nal_length_size?;
        Some(Self { codec, lengths })
    }

    /// Type and name of a unit.
    #[must_use]
    pub fn unit(self, nal: &[u8]) -> (Option<u8>, &'static str) {
        if nal.is_empty() {
            return (None, "empty");
        }
        let known = self.codec.unit(nal);
        known.map_or((None, "not a NAL unit"), |(kind, name)| (Some(kind), name))
    }
}

/// Names and sizes of the parameter sets that stand in a sample description.
#[must_use]
pub fn parameter_sets(description: &SampleDescription) -> Vec<(&'static str, u64)> {
    let Some(format) = NalFormat::of(description) else {
        return Vec::new();
    };
    let entry = &description.entry;
    let boxes: Vec<_> = entry.children().map(|(kind, b)| (kind.0, b)).collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    let sets = said.parameter_sets.iter();
    sets.map(|set| (format.unit(set).1, set.len())).collect()
}

impl NalListing<'_> {
    /// The next sample that is made of units; `None` behind the last one.
    ///
    /// # Errors
    /// The source fails.
    pub fn next_sample(&mut self) -> Result<Option<SampleUnits>> {
        self.next_sample_of(|_| true)
    }

    /// The next of some samples.
    pub(crate) fn next_sample_of(
        &mut self,
        wanted: impl Fn(&Sample) -> bool,
    ) -> Result<Option<SampleUnits>> {
        while let Some(sample) = self.listing.next() {
            if !wanted(&sample) {
                continue;
            }
            let place = sample.description.saturating_sub(1) as usize;
            if let Some(format) = self.formats.get(place).copied().flatten() {
                return self.units(sample, format).map(Some);
            }
        }
        Ok(None)
    }

    /// Where the listing stopped, if it did before the last sample.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.listing.stopped()
    }

    fn units(&mut self, sample: Sample, format: NalFormat) -> Result<SampleUnits> {
        let mut of = SampleUnits {
            sample,
            format,
            units: Vec::new(),
            messages: Vec::new(),
            flaw: None,
        };
        let Span { start, end } = sample.span;
        if end > self.source.len() {
            of.flaw = Some(UnitFlaw::Missing);
            return Ok(of);
        }
        let field = format.lengths.bytes();
        let mut at = start;
        while at < end {
            let left = end - at;
            if left < field as u64 {
                of.flaw = Some(UnitFlaw::Leftover { offset: at, left });
                break;
            }
            let head = self.window.bytes(at, field + 2)?;
            let (length, head) = head.split_at_checked(field).unwrap_or_default();
            let declared = length.iter().fold(0, |n, b| n << 8 | u64::from(*b));
            let left = left - field as u64;
            if declared > left {
                of.flaw = Some(UnitFlaw::Overrun {
                    offset: at,
                    declared,
                    left,
                });
                break;
            }
            if of.units.len() >= UNITS {
                of.flaw = Some(UnitFlaw::TooMany);
                break;
            }
            let span = Span::at(at + field as u64, declared);
            // What stands behind a short unit is not its header.
            let own = usize::try_from(declared).unwrap_or(usize::MAX);
            let (kind, name) = format.unit(head.get(..own).unwrap_or(head));
            let first = of.messages.len();
            if kind.is_some_and(|kind| format.codec.is_sei(kind)) {
                let place = sample.description.saturating_sub(1) as usize;
                let timing = self.timings.get(place).copied().flatten();
                self.sei(span, format, timing, &mut of.messages)?;
            }
            of.units.push(NalUnit {
                kind,
                name,
                span,
                messages: first..of.messages.len(),
            });
            at = span.end;
        }
        Ok(of)
    }

    fn sei(
        &mut self,
        span: Span,
        format: NalFormat,
        timing: Option<PicTiming>,
        into: &mut Vec<Message>,
    ) -> Result<()> {
        let len = usize::try_from(span.len()).unwrap_or(usize::MAX);
        let piece = self.window.bytes(span.start, len.min(SEI_BYTES))?;
        self.nal.clear();
        self.nal.extend_from_slice(piece);
        sei::rbsp(&self.nal, format.codec.header(), &mut self.rbsp);
        let room = MESSAGES.saturating_sub(into.len());
        let all = sei::messages(&self.rbsp).take(room);
        into.extend(all.map(|m| Message::of(&m, format.codec, timing)));
        Ok(())
    }
}

impl Message {
    fn of(message: &SeiMessage<'_>, codec: NalCodec, timing: Option<PicTiming>) -> Self {
        // Its syntax depends on the parameter sets.
        let timing = timing.filter(|_| codec == NalCodec::H264 && message.kind == PIC_TIMING);
        let clock = timing.and_then(|t| t.clock(message.payload));
        let said = message.content(codec).and_then(|content| match content {
            SeiContent::RecoveryPoint(count) => Some(Said::RecoveryPoint(count)),
            SeiContent::TimeCode(code) => Some(Said::TimeCode(code)),
            SeiContent::Unregistered { uuid, owner, data } => Some(Said::Unregistered {
                uuid,
                owner,
                data: data.get(..DATA).unwrap_or(data).to_vec(),
            }),
            SeiContent::Registered {
                country,
                provider,
                owner,
            } => Some(Said::Registered {
                country,
                provider,
                owner,
            }),
            _ => None,
        });
        let said = said.or(clock.map(Said::TimeCode));
        Self {
            kind: message.kind,
            name: sei::name(message.kind, codec),
            size: message.declared,
            whole: message.payload.len() as u64 == u64::from(message.declared),
            said,
        }
    }
}

impl NalTotals {
    /// Counts the units of a sample.
    pub fn add(&mut self, of: &SampleUnits) {
        for unit in &of.units {
            let count = self.types.entry((unit.kind, unit.name)).or_default();
            count.add(unit.span.len());
        }
        for message in &of.messages {
            // Types that nobody knows are one.
            let kind = match message.name {
                "not known" => u32::MAX,
                _ => message.kind,
            };
            let count = self.messages.entry((kind, message.name)).or_default();
            count.add(u64::from(message.size));
            if let Some(Said::Unregistered { uuid, .. }) = &message.said {
                if let Some((times, _)) = self.user_data.get_mut(uuid) {
                    *times += 1;
                } else if self.user_data.len() < OWNERS {
                    self.user_data.insert(*uuid, (1, message.clone()));
                }
            }
        }
        self.flawed += u64::from(of.flaw.is_some());
    }
}

impl Count {
    const fn add(&mut self, bytes: u64) {
        self.units += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests;
