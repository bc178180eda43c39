//! Reading movie fragments (§8.8) into the tracks' sample tables.

use crate::fragment::NON_SYNC;
use crate::loader::Loader;
use crate::torn::{There, Torn, is_raw};
use crate::trun::{Entries, entries};
use crate::{Edit, Error, Fragment, FragmentDefaults, Movie, Result, TopBox, Track, TrackFragment};
use std::collections::HashMap;
use tapo_bmff::{BoxHeader, BoxTree, FourCc, NodeId, be_u32, leaf, limits};
use tapo_io::{Loaded, Span, Window};

/// Reads fragments, in file order. The samples of those that are whole go into
/// the tracks.
pub(crate) struct Fragments {
    all: Vec<Fragment>,
    /// Where each track's samples end, ticks.
    ends: Vec<u64>,
    /// How long before 0 each track starts, ticks: some writers put the priming of sound there,
    /// with a `tfdt` that is negative.
    early: Vec<u64>,
    /// The place of each track among the movie's, by its id.
    places: HashMap<u32, usize>,
    held: Loaded,
}

/// Bytes of a `moof` that is read together with what stands behind it.
const SMALL: u64 = 64 << 10;

/// Why the time of a fragment was not taken: the samples follow those in front of them instead.
pub const TIME_MISFITS: &str = "decode time goes back, or jumps too far";

/// Why the number of samples was not taken from its field: the size of the run's box says another.
pub const COUNT_MISFITS: &str = "a trun holds fewer or more samples than it says";

/// Why samples are not listed: the run that lists them lost its type or its numbers, as a sector that is missing leaves it. Players go on
/// without it.
pub const RUN_LOST: &str = "a run of samples lost its type or its numbers";

/// Why the place that data counts from was not taken: it leads out of the `mdat` behind the fragment, and that of the
/// fragment itself leads into it.
pub const BASE_MISFITS: &str = "it was moved: its data is not where it says";

impl Fragments {
    /// Of a movie as its `moov` has it.
    pub(crate) fn of(movie: &Movie) -> Self {
        let mut places = HashMap::new();
        for (place, track) in movie.tracks.iter().enumerate() {
            places.entry(track.header.id).or_insert(place);
        }
        Self {
            all: Vec::new(),
            ends: movie.tracks.iter().map(|t| t.samples.end()).collect(),
            early: vec![0; movie.tracks.len()],
            places,
            held: Loaded::default(),
        }
    }

    /// All that were read so far.
    pub(crate) fn all(&self) -> &[Fragment] {
        &self.all
    }

    /// All that were read.
    pub(crate) fn into_all(self) -> Vec<Fragment> {
        self.all
    }

    /// Reads the next.
    pub(crate) fn read(
        &mut self,
        loader: &mut Loader<'_>,
        window: &mut Window<'_>,
        moof: &TopBox,
        movie: &mut Movie,
    ) -> Result<()> {
        self.read_as(loader, window, moof, movie, None).map(|_| ())
    }

    /// Reads the last one again, now for those of its samples that are there.
    pub(crate) fn read_torn(
        &mut self,
        loader: &mut Loader<'_>,
        window: &mut Window<'_>,
        moof: &TopBox,
        movie: &mut Movie,
    ) -> Result<Torn> {
        let there = There::of(loader.source, moof.span)?;
        // What is wrong with it was noted.
        let known = loader.defects.len();
        let torn = self.read_as(loader, window, moof, movie, Some(there));
        loader.defects.truncate(known);
        torn
    }

