//! Access units of H.264 in bare bytes (7.4.1.2), as a sample holds them (ISO/IEC 14496-15, 5.2).

use super::habits::{FOLLOWS, Habits, LEADS, SLICE, embedded_slice};
use super::{AvcConfig, NalType, ParameterSets, SliceHeader, SliceType, Sps, slice_data};
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

/// Evidence of a first slice header beyond length and first byte, measured over random bytes.
const SLICE_BITS: f32 = 6.0;

/// Evidence of a slice header that goes on where the last one stopped: everything in it is known beforehand.
const FURTHER_SLICE_BITS: f32 = 20.0;

/// Recognises access units with length-prefixed NAL units.
#[derive(Debug, Clone)]
struct AvcRecogniser {
    length_size: NalLengthSize,
    held: Arc<Held<ParameterSets>>,
    habits: Arc<Habits>,
}

/// For `avc1` to `avc4`. Without an avcC everything must be in-band.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let parsed = config(boxes, "avcC").and_then(AvcConfig::parse);
    let mut held = Held::new(ParameterSets::new());
    let mut length_size = NalLengthSize::FOUR;
    if let Ok(parsed) = &parsed {
        length_size = parsed.length_size;
        for nal in parsed.sps.iter().chain(&parsed.pps) {
            // A broken set shows later as a missing one, if anything refers to it.
            let _ = held.add(nal);
        }
    }
    Some(Box::new(AvcRecogniser {
        length_size: hints.nal_length_size.unwrap_or(length_size),
        habits: Arc::new(Habits::new(&held.sets)),
        held: Arc::new(held),
    }))
}

