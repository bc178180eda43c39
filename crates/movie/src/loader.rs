//! Payloads, loaded within a budget, and the fields that headers share.

use crate::{RawBox, Result};
use tapo_bmff::{BoxNode, BoxSize, Defect, Flaw, FourCc, be_u32, be_u64, limits};
use tapo_io::{ByteSource, Span};

/// Loads payloads within a budget, and collects what is wrong with them.
pub(crate) struct Loader<'a> {
    pub(crate) source: &'a dyn ByteSource,
    pub(crate) defects: Vec<Defect>,
    budget: u64,
}

/// Bytes of `moov` that are read in all.
const BUDGET: u64 = 3 * limits::LOADED;

impl<'a> Loader<'a> {
    pub(crate) fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            defects: Vec::new(),
            budget: BUDGET,
        }
    }

    /// The bytes of `span`, or none of them if they are too many.
    pub(crate) fn payload(&mut self, kind: FourCc, span: Span) -> Result<Vec<u8>> {
        if span.len() > limits::LOADED || span.len() > self.budget {
            self.bad(kind, span, "larger than tapo reads at once");
            return Ok(Vec::new());
        }
        self.budget -= span.len();
        Ok(self.source.read_span(span)?)
    }

    /// The payload of a node.
    pub(crate) fn node(&mut self, node: &BoxNode) -> Result<Vec<u8>> {
        self.payload(node.kind, node.payload())
    }

    /// A node to be kept verbatim; `None` (and a defect, noted before) where it
    /// is cut off: written back, it would swallow what follows.
    pub(crate) fn raw(&mut self, node: &BoxNode) -> Result<Option<RawBox>> {
        if !node.is_whole() || node.size == BoxSize::ToEnd {
            return Ok(None);
        }
        let bytes = self.payload(node.kind, node.span)?;
        Ok((!bytes.is_empty()).then_some(RawBox {
            kind: node.kind,
            bytes,
        }))
    }

    /// Notes that the fields of a box are wrong.
    pub(crate) fn bad(&mut self, kind: FourCc, span: Span, why: &'static str) {
        self.flaw(span, Flaw::BadFields { kind, why });
    }

    /// Notes what is wrong with a box.
    pub(crate) fn flaw(&mut self, span: Span, flaw: Flaw) {
        if self.defects.len() < limits::DEFECTS {
            self.defects.push(Defect {
                span,
                parent: None,
                flaw,
            });
        }
    }
}

/// What `mvhd`, `tkhd` and `mdhd` begin with.
pub(crate) struct Times {
    pub(crate) creation: u64,
    pub(crate) modification: u64,
    /// In `tkhd`, the track id stands here.
    pub(crate) timescale: u32,
    pub(crate) duration: u64,
}

impl Times {
    /// Reads the times and what follows; `gap` bytes stand before the duration.
    pub(crate) fn read(payload: &[u8], gap: usize) -> Option<(Self, &[u8])> {
        let wide = *payload.first()? == 1;
        let word = if wide { 8 } else { 4 };
        let at = |at: usize| {
            if wide {
                be_u64(payload, at)
            } else {
                be_u32(payload, at).map(|v| {
                    if v == u32::MAX {
                        u64::MAX
                    } else {
                        u64::from(v)
                    }
                })
            }
        };
        let times = Self {
            creation: at(4)?,
            modification: at(4 + word)?,
            timescale: be_u32(payload, 4 + 2 * word)?,
            duration: at(8 + 2 * word + gap)?,
        };
        Some((times, payload.get(8 + 3 * word + gap..)?))
    }
}

/// Nine 32-bit numbers.
pub(crate) fn matrix(bytes: &[u8], at: usize) -> Option<[i32; 9]> {
    let mut matrix = [0; 9];
    for (i, value) in matrix.iter_mut().enumerate() {
        *value = be_u32(bytes, at + 4 * i)?.cast_signed();
    }
    Some(matrix)
}
