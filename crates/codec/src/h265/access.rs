//! What the NAL units of an H.265 access unit are (7.4.2.4.4), as a sample holds them (ISO/IEC 14496-15, 8.3).

use super::habits::Habits;
use super::slice_data;
use super::{HevcConfig, Independent, NalHeader, NalType, ParameterSets, SliceHeader, Sps};
use crate::access::{Coding, Effect, NalRecogniser, Role, Usual};
use crate::bits::MAX_PARAMETER_SET;
use crate::describe::{ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::held::Held;
use crate::nal::{NalLengthSize, split};
use crate::presentation::Order;
use crate::recognise::{Access, Decodes, Hints, Recogniser};
use crate::units::{self, malformed};
use std::borrow::Cow;
use std::sync::Arc;

/// Evidence of a first slice segment header beyond length and NAL unit header.
const SLICE_BITS: f32 = 4.0;

/// Evidence of the two bytes of a NAL unit header.
const HEADER_BITS: f32 = 10.0;

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
        for nal in parsed
            .nal_units
            .iter()
            .filter(|nal| Habits::is_parameter_set(nal))
        {
            // A broken set shows later as a missing one, if anything refers to it.
            let _ = held.add(nal);
        }
    }
    let length_size = hints.nal_length_size.unwrap_or(length_size);
    Some(Box::new(NalRecogniser::<Habits>::new(length_size, held)))
}

/// The picture of an access unit so far.
#[derive(Debug)]
pub(crate) struct Picture {
    sps: Arc<Sps>,
    first: SliceHeader,
    last_address: u32,
}

impl Coding for Habits {
    const HEADER: usize = 2;

    type Sets = ParameterSets;
    type Picture = Picture;
    type Slice = SliceHeader;

    fn new(sets: &ParameterSets) -> Self {
        Self::new(sets)
    }

    fn bound(&mut self, sets: &ParameterSets) {
        self.bound(sets);
    }

    fn learn(&mut self, sample: &[u8], size: NalLengthSize, _: &ParameterSets) {
        self.learn(sample, size);
    }

    fn usual(&self) -> &Usual {
        &self.usual
    }

    fn is_parameter_set(nal: &[u8]) -> bool {
        let sets = [NalType::VPS, NalType::SPS, NalType::PPS];
        NalHeader::of(nal)
            .is_some_and(|header| header.layer_id == 0 && sets.contains(&header.nal_type))
    }

    fn leads(&self, bytes: &[u8]) -> bool {
        self.leads(bytes)
    }

    fn judge(
        &self,
        sets: &ParameterSets,
        picture: Option<&Picture>,
        head: &[u8],
        length: u64,
    ) -> Result<(Role, Effect<Self>)> {
        let header = NalHeader::of(head);
        let Some((header, role)) = header.and_then(|h| Some((h, self.role(h)?))) else {
            return Err(malformed("nal_unit_header"));
        };
        let effect = match role {
            Role::Slice => slice(sets, picture, units::sound_part(head)),
            Role::Follows if picture.is_none() => Err(malformed("nal_unit_type")),
            _ => other(header, picture.is_some(), head, length),
        };
        Ok((role, effect?))
    }

    fn further(picture: &mut Picture, slice: SliceHeader) {
        picture.last_address = slice.address;
    }

    fn evidence(&self, _: &Picture) -> f32 {
        HEADER_BITS + SLICE_BITS
    }

    fn describe(picture: Picture, ends_sequence: bool, access: &mut Access) {
        let Picture { sps, first, .. } = picture;
        access.sync = first.nal.nal_type.is_irap();
        access.order = Order::H265 {
            sps,
            first,
            ends_sequence,
        };
    }

    fn decodes(held: &Held<ParameterSets>, size: NalLengthSize, sample: &[u8]) -> Decodes {
        let nals = || split(sample, size).map_while(std::result::Result::ok);
        let mut held = Cow::Borrowed(held);
        for nal in nals().filter(|nal| Self::is_parameter_set(nal.bytes)) {
            if !held.has(nal.bytes) {
                // One that is broken shows in what is read by it.
                let _ = held.to_mut().add(nal.bytes);
            }
        }
        slice_data::decodes(&held.sets, nals().map(|nal| nal.bytes))
    }
}

/// Judges a slice segment by its head.
fn slice(sets: &ParameterSets, picture: Option<&Picture>, head: &[u8]) -> Result<Effect<Habits>> {
    let slice = sets.slice_header(head)?;
    let Some(picture) = picture else {
        let sps = sets.shared_sps(slice.sps_id);
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
        Ok(Effect::Continues(slice))
    } else {
        Err(malformed("first_slice_segment_in_pic_flag"))
    }
}

/// Judges any other NAL unit of `length` bytes by its head.
fn other(header: NalHeader, behind: bool, head: &[u8], length: u64) -> Result<Effect<Habits>> {
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
        NalType::PREFIX_SEI if !behind => {
            super::recovery_point(head).map_or(Effect::Nothing, Effect::RecoveryPoint)
        }
        _ => Effect::Nothing,
    })
}
