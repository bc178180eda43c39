//! Chunks whose places, or whose shares of the samples, are damaged: what the chunks of all tracks leave free says where
//! they stand and how much is in them.

use super::{Wrong, reads, recogniser};
use crate::Result;
use crate::profile::Profile;
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Movie, SampleTable, Sizes, Track};

/// Chunks in the order in which they stand in the file.
pub(super) fn ordered(movie: &Movie, wrong: &Wrong) -> Option<Movie> {
    let lies = |index: usize, table: &SampleTable| {
        let told = wrong.of_track(index) > 0 || wrong.swapped.contains(&index);
        told && !is_sorted(table)
    };
    let mut changed = None;
    for (index, track) in movie.tracks.iter().enumerate() {
        if !lies(index, &track.samples) {
            continue;
        }
        let movie: &mut Movie = changed.get_or_insert_with(|| movie.clone());
        let Some(track) = movie.tracks.get_mut(index) else {
            continue;
        };
        let mut offsets: Vec<u64> = track.samples.chunks.iter().map(|c| c.offset).collect();
        offsets.sort_unstable();
        for (chunk, offset) in track.samples.chunks.iter_mut().zip(offsets) {
            chunk.offset = offset;
        }
    }
    changed
}

fn is_sorted(table: &SampleTable) -> bool {
    table.chunks.is_sorted_by_key(|c| c.offset)
}

/// Tracks in which nothing but two chunks changed places, where those of all others stand in their order and no syntax says
/// what is right: muxers write chunk behind chunk.
pub(super) fn swapped(movie: &Movie, exact: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let unsorted = movie.tracks.iter().enumerate();
    let unsorted: Vec<(usize, &Track)> = unsorted.filter(|(_, t)| !is_sorted(&t.samples)).collect();
    let [(index, track)] = unsorted.as_slice() else {
        return Vec::new();
    };
    let chunks = &track.samples.chunks;
    let mut sorted: Vec<u64> = chunks.iter().map(|c| c.offset).collect();
    sorted.sort_unstable();
    let moved = chunks.iter().zip(&sorted);
    let moved = moved
        .filter(|(chunk, offset)| chunk.offset != **offset)
        .count();
    let others = movie.tracks.iter().enumerate();
    let mut others = others.filter(|(i, t)| i != index && !t.samples.is_empty());
    let is_swap = moved == 2 && sorted.len() > 4 && others.next().is_some();
    (is_swap && !exact(*index))
        .then_some(*index)
        .into_iter()
        .collect()
}

/// Chunks of tracks without a syntax that lie over parts of what is right by its own: by track, their first samples.
pub(super) fn covering(
    movie: &Movie,
    wrong: &Wrong,
    exact: &dyn Fn(usize) -> bool,
) -> Vec<(usize, Vec<u32>)> {
    let tracks = || movie.tracks.iter().enumerate();
    if tracks().all(|(index, _)| exact(index)) || wrong.overlaps == 0 {
        return Vec::new();
    }
    let mut sound: Vec<Span> = Vec::new();
    for (index, track) in tracks().filter(|(index, _)| exact(*index)) {
        let right = extents(&track.samples).into_iter();
        let right = right.filter(|(_, first, behind)| !wrong.is_among(index, *first, *behind));
        sound.extend(right.map(|(span, ..)| span).filter(|s| !s.is_empty()));
    }
    sound.sort_unstable();
    let covers = |span: Span| {
        let next = sound.partition_point(|s| s.end <= span.start);
        let next = sound.get(next).filter(|s| s.start < span.end);
        next.is_some_and(|s| *s != span)
    };
    let mut all = Vec::new();
    for (index, track) in tracks().filter(|(index, _)| !exact(*index)) {
        let own = extents(&track.samples).into_iter();
        let own = own.filter(|(span, ..)| !span.is_empty() && covers(*span));
        let numbers: Vec<u32> = own.map(|(_, first, _)| first).collect();
        if !numbers.is_empty() {
            all.push((index, numbers));
        }
    }
    all
}

