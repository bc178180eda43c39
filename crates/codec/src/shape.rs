//! What samples of an unknown coding look like: sizes, bytes that never change, a length in front.
//!
//! It is little. So such samples are not looked for, only told apart where they lie between others ([`Delimiting::Between`]).

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Delimiting, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

/// Bytes at the beginning of a sample that are compared.
const HEAD: usize = 16;

/// Sizes that samples of one track may have, each with a beginning of its own.
const FORMS: usize = 8;

/// Bytes that a beginning must have in common with others to be worth anything.
const COMMON: usize = 2;

/// Bytes in common that tell where the next sample begins.
const MARK: usize = 4;

/// Samples that show a length in front.
const SHOWN: u32 = 4;

/// Sizes that show one.
const SIZES: usize = 3;

/// Largest sample that is told apart so.
const LONGEST: u64 = 1 << 20;

/// A recogniser of samples of which only others of the same track are known.
#[must_use]
pub fn unknown() -> Box<dyn Recogniser> {
    Box::new(Shape::new())
}

/// For timed text of 3GPP (`tx3g`, TS 26.245) and of QuickTime (`text`): a length of two bytes, text, and boxes.
pub(crate) fn text(_: [u8; 4], _: &ConfigBoxes<'_>, _: &Hints) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(TextRecogniser))
}

/// The beginning of samples: its bytes, and which of them are always the same.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    bytes: [u8; HEAD],
    same: [bool; HEAD],
    seen: u32,
}

impl Beginning {
    fn of(sample: &[u8]) -> Self {
        let mut bytes = [0; HEAD];
        let mut same = [false; HEAD];
        for ((to, same), from) in bytes.iter_mut().zip(&mut same).zip(sample) {
            (*to, *same) = (*from, true);
        }
        Self {
            bytes,
            same,
            seen: 1,
        }
    }

    fn note(&mut self, sample: &[u8]) {
        let other = Self::of(sample);
        let theirs = other.bytes.iter().zip(&other.same);
        for ((byte, same), (other, there)) in self.bytes.iter().zip(&mut self.same).zip(theirs) {
            *same &= byte == other && *there;
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// Bytes that never change.
    fn common(&self) -> usize {
        self.same.iter().filter(|same| **same).count()
    }

    /// Bytes at its very beginning that never change.
    fn mark(&self) -> &[u8] {
        let len = self.same.iter().take_while(|same| **same).count();
        self.bytes.get(..len).unwrap_or_default()
    }

    fn fits(&self, head: &[u8]) -> bool {
        let own = self.bytes.iter().zip(&self.same).enumerate();
        own.filter(|(_, (_, same))| **same)
            .all(|(i, (byte, _))| head.get(i) == Some(byte))
    }

    /// Evidence of bytes that fit.
    fn bits(&self) -> f32 {
        8.0 * self.common() as f32
    }
}

/// A length in front of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LengthField {
    at: usize,
    width: usize,
    little: bool,
    /// What must be added to it.
    more: i64,
}

impl LengthField {
    fn read(&self, head: &[u8]) -> Option<i64> {
        let field = head.get(self.at..self.at + self.width)?;
        let one = |n: i64, byte: &u8| n << 8 | i64::from(*byte);
        Some(if self.little {
            field.iter().rev().fold(0, one)
        } else {
            field.iter().fold(0, one)
        })
    }

    /// All that samples might have.
    fn all(sample: &[u8]) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, width) in [
            (0, 4),
            (4, 4),
            (8, 4),
            (0, 2),
            (2, 2),
            (4, 2),
            (6, 2),
            (0, 1),
            (1, 1),
        ] {
            for little in [false, true] {
                let mut field = Self {
                    at,
                    width,
                    little: little && width > 1,
                    more: 0,
                };
                if let Some(said) = field.read(sample)
                    && (width > 1 || !little)
                {
                    field.more = i64::try_from(sample.len())
                        .unwrap_or(0)
                        .saturating_sub(said);
                    all.push(field);
                }
            }
        }
        all
    }
}

#[derive(Debug, Clone)]
struct Shape {
    /// The beginning of all samples.
    all: Option<Beginning>,
    /// By size; `None` if there are too many.
    forms: Option<Vec<(u64, Beginning)>>,
    /// Lengths in front that were right so far.
    lengths: Vec<LengthField>,
    /// Fewest and most bytes.
    sizes: (u64, u64),
}

impl Shape {
    const fn new() -> Self {
        Self {
            all: None,
            forms: Some(Vec::new()),
            lengths: Vec::new(),
            sizes: (u64::MAX, 0),
        }
    }