    fn read_as(
        &mut self,
        loader: &mut Loader<'_>,
        window: &mut Window<'_>,
        moof: &TopBox,
        movie: &mut Movie,
        there: Option<There>,
    ) -> Result<Torn> {
        let mut torn = Torn::default();
        if moof.span.len() > limits::LOADED {
            loader.bad(moof.kind, moof.span, "larger than tapo reads at once");
            return Ok(torn);
        }
        match usize::try_from(moof.span.len()) {
            Ok(len) if moof.span.len() <= SMALL => {
                let bytes = window.bytes(moof.span.start, len)?;
                self.held.replace(moof.span.start, bytes);
            }
            _ => self.held = Loaded::read(loader.source, moof.span)?,
        }
        let bytes = &self.held;
        let tree = BoxTree::read_span(bytes, moof.payload(), Some(moof.kind))?;
        let room = limits::DEFECTS.saturating_sub(loader.defects.len());
        let defects = tree.defects().iter().take(room);
        loader.defects.extend(defects.cloned());
        let mut reader = FragmentReader {
            loader,
            bytes,
            moof: moof.span,
            places: &self.places,
        };
        let mut parts = reader.parts(&tree, movie);
        for part in &mut parts {
            put_right(part, movie, &mut self.early);
        }
        let fits = |p: &Part<'_>| p.data.end <= reader.loader.source.len();
        let whole = moof.whole && !parts.is_empty() && parts.iter().all(fits);
        let mut fragment = Fragment {
            sequence_number: reader.sequence_number(&tree),
            moof: moof.span,
            whole,
            tracks: Vec::new(),
        };
        let Some(there) = there else {
            for part in &parts {
                reader.append(part, whole, movie, &mut self.ends, &mut fragment)?;
            }
            self.all.push(fragment);
            return Ok(torn);
        };
        // A track of which a sample is missing has none behind it.
        let mut cut = Vec::new();
        for part in &mut parts {
            let described = part.entries.count;
            if cut.contains(&part.track_id) || !part.keep(&there, movie, &self.ends, &mut torn) {
                part.entries.count = 0;
            }
            torn.lost += u64::from(described - part.entries.count);
            if part.entries.count < described || part.entries.count == 0 {
                cut.push(part.track_id);
            }
            if part.entries.count > 0 {
                reader.append(part, true, movie, &mut self.ends, &mut fragment)?;
            }
        }
        Ok(torn)
    }
}

/// Longest time before 0 that a track may start at, ticks.
const EARLIEST: u64 = 1 << 32;

/// Where the first fragment of a track starts before 0, its times count from there, and an edit
/// says which of them is 0.
fn put_right(part: &mut Part<'_>, movie: &mut Movie, early: &mut [u64]) {
    let index = part.track.unwrap_or(usize::MAX);
    let (Some(track), Some(early)) = (movie.tracks.get_mut(index), early.get_mut(index)) else {
        return;
    };
    let Some(time) = &mut part.base_media_decode_time else {
        return;
    };
    let before = time.wrapping_neg();
    if track.samples.is_empty() && (1..=EARLIEST).contains(&before) {
        *early = before;
        if track.edits.is_empty() {
            track.edits.push(Edit::media(0, before));
        }
    }
    *time = time.wrapping_add(*early);
}

pub(crate) const fn defaults(trex: &leaf::Trex) -> FragmentDefaults {
    FragmentDefaults {
        description: trex.default_sample_description_index,
        duration: trex.default_sample_duration,
        size: trex.default_sample_size,
        flags: trex.default_sample_flags,
    }
}

/// One `trun`, or a `traf` without any, with what it inherits.
struct Part<'a> {
    track_id: u32,
    track: Option<usize>,
    base_media_decode_time: Option<u64>,
    description: u32,
    /// The first `trun` of its `traf`.
    opens: bool,
    /// Where its data offset counts from, if its `traf` states it.
    stated_base: Option<u64>,
    /// All of its samples' bytes.
    data: Span,
    entries: Entries<'a>,
}

impl Part<'_> {
    /// Leaves those of its samples that are there; whether they can go on where the track ends.
    fn keep(&mut self, there: &There, movie: &Movie, ends: &[u64], torn: &mut Torn) -> bool {
        let index = self.track.unwrap_or(usize::MAX);
        let (Some(track), Some(end)) = (movie.tracks.get(index), ends.get(index)) else {
            return false;
        };
        let time = self.base_media_decode_time.filter(|_| self.opens);
        if time.is_some_and(|time| lasts_until(&track.samples, *end, time).is_none()) {
            return false;
        }
        let raw = is_raw(track);
        let (mut at, mut kept) = (self.data.start, 0);
        for entry in self.entries.clone() {
            let sample = Span::at(at, entry.size.into());
            if !there.holds(sample, raw) {
                break;
            }
            (at, kept) = (sample.end, kept + 1);
        }
        self.entries.count = kept;
        torn.kept += u64::from(kept);
        torn.end = torn.end.max(if kept > 0 { at } else { 0 });
        true
    }
}

