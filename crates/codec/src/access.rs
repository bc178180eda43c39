//! Access units of length-prefixed NAL units in bare bytes, as a sample holds them (ISO/IEC 14496-15, 5.2 and 8.3): the walk that H.264
//! and H.265 have in common. What a single NAL unit is, the habits of the [`Coding`] say.

use crate::bits::MAX_PARAMETER_SET;
use crate::error::{CodecError, Result};
use crate::held::{Held, Sets};
use crate::nal::{NalLengthSize, split};
use crate::recognise::{Access, Decodes, Depth, Recogniser, Verdict};
use crate::units::{self, MAX_UNIT, Unit, first_forbidden, malformed};
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;
use tapo_io::{Span, Window};

/// Evidence of a slice that goes on where the last one stopped: everything in its header is known beforehand.
const FURTHER_SLICE_BITS: f32 = 20.0;

/// One of the two codings, with what is known of a stream beside its syntax.
pub(crate) trait Coding: Clone + Debug + Send + Sync + 'static {
    /// Bytes of a NAL unit header.
    const HEADER: usize;

    /// Its parameter sets.
    type Sets: Sets + Clone + Debug + Send + Sync + 'static;

    /// The picture of an access unit so far.
    type Picture;

    /// The header of a slice that goes on with a picture.
    type Slice;

    /// What is known before any sample was seen.
    fn new(sets: &Self::Sets) -> Self;

    /// Takes bounds from the parameter sets.
    fn bound(&mut self, sets: &Self::Sets);

    /// Learns from a whole sample. `sets` are in force behind it.
    fn learn(&mut self, sample: &[u8], size: NalLengthSize, sets: &Self::Sets);

    fn usual(&self) -> &Usual;

    /// Whether a NAL unit belongs to the parameter sets in force.
    fn is_parameter_set(nal: &[u8]) -> bool;

    /// Whether an access unit may begin with a NAL unit that begins so, as far as these bytes go.
    fn leads(&self, bytes: &[u8]) -> bool;

    /// What a NAL unit of `length` bytes is, by its head and the picture in front of it.
    fn judge(
        &self,
        sets: &Self::Sets,
        picture: Option<&Self::Picture>,
        head: &[u8],
        length: u64,
    ) -> Result<(Role, Effect<Self>)>;

    /// Goes on with a picture.
    fn further(picture: &mut Self::Picture, slice: Self::Slice);

    /// Evidence of the first slice of a picture, beyond that of its length.
    fn evidence(&self, picture: &Self::Picture) -> f32;

    /// Says of an access unit what its picture tells. `ends_sequence`: the next one begins anew.
    fn describe(picture: Self::Picture, ends_sequence: bool, access: &mut Access);

    /// As [`Recogniser::decodes`].
    fn decodes(held: &Held<Self::Sets>, size: NalLengthSize, sample: &[u8]) -> Decodes;

    /// As [`Recogniser::habit`].
    fn habit(_: &Self::Sets, _: NalLengthSize, _: &[u8]) -> Option<u32> {
        None
    }
}

/// What is learnt of the streams of both codings.
#[derive(Debug, Clone)]
pub(crate) struct Usual {
    /// Samples have been seen in which zeros stand behind the last bit of a NAL unit.
    pub(crate) padded: bool,
    /// The fewest slices that a picture has had.
    pub(crate) fewest_slices: Option<u32>,
    /// The most slices that a picture has had.
    pub(crate) most_slices: Option<u32>,
    /// Samples have been seen that are SEI messages alone.
    pub(crate) bare_messages: bool,
    /// The longest NAL unit that the parameter sets allow.
    pub(crate) longest: u64,
}

impl Usual {
    pub(crate) const fn new() -> Self {
        Self {
            padded: false,
            fewest_slices: None,
            most_slices: None,
            bare_messages: false,
            longest: MAX_UNIT,
        }
    }

    /// A picture has had this many slices.
    pub(crate) fn count(&mut self, slices: u32) {
        let fewest = self.fewest_slices.unwrap_or(slices);
        self.fewest_slices = Some(slices.min(fewest));
        self.most_slices = self.most_slices.max(Some(slices));
    }

    /// No NAL unit is longer than the longest of these, by sequence parameter set.
    pub(crate) fn bound(&mut self, longest: impl Iterator<Item = u64>) {
        self.longest = longest
            .max()
            .map_or(MAX_UNIT, |longest| longest.min(MAX_UNIT));
    }
}

/// Where in an access unit a NAL unit may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// In front of the picture; behind one it begins the next access unit.
    Leads,
    /// A slice of the primary picture.
    Slice,
    /// Slices behind start codes within this unit.
    Embedded,
    /// Behind the picture, which it belongs to.
    Follows,
}