/// The bytes of each chunk of a table, and the numbers of its first sample and of the first behind it.
pub(super) fn extents(table: &SampleTable) -> Vec<(Span, u32, u32)> {
    let mut all = Vec::with_capacity(table.chunks.len());
    let mut number = 1_u32;
    for chunk in &table.chunks {
        let behind = number.saturating_add(chunk.samples);
        let bytes: u64 = match &table.sizes {
            Sizes::Constant { size, .. } => u64::from(*size) * u64::from(chunk.samples),
            Sizes::Each(sizes) => {
                let own = sizes.iter().skip(number as usize - 1);
                own.take(chunk.samples as usize)
                    .map(|s| u64::from(*s))
                    .sum()
            }
        };
        all.push((Span::at(chunk.offset, bytes), number, behind));
        number = behind;
    }
    all
}

/// How many chunks lie over parts of others. Tracks may share one, but it is all of it.
pub(super) fn overlaps(movie: &Movie) -> usize {
    let tracks = movie.tracks.iter().enumerate();
    let spans = tracks.flat_map(|(i, t)| extents(&t.samples).into_iter().map(move |e| (e.0, i)));
    let mut spans: Vec<(Span, usize)> = spans.filter(|(s, _)| !s.is_empty()).collect();
    spans.sort_unstable();
    let mut furthest: Option<(Span, usize)> = None;
    let mut count = 0;
    for (span, track) in spans {
        if let Some((before, of)) = furthest
            && span.start < before.end
        {
            count += usize::from(span != before || of == track);
        }
        if furthest.is_none_or(|(before, _)| span.end > before.end) {
            furthest = Some((span, track));
        }
    }
    count
}

/// Samples dealt out anew to the chunks of tracks in which there are wrong ones, or too many chunks: each holds those that
/// fit in front of the next.
pub(super) fn dealt(movie: &Movie, wrong: &Wrong) -> Option<Movie> {
    let tracks = || movie.tracks.iter().map(|t| &t.samples);
    let all = |t: &SampleTable| {
        t.chunks
            .iter()
            .chain(&t.unused)
            .map(|c| c.offset)
            .collect::<Vec<_>>()
    };
    let mut starts: Vec<u64> = tracks().flat_map(all).collect();
    starts.sort_unstable();
    let mut changed = None;
    for (index, track) in movie.tracks.iter().enumerate() {
        let table = &track.samples;
        if wrong.of_track(index) == 0 && table.unused.is_empty() && wrong.overlaps == 0 {
            continue;
        }
        let mut chunks: Vec<_> = table.chunks.iter().chain(&table.unused).copied().collect();
        let mut number = 1_u32;
        for chunk in &mut chunks {
            let next = starts.partition_point(|s| *s <= chunk.offset);
            let limit = starts.get(next).copied().unwrap_or(u64::MAX);
            chunk.samples = fitting(&table.sizes, number, limit.saturating_sub(chunk.offset));
            number = number.saturating_add(chunk.samples);
        }
        chunks.retain(|c| c.samples > 0);
        if number <= table.len() || chunks == table.chunks {
            continue;
        }
        let movie: &mut Movie = changed.get_or_insert_with(|| movie.clone());
        if let Some(track) = movie.tracks.get_mut(index) {
            track.samples.chunks = chunks;
            track.samples.unused.clear();
        }
    }
    changed
}

/// How many samples from a number on fit into so many bytes.
fn fitting(sizes: &Sizes, number: u32, mut room: u64) -> u32 {
    match sizes {
        Sizes::Constant { size, count } => {
            let left = (u64::from(*count) + 1).saturating_sub(u64::from(number));
            let fit = room.checked_div(u64::from(*size)).unwrap_or(left);
            u32::try_from(fit.min(left)).unwrap_or(0)
        }
        Sizes::Each(sizes) => {
            let own = sizes.iter().skip(number as usize - 1);
            let fit = own.take_while(|size| match room.checked_sub(u64::from(**size)) {
                Some(left) => {
                    room = left;
                    true
                }
                None => false,
            });
            u32::try_from(fit.count()).unwrap_or(0)
        }
    }
}

