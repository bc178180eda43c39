//! Camera motion metadata (`camm`): two reserved bytes, a type, and as many numbers as the type has, all little-endian.

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

/// Bytes behind the head, by type: angle and axis, exposure time, rotation, acceleration, position, GPS in short, GPS in full,
/// magnetic field.
const LENGTHS: [u8; 8] = [12, 8, 12, 12, 12, 24, 56, 12];

/// Bytes of the head.
const HEAD: usize = 4;

/// Samples that show which types a camera writes.
const SHOWN: u32 = 100;

/// For `camm`.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::<CammRecogniser>::default())
}

#[derive(Debug, Clone, Default)]
struct CammRecogniser {
    /// Samples of a sound file by type.
    seen: [u32; LENGTHS.len()],
}

impl CammRecogniser {
    /// Bytes of the sample that begins so.
    fn len(&self, head: &[u8]) -> Option<u64> {
        let &[0, 0, kind, 0, ..] = head else {
            return None;
        };
        let kind = usize::from(kind);
        let all: u32 = self.seen.iter().copied().fold(0, u32::saturating_add);
        let known = *self.seen.get(kind)? > 0 || all < SHOWN;
        let len = LENGTHS.get(kind).filter(|_| known)?;
        Some(HEAD as u64 + u64::from(*len))
    }
}

impl Recogniser for CammRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < HEAD || self.len(head).is_some()
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let bytes = window.bytes(at, HEAD + 56)?;
        let there = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..there.min(bytes.len())).unwrap_or(bytes);
        let Some(len) = self.len(bytes) else {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "camera motion",
                element: "type",
            }));
        };
        // Zeros are a hole, not a camera at rest.
        let own = bytes.get(..usize::try_from(len).unwrap_or(0).min(bytes.len()));
        let learnt = self.seen.iter().any(|n| *n > 0);
        if learnt && own.is_none_or(|own| own.iter().all(|b| *b == 0)) {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "camera motion",
                element: "value",
            }));
        }
        let kinds = self.seen.iter().filter(|n| **n > 0).count().max(1);
        let access = Access::new(len.min(there as u64), 32.0 - (kinds as f32).log2());
        Ok(if len > there as u64 {
            Verdict::Cut(access)
        } else {
            Verdict::Sample(access)
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if let &[0, 0, kind, 0, ..] = sample
            && let Some(count) = self.seen.get_mut(usize::from(kind))
        {
            *count = count.saturating_add(1);
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_as_long_as_its_type_says() {
        let len = |camm: &CammRecogniser, data: &[u8]| {
            let end = data.len() as u64;
            let verdict = camm.probe(&mut Window::new(&data), 0, end, Depth::Heads);
            verdict.unwrap().sample().map(|a| a.len)
        };
        let sample = |kind: u8| [&[0, 0, kind, 0][..], &[7; 70]].concat();
        let mut camm = CammRecogniser::default();
        assert_eq!(len(&camm, &sample(2)), Some(16));
        assert_eq!(len(&camm, &sample(5)), Some(28));
        assert_eq!(len(&camm, &sample(6)), Some(60));
        assert_eq!(len(&camm, &sample(8)), None);
        assert_eq!(len(&camm, &sample(2)[..15]), None, "cut");
        assert_eq!(len(&camm, &[0; 70]), Some(16));
        camm.learn(&[0; 16]);
        assert_eq!(len(&camm, &[0; 70]), None, "a hole");
        for _ in 0..SHOWN {
            camm.learn(&sample(3));
        }
        assert_eq!(
            len(&camm, &sample(2)),
            None,
            "a type that was never written"
        );
        assert_eq!(len(&camm, &sample(3)), Some(16));
    }
}