/// What taking a NAL unit changes.
pub(crate) enum Effect<C: Coding> {
    Begins(C::Picture),
    /// A further slice of the picture.
    Continues(C::Slice),
    ParameterSet,
    RecoveryPoint(u32),
    EndOfSequence,
    /// A slice of another layer: of the same picture, whatever stands between.
    OtherLayer,
    Nothing,
}

/// Recognises access units.
#[derive(Debug, Clone)]
pub(crate) struct NalRecogniser<C: Coding> {
    length_size: NalLengthSize,
    held: Arc<Held<C::Sets>>,
    habits: Arc<C>,
}

impl<C: Coding> NalRecogniser<C> {
    /// With the parameter sets of a sample entry. Those that it lacks must be in-band.
    pub(crate) fn new(length_size: NalLengthSize, held: Held<C::Sets>) -> Self {
        Self {
            length_size,
            habits: Arc::new(C::new(&held.sets)),
            held: Arc::new(held),
        }
    }

    /// Evidence of the length of a unit.
    fn length_evidence(&self) -> f32 {
        let length_bits = 8.0 * self.length_size.bytes() as f32;
        (length_bits - (self.habits.usual().longest as f32).log2()).max(0.0)
    }
}

impl<C: Coding> Recogniser for NalRecogniser<C> {
    fn could_start(&self, head: &[u8]) -> bool {
        let least = self.length_size.bytes() + C::HEADER;
        self.next_candidate(head.get(..least).unwrap_or(head)) == Some(0)
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let (size, longest) = (self.length_size.bytes(), self.habits.usual().longest);
        units::next_unit(bytes, size, longest, |rest| self.habits.leads(rest))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        depth: Depth,
    ) -> tapo_io::Result<Verdict> {
        let usual = self.habits.usual();
        let mut walk = Walk::new(self, depth);
        let mut pos = at;
        loop {
            match walk.step(window, pos, end)? {
                Step::On(next) => pos = next,
                Step::Cut => return Ok(Verdict::Cut(walk.access(end.saturating_sub(at)))),
                Step::End(why) => {
                    let stop = walk.boundary.unwrap_or(pos);
                    if walk.picture.is_none() {
                        // Messages alone end a recording, if the writer has it so.
                        let alone = usual.bare_messages && stop == end && stop > at;
                        let messages = alone && walk.parameter_sets.is_empty();
                        return Ok(match messages {
                            true => Verdict::Sample(walk.access(stop - at)),
                            false => Verdict::Not(why),
                        });
                    }
                    // Slices that the encoder always writes are missing, and the data ends here.
                    let fewest = usual.fewest_slices.unwrap_or_default();
                    let cut = stop == end && walk.slices < fewest;
                    // What was seen behind the boundary is the next sample's.
                    walk.parameter_sets.retain(|span| span.start < stop);
                    walk.flaw = walk.flaw.filter(|&flaw| flaw < stop);
                    let access = walk.access(stop - at);
                    return Ok(match cut {
                        true => Verdict::Cut(access),
                        false => Verdict::Sample(access),
                    });
                }
            }
        }
    }

    fn learn(&mut self, sample: &[u8]) {
        for nal in split(sample, self.length_size).map_while(std::result::Result::ok) {
            if C::is_parameter_set(nal.bytes) && !self.held.has(nal.bytes) {
                let _ = self.adopt(nal.bytes);
            }
        }
        Arc::make_mut(&mut self.habits).learn(sample, self.length_size, &self.held.sets);
    }

    fn adopt(&mut self, parameter_set: &[u8]) -> Result<()> {
        Arc::make_mut(&mut self.held).add(parameter_set)?;
        Arc::make_mut(&mut self.habits).bound(&self.held.sets);
        Ok(())
    }

    fn holds(&self, parameter_set: &[u8]) -> bool {
        self.held.has(parameter_set)
    }

    fn decodes(&self, sample: &[u8]) -> Decodes {
        C::decodes(&self.held, self.length_size, sample)
    }

    fn habit(&self, sample: &[u8]) -> Option<u32> {
        C::habit(&self.held.sets, self.length_size, sample)
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

/// What became of one NAL unit.
enum Step {
    /// It belongs to the access unit; the next one begins here.
    On(u64),
    /// It belongs to the access unit and reaches beyond the data.
    Cut,
    /// It does not belong to the access unit.
    End(CodecError),
}

/// An access unit on its way.
struct Walk<'a, C: Coding> {
    of: &'a NalRecogniser<C>,
    depth: Depth,
    /// The parameter sets in force, with those of this access unit.
    held: Cow<'a, Held<C::Sets>>,
    picture: Option<C::Picture>,
    slices: u32,
    /// Where the access unit ends unless a slice of the same picture follows.
    boundary: Option<u64>,
    recovery_point: Option<u32>,
    ends_sequence: bool,
    parameter_sets: Vec<Span>,
    flaw: Option<u64>,
    bits: f32,
}

impl<'a, C: Coding> Walk<'a, C> {
    fn new(of: &'a NalRecogniser<C>, depth: Depth) -> Self {
        Self {
            of,
            depth,
            held: Cow::Borrowed(&*of.held),
            picture: None,
            slices: 0,
            boundary: None,
            recovery_point: None,
            ends_sequence: false,
            parameter_sets: Vec::new(),
            flaw: None,
            bits: 0.0,
        }
    }

