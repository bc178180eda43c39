//! Where a frame may start: a test on its first bytes that noise seldom passes.

use super::walk::{CPE, Element, FIL, LFE, MAX_ELEMENTS, SCE, Syntax, fill};
use crate::reservoir::Reader;

/// The first two bytes that a frame may have, a bit for each pair.
#[derive(Debug, Clone)]
pub(super) struct Pairs(Box<[u64; 1024]>);

impl Pairs {
    /// Those of frames whose channel elements are one of `layouts`, or any if there are none.
    pub(super) fn new(syntax: &Syntax, layouts: &[Vec<Element>]) -> Self {
        let mut pairs = Box::new([0; 1024]);
        for (word, high) in pairs.iter_mut().zip(0_u16..) {
            for low in 0..64 {
                let bytes = (high << 6 | low).to_be_bytes();
                *word |= u64::from(with_any(syntax, layouts, &bytes)) << low;
            }
        }
        Self(pairs)
    }

    /// The next place in `bytes`, from `from` on, where a frame may start by its first two bytes, and by the two behind a fill
    /// element.
    #[inline]
    pub(super) fn next(&self, bytes: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let rest = bytes.get(from..)?;
            let pair = |w: &[u8]| match *w {
                [first, second] => self.has(first, second),
                _ => true,
            };
            let at = rest.windows(2).position(pair);
            let at = at.or_else(|| rest.len().checked_sub(1))?;
            if self.goes_on(rest.get(at..)?) {
                return Some(from + at);
            }
            from += at + 1;
        }
    }

    /// Whether what stands behind a fill element at the start of `bytes` may stand there: the same as at the start of a frame.
    #[inline]
    fn goes_on(&self, bytes: &[u8]) -> bool {
        let (first, second) = match *bytes {
            [first, second, ..] if first >> 5 == FIL => (first, second),
            _ => return true,
        };
        // Three bits of the element and four of its length, eight more where that is 15: what follows begins with the last bit
        // of a byte.
        let count = match first >> 1 & 15 {
            15 => 15 + usize::from(first << 7 | second >> 1),
            count => usize::from(count),
        };
        match bytes.get(count..) {
            Some(&[a, b, c, ..]) => self.has(a << 7 | b >> 1, b << 7 | c >> 1),
            _ => true,
        }
    }

    fn has(&self, first: u8, second: u8) -> bool {
        // The mask only tells the compiler what is so.
        let word = (usize::from(first) << 2 | usize::from(second >> 6)) & 1023;
        self.0
            .get(word)
            .is_some_and(|w| w >> (second & 63) & 1 != 0)
    }
}

/// Whether a frame with one of these layouts may begin so.
pub(super) fn with_any(syntax: &Syntax, layouts: &[Vec<Element>], data: &[u8]) -> bool {
    if layouts.is_empty() {
        return may_start(syntax, None, data);
    }
    let mut firsts = layouts.iter().map(|layout| layout.first().copied());
    firsts.any(|first| may_start(syntax, first, data))
}

/// Whether a frame whose first channel element is `first` may begin so: what fill elements lead to tells most false ones. Of
/// bytes that are not there it may.
fn may_start(syntax: &Syntax, first: Option<Element>, data: &[u8]) -> bool {
    let mut reader = Reader::new(data);
    for _ in 0..MAX_ELEMENTS {
        let id = reader.small(3);
        if matches!(id, SCE | CPE | LFE) {
            let tag = reader.small(4);
            let expected = first.is_none_or(|first| first == Element { id, tag });
            return reader.overrun() || expected && channel_may_begin(syntax, id, &mut reader);
        }
        if id > FIL || syntax.before >> id & 1 == 0 {
            return reader.overrun();
        }
        if id != FIL {
            return true;
        }
        if fill(&mut reader).is_err() {
            return reader.overrun();
        }
    }
    true
}

/// Whether a channel element may go on so behind its tag: the zeros that are read behind the end forbid nothing.
fn channel_may_begin(syntax: &Syntax, id: u8, reader: &mut Reader<'_>) -> bool {
    let common_window = id == CPE && reader.flag();
    if !common_window {
        reader.skip(8); // global_gain
    }
    // ics_info() (table 4.6).
    let reserved = reader.flag();
    let short = reader.read(2) == 2;
    reader.skip(1); // window_shape
    let (max_sfb, bands) = match short {
        true => (reader.read(4), &syntax.bands.short),
        false => (reader.read(6), &syntax.bands.long),
    };
    // LC has no prediction.
    let predicted = !short && reader.flag() && syntax.object_type == 2;
    !reserved && (max_sfb as usize) < bands.len() && !predicted
}

#[cfg(test)]
mod tests {
    use super::super::bands::Bands;
    use super::super::walk::ANY;
    use super::*;

    fn syntax(before: u8) -> Syntax {
        Syntax {
            object_type: 2,
            bands: Bands::new(48_000, 1024),
            clean_padding: true,
            before,
        }
    }

    const STEREO: Element = Element { id: CPE, tag: 0 };

    #[test]
    fn a_pair_says_what_its_bytes_say() {
        for before in [0, 1 << FIL, ANY] {
            let syntax = syntax(before);
            let layouts = [vec![STEREO]];
            let pairs = Pairs::new(&syntax, &layouts);
            for pair in 0..=u16::MAX {
                let bytes = pair.to_be_bytes();
                let may = with_any(&syntax, &layouts, &bytes);
                assert_eq!(pairs.has(bytes[0], bytes[1]), may);
                if may {
                    continue;
                }
                // Whatever follows, no frame starts so.
                for more in [[0; 6], [0xFF; 6], [0x5A; 6]] {
                    let all = [&bytes[..], &more].concat();
                    assert!(!with_any(&syntax, &layouts, &all), "{all:02X?}");
                }
            }
        }
    }

    #[test]
    fn the_last_byte_alone_may_be_a_start() {
        let pairs = Pairs::new(&syntax(0), &[vec![STEREO]]);
        assert_eq!(pairs.next(&[0xFF, 0xFF, 0xFF], 0), Some(2));
        assert_eq!(pairs.next(&[0xFF], 0), Some(0));
        assert_eq!(pairs.next(&[0xFF], 1), None);
        assert_eq!(pairs.next(&[0xFF, 0x20, 0x00, 0xFF], 0), Some(1));
    }

    #[test]
    fn what_no_channel_begins_with() {
        let may = |bytes: &[u8]| may_start(&syntax(1 << FIL), Some(STEREO), bytes);
        // common_window, and a long window of 40 bands without prediction.
        assert!(may(&[0x21, 0b0000_1010, 0b0000_0000]));
        assert!(!may(&[0x21, 0b1000_1010, 0b0000_0000]), "ics_reserved_bit");
        assert!(!may(&[0x21, 0b0000_1111, 0b1100_0000]), "max_sfb");
        assert!(!may(&[0x21, 0b0000_1010, 0b0010_0000]), "prediction");
        assert!(
            !may(&[0x23, 0b0000_1010, 0b0000_0000]),
            "element_instance_tag"
        );
        // Two fill elements without payload, and then a single channel.
        assert!(!may(&[0xC1, 0x80, 0b0000_0000, 0]));
        assert!(may(&[0xC1, 0x80, 0b1000_0100, 0]));
    }
}