/// Chunks that are not where the table says, put where the others leave room for them: in the order of their track, each
/// where its first sample reads.
pub(super) fn placed(
    source: &dyn ByteSource,
    media: &[Span],
    movie: &Movie,
    profile: &Profile,
    wrong: &Wrong,
) -> Result<Option<Movie>> {
    let extents: Vec<_> = movie.tracks.iter().map(|t| extents(&t.samples)).collect();
    let mut right: Vec<Vec<bool>> = Vec::new();
    let mut taken: Vec<Span> = Vec::new();
    for (index, own) in extents.iter().enumerate() {
        let mut before: Option<u64> = None;
        let is_right = own.iter().map(|(span, first, behind)| {
            let again = before == Some(span.start);
            before = Some(span.start);
            !again && span.end <= source.len() && !wrong.is_among(index, *first, *behind)
        });
        let is_right: Vec<bool> = is_right.collect();
        let known = own.iter().zip(&is_right).filter(|(_, right)| **right);
        taken.extend(known.map(|((span, ..), _)| *span));
        right.push(is_right);
    }
    if right.iter().flatten().all(|right| *right) {
        return Ok(None);
    }
    taken.sort_unstable();
    let mut free = free(media, &taken);
    let mut window = Window::new(source);
    let mut movie = movie.clone();
    let mut moves: Vec<(i64, u64)> = Vec::new();
    for (index, (own, right)) in extents.iter().zip(&right).enumerate() {
        let recogniser = recogniser(profile, index);
        let Some(Track { samples: table, .. }) = movie.tracks.get_mut(index) else {
            continue;
        };
        let mut at = 0;
        for (number, (span, first, behind)) in own.iter().enumerate() {
            if right.get(number) == Some(&true) {
                at = at.max(span.end);
                continue;
            }
            let mut rest = own.iter().zip(right).skip(number);
            let limit = rest
                .find(|(_, right)| **right)
                .map_or(u64::MAX, |((s, ..), _)| s.start);
            let mut size = 0;
            if behind > first {
                size = u64::from(table.sizes.get(*first).unwrap_or(0));
            }
            let mut found = None;
            for gap in &mut free {
                let start = gap.start.max(at);
                let end = gap.end.min(limit);
                if end.saturating_sub(start) < span.len() || span.is_empty() {
                    continue;
                }
                let there = match &recogniser {
                    Some(r) => reads(&mut window, &**r, Span::at(start, size))?,
                    // It fills what is left, or nothing says that it stands there.
                    None => end - start == span.len(),
                };
                if there {
                    gap.start = start + span.len();
                    found = Some(start);
                    break;
                }
            }
            if let (Some(start), Some(chunk)) = (found, table.chunks.get_mut(number)) {
                let by = start.cast_signed().wrapping_sub(chunk.offset.cast_signed());
                moves.extend((by != 0).then_some((by, start)));
                chunk.offset = start;
                at = start + span.len();
            }
        }
    }
    // Where all behind a place stand as far away, bytes are missing or too many there: that is for others to find.
    let first = moves.iter().map(|(_, start)| *start).min();
    let behind = taken
        .last()
        .is_some_and(|last| first.is_some_and(|first| last.start > first));
    let alike = moves.windows(2).all(|w| matches!(w, [a, b] if a.0 == b.0));
    let seam = moves.len() > 1 && alike && !behind;
    Ok((!moves.is_empty() && !seam).then_some(movie))
}

/// What media data no chunk takes.
fn free(media: &[Span], taken: &[Span]) -> Vec<Span> {
    let mut free = Vec::new();
    for media in media {
        let mut at = media.start;
        let first = taken.partition_point(|t| t.end <= media.start);
        for span in taken.iter().skip(first).take_while(|t| t.start < media.end) {
            if span.start > at {
                free.push(Span::new(at, span.start));
            }
            at = at.max(span.end);
        }
        if at < media.end {
            free.push(Span::new(at, media.end));
        }
    }
    free
}