    fn step(&mut self, window: &mut Window<'_>, pos: u64, end: u64) -> tapo_io::Result<Step> {
        let (habits, usual) = (&*self.of.habits, self.of.habits.usual());
        let size = self.of.length_size.bytes();
        let unit = match Unit::read(window, pos, end, size, C::HEADER as u64, usual.longest)? {
            Ok(unit) => unit,
            Err(why) => return Ok(Step::End(why)),
        };
        let whole = unit.span.end <= end;
        let head = unit.head(window, end)?;
        let judged = habits.judge(
            &self.held.sets,
            self.picture.as_ref(),
            head,
            unit.span.len(),
        );
        let (role, mut effect) = match judged {
            Ok(judged) => judged,
            Err(why) => {
                // A header that does not fit before the end cannot be judged.
                let cut = matches!(why, CodecError::Truncated { .. }) && !whole;
                return Ok(match cut && self.picture.is_none() {
                    true => Step::Cut,
                    false => Step::End(why),
                });
            }
        };
        // More slices than any picture had are those of other data by chance, but for sound ones.
        let is_full = usual.most_slices.is_some_and(|most| self.slices >= most);
        if is_full
            && matches!(effect, Effect::Continues(_))
            && (!whole || first_forbidden(window, unit.span, usual.padded)?.is_some())
        {
            return Ok(Step::End(malformed("slice")));
        }
        if !whole {
            // Behind a picture only a slice of it is evidence enough.
            if self.picture.is_some() && !matches!(role, Role::Slice | Role::Embedded) {
                return Ok(Step::End(malformed("length")));
            }
            // A parameter set that is cut is none.
            if !matches!(effect, Effect::ParameterSet) {
                self.take(effect, unit.span);
            }
            return Ok(Step::Cut);
        }
        if !usual.padded && !unit.ends_well(window)? {
            return Ok(Step::End(malformed("rbsp_trailing_bits")));
        }
        if matches!(effect, Effect::ParameterSet) {
            // Longer ones have been refused.
            let want = usize::try_from(unit.span.len()).unwrap_or(MAX_PARAMETER_SET);
            let nal = window.bytes(unit.span.start, want)?;
            if self.held.has(nal) {
                effect = Effect::Nothing;
            } else if let Err(why) = self.held.to_mut().add(nal) {
                return Ok(Step::End(why));
            }
        }
        if self.depth == Depth::Thorough && self.flaw.is_none() && role != Role::Embedded {
            self.flaw = first_forbidden(window, unit.span, usual.padded)?;
        }
        if role == Role::Leads && self.picture.is_some() {
            self.boundary = self.boundary.or(Some(pos));
        }
        self.take(effect, unit.span);
        Ok(Step::On(unit.span.end))
    }

    fn take(&mut self, effect: Effect<C>, unit: Span) {
        match (effect, &mut self.picture) {
            (Effect::Begins(picture), none) => {
                self.bits += self.of.length_evidence() + self.of.habits.evidence(&picture);
                self.slices = 1;
                *none = Some(picture);
            }
            (Effect::Continues(slice), Some(picture)) => {
                C::further(picture, slice);
                self.slices += 1;
                self.bits += FURTHER_SLICE_BITS;
                self.boundary = None;
            }
            (Effect::OtherLayer, _) => self.boundary = None,
            (Effect::ParameterSet, _) => self.parameter_sets.push(unit),
            (Effect::RecoveryPoint(count), _) => self.recovery_point = Some(count),
            // One behind the boundary would have ended the walk as following no picture of its own.
            (Effect::EndOfSequence, _) => self.ends_sequence |= self.boundary.is_none(),
            (Effect::Continues(_) | Effect::Nothing, _) => {}
        }
    }

    /// What was seen, `len` bytes of it.
    fn access(self, len: u64) -> Access {
        let mut access = Access::new(len, self.bits);
        access.sync = false;
        access.recovery_point = self.recovery_point;
        access.parameter_sets = self.parameter_sets;
        access.flaw = self.flaw;
        if let Some(picture) = self.picture {
            C::describe(picture, self.ends_sequence, &mut access);
        }
        access
    }
}
