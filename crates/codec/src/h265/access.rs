//! Access units of H.265 in bare bytes (7.4.2.4.4), as a sample holds them (ISO/IEC 14496-15, 8.3).

use super::habits::{Habits, Role};
use super::slice_data;
use super::{HevcConfig, Independent, NalHeader, NalType, ParameterSets, SliceHeader, Sps};
use crate::bits::MAX_PARAMETER_SET;
use crate::describe::{ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::held::Held;
use crate::nal::{NalLengthSize, split};
use crate::presentation::Order;
use crate::recognise::{Access, Decodes, Depth, Hints, Recogniser, Verdict};
use crate::units::{self, Unit, first_forbidden, malformed};
use std::borrow::Cow;
use std::sync::Arc;
use tapo_io::{Span, Window};

/// Evidence of a first slice segment header beyond length and NAL unit header.
const SLICE_BITS: f32 = 4.0;

/// Evidence of the two bytes of a NAL unit header.
const HEADER_BITS: f32 = 10.0;

/// Evidence of a slice segment that goes on where the last one stopped.
const FURTHER_SLICE_BITS: f32 = 20.0;

/// Recognises access units with length-prefixed NAL units.
#[derive(Debug, Clone)]
struct HevcRecogniser {
    length_size: NalLengthSize,
    held: Arc<Held<ParameterSets>>,
    habits: Arc<Habits>,
}

/// For `hvc1`, `hev1` and their like. Without an hvcC everything must be in-band.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let parsed = config(boxes, "hvcC").and_then(HevcConfig::parse);
    let mut held = Held::new(ParameterSets::new());
    let mut length_size = NalLengthSize::FOUR;
    if let Ok(parsed) = &parsed {
        length_size = parsed.length_size;
        for nal in &parsed.nal_units {
            if is_parameter_set(nal) {
                // A broken set shows later as a missing one, if anything refers to it.
                let _ = held.add(nal);
            }
        }
    }
    Some(Box::new(HevcRecogniser {
        length_size: hints.nal_length_size.unwrap_or(length_size),
        habits: Arc::new(Habits::new(&held.sets)),
        held: Arc::new(held),
    }))
}

fn is_parameter_set(nal: &[u8]) -> bool {
    let sets = [NalType::VPS, NalType::SPS, NalType::PPS];
    NalHeader::of(nal).is_some_and(|header| header.layer_id == 0 && sets.contains(&header.nal_type))
}

impl Recogniser for HevcRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        let least = self.length_size.bytes() + 2;
        self.next_candidate(head.get(..least).unwrap_or(head)) == Some(0)
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let (size, longest) = (self.length_size.bytes(), self.habits.longest);
        units::next_unit(bytes, size, longest, |rest| self.habits.leads(rest))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        depth: Depth,
    ) -> tapo_io::Result<Verdict> {
        let mut walk = Walk {
            of: self,
            depth,
            held: Cow::Borrowed(&*self.held),
            picture: None,
            boundary: None,
            recovery_point: None,
            ends_sequence: false,
            parameter_sets: Vec::new(),
            flaw: None,
            bits: 0.0,
        };
        let mut pos = at;
        loop {
            match walk.step(window, pos, end)? {
                Step::On(next) => pos = next,
                Step::Cut => return Ok(Verdict::Cut(walk.access(end.saturating_sub(at)))),
                Step::End(why) => {
                    let stop = walk.boundary.unwrap_or(pos);
                    let Some(picture) = &walk.picture else {
                        // Messages alone end a recording, if the writer has it so.
                        let alone = self.habits.bare_messages && stop == end && stop > at;
                        let messages = alone && walk.parameter_sets.is_empty();
                        return Ok(match messages {
                            true => Verdict::Sample(walk.access(stop - at)),
                            false => Verdict::Not(why),
                        });
                    };
                    // Slices that the encoder always writes are missing, and the data ends here.
                    let fewest = self.habits.fewest_slices.unwrap_or_default();
                    let cut = stop == end && picture.slices < fewest;
                    // What was seen behind the boundary is the next sample's.
                    walk.parameter_sets.retain(|span| span.start < stop);
                    walk.flaw = walk.flaw.filter(|&flaw| flaw < stop);
                    let access = walk.access(stop - at);
                    return Ok(match cut {
                        true => Verdict::Cut(access),
                        false => Verdict::Sample(access),
                    });
                }
            }
        }
    }

    fn learn(&mut self, sample: &[u8]) {
        for nal in split(sample, self.length_size).map_while(std::result::Result::ok) {
            if is_parameter_set(nal.bytes) && !self.held.has(nal.bytes) {
                let _ = self.adopt(nal.bytes);
            }
        }
        Arc::make_mut(&mut self.habits).learn(sample, self.length_size);
    }

    fn adopt(&mut self, parameter_set: &[u8]) -> Result<()> {
        Arc::make_mut(&mut self.held).add(parameter_set)?;
        Arc::make_mut(&mut self.habits).bound(&self.held.sets);
        Ok(())
    }

    fn holds(&self, parameter_set: &[u8]) -> bool {
        self.held.has(parameter_set)
    }

    fn decodes(&self, sample: &[u8]) -> Decodes {
        let nals = || split(sample, self.length_size).map_while(std::result::Result::ok);
        let mut held = Cow::Borrowed(&*self.held);
        for nal in nals().filter(|nal| is_parameter_set(nal.bytes)) {
            if !held.has(nal.bytes) {
                // One that is broken shows in what is read by it.
                let _ = held.to_mut().add(nal.bytes);
            }
        }
        slice_data::decodes(&held.sets, nals().map(|nal| nal.bytes))
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

impl HevcRecogniser {
    /// Evidence of a first slice segment.
    fn slice_evidence(&self) -> f32 {
        let length_bits = 8.0 * self.length_size.bytes() as f32;
        let length = (length_bits - (self.habits.longest as f32).log2()).max(0.0);
        length + HEADER_BITS + SLICE_BITS
    }
}

/// What became of one NAL unit.
enum Step {
    /// It belongs to the access unit; the next one begins here.
    On(u64),
    /// It belongs to the access unit and reaches beyond the data.
    Cut,
    /// It does not belong to the access unit.
    End(CodecError),
}

/// The picture of an access unit so far.
#[derive(Debug, Clone)]
struct Picture {
    sps: Arc<Sps>,
    first: SliceHeader,
    last_address: u32,
    slices: u32,
}

/// An access unit on its way.
struct Walk<'a> {
    of: &'a HevcRecogniser,
    depth: Depth,
    /// The parameter sets in force, with those of this access unit.
    held: Cow<'a, Held<ParameterSets>>,
    picture: Option<Picture>,
    /// Where the access unit ends unless a slice segment of the same picture follows.
    boundary: Option<u64>,
    recovery_point: Option<u32>,
    ends_sequence: bool,
    parameter_sets: Vec<Span>,
    flaw: Option<u64>,
    bits: f32,
}