    /// The size of the sample that begins so by a length in it, and the evidence for it.
    fn by_length(&self, head: &[u8]) -> Option<(u64, f32)> {
        let all = self.all.filter(|all| all.seen >= SHOWN && all.fits(head))?;
        let (least, most) = self.sizes;
        // Few sizes are told by anything that varies.
        let several = self.forms.as_ref().is_none_or(|forms| forms.len() >= SIZES);
        let field = self.lengths.first().filter(|_| several)?;
        let len = u64::try_from(field.read(head)? + field.more).ok()?;
        // A little more than was seen may well be.
        let may_be = (least / 2).max(1)..=most.saturating_mul(2).min(LONGEST);
        let range = (may_be.end() - may_be.start() + 1) as f32;
        let bits = (8.0 * field.width as f32 - range.log2()).max(0.0);
        may_be.contains(&len).then_some((len, bits + all.bits()))
    }

    /// The size of the sample that begins so by that of others that do.
    fn by_form(&self, head: &[u8]) -> Option<(u64, f32)> {
        let forms = self.forms.as_ref()?;
        let telling = |(_, form): &&(u64, Beginning)| form.common() >= COMMON;
        // One that fits anything makes all of them worthless.
        if !forms.iter().all(|form| telling(&form)) {
            return None;
        }
        let fitting = || forms.iter().filter(|(_, form)| form.fits(head));
        let (len, form) = fitting().max_by_key(|(_, form)| form.common())?;
        // Sizes that begin alike are not told apart by that.
        let others = fitting().filter(|(other, _)| other != len);
        let alike = others.map(|(_, form)| form.common()).max();
        let told = alike.is_none_or(|alike| alike + MARK <= form.common());
        told.then(|| (*len, form.bits() - (forms.len() as f32).log2()))
    }

    /// The size of the sample at the beginning of `bytes` by where the next one begins, or they end.
    fn by_mark(&self, bytes: &[u8]) -> Option<(u64, f32)> {
        let all = self.all.filter(|all| all.seen >= 2)?;
        let mark = all.mark();
        if mark.len() < MARK || !all.fits(bytes) {
            return None;
        }
        let least = usize::try_from(self.sizes.0).ok()?.max(mark.len());
        let behind = bytes.get(least / 2..)?;
        let next = memchr::memmem::find(behind, mark).map(|at| at + least / 2);
        let len = next.unwrap_or(bytes.len()) as u64;
        (len <= self.sizes.1.saturating_mul(2)).then(|| (len, all.bits()))
    }
}

impl Recogniser for Shape {
    fn delimiting(&self) -> Delimiting {
        Delimiting::Between
    }

