//! A track with several sample entries: the encoder's settings changed while it was recorded, and each sample names the entry that it
//! is read by (ISO/IEC 14496-12, 8.5.2). Where the table is lost, the sample must say it.
//!
//! Parameter sets change where decoding can begin, and nowhere else (H.264, 7.4.1.2.1; H.265, 7.4.2.4.2). So a picture is of the entry of
//! the one before, unless it is such a place: there the entry is looked for whose parameter sets stand in the picture, or that it
//! decodes with. Sound is of the entry of the frame before for as long as its syntax allows.

use crate::nal::NalLengthSize;
use crate::parameter_sets::find_parameter_sets;
use crate::presentation::Order;
use crate::recognise::{Access, Decodes, Delimiting, Depth, Recogniser, Verdict};
use std::cmp::Reverse;
use tapo_io::{ByteSource, Span, Window};

/// Largest picture that is decoded to tell its entry, bytes.
const DECODED: u64 = 8 << 20;

/// One sample entry.
#[derive(Debug)]
struct Entry {
    kind: [u8; 4],
    recogniser: Box<dyn Recogniser>,
}

/// Recognises samples of any of several entries.
#[derive(Debug)]
struct Several {
    entries: Vec<Entry>,
    /// The entry of the sample before.
    current: usize,
}

/// One recogniser of those of the sample entries of a track, each with the type of its entry, in the order of the table.
/// [`Access::entry`] says which a sample goes by, [`Recogniser::turn`] which the samples behind are of.
///
/// `None` if there is none, or if the syntax of one of several does not say where its samples end.
#[must_use]
pub fn several(entries: Vec<([u8; 4], Box<dyn Recogniser>)>) -> Option<Box<dyn Recogniser>> {
    if entries.len() < 2 {
        return entries.into_iter().next().map(|(_, only)| only);
    }
    let exact = |(_, r): &([u8; 4], Box<dyn Recogniser>)| r.delimiting() == Delimiting::Exact;
    if !entries.iter().all(exact) {
        return None;
    }
    let entries = entries.into_iter();
    let entries = entries.map(|(kind, recogniser)| Entry { kind, recogniser });
    Some(Box::new(Several {
        entries: entries.collect(),
        current: 0,
    }))
}

impl Entry {
    /// Whether parameter sets are to stand in the pictures (ISO/IEC 14496-15, 5.4.2.1 and 8.4.1).
    const fn has_sets_in_band(&self) -> bool {
        matches!(
            &self.kind,
            b"avc3" | b"avc4" | b"hev1" | b"hev2" | b"dvav" | b"dvhe"
        )
    }
}

/// How likely a picture goes by an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Likely {
    /// The entry has all parameter sets that stand in the picture.
    holds: bool,
    decodes: u8,
    /// Parameter sets stand where those of this type of entry do.
    in_place: bool,
}

impl Several {
    fn now(&self) -> Option<&dyn Recogniser> {
        self.entries.get(self.current).map(|e| &*e.recogniser)
    }

    /// The entries, the current one first.
    fn by_turn(&self) -> impl Iterator<Item = (usize, &Entry)> {
        let all = || self.entries.iter().enumerate();
        let now = all().skip(self.current).take(1);
        now.chain(all().filter(|(i, _)| *i != self.current))
    }

    /// Whether the types of entries differ, so that the place of parameter sets tells them apart.
    fn differ_in_place(&self) -> bool {
        let in_band = |e: &Entry| e.has_sets_in_band();
        self.entries.iter().any(in_band) && !self.entries.iter().all(in_band)
    }

    /// Of a picture that decoding can begin at, which the current entry reads as `own`: what the likeliest entry says.
    fn picture(
        &self,
        window: &mut Window<'_>,
        (at, end): (u64, u64),
        depth: Depth,
        own: Option<Access>,
    ) -> tapo_io::Result<Option<(usize, Access)>> {
        let mut best: Option<(Likely, usize, Access)> = None;
        let mut own = own;
        let differ = self.differ_in_place();
        for (index, entry) in self.by_turn() {
            let access = match own.take() {
                Some(access) => access,
                None => match entry.recogniser.probe(window, at, end, depth)? {
                    Verdict::Sample(access) => access,
                    _ => continue,
                },
            };
            let likely = likely(entry, window.source(), at, &access, differ)?;
            if best.as_ref().is_none_or(|(most, ..)| likely > *most) {
                let sure = likely.holds && likely.decodes == 2 && likely.in_place;
                best = Some((likely, index, access));
                if sure {
                    break;
                }
            }
        }
        Ok(best.map(|(_, index, access)| (index, access)))
    }
}