/// What taking a NAL unit changes.
enum Effect {
    Begins(Picture),
    /// The next slice segment of the picture, at this address.
    Continues(u32),
    ParameterSet,
    RecoveryPoint(u32),
    EndOfSequence,
    /// A slice segment of another layer: of the same picture, whatever stands between.
    OtherLayer,
    Nothing,
}

impl Walk<'_> {
    fn step(&mut self, window: &mut Window<'_>, pos: u64, end: u64) -> tapo_io::Result<Step> {
        let (length_size, longest) = (self.of.length_size.bytes(), self.of.habits.longest);
        let unit = match Unit::read(window, pos, end, length_size, 2, longest)? {
            Ok(unit) => unit,
            Err(why) => return Ok(Step::End(why)),
        };
        let whole = unit.span.end <= end;
        let head = unit.head(window, end)?;
        let header = NalHeader::of(head);
        let Some((header, role)) = header.and_then(|h| Some((h, self.of.habits.role(h)?))) else {
            return Ok(Step::End(malformed("nal_unit_header")));
        };
        let is_slice = role == Role::Slice;
        let judged = if is_slice {
            self.slice(units::sound_part(head))
        } else {
            self.other(header, role, head, unit.span.len())
        };
        let mut effect = match judged {
            Ok(effect) => effect,
            Err(why) => {
                // A header that does not fit before the end cannot be judged.
                let cut = matches!(why, CodecError::Truncated { .. }) && !whole;
                return Ok(match cut && self.picture.is_none() {
                    true => Step::Cut,
                    false => Step::End(why),
                });
            }
        };
        // More slices than any picture had are those of other data by chance, but for sound ones.
        if matches!(effect, Effect::Continues(_)) && self.is_full() {
            let padded = self.of.habits.padded;
            if !whole || first_forbidden(window, unit.span, padded)?.is_some() {
                return Ok(Step::End(malformed("slice")));
            }
        }
        if !whole {
            // Behind a picture only a slice segment of it is evidence enough.
            if self.picture.is_some() && !is_slice {
                return Ok(Step::End(malformed("length")));
            }
            // A parameter set that is cut is none.
            if !matches!(effect, Effect::ParameterSet) {
                self.take(effect, unit.span);
            }
            return Ok(Step::Cut);
        }
        if !self.of.habits.padded && !unit.ends_well(window)? {
            return Ok(Step::End(malformed("rbsp_trailing_bits")));
        }
        if matches!(effect, Effect::ParameterSet) {
            // Longer ones have been refused.
            let want = usize::try_from(unit.span.len()).unwrap_or(MAX_PARAMETER_SET);
            let nal = window.bytes(unit.span.start, want)?;
            if self.held.has(nal) {
                effect = Effect::Nothing;
            } else if let Err(why) = self.held.to_mut().add(nal) {
                return Ok(Step::End(why));
            }
        }
        if self.depth == Depth::Thorough && self.flaw.is_none() {
            self.flaw = first_forbidden(window, unit.span, self.of.habits.padded)?;
        }
        if role == Role::Leads && self.picture.is_some() {
            self.boundary = self.boundary.or(Some(pos));
        }
        self.take(effect, unit.span);
        Ok(Step::On(unit.span.end))
    }

    /// Judges a slice segment by its head.
    fn slice(&self, head: &[u8]) -> Result<Effect> {
        let slice = self.held.sets.slice_header(head)?;
        let Some(picture) = &self.picture else {
            let sps = self.held.sets.shared_sps(slice.sps_id);
            let sps = Arc::clone(sps.ok_or(CodecError::MissingParameterSet {
                kind: "SPS",
                id: u32::from(slice.sps_id),
            })?);
            if !slice.first_in_picture {
                return Err(malformed("first_slice_segment_in_pic_flag"));
            }
            return Ok(Effect::Begins(Picture {
                sps,
                first: slice,
                last_address: 0,
                slices: 1,
            }));
        };
        // One picture has one NAL unit type, one parameter set and one order count.
        let lsb = |slice: &SliceHeader| slice.independent.map(|i: Independent| i.pic_order_cnt_lsb);
        let continues = !slice.first_in_picture
            && slice.address > picture.last_address
            && slice.nal == picture.first.nal
            && slice.pps_id == picture.first.pps_id
            && (slice.independent.is_none() || lsb(&slice) == lsb(&picture.first));
        if continues {
            Ok(Effect::Continues(slice.address))
        } else {
            Err(malformed("first_slice_segment_in_pic_flag"))
        }
    }

    /// Whether the picture has as many slices as any had in the sound file.
    fn is_full(&self) -> bool {
        let most = self.of.habits.most_slices;
        most.is_some_and(|most| self.picture.as_ref().is_some_and(|p| p.slices >= most))
    }

    /// Judges any other NAL unit of `length` bytes by its head.
    fn other(&self, header: NalHeader, role: Role, head: &[u8], length: u64) -> Result<Effect> {
        if role == Role::Follows && self.picture.is_none() {
            return Err(malformed("nal_unit_type"));
        }
        let fits = match header.nal_type {
            _ if header.layer_id != 0 => true,
            NalType::PREFIX_SEI | NalType::SUFFIX_SEI => units::sei_adds_up(head, 2, length),
            // pic_type, three bits, and the trailing bits.
            NalType::AUD => length == 3 && matches!(head, [_, _, body] if body & 31 == 16),
            NalType(38) => units::is_filler(head, 2, length),
            NalType(36 | 37) => length == 2,
            // Room for the zeros of sloppy encoders.
            NalType::VPS | NalType::SPS | NalType::PPS => length <= MAX_PARAMETER_SET as u64,
            _ => true,
        };
        if !fits {
            return Err(malformed("rbsp"));
        }
        Ok(match header.nal_type {
            kind if header.layer_id != 0 && kind.is_slice() => Effect::OtherLayer,
            _ if header.layer_id != 0 => Effect::Nothing,
            NalType::VPS | NalType::SPS | NalType::PPS => Effect::ParameterSet,
            NalType::EOS => Effect::EndOfSequence,
            NalType::PREFIX_SEI if self.picture.is_none() => {
                super::recovery_point(head).map_or(Effect::Nothing, Effect::RecoveryPoint)
            }
            _ => Effect::Nothing,
        })
    }

    fn take(&mut self, effect: Effect, unit: Span) {
        match (effect, &mut self.picture) {
            (Effect::Begins(picture), none) => {
                self.bits += self.of.slice_evidence();
                *none = Some(picture);
            }
            (Effect::Continues(address), Some(picture)) => {
                picture.last_address = address;
                picture.slices += 1;
                self.bits += FURTHER_SLICE_BITS;
                self.boundary = None;
            }
            (Effect::OtherLayer, _) => self.boundary = None,
            (Effect::ParameterSet, _) => self.parameter_sets.push(unit),
            (Effect::RecoveryPoint(count), _) => self.recovery_point = Some(count),
            // One behind the boundary would have ended the walk as following no picture of its own.
            (Effect::EndOfSequence, _) => self.ends_sequence |= self.boundary.is_none(),
            _ => {}
        }
    }

    /// What was seen, `len` bytes of it.
    fn access(self, len: u64) -> Access {
        let mut access = Access::new(len, self.bits);
        access.sync = false;
        access.recovery_point = self.recovery_point;
        access.parameter_sets = self.parameter_sets;
        access.flaw = self.flaw;
        if let Some(Picture { sps, first, .. }) = self.picture {
            access.sync = first.nal.nal_type.is_irap();
            access.order = Order::H265 {
                sps,
                first,
                ends_sequence: self.ends_sequence,
            };
        }
        access
    }
}
