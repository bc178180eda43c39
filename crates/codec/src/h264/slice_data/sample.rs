//! The slices of a sample, picture by picture.

use super::picture::Picture;
use super::read;
use super::start::Start;
use crate::error::CodecError;
use crate::h264::sps::ParameterSets;
use crate::h264::{NalType, Parity, SliceType};
use crate::held::Held;
use crate::nal::{NalLengthSize, split};
use crate::recognise::Decodes;
use std::borrow::Cow;

/// Reads the data of all I slices of a sample, with the parameter sets held and those in the sample.
pub(in super::super) fn decodes(
    held: &Held<ParameterSets>,
    length_size: NalLengthSize,
    sample: &[u8],
) -> Decodes {
    let mut held = Cow::Borrowed(held);
    let mut walk = Walk::default();
    for nal in split(sample, length_size) {
        let Ok(nal) = nal else {
            return Decodes::No(walk.macroblocks);
        };
        match NalType::of(nal.bytes) {
            Some(NalType::SPS | NalType::PPS) if !held.has(nal.bytes) => {
                // What was there before stays in force if it cannot be read.
                let _ = held.to_mut().add(nal.bytes);
            }
            Some(NalType::SLICE | NalType::IDR) => match Start::of(&held.sets, nal.bytes) {
                Ok(start) if start.header.redundant_pic_cnt > 0 => {}
                Ok(start) if walk.slice(&start).is_some() => {}
                Err(CodecError::Unsupported { .. }) => return Decodes::Unknown,
                _ => return Decodes::No(walk.macroblocks),
            },
            Some(NalType(2..=4)) => return Decodes::Unknown,
            _ => {}
        }
    }
    if !walk.is_complete() {
        return Decodes::No(walk.macroblocks);
    }
    match walk.intra {
        true => Decodes::Yes,
        false => Decodes::Unknown,
    }
}

/// What was read of a sample.
#[derive(Debug, Default)]
struct Walk {
    picture: Option<Picture>,
    field: Option<Parity>,
    /// Slices of the picture.
    slices: u32,
    /// The address behind the slice before, unless that was not read.
    reached: Option<usize>,
    /// Macroblocks read, of all pictures.
    macroblocks: u32,
    /// There were I slices.
    intra: bool,
}

impl Walk {
    /// Takes the next slice; `None` where it does not fit.
    fn slice(&mut self, start: &Start<'_>) -> Option<()> {
        let same = |picture: &Picture| {
            start.first_mb > 0
                && self.field == start.header.field
                && picture.size() == start.size
                && picture.is_paired() == start.paired
        };
        if !self.picture.as_ref().is_some_and(same) {
            if !self.is_complete() || start.first_mb > 0 {
                return None;
            }
            self.picture = Some(Picture::new(start.width, start.size, start.paired));
            self.field = start.header.field;
            self.slices = 0;
            self.reached = Some(0);
        }
        let picture = self.picture.as_mut()?;
        if self
            .reached
            .is_some_and(|reached| reached != start.first_mb)
        {
            return None;
        }
        self.slices = self.slices.saturating_add(1);
        self.reached = None;
        if start.header.slice_type == SliceType::I {
            let end = read(start, picture, self.slices, &mut self.macroblocks).ok()?;
            self.reached = Some(end);
            self.intra = true;
        }
        Some(())
    }

    /// The picture so far has all of its macroblocks, as far as slices were read.
    fn is_complete(&self) -> bool {
        match (&self.picture, self.reached) {
            (Some(picture), Some(reached)) => reached == picture.size(),
            _ => true,
        }
    }
}