struct FragmentReader<'l, 's, 'b> {
    loader: &'l mut Loader<'s>,
    bytes: &'b Loaded,
    moof: Span,
    places: &'b HashMap<u32, usize>,
}

impl<'b> FragmentReader<'_, '_, 'b> {
    fn sequence_number(&self, tree: &BoxTree) -> Option<u32> {
        let (_, mfhd) = tree.roots().find(|(_, n)| n.kind == b"mfhd")?;
        be_u32(self.bytes.get(mfhd.payload())?, 4)
    }

    /// All runs of the fragment, in file order.
    fn parts(&mut self, tree: &BoxTree, movie: &Movie) -> Vec<Part<'b>> {
        let mut parts = Vec::new();
        // Without any base a `traf` goes on where the last one ended (§8.8.7.1).
        let mut implicit_base = self.moof.start;
        for (id, node) in tree.roots().filter(|(_, n)| n.kind == b"traf") {
            match self.traf(tree, id, movie, &mut implicit_base, &mut parts) {
                Ok(None) => {}
                Ok(Some(why)) | Err(why) => self.loader.bad(node.kind, node.span, why),
            }
        }
        self.put_back(&mut parts);
        parts
    }

    /// Where the stated base of a fragment leads out of the `mdat` behind it, and its own place leads into that, it was
    /// moved: counts from there.
    fn put_back(&mut self, parts: &mut [Part<'_>]) {
        let start = self.moof.start;
        let stated = parts
            .iter()
            .find_map(|p| p.stated_base.filter(|base| *base != start));
        let (Some(base), Some(media)) = (stated, stated.and_then(|_| self.media_behind())) else {
            return;
        };
        let by = start.cast_signed().wrapping_sub(base.cast_signed());
        let moved = |p: &Part<'_>| {
            p.data
                .start
                .checked_add_signed(by)
                .map(|s| Span::at(s, p.data.len()))
        };
        let own = || parts.iter().filter(|p| p.stated_base == Some(base));
        let lead_out = own().any(|p| !media.contains(p.data));
        let lead_in = own().all(|p| moved(p).is_some_and(|data| media.contains(data)));
        if !lead_out || !lead_in {
            return;
        }
        for part in parts.iter_mut().filter(|p| p.stated_base == Some(base)) {
            part.data = moved(part).unwrap_or(part.data);
        }
        self.loader.bad(FourCc(*b"moof"), self.moof, BASE_MISFITS);
    }

    fn traf(
        &self,
        tree: &BoxTree,
        id: NodeId,
        movie: &Movie,
        implicit_base: &mut u64,
        parts: &mut Vec<Part<'b>>,
    ) -> std::result::Result<Option<&'static str>, &'static str> {
        let payload = |kind: &[u8; 4]| {
            let (_, node) = tree.child(id, kind)?;
            self.bytes.get(node.payload())
        };
        let tfhd = payload(b"tfhd").and_then(leaf::decode::<leaf::Tfhd>);
        let tfhd = tfhd.ok_or("no readable tfhd")?;
        let tfdt = payload(b"tfdt").and_then(leaf::decode::<leaf::Tfdt>);
        let track = self.places.get(&tfhd.track_id).copied();
        let of_track = |i: usize| movie.tracks.get(i).and_then(|t: &Track| t.defaults);
        let trex = track.and_then(of_track).unwrap_or_default();
        let defaults = FragmentDefaults {
            description: tfhd.sample_description_index.unwrap_or(trex.description),
            duration: tfhd.default_sample_duration.unwrap_or(trex.duration),
            size: tfhd.default_sample_size.unwrap_or(trex.size),
            flags: tfhd.default_sample_flags.unwrap_or(trex.flags),
        };
        let base = match tfhd.base_data_offset {
            Some(offset) => offset,
            None if tfhd.default_base_is_moof => self.moof.start,
            None => *implicit_base,
        };
        let mut end = base;
        let mut opens = true;
        let mut flaw = None;
        for (_, trun) in tree.children(id) {
            if trun.kind.0.contains(&0) {
                // Its type stood, or a part of it, in a sector that is missing, and may have been this one.
                flaw = flaw.or(Some(RUN_LOST));
                break;
            }
            if trun.kind != b"trun" {
                continue;
            }
            let bytes = self.bytes.get(trun.payload()).ok_or("a trun is cut off")?;
            let (offset, mut entries) = entries(bytes, defaults).ok_or("a trun is too short")?;
            if entries.is_lost() {
                // Nor is anything known of when the samples behind these are due.
                flaw = flaw.or(Some(RUN_LOST));
                break;
            }
            if entries.count_by_size() {
                flaw = flaw.or(Some(COUNT_MISFITS));
            }
            let total = entries
                .total()
                .ok_or("a trun holds fewer samples than it says")?;
            let start = match offset {
                Some(offset) => base.saturating_add_signed(i64::from(offset)),
                None => end,
            };
            let data = Span::at(start, total);
            end = data.end;
            parts.push(Part {
                track_id: tfhd.track_id,
                track,
                base_media_decode_time: tfdt.as_ref().map(|t| t.base_media_decode_time),
                description: defaults.description.max(1),
                opens,
                stated_base: tfhd.base_data_offset,
                data,
                entries,
            });
            opens = false;
        }
        *implicit_base = end;
        Ok(flaw)
    }

    /// The payload of the `mdat` that follows the fragment.
    fn media_behind(&self) -> Option<Span> {
        let mut head = [0; BoxHeader::MAX_LEN];
        let source = self.loader.source;
        let got = source.read_at(self.moof.end, &mut head).ok()?;
        let header = BoxHeader::read(self.moof.end, head.get(..got)?)?;
        let end = header.declared_end(source.len())?;
        let start = self.moof.end.checked_add(header.len())?;
        (header.kind == b"mdat" && start <= end).then_some(Span::new(start, end))
    }

    /// Puts a run's samples into its track, and its sums into the fragment.
    fn append(
        &mut self,
        part: &Part<'_>,
        whole: bool,
        movie: &mut Movie,
        ends: &mut [u64],
        fragment: &mut Fragment,
    ) -> Result<()> {
        let index = part.track.unwrap_or(usize::MAX);
        let mut table = movie
            .tracks
            .get_mut(index)
            .map(|t| (t.is_audio(), &mut t.samples));
        let mut sum = TrackFragment {
            track_id: part.track_id,
            base_media_decode_time: part.base_media_decode_time,
            first_sample: table.as_ref().map_or(0, |(_, t)| t.len()) + 1,
            samples: part.entries.count,
            duration: 0,
            bytes: part.data.len(),
        };
        match (&mut table, ends.get_mut(index)) {
            (Some((audio, table)), Some(end)) if whole => {
                if part.opens
                    && let Some(time) = part.base_media_decode_time
                    && !seek(table, end, time)
                {
                    self.loader.bad(FourCc(*b"tfdt"), self.moof, TIME_MISFITS);
                }
                table.start_chunk(part.data.start, part.description);
                for entry in part.entries.clone() {
                    // What depends on others is no sync sample either (§8.8.3.1).
                    let sync = *audio || entry.flags & (NON_SYNC | DEPENDS_ON_OTHERS) == 0;
                    let (size, duration) = (entry.size, entry.duration);
                    match table.push(size, duration, entry.composition_offset, sync) {
                        Ok(()) => {}
                        Err(Error::TooManySamples) => {
                            self.loader
                                .bad(FourCc(*b"trun"), self.moof, "too many samples");
                            break;
                        }
                        Err(e) => return Err(e),
                    }
                    sum.duration += u64::from(duration);
                }
                *end = end.saturating_add(sum.duration);
            }
            _ if part.entries.record() != 0 => {
                let durations = part.entries.clone().map(|e| u64::from(e.duration));
                sum.duration = durations.sum();
            }
            _ => {
                let each = u64::from(part.entries.defaults.duration);
                sum.duration = each * u64::from(part.entries.count);
            }
        }
        match fragment.tracks.last_mut() {
            Some(last) if !part.opens && last.track_id == sum.track_id => {
                last.samples = last.samples.saturating_add(sum.samples);
                last.duration = last.duration.saturating_add(sum.duration);
                last.bytes = last.bytes.saturating_add(sum.bytes);
            }
            _ => {
                // A recording may have a fragment for each sample: room for one is enough.
                fragment.tracks.reserve_exact(1);
                fragment.tracks.push(sum);
            }
        }
        Ok(())
    }
}

