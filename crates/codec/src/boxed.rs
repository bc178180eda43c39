//! Samples made of boxes: QuickTime timed metadata (`mebx`), WebVTT (ISO/IEC 14496-30).

use crate::describe::{ConfigBoxes, config};
use crate::error::CodecError;
use crate::recognise::{Access, Delimiting, Depth, Hints, Recogniser, Verdict};
use crate::units::be;
use tapo_io::Window;

/// Largest box of a sample.
const LONGEST: u64 = 1 << 20;

/// Boxes of a sample, and keys, at most.
const MOST: usize = 256;

/// Bytes of a box's head.
const HEAD: usize = 8;

/// Boxes of WebVTT samples: a cue, no cue, additional text.
const CUES: [[u8; 4]; 3] = [*b"vttc", *b"vtte", *b"vttx"];

/// For `mebx`: the keys are those that the sample entry names.
pub(crate) fn mebx(_: [u8; 4], boxes: &ConfigBoxes<'_>, _: &Hints) -> Option<Box<dyn Recogniser>> {
    let keys = config(boxes, "keys").ok()?;
    let mut types = Vec::new();
    let mut at = 0;
    while let Some(size) = be(keys, at, 4) {
        types.push(<[u8; 4]>::try_from(keys.get(at + 4..at + HEAD)?).ok()?);
        at = at.checked_add(usize::try_from(size.max(HEAD as u64)).ok()?)?;
        if types.len() > MOST {
            return None;
        }
    }
    (!types.is_empty()).then(|| Boxed::boxed(types, true))
}

/// For `wvtt`.
pub(crate) fn wvtt(_: [u8; 4], _: &ConfigBoxes<'_>, _: &Hints) -> Option<Box<dyn Recogniser>> {
    Some(Boxed::boxed(CUES.to_vec(), false))
}

#[derive(Debug, Clone)]
struct Boxed {
    /// Types that a box may have.
    types: Vec<[u8; 4]>,
    /// Whether a sample may be one empty box of type 0: nothing to say.
    may_be_empty: bool,
    /// Whether the types of a sample ascend, as far as was seen.
    ascend: bool,
    /// Samples were seen that are something else.
    odd: bool,
    /// Boxes of a sample: fewest and most that a sound file had.
    count: Option<(usize, usize)>,
    /// The size of all samples of a sound file, and how many those were.
    size: Option<(u64, u32)>,
}

/// A box: its type, and its bytes.
fn head(bytes: &[u8]) -> Option<([u8; 4], u64)> {
    let size = be(bytes, 0, 4)?;
    let kind = <[u8; 4]>::try_from(bytes.get(4..HEAD)?).ok()?;
    (HEAD as u64..=LONGEST)
        .contains(&size)
        .then_some((kind, size))
}

impl Boxed {
    fn boxed(types: Vec<[u8; 4]>, may_be_empty: bool) -> Box<dyn Recogniser> {
        Box::new(Self {
            types,
            may_be_empty,
            ascend: true,
            odd: false,
            count: None,
            size: None,
        })
    }

    /// A box of the track: its type, and its bytes.
    fn item(&self, bytes: &[u8]) -> Option<([u8; 4], u64)> {
        let (kind, size) = head(bytes)?;
        let empty = self.may_be_empty && size == HEAD as u64 && kind == [0; 4];
        (self.types.contains(&kind) || empty).then_some((kind, size))
    }

    /// Whether all samples have the same number of boxes.
    const fn fixed(&self) -> Option<usize> {
        match self.count {
            Some((fewest, most)) if fewest == most => Some(most),
            _ => None,
        }
    }
}

