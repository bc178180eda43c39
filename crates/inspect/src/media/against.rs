//! Sample tables against coded media: where the two contradict each other.

use tapo_codec::{Access, Order, OrderKey, PresentationOrder};
use tapo_io::Span;
use tapo_movie::Sample;

/// Samples of which the same is true, counted.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// How many.
    pub samples: u32,
    /// Number of the first, from 1 on.
    pub first: u32,
    /// Number of the last.
    pub last: u32,
}

impl Tally {
    fn add(&mut self, number: u32) {
        self.join(Self {
            samples: 1,
            first: number,
            last: number,
        });
    }

    fn join(&mut self, other: Self) {
        if other.samples == 0 {
            return;
        }
        *self = match self.samples {
            0 => other,
            n => Self {
                samples: n.saturating_add(other.samples),
                first: self.first.min(other.first),
                last: self.last.max(other.last),
            },
        };
    }
}

/// A picture that does not follow from those in front of it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Misfit {
    /// Its number, from 1 on.
    pub number: u32,
    /// From the first byte of the picture in front of it to its last.
    pub span: Span,
    /// Its decode time, ticks of the track's timescale.
    pub dts: u64,
}

/// Misfits that are kept of a track.
const MISFITS: usize = 64;

/// Where the tables of a track say something else than its media.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Against {
    /// Samples that decoding can start at by their headers and by the table.
    pub keyframes: u32,
    /// Samples that the table lists as sync samples, and that depend on others.
    pub not_sync: Tally,
    /// Pictures that nothing before is needed for (IDR), and that the table does
    /// not list.
    pub unlisted: Tally,
    /// Groups of pictures whose order was compared.
    pub groups: u32,
    /// Of these, groups in which composition times contradict the order that the
    /// pictures' headers give.
    pub disordered: u32,
    /// The samples of those that are out of place.
    pub order: Tally,
    /// Samples that were judged.
    pub judged: u32,
    /// Of these, samples that are not what the codec allows by the settings of the track.
    pub refused: u32,
    /// Pictures whose headers were compared with those in front of them.
    pub pictures: u32,
    /// Pictures that do not follow from those in front of them.
    pub misfits: u32,
    /// The first of these.
    pub first_misfits: Vec<Misfit>,
}

impl Against {
    pub(super) fn join(&mut self, other: &Self) {
        self.keyframes += other.keyframes;
        self.groups += other.groups;
        self.disordered += other.disordered;
        self.not_sync.join(other.not_sync);
        self.unlisted.join(other.unlisted);
        self.order.join(other.order);
        self.pictures += other.pictures;
        self.misfits += other.misfits;
        let room = MISFITS.saturating_sub(self.first_misfits.len());
        let more = other.first_misfits.iter().take(room);
        self.first_misfits.extend(more);
    }

    fn misfit(&mut self, misfit: Misfit) {
        self.misfits += 1;
        if self.first_misfits.len() < MISFITS {
            self.first_misfits.push(misfit);
        }
    }
}

/// A group of pictures, from a sync sample to before the next.
#[derive(Debug, Default)]
pub(super) struct Group {
    order: PresentationOrder,
    /// Key by the headers, time by the tables, number.
    pictures: Vec<(OrderKey, i64, u32)>,
    /// All pictures since decoding could start are there.
    whole: bool,
    /// `frame_num` of the last reference picture (H.264 §7.4.3).
    reference: Option<u16>,
    /// The key of the last picture that nothing in front is needed for.
    anchor: Option<OrderKey>,
    /// The bytes of the sample before.
    before: Span,
}

/// Pictures of a group that are compared.
const MOST: usize = 4096;

impl Group {
    pub(super) fn take(&mut self, sample: &Sample, access: Option<&Access>, into: &mut Against) {
        let Some(access) = access else {
            // Behind a picture that is damaged the order is not known.
            self.end(into);
            self.whole = false;
            self.reference = None;
            return;
        };
        if matches!(access.order, Order::None) {
            return;
        }
        // A recovery point may be listed or not.
        match (access.sync, sample.sync) {
            (true, true) => into.keyframes += 1,
            (true, false) if access.recovery_point.is_none() => into.unlisted.add(sample.number),
            (false, true) if access.recovery_point.is_none() => into.not_sync.add(sample.number),
            _ => {}
        }
        if access.sync {
            self.end(into);
            if !self.whole {
                self.order = PresentationOrder::new();
            }
            self.whole = true;
        }
        let key = self.order.next(&access.order);
        if self.whole {
            into.pictures += 1;
            if !self.follows(access, key) {
                let start = self.before.start.min(sample.span.start);
                into.misfit(Misfit {
                    number: sample.number,
                    span: Span::new(start, self.before.end.max(sample.span.end)),
                    dts: sample.dts,
                });
            }
        }
        self.before = sample.span;
        if self.whole && self.pictures.len() < MOST {
            self.pictures.push((key, sample.pts(), sample.number));
        }
    }

    /// Whether a picture follows from those in front of it by its headers.
    fn follows(&mut self, access: &Access, key: OrderKey) -> bool {
        match &access.order {
            Order::H264 { sps, first, second } => {
                let frames = first.field.is_none() && second.is_none();
                let modulus = 1_u32 << u32::from(sps.log2_max_frame_num).min(16);
                let before = self.reference.filter(|_| frames && !first.is_idr());
                let number = u32::from(first.frame_num);
                let follows = before.is_none_or(|b| {
                    let next = (u32::from(b) + 1) % modulus;
                    number == next || number == u32::from(b)
                });
                if first.mmco5 {
                    self.reference = Some(0);
                } else if first.nal_ref_idc != 0 || !frames {
                    self.reference = frames.then_some(first.frame_num);
                }
                follows
            }
            Order::H265 { first, .. } => {
                if access.sync {
                    self.anchor = Some(key);
                    return true;
                }
                // Leading pictures are shown before their IRAP picture, and
                // trailing ones behind it (H.265 §7.4.2.2).
                let leading = (6..=9).contains(&first.nal.nal_type.0);
                self.anchor.is_none_or(|a| leading == (key < a))
            }
            _ => true,
        }
    }

    /// Compares the order of the group by its headers with that by its times.
    pub(super) fn end(&mut self, into: &mut Against) {
        if self.pictures.len() > 1 {
            into.groups += 1;
            self.pictures.sort_unstable();
            let mut odd = Tally::default();
            for pair in self.pictures.windows(2) {
                if let [(_, before, a), (_, after, b)] = pair
                    && before > after
                {
                    odd.add(*a.min(b));
                    odd.add(*a.max(b));
                }
            }
            into.disordered += u32::from(odd.samples > 0);
            into.order.join(odd);
        }
        self.pictures.clear();
    }
}