    fn could_start(&self, _: &[u8]) -> bool {
        true
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = end.saturating_sub(at).min(LONGEST);
        let want = usize::try_from(left).unwrap_or(0);
        let head = window.bytes(at, want.min(HEAD))?;
        let mut found = self.by_length(head).or_else(|| self.by_form(head));
        let few = self.all.is_some_and(|all| all.mark().len() >= MARK);
        if found.is_none() && few {
            let reach = self.sizes.1.saturating_mul(2).saturating_add(HEAD as u64);
            let reach = usize::try_from(reach).unwrap_or(want).min(want);
            found = self.by_mark(window.bytes(at, reach)?);
        }
        Ok(match found {
            Some((len, bits)) if len > 0 && at + len <= end => {
                Verdict::Sample(Access::new(len, bits))
            }
            Some((_, bits)) => Verdict::Cut(Access::new(left, bits)),
            None => Verdict::Not(CodecError::Malformed {
                structure: "sample",
                element: "beginning",
            }),
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if sample.is_empty() {
            return;
        }
        let len = sample.len() as u64;
        self.sizes = (self.sizes.0.min(len), self.sizes.1.max(len));
        match &mut self.all {
            Some(all) => all.note(sample),
            none => {
                *none = Some(Beginning::of(sample));
                self.lengths = LengthField::all(sample);
            }
        }
        let size = i64::try_from(sample.len()).unwrap_or(i64::MAX);
        self.lengths
            .retain(|field| field.read(sample).map(|said| said + field.more) == Some(size));
        if let Some(forms) = &mut self.forms {
            let room = forms.len() < FORMS;
            match forms.iter_mut().find(|(size, _)| *size == len) {
                Some((_, form)) => form.note(sample),
                None if room => forms.push((len, Beginning::of(sample))),
                None => self.forms = None,
            }
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[derive(Debug, Clone, Copy)]
struct TextRecogniser;

/// Boxes behind the text: styles, highlights, karaoke, scrolling, links, places, blinking, wrapping; the encoding, the font, the style
/// of QuickTime.
const MODIFIERS: [&[u8; 4]; 15] = [
    b"styl", b"hlit", b"hclr", b"krok", b"dlay", b"href", b"tbox", b"blnk", b"twrp", b"encd",
    b"ftab", b"drpo", b"drpt", b"imag", b"uniC",
];

impl Recogniser for TextRecogniser {
    fn delimiting(&self) -> Delimiting {
        Delimiting::Between
    }

    fn could_start(&self, _: &[u8]) -> bool {
        true
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let not = |element| {
            Ok(Verdict::Not(CodecError::Malformed {
                structure: "timed text",
                element,
            }))
        };
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let &[high, low, ..] = window.bytes(at, left.min(2))? else {
            return not("length");
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len + 2 > left {
            return not("length");
        }
        let own = window.bytes(at, len + 2)?;
        let body = own.get(2..).unwrap_or_default();
        let wide = body.starts_with(&[0xFE, 0xFF]) || body.starts_with(&[0xFF, 0xFE]);
        if !wide && std::str::from_utf8(body).is_err() {
            return not("text");
        }
        // Nothing is said often; of text each byte must be one.
        let bits = 6.0 + (body.len() as f32).min(16.0);
        let mut pos = at + 2 + len as u64;
        while end.saturating_sub(pos) >= 8 {
            let head = window.bytes(pos, 8)?;
            let size = crate::units::be(head, 0, 4).unwrap_or(0);
            let kind = head.get(4..8).unwrap_or_default();
            let known = MODIFIERS.iter().any(|known| kind == known.as_slice());
            if !known || size < 8 || size > end - pos {
                break;
            }
            pos += size;
        }
        Ok(Verdict::Sample(Access::new(pos - at, bits)))
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn len(of: &dyn Recogniser, data: &[u8]) -> Option<u64> {
        let verdict = of.probe(&mut Window::new(&data), 0, data.len() as u64, Depth::Heads);
        verdict.unwrap().sample().map(|a| a.len)
    }

    fn shown<T: AsRef<[u8]>>(samples: impl IntoIterator<Item = T>) -> Box<dyn Recogniser> {
        let mut shape = unknown();
        for sample in samples {
            shape.learn(sample.as_ref());
        }
        shape
    }

    #[test]
    fn each_size_has_its_beginning() {
        let block = |n: u8| [&b"GP\x05"[..], &[n; 13]].concat();
        let head = [&b"GPRO"[..], &[7; 36]].concat();
        let shape = shown([head.clone()].into_iter().chain((0..9).map(block)));
        assert_eq!(len(&*shape, &head), Some(40));
        assert_eq!(len(&*shape, &[block(77), block(3)].concat()), Some(16));
        assert_eq!(len(&*shape, &[9; 40]), None);
        assert_eq!(len(&*shape, &block(3)[..12]), None, "cut");
    }

    #[test]
    fn a_length_in_front_is_found_and_its_order() {
        for (little, more) in [(false, 0), (true, 0), (false, 3)] {
            let sample = |n: u16| {
                let said = n - more;
                let field = if little {
                    said.to_le_bytes()
                } else {
                    said.to_be_bytes()
                };
                let noise = (0..n - 2).map(|i| (i * 31 + n * 7).to_le_bytes()[0]);
                field.into_iter().chain(noise).collect::<Vec<u8>>()
            };
            let shape = shown([40, 47, 61, 300, 260, 99, 81, 120, 77, 204].map(sample));
            let both = [sample(180), sample(55)].concat();
            assert_eq!(len(&*shape, &both), Some(180), "{little} {more}");
        }
    }

    #[test]
    fn the_next_beginning_ends_a_sample() {
        let text = |n: usize| format!("<gps n='{}'/>\n", "7".repeat(n)).into_bytes();
        let shape = shown((1..12).map(text));
        let both = [text(5), text(2)].concat();
        assert_eq!(len(&*shape, &both), Some(text(5).len() as u64));
        assert_eq!(len(&*shape, &text(9)), Some(text(9).len() as u64));
    }

    #[test]
    fn sizes_that_begin_alike_are_told_by_the_next_beginning() {
        let sample =
            |n: usize| [&[1, 0x36, 0x35, 0x10, 1, 0x18, 1, 0x20][..], &vec![7; n]].concat();
        let samples = [sample(60), sample(66), sample(60)];
        let shape = shown(&samples);
        assert_eq!(len(&*shape, &samples.concat()), Some(68));
        assert_eq!(len(&*shape, &samples.concat()[68..]), Some(74));
    }

    #[test]
    fn of_noise_nothing_is_learnt() {
        let noise = |n: u32| {
            (0..40)
                .map(|i| (n * 97 + i * i * 31 + 7).to_le_bytes()[1])
                .collect()
        };
        let samples: Vec<Vec<u8>> = (1..30).map(|n| noise(n * 3001)).collect();
        let shape = shown(&samples);
        assert_eq!(len(&*shape, &noise(5)), None);
        assert_eq!(len(&*unknown(), &[1, 2, 3]), None);
    }

    #[test]
    fn timed_text_with_a_style() {
        let styl = [&[0, 0, 0, 10][..], b"styl", &[0, 0]].concat();
        let cue = [&[0, 3][..], b"one", &styl].concat();
        let both = [&cue[..], &[0, 0], &[0, 2], b"tw"].concat();
        let text = TextRecogniser;
        assert_eq!(len(&text, &both), Some(15));
        assert_eq!(len(&text, &both[15..]), Some(2));
        assert_eq!(len(&text, &[0, 9, 1]), None);
        assert_eq!(len(&text, &[0, 2, 0xC0, 0x20]), None);
    }
}