impl Recogniser for Boxed {
    fn delimiting(&self) -> Delimiting {
        // Where a sample ends shows in others only.
        match self.count {
            Some((fewest, most)) if !self.odd && (fewest == most || self.ascend) => {
                Delimiting::Exact
            }
            _ => Delimiting::Between,
        }
    }

    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < HEAD || self.item(head).is_some()
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let (mut pos, mut last, mut number, mut bits) = (at, None, 0, 0.0);
        let most = self.count.map_or(MOST, |(_, most)| most.max(1));
        while number < most {
            let left = usize::try_from(end.saturating_sub(pos)).unwrap_or(HEAD);
            let head = window.bytes(pos, left.min(HEAD))?;
            let Some((kind, size)) = self.item(head) else {
                break;
            };
            // Empty ones stand alone.
            let alone = kind == [0; 4] || &kind == b"vtte";
            if number > 0 && (alone || self.ascend && last >= Some(kind)) {
                break;
            }
            // One of the types, and a length of few bits.
            bits += 44.0 - (self.types.len() as f32).log2();
            if pos + size > end {
                return Ok(Verdict::Cut(Access::new(end.saturating_sub(at), bits)));
            }
            pos += size;
            number += 1;
            last = Some(kind);
            if alone {
                break;
            }
        }
        let fixed = self.fixed().is_none_or(|n| n == number);
        if number == 0 || !fixed {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "metadata",
                element: "key",
            }));
        }
        let mut access = Access::new(pos - at, bits);
        // Another track's, perhaps: keys are numbered from 1 in each.
        match self.size {
            Some((size, 1)) if size != access.len => access.bits *= 0.75,
            Some((size, 2..)) if size != access.len => access.bits *= 0.5,
            _ => {}
        }
        Ok(Verdict::Sample(access))
    }

    fn learn(&mut self, sample: &[u8]) {
        let (mut at, mut number, mut last) = (0, 0, None);
        let mut others = Vec::new();
        while let Some((kind, size)) = sample.get(at..).and_then(head) {
            at = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
            self.ascend &= last < Some(kind);
            last = Some(kind);
            number += 1;
            if !self.types.contains(&kind) && kind != [0; 4] {
                others.push(kind);
            }
        }
        if at != sample.len() || number == 0 || self.types.len() + others.len() > MOST {
            self.odd = true;
            return;
        }
        // Keys that the sample entry does not name are those of the writer all the same.
        self.types.extend(others);
        let (fewest, most) = self.count.unwrap_or((number, number));
        self.count = Some((fewest.min(number), most.max(number)));
        let len = sample.len() as u64;
        self.size = match self.size {
            Some((size, seen)) if size == len => Some((size, seen.saturating_add(1))),
            // Sizes that vary say nothing.
            Some(_) => Some((0, 0)),
            None => Some((len, 1)),
        };
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: [u8; 4], body: usize) -> Vec<u8> {
        let size = u32::try_from(HEAD + body).unwrap().to_be_bytes();
        [&size[..], &kind, &vec![9; body]].concat()
    }

    fn len(of: &dyn Recogniser, data: &[u8]) -> Option<u64> {
        let verdict = of.probe(&mut Window::new(&data), 0, data.len() as u64, Depth::Heads);
        verdict.unwrap().sample().map(|a| a.len)
    }

    fn keyed() -> Box<dyn Recogniser> {
        let key = |n: u8| item([0, 0, 0, n], 12);
        let keys = [key(1), key(2)].concat();
        mebx(*b"mebx", &[(*b"keys", &keys)], &Hints::default()).unwrap()
    }

    #[test]
    fn keys_ascend_within_a_sample() {
        let (one, two) = (item([0, 0, 0, 1], 4), item([0, 0, 0, 2], 8));
        let both = [&one[..], &two].concat();
        let mut mebx = keyed();
        assert_eq!(len(&*mebx, &[&both[..], &one].concat()), Some(28));
        assert_eq!(len(&*mebx, &[&one[..], &one].concat()), Some(12));
        assert_eq!(len(&*mebx, &item([0, 0, 0, 3], 4)), None);
        assert_eq!(len(&*mebx, &item([0; 4], 0)), Some(8), "nothing to say");
        assert_eq!(len(&*mebx, &[0; 40]), None);
        assert_eq!(mebx.delimiting(), Delimiting::Between, "not yet");
        mebx.learn(&one);
        assert_eq!(len(&*mebx, &both), Some(12), "one in each");
        assert_eq!(mebx.delimiting(), Delimiting::Exact);
        mebx.learn(&[&two[..], &one].concat());
        assert_eq!(mebx.delimiting(), Delimiting::Between);
    }

    #[test]
    fn no_cue_stands_alone() {
        let wvtt = wvtt(*b"wvtt", &[], &Hints::default()).unwrap();
        let (cue, none) = (item(*b"vttc", 20), item(*b"vtte", 0));
        assert_eq!(len(&*wvtt, &[&none[..], &cue].concat()), Some(8));
        assert_eq!(len(&*wvtt, &[&cue[..], &none].concat()), Some(28));
    }
}