/// Bits of the sample flags that say: depends on others (§8.8.3.1).
const DEPENDS_ON_OTHERS: u32 = 0x0100_0000;

/// Makes the track's next sample start at `time`: the first sample sets where
/// the track starts, later a gap makes the last sample longer, an overlap makes
/// it shorter. `false` if that cannot be.
pub(crate) fn seek(table: &mut crate::SampleTable, end: &mut u64, time: u64) -> bool {
    let Some(duration) = lasts_until(table, *end, time) else {
        return false;
    };
    if table.is_empty() {
        table.start = time;
    } else if time != *end {
        table.durations.replace_last(duration);
    }
    *end = time;
    true
}

/// How long the last sample, which ends at `end`, lasts if the next starts at `time`, ticks; 0 if
/// there is none. `None` if that cannot be.
fn lasts_until(table: &crate::SampleTable, end: u64, time: u64) -> Option<u32> {
    if table.is_empty() {
        return Some(0);
    }
    let (_, last) = table.durations.runs().last().copied()?;
    if time == end {
        return Some(last);
    }
    let duration = time.checked_sub(end.saturating_sub(last.into()))?;
    u32::try_from(duration).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SampleTable;

    #[test]
    fn a_gap_makes_the_last_sample_longer_and_an_overlap_shorter() {
        let mut table = SampleTable::default();
        let mut end = 0;
        assert!(seek(&mut table, &mut end, 100));
        table.push(1, 40, 0, true).unwrap();
        end += 40;
        assert!(seek(&mut table, &mut end, 200));
        assert_eq!((table.duration(), end), (100, 200));
        assert!(seek(&mut table, &mut end, 130));
        assert_eq!((table.duration(), end), (30, 130));
        assert!(!seek(&mut table, &mut end, 99), "before the last sample");
        assert!(!seek(&mut table, &mut end, 1 << 40), "beyond 32 bits");
        assert_eq!(table.end(), 130);
    }

    #[test]
    fn sound_that_starts_before_0_is_shown_from_0_on_and_no_time_overflows() {
        let track = Track {
            timescale: 1000,
            defaults: Some(FragmentDefaults::default()),
            ..Track::default()
        };
        let movie = Movie {
            tracks: vec![track],
            ..Movie::default()
        };
        let id = movie.tracks.first().map_or(0, |t| t.header.id);
        let samples = [crate::RunSample {
            size: 1,
            duration: 1000,
            composition_offset: 0,
            sync: true,
        }];
        let read = |times: &[u64]| {
            let mut file = crate::encode_init(&movie);
            for (number, time) in (1..).zip(times) {
                let run = crate::Run {
                    track_id: id,
                    base_media_decode_time: *time,
                    description: 1,
                    samples: &samples,
                };
                file.extend(crate::encode_moof(number, &[run]));
                file.extend([0, 0, 0, 9, b'm', b'd', b'a', b't', 7]);
            }
            crate::read(&file).unwrap().movie.unwrap()
        };
        let early = read(&[1024_u64.wrapping_neg(), 2000 - 1024, 3000 - 1024]);
        let times: Vec<u64> = early.tracks[0].samples.iter().map(|s| s.dts).collect();
        assert_eq!(times, [0, 2000, 3000]);
        assert_eq!(early.tracks[0].edits, [Edit::media(0, 1024)]);
        for times in [
            [0, u64::MAX, 5],
            [u64::MAX - 7, u64::MAX - 3, 0],
            [1 << 63, 1 << 63, 9],
        ] {
            assert_eq!(read(&times).tracks[0].samples.len(), 3);
        }
    }
}