impl Recogniser for AvcRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        let least = self.length_size.bytes() + 1;
        self.next_candidate(head.get(..least).unwrap_or(head)) == Some(0)
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let legal = |rest: &[u8]| {
            let leads = |&header: &u8| self.habits.roles(header) & (LEADS | SLICE) != 0;
            rest.first().is_none_or(leads)
        };
        let (size, longest) = (self.length_size.bytes(), self.habits.longest);
        units::next_unit(bytes, size, longest, legal)
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
            if matches!(NalType::of(nal.bytes), Some(NalType::SPS | NalType::PPS))
                && !self.held.has(nal.bytes)
            {
                let _ = self.adopt(nal.bytes);
            }
        }
        Arc::make_mut(&mut self.habits).learn(sample, self.length_size, &self.held.sets);
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
        slice_data::decodes(&self.held, self.length_size, sample)
    }

    fn habit(&self, sample: &[u8]) -> Option<u32> {
        let size = self.length_size.bytes();
        let mut rest = sample;
        loop {
            let (field, behind) = rest.split_at_checked(size)?;
            let length = field.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
            let nal = behind.get(..length).unwrap_or(behind);
            match NalType::of(nal)? {
                NalType::SLICE => {
                    let header = self.held.sets.slice_header(units::sound_part(nal)).ok()?;
                    let predicted = !matches!(header.slice_type, SliceType::I | SliceType::SI);
                    let [idc, alpha, beta] = header.deblocking.map(i8::cast_unsigned);
                    return predicted.then_some(u32::from_be_bytes([0, idc, alpha, beta]));
                }
                kind if kind.is_vcl() => return None,
                _ => rest = behind.get(length..)?,
            }
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

impl AvcRecogniser {
    /// Evidence of a first slice: its length, its first byte, what the header had to satisfy.
    fn slice_evidence(&self, sps: &Sps, slice: &SliceHeader) -> f32 {
        let length_bits = 8.0 * self.length_size.bytes() as f32;
        let length = (length_bits - (self.habits.longest as f32).log2()).max(0.0);
        let header = 8.0 - (self.habits.leading() as f32).log2();
        let identity = if slice.is_idr() {
            f32::from(sps.log2_max_frame_num)
        } else {
            0.0
        };
        length + header + identity + SLICE_BITS
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
    second: Option<SliceHeader>,
    last: SliceHeader,
    slices: u32,
}

/// An access unit on its way.
struct Walk<'a> {
    of: &'a AvcRecogniser,
    depth: Depth,
    /// The parameter sets in force, with those of this access unit.
    held: Cow<'a, Held<ParameterSets>>,
    picture: Option<Picture>,
    /// Where the access unit ends unless a slice of the same frame follows.
    boundary: Option<u64>,
    recovery_point: Option<u32>,
    parameter_sets: Vec<Span>,
    flaw: Option<u64>,
    bits: f32,
}

/// What taking a NAL unit changes.
enum Effect {
    Begins(Picture),
    Continues(SliceHeader),
    SecondField(SliceHeader),
    ParameterSet,
    RecoveryPoint(u32),
    Nothing,
}

impl Walk<'_> {
    fn step(&mut self, window: &mut Window<'_>, pos: u64, end: u64) -> tapo_io::Result<Step> {
        let (length_size, longest) = (self.of.length_size.bytes(), self.of.habits.longest);
        let unit = match Unit::read(window, pos, end, length_size, 1, longest)? {
            Ok(unit) => unit,
            Err(why) => return Ok(Step::End(why)),
        };
        let whole = unit.span.end <= end;
        let head = unit.head(window, end)?;
        let Some(&header) = head.first() else {
            return Ok(Step::End(malformed("nal_unit_header")));
        };
        let roles = self.of.habits.roles(header);
        let is_slice = roles & SLICE != 0;
        let embedded = self.of.habits.embedded && header & 31 == 14;
        let judged = if embedded {
            let slice = embedded_slice(head).ok_or(malformed("nal_unit_type"));
            slice.and_then(|slice| self.slice(units::sound_part(slice)))
        } else if is_slice {
            self.slice(units::sound_part(head))
        } else {
            self.other(roles, head, unit.span.len())
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
            // Behind a picture only a slice of it is evidence enough.
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
        if self.depth == Depth::Thorough && self.flaw.is_none() && !embedded {
            self.flaw = first_forbidden(window, unit.span, self.of.habits.padded)?;
        }
        if !is_slice && self.picture.is_some() && roles & FOLLOWS == 0 {
            self.boundary = self.boundary.or(Some(pos));
        }
        self.take(effect, unit.span);
        Ok(Step::On(unit.span.end))
    }

    /// Judges a slice by its head.
    fn slice(&self, head: &[u8]) -> Result<Effect> {
        if matches!(head.first(), Some(&header) if matches!(header & 31, 3 | 4)) {
            // Partitions B and C have no header of their own.
            let follows_a = self
                .picture
                .as_ref()
                .is_some_and(|p| p.last.nal_type == NalType::PARTITION_A);
            return if follows_a {
                Ok(Effect::Nothing)
            } else {
                Err(malformed("nal_unit_type"))
            };
        }
        let slice = self.held.sets.strict_slice_header(head)?;
        let Some(picture) = &self.picture else {
            let sps = self.held.sets.shared_sps(slice.sps_id);
            let sps = Arc::clone(sps.ok_or(CodecError::MissingParameterSet {
                kind: "SPS",
                id: u32::from(slice.sps_id),
            })?);
            // Slices come in order: no encoder uses arbitrary slice order.
            if slice.first_mb != 0 || slice.redundant_pic_cnt != 0 {
                return Err(malformed("first_mb_in_slice"));
            }
            return Ok(Effect::Begins(Picture {
                sps,
                first: slice,
                second: None,
                last: slice,
                slices: 1,
            }));
        };
        if continues(&picture.last, &slice) {
            return Ok(Effect::Continues(slice));
        }
        if self.of.habits.paired_fields
            && picture.second.is_none()
            && is_second_field(&picture.first, &slice)
        {
            return Ok(Effect::SecondField(slice));
        }
        Err(malformed("first_mb_in_slice"))
    }

    /// Whether the picture has as many slices as any had in the sound file.
    fn is_full(&self) -> bool {
        let most = self.of.habits.most_slices;
        most.is_some_and(|most| self.picture.as_ref().is_some_and(|p| p.slices >= most))
    }

    /// Judges any other NAL unit of `length` bytes by its head.
    fn other(&self, roles: u8, head: &[u8], length: u64) -> Result<Effect> {
        let allowed = if self.picture.is_some() {
            LEADS | FOLLOWS
        } else {
            LEADS
        };
        let Some(kind) = NalType::of(head).filter(|_| roles & allowed != 0) else {
            return Err(malformed("nal_unit_type"));
        };
        let fits = match kind {
            NalType::SEI => units::sei_adds_up(head, 1, length),
            NalType::AUD => length == 2 && matches!(head, [_, body] if body & 31 == 16),
            NalType::FILLER => units::is_filler(head, 1, length),
            NalType(10 | 11) => length == 1,
            // Room for the zeros of sloppy encoders.
            NalType::SPS | NalType::PPS => length <= MAX_PARAMETER_SET as u64,
            _ => length > 1,
        };
        if !fits {
            return Err(malformed("rbsp"));
        }
        Ok(match kind {
            NalType::SPS | NalType::PPS => Effect::ParameterSet,
            NalType::SEI if self.picture.is_none() => {
                super::recovery_point(head).map_or(Effect::Nothing, Effect::RecoveryPoint)
            }
            _ => Effect::Nothing,
        })
    }

    fn take(&mut self, effect: Effect, unit: Span) {
        match (effect, &mut self.picture) {
            (Effect::Begins(picture), none) => {
                self.bits += self.of.slice_evidence(&picture.sps, &picture.first);
                *none = Some(picture);
            }
            (Effect::Continues(slice), Some(picture)) => {
                picture.last = slice;
                picture.slices += 1;
                self.bits += FURTHER_SLICE_BITS;
                self.boundary = None;
            }
            (Effect::SecondField(slice), Some(picture)) => {
                picture.last = slice;
                picture.second = Some(slice);
                picture.slices += 1;
                self.bits += FURTHER_SLICE_BITS;
                self.boundary = None;
            }
            (Effect::ParameterSet, _) => self.parameter_sets.push(unit),
            (Effect::RecoveryPoint(count), _) => self.recovery_point = Some(count),
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
        if let Some(Picture {
            sps, first, second, ..
        }) = self.picture
        {
            access.sync = first.is_idr();
            access.order = Order::H264 { sps, first, second };
        }
        access
    }
}

/// Whether a slice belongs to the picture of the one before it (7.4.1.2.4), in order. The parameter set may differ: a slice that begins
/// a picture is known by its address as well.
fn continues(last: &SliceHeader, next: &SliceHeader) -> bool {
    (next.first_mb > last.first_mb || next.redundant_pic_cnt > last.redundant_pic_cnt)
        && next.sps_id == last.sps_id
        && next.frame_num == last.frame_num
        && next.field == last.field
        && (next.nal_ref_idc == 0) == (last.nal_ref_idc == 0)
        && next.is_idr() == last.is_idr()
        && next.idr_pic_id == last.idr_pic_id
        && next.pic_order_cnt_lsb == last.pic_order_cnt_lsb
        && next.delta_pic_order_cnt_bottom == last.delta_pic_order_cnt_bottom
        && next.delta_pic_order_cnt == last.delta_pic_order_cnt
}

/// Whether a slice begins the other field of the frame whose first field begins with `first` (3.30, 7.4.1.2.4).
fn is_second_field(first: &SliceHeader, next: &SliceHeader) -> bool {
    let frame_num = if first.mmco5 { 0 } else { first.frame_num };
    next.first_mb == 0
        && next.field.is_some()
        && first.field.is_some()
        && next.field != first.field
        && next.frame_num == frame_num
        && !next.is_idr()
        && next.sps_id == first.sps_id
}
