//! AAC frames in bare bytes: no sync word, no length, only syntax.

use super::AudioSpecificConfig;
use super::bands::Bands;
use super::start::{Pairs, with_any};
use super::walk::{ANY, Element, Frame, Syntax, frame};
use crate::describe::{ConfigBoxes, config};
use crate::error::CodecError;
use crate::esds::EsDescriptor;
use crate::mpeg_audio;
use crate::recognise::{Access, Depth, HEAD, Hints, Recogniser, Verdict};
use tapo_io::Window;

/// Bytes of a frame for each channel: what the decoder's buffer holds (4.5.3.2).
const BYTES_PER_CHANNEL: usize = 768;

/// Encoders that are told to use many bits at low rates pass that, though hardly by as much.
const TOLERANCE: usize = 2;

/// Bytes in which a fill element ends, and its longest by far.
const REACH: usize = 320;

/// Layouts that are remembered.
const MAX_LAYOUTS: usize = 4;

/// For `mp4a`: AAC, or what else the esds declares.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let es = EsDescriptor::parse(config(boxes, "esds").ok()?).ok()?;
    match es.object_type {
        0x40 | 0x66..=0x68 => {}
        0x69 | 0x6B => return Some(mpeg_audio::new()),
        _ => return None,
    }
    let audio = AudioSpecificConfig::parse(es.specific_info?).ok()?;
    // Scalable sampling rates and the error resilient types have another syntax.
    if !matches!(audio.object_type, 1 | 2 | 4) {
        return None;
    }
    let frame_length = audio.frame_length.unwrap_or(1024);
    let channels = usize::from(audio.channels.unwrap_or(8)).max(1);
    let syntax = Syntax {
        object_type: audio.object_type,
        bands: Bands::new(audio.sampling_rate, frame_length),
        clean_padding: true,
        before: ANY,
    };
    let layouts: Vec<_> = layout(audio.channel_configuration).into_iter().collect();
    Some(Box::new(AacRecogniser {
        pairs: Pairs::new(&syntax, &layouts),
        syntax,
        frame_length,
        layouts,
        most: TOLERANCE * BYTES_PER_CHANNEL * channels,
        learnt: false,
    }))
}

/// The channel elements of a channel configuration (table 1.19), numbered by kind.
fn layout(channel_configuration: u8) -> Option<Vec<Element>> {
    let ids: &[u8] = match channel_configuration {
        1 => &[0],
        2 => &[1],
        3 => &[0, 1],
        4 => &[0, 1, 0],
        5 => &[0, 1, 1],
        6 => &[0, 1, 1, 3],
        7 | 12 => &[0, 1, 1, 1, 3],
        11 => &[0, 1, 1, 0, 3],
        _ => return None,
    };
    let mut seen = [0u8; 4];
    let numbered = ids.iter().filter_map(|&id| {
        let next = seen.get_mut(usize::from(id))?;
        let tag = *next;
        *next += 1;
        Some(Element { id, tag })
    });
    Some(numbered.collect())
}

#[derive(Debug, Clone)]
struct AacRecogniser {
    syntax: Syntax,
    frame_length: u32,
    /// The rows of channel elements that frames have; any, if there is none.
    layouts: Vec<Vec<Element>>,
    /// Bytes of a frame, at most.
    most: usize,
    /// The layouts are those of a sound file.
    learnt: bool,
    /// What frames may begin with, for the quick search.
    pairs: Pairs,
}

impl AacRecogniser {
    fn walk(&self, data: &[u8]) -> Result<Frame, CodecError> {
        let mut result = None;
        for layout in &self.layouts {
            match frame(&self.syntax, data, Some(layout)) {
                Ok(found) => return Ok(found),
                Err(why) => {
                    // A different first element says less than what was wrong behind the right one.
                    result.get_or_insert(Err(why));
                }
            }
        }
        result.unwrap_or_else(|| frame(&self.syntax, data, None))
    }
}

impl Recogniser for AacRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        // Zeros alone would be one empty element behind the other.
        let zeros = head.get(..HEAD).is_some_and(|h| h.iter().all(|&b| b == 0));
        !zeros && with_any(&self.syntax, &self.layouts, head)
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            let at = self.pairs.next(bytes, from)?;
            // Fill elements may be longer than a head.
            let reach = bytes.len().min(at + REACH);
            if self.could_start(bytes.get(at..reach).unwrap_or_default()) {
                return Some(at);
            }
            from = at + 1;
        }
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let data = window.bytes(at, left.min(self.most))?;
        if !self.could_start(data.get(..REACH).unwrap_or(data)) {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "AAC frame",
                element: "id_syn_ele",
            }));
        }
        Ok(match self.walk(data) {
            Ok(found) => Verdict::Sample(self.access(&found)),
            Err(CodecError::Truncated { .. }) if left > 1 && left < self.most => {
                // Noise runs into the end as well: what there is of it counts for little.
                Verdict::Cut(Access {
                    duration: Some(self.frame_length),
                    ..Access::new(left as u64, 4.0)
                })
            }
            Err(why) => Verdict::Not(why),
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Ok(found) = self.walk(sample)
            && found.len == sample.len()
        {
            self.learn_layout(&found);
            return;
        }
        // Something in it is not as expected: its padding, its elements or its size.
        let mut other = self.clone();
        other.syntax.clean_padding = false;
        other.syntax.before = ANY;
        other.layouts.clear();
        if let Ok(found) = frame(&other.syntax, sample, None)
            && found.len == sample.len()
        {
            self.most = self.most.max(sample.len());
            self.syntax.before |= found.before;
            if frame(&self.syntax, sample, None).is_err() {
                self.syntax.clean_padding = false;
            }
            self.learn_layout(&found);
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

impl AacRecogniser {
    fn learn_layout(&mut self, found: &Frame) {
        let elements = found.elements();
        let known = (self.learnt, self.syntax.before, self.layouts.len());
        if !self.learnt {
            self.layouts.clear();
            self.syntax.before = 0;
            self.learnt = true;
        }
        self.syntax.before |= found.before;
        if self.layouts.len() < MAX_LAYOUTS && !self.layouts.iter().any(|known| known == elements) {
            self.layouts.push(elements.to_vec());
        }
        let channels: usize = elements.iter().map(|element| element.channels()).sum();
        self.most = self.most.max(TOLERANCE * BYTES_PER_CHANNEL * channels);
        if known != (self.learnt, self.syntax.before, self.layouts.len()) {
            self.pairs = Pairs::new(&self.syntax, &self.layouts);
        }
    }

    fn access(&self, found: &Frame) -> Access {
        Access {
            duration: Some(self.frame_length),
            shape: found.shape,
            ..Access::new(found.len as u64, found.bits)
        }
    }
}