fn likely(
    entry: &Entry,
    source: &dyn ByteSource,
    at: u64,
    access: &Access,
    differ: bool,
) -> tapo_io::Result<Likely> {
    let holds = access.parameter_sets.is_empty();
    if !access.sync || access.order == Order::None || access.len > DECODED {
        return Ok(Likely {
            holds,
            decodes: 1,
            in_place: true,
        });
    }
    let bytes = source.read_span(Span::at(at, access.len))?;
    let decodes = match entry.recogniser.decodes(&bytes) {
        Decodes::Yes => 2,
        Decodes::Unknown => 1,
        Decodes::No(_) => 0,
    };
    // No entry of these types has shorter lengths but by choice.
    let sets = || find_parameter_sets(entry.kind, NalLengthSize::FOUR, &bytes);
    let in_place = !differ || entry.has_sets_in_band() != sets().is_empty();
    Ok(Likely {
        holds,
        decodes,
        in_place,
    })
}

impl Recogniser for Several {
    fn could_start(&self, head: &[u8]) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|e| e.recogniser.could_start(head))
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let entries = self.entries.iter();
        entries
            .filter_map(|e| e.recogniser.next_candidate(bytes))
            .min()
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        depth: Depth,
    ) -> tapo_io::Result<Verdict> {
        let number = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
        let of = |index: usize, access: Access| {
            let entry = number(index);
            Verdict::Sample(Access { entry, ..access })
        };
        let Some(now) = self.now() else {
            return Ok(Verdict::Not(crate::units::malformed("stsd")));
        };
        let own = match now.probe(window, at, end, depth)? {
            Verdict::Sample(access) if access.sync && access.order != Order::None => {
                let kept = access.clone();
                let found = self.picture(window, (at, end), depth, Some(access))?;
                let (index, access) = found.unwrap_or((self.current, kept));
                return Ok(of(index, access));
            }
            Verdict::Sample(access) => return Ok(of(self.current, access)),
            own => own,
        };
        let mut others = Vec::new();
        for (index, entry) in self.by_turn().skip(1) {
            if let Verdict::Sample(access) = entry.recogniser.probe(window, at, end, depth)? {
                let likely = likely(entry, window.source(), at, &access, false)?;
                others.push((index, access, likely));
            }
        }
        // Of equal ones the first.
        let best = others.into_iter().min_by_key(|(_, _, l)| Reverse(*l));
        if let Some((index, access, _)) = best {
            return Ok(of(index, access));
        }
        let entry = number(self.current);
        Ok(match own {
            Verdict::Cut(access) => Verdict::Cut(Access { entry, ..access }),
            Verdict::Not(why) => self
                .cut(window, at, end, depth)?
                .unwrap_or(Verdict::Not(why)),
            own => own,
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Some(entry) = self.entries.get_mut(self.current) {
            entry.recogniser.learn(sample);
        }
    }

    /// Sets of another entry turn to it: encoders repeat them where they begin.
    fn adopt(&mut self, parameter_set: &[u8]) -> crate::error::Result<()> {
        let holder = self
            .by_turn()
            .find(|(_, e)| e.recogniser.holds(parameter_set))
            .map(|(index, _)| index);
        if let Some(holder) = holder {
            self.current = holder;
            return Ok(());
        }
        match self.entries.get_mut(self.current) {
            Some(entry) => entry.recogniser.adopt(parameter_set),
            None => Ok(()),
        }
    }

    fn holds(&self, parameter_set: &[u8]) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|e| e.recogniser.holds(parameter_set))
    }

    fn turn(&mut self, entry: u16) {
        let entry = usize::from(entry);
        if entry < self.entries.len() {
            self.current = entry;
        }
    }

    fn decodes(&self, sample: &[u8]) -> Decodes {
        let mut blocks = 0_u32;
        let mut unknown = false;
        for (_, entry) in self.by_turn() {
            match entry.recogniser.decodes(sample) {
                Decodes::Yes => return Decodes::Yes,
                Decodes::No(read) => blocks = blocks.saturating_add(read),
                Decodes::Unknown => unknown = true,
            }
        }
        if unknown {
            Decodes::Unknown
        } else {
            Decodes::No(blocks)
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        let fork = |e: &Entry| Entry {
            kind: e.kind,
            recogniser: e.recogniser.fork(),
        };
        Box::new(Self {
            entries: self.entries.iter().map(fork).collect(),
            current: self.current,
        })
    }
}

impl Several {
    /// A sample of another entry that the data ends within.
    fn cut(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        depth: Depth,
    ) -> tapo_io::Result<Option<Verdict>> {
        for (index, entry) in self.by_turn().skip(1) {
            if let Verdict::Cut(access) = entry.recogniser.probe(window, at, end, depth)? {
                let entry = u16::try_from(index).unwrap_or(u16::MAX);
                return Ok(Some(Verdict::Cut(Access { entry, ..access })));
            }
        }
        Ok(None)
    }
}
