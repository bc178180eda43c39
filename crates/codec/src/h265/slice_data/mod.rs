//! Slice segment data of intra pictures (7.3.8), read through to the end without making a picture of it.
//!
//! Slice segment headers look right under many parameter sets. The arithmetic code behind them does not: with other tools, sizes or
//! initial contexts it soon yields noise, which says within some hundred coding tree units that the slice ends. Only a picture that
//! ends with its last coding tree unit in the last byte of its data was read with the parameter sets it was written with.

mod cabac;
mod coding_tree;
mod contexts;
mod header;
mod intra;
mod layout;
mod reader;
mod residual;
mod sao;
#[cfg(test)]
mod tests;
mod transform;
#[cfg(test)]
mod written_tests;

use self::coding_tree::Neighbours;
use self::contexts::Contexts;
use self::header::{Sets, SliceFields};
use self::layout::Layout;
use self::reader::Reader;
use super::{HEADER, NalHeader, ParameterSets, SliceHeader, SliceType};
use crate::bits::Guarded;
use crate::error::CodecError;
use crate::recognise::Decodes;
use h264_reader::rbsp::BitReader;
use memchr::memmem::Finder;

/// `MaxLumaPs` of level 6.2 (table A.8): the work has a bound, whatever the data says.
const MAX_LUMA_SAMPLES: u64 = 35_651_584;

/// Why reading stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The data contradicts the parameter sets.
    Broken,
    /// This crate does not read it.
    Unread,
}

/// Reads the pictures of NAL units in decoding order. Those of other kinds than slice segments of the base layer are passed over.
pub(super) fn decodes<'a>(sets: &ParameterSets, nals: impl Iterator<Item = &'a [u8]>) -> Decodes {
    let mut picture = None;
    let mut read = 0;
    for nal in nals {
        let Some(header) = NalHeader::of(nal) else {
            continue;
        };
        if header.layer_id != 0 || !header.nal_type.is_slice() {
            continue;
        }
        match segment(sets, header, nal, &mut picture, &mut read) {
            Ok(()) => {}
            Err(Stop::Broken) => return Decodes::No(u32::try_from(read).unwrap_or(u32::MAX)),
            Err(Stop::Unread) => return Decodes::Unknown,
        }
    }
    match picture {
        None => Decodes::Unknown,
        Some(picture) if picture.next == picture.layout.len() => Decodes::Yes,
        // Slices are missing.
        Some(_) => Decodes::No(u32::try_from(read).unwrap_or(u32::MAX)),
    }
}

/// A picture between two slice segments.
#[derive(Debug)]
struct Picture {
    layout: Layout,
    pps_id: u8,
    /// Address in tile scan of the next coding tree unit.
    next: usize,
    /// Of the slice, `SliceAddrRs` in tile scan.
    slice_address: usize,
    fields: SliceFields,
    /// Contexts at the end of the last slice segment (`TableStateIdxDs`).
    contexts: Contexts,
    /// Contexts behind the second coding tree unit of the last row (`TableStateIdxWpp`).
    row_contexts: Contexts,
    neighbours: Neighbours,
}

/// Reads one slice segment. Counts the coding tree units that it read into `read`.
fn segment(
    sets: &ParameterSets,
    header: NalHeader,
    nal: &[u8],
    picture: &mut Option<Picture>,
    read: &mut usize,
) -> Result<(), Stop> {
    let rbsp = unescape(nal.get(HEADER.get()..).unwrap_or_default());
    let mut bits = Guarded::new(BitReader::new(&rbsp[..]));
    let slice = sets
        .slice_header_bits(Some(header), &mut bits)
        .map_err(|error| match error {
            CodecError::MissingParameterSet { .. } => Stop::Unread,
            _ => Stop::Broken,
        })?;
    let (Some(sps), Some(pps)) = (sets.sps(slice.sps_id), sets.pps(slice.pps_id)) else {
        return Err(Stop::Unread);
    };
    let sets = Sets::new(sps, pps)?;
    let luma = u64::from(sps.coded_width) * u64::from(sps.coded_height);
    let unread = sets.sps_tools.extended
        || sets.pps_tools.extended
        || sps.separate_colour_planes
        || luma > MAX_LUMA_SAMPLES
        || slice
            .independent
            .is_some_and(|fields| fields.slice_type != SliceType::I);
    if unread {
        return Err(Stop::Unread);
    }
    let begun = begin(&sets, &slice, picture)?;
    if slice.independent.is_some() {
        begun.slice_address = begun.next;
        let fields = sets.slice_fields(header.nal_type, &mut &mut bits);
        begun.fields = fields.map_err(|_| Stop::Broken)?;
    }
    let data = sets.slice_data(bits).map_err(|_| Stop::Broken)?;
    let first = begun.next;
    let result = Reader::new(&sets, &mut *begun, data, slice.independent.is_none())
        .and_then(|mut reader| reader.slice_segment_data());
    *read += begun.next - first;
    result
}

/// The picture that the slice segment belongs to: it must go on where the one before has ended.
fn begin<'p>(
    sets: &Sets<'_>,
    slice: &SliceHeader,
    picture: &'p mut Option<Picture>,
) -> Result<&'p mut Picture, Stop> {
    let fits = match picture {
        None => slice.first_in_picture && slice.independent.is_some(),
        Some(picture) => {
            let address = usize::try_from(slice.address).unwrap_or(usize::MAX);
            !slice.first_in_picture
                && slice.pps_id == picture.pps_id
                && picture.layout.in_tile_scan(address) == picture.next
        }
    };
    if !fits {
        return Err(Stop::Broken);
    }
    if picture.is_none() {
        let layout = Layout::new(sets.sps, sets.pps_tools).ok_or(Stop::Broken)?;
        *picture = Some(Picture {
            neighbours: Neighbours::new(layout.width),
            layout,
            pps_id: slice.pps_id,
            next: 0,
            slice_address: 0,
            fields: SliceFields {
                qp: 0,
                sao_luma: false,
                sao_chroma: false,
            },
            contexts: [0; 256],
            row_contexts: [0; 256],
        });
    }
    picture.as_mut().ok_or(Stop::Broken)
}

/// Without `emulation_prevention_three_byte` (7.3.1.1).
fn unescape(payload: &[u8]) -> Vec<u8> {
    let mut rbsp = Vec::with_capacity(payload.len());
    let mut rest = payload;
    let escape = Finder::new(&[0, 0, 3]);
    while let Some((before, behind)) = escape
        .find(rest)
        .and_then(|at| rest.split_at_checked(at + 3))
    {
        rbsp.extend_from_slice(before);
        rbsp.pop();
        rest = behind;
    }
    rbsp.extend_from_slice(rest);
    rbsp
}
