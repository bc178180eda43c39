//! AAC frames in bare bytes: no sync word, no length, only syntax.

use super::AudioSpecificConfig;
use super::bands::Bands;
use super::walk::{ANY, Element, Frame, Syntax, frame, is_extension};
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
    let recogniser = AacRecogniser {
        syntax: Syntax {
            object_type: audio.object_type,
            bands: Bands::new(audio.sampling_rate, frame_length),
            clean_padding: true,
            before: ANY,
        },
        frame_length,
        layouts: layout(audio.channel_configuration).into_iter().collect(),
        most: TOLERANCE * BYTES_PER_CHANNEL * channels,
        learnt: false,
        leads: [true; 256],
    };
    Some(Box::new(recogniser.with_leads()))
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
    /// The first bytes that a frame may have.
    leads: [bool; 256],
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
        let &[first, second, ..] = head else {
            return head.first().is_none_or(|&first| self.may_lead(first));
        };
        if !self.may_lead(first) {
            return false;
        }
        // Three bits of the element, four of its tag.
        match (first >> 5, first >> 1 & 15) {
            (id @ (0 | 1 | 3), _) => {
                // Zeros alone would be one empty element behind the other.
                if head.len() >= HEAD && head.iter().all(|&b| b == 0) {
                    return false;
                }
                // common_window 1: ics_reserved_bit follows.
                id != 1 || first & 1 == 0 || second & 0x80 == 0
            }
            // A fill element: its extension type must be one that is in use.
            (6, tag) => match (tag, head) {
                (0, _) => true,
                (15, &[_, second, third, ..]) => is_extension((second & 1) << 3 | third >> 5),
                (1..15, _) => is_extension((first & 1) << 3 | second >> 5),
                _ => true,
            },
            _ => true,
        }
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let leads = |&b: &u8| self.leads.get(usize::from(b)).is_none_or(|&leads| leads);
        let mut from = 0;
        loop {
            let rest = bytes.get(from..)?;
            let at = from + rest.iter().position(leads)?;
            let head = bytes.get(at..).unwrap_or_default();
            if self.could_start(head.get(..HEAD).unwrap_or(head)) && self.goes_on(head) {
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
        if !self.could_start(data.get(..HEAD).unwrap_or(data)) {
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
    /// Whether a frame may begin with this byte.
    fn may_lead(&self, first: u8) -> bool {
        let (id, tag) = (first >> 5, first >> 1 & 15);
        match id {
            0 | 1 | 3 => {
                let begins = |layout: &Vec<Element>| layout.first() == Some(&Element { id, tag });
                self.layouts.is_empty() || self.layouts.iter().any(begins)
            }
            7 => false,
            _ => self.syntax.before >> id & 1 != 0,
        }
    }

    /// Whether what stands behind a fill element may stand there: the same as at
    /// the start of a frame. Of noise an eighth begins like one.
    fn goes_on(&self, bytes: &[u8]) -> bool {
        // The byte that begins with the last bit of one and goes on in the next.
        let byte = |at: usize| match bytes.get(at..)? {
            [first, second, ..] => Some(first << 7 | second >> 1),
            _ => None,
        };
        let (id, count) = match bytes.first() {
            Some(first) => (first >> 5, usize::from(first >> 1 & 15)),
            None => return true,
        };
        // Three bits of the element and four of its length, eight more where that is 15 (4.4.2.7).
        let behind = match count {
            15 => byte(0).map(|more| 15 + usize::from(more)),
            count => Some(count),
        };
        let next = behind.and_then(byte);
        let leads = |next: u8| self.leads.get(usize::from(next)) != Some(&false);
        id != 6 || next.is_none_or(leads)
    }

    fn with_leads(mut self) -> Self {
        self.note_leads();
        self
    }

    /// Notes the first bytes, for the quick search.
    fn note_leads(&mut self) {
        let mut leads = [true; 256];
        for (first, lead) in (0..=u8::MAX).zip(&mut leads) {
            *lead = self.may_lead(first);
        }
        self.leads = leads;
    }

    fn learn_layout(&mut self, found: &Frame) {
        let elements = found.elements();
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
        self.note_leads();
    }

    fn access(&self, found: &Frame) -> Access {
        Access {
            duration: Some(self.frame_length),
            shape: found.shape,
            ..Access::new(found.len as u64, found.bits)
        }
    }
}
