//! Sample adaptive offset parameters (7.3.8.3).

use super::contexts::{SAO_MERGE, SAO_TYPE};
use super::reader::Reader;

impl Reader<'_> {
    /// `sao()`. The neighbours are those that parameters could be taken from.
    pub(super) fn sao(&mut self, left: bool, above: bool) {
        if left && self.bin(SAO_MERGE) || above && self.bin(SAO_MERGE) {
            return;
        }
        let (luma, chroma) = (self.picture.fields.sao_luma, self.picture.fields.sao_chroma);
        if luma {
            let kind = self.sao_type();
            self.sao_offsets(kind, self.params.sao_most_luma, true);
        }
        if chroma {
            let kind = self.sao_type();
            self.sao_offsets(kind, self.params.sao_most_chroma, true);
            // The second component has the first one's type and class.
            self.sao_offsets(kind, self.params.sao_most_chroma, false);
        }
    }

    fn sao_type(&mut self) -> SaoType {
        match self.bin(SAO_TYPE) {
            false => SaoType::None,
            true if self.engine.bypass() => SaoType::Edge,
            true => SaoType::Band,
        }
    }

    fn sao_offsets(&mut self, kind: SaoType, most: u32, own_class: bool) {
        if kind == SaoType::None {
            return;
        }
        let mut signs = 0;
        for _ in 0..4 {
            let mut offset = 0;
            while offset < most && self.engine.bypass() {
                offset += 1;
            }
            signs += u32::from(offset != 0);
        }
        match kind {
            // Signs and sao_band_position.
            SaoType::Band => _ = self.engine.bypass_bits(signs + 5),
            // sao_eo_class.
            _ if own_class => _ = self.engine.bypass_bits(2),
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SaoType {
    None,
    Band,
    Edge,
}
