//! Media data that stands twice in a file, one copy behind the other: the second is not another recording.
//!
//! Recordings do not repeat themselves: coded pictures of the same scene differ by noise, and count on.

use crate::Result;
use crate::item::{Found, Item};
use crate::profile::Profile;
use std::collections::HashSet;
use tapo_io::{ByteSource, Span};

/// Pictures that a copy must have, at least.
const PICTURES: usize = 24;

/// Of so many items of the second copy one may be missing at its end.
const CUT: usize = 10;

/// Items whose bytes are compared, and how many of each.
const COMPARED: usize = 32;
const BYTES: u64 = 64 << 10;

/// Leaves a second copy out, and says where it stood and how many samples it had.
///
/// # Errors
/// The source fails.
pub(crate) fn leave_out(
    source: &dyn ByteSource,
    found: &mut Found,
    profile: &Profile,
) -> Result<()> {
    let Some(second) = begins(source, found, profile)? else {
        return Ok(());
    };
    let len = found.items.len();
    let copy = found.items.range(second..len);
    let samples = copy.clone().map(|i| u64::from(i.samples.max(1))).sum();
    let ends = copy.clone().next().zip(copy.clone().next_back());
    let bytes = ends.map(|(first, last)| Span::new(first.at, last.span().end));
    for _ in second..len {
        found.items.pop();
    }
    found.shapes.truncate(second);
    found.stretches.retain(|stretch| stretch.first < second);
    found.foreign.extend(bytes.map(|bytes| (bytes, samples)));
    found.cut = None;
    Ok(())
}

/// Index of the first item of a second copy.
fn begins(source: &dyn ByteSource, found: &Found, profile: &Profile) -> Result<Option<usize>> {
    let len = found.items.len();
    let Some(first) = found.items.get(0) else {
        return Ok(None);
    };
    let alike = |a: &Item, b: &Item| (a.track, a.size, a.samples) == (b.track, b.size, b.samples);
    let half = len.div_ceil(2);
    let latest = half + half / CUT;
    for (second, item) in (half..latest).zip(found.items.range(half..latest)) {
        if !alike(&first, &item) || !varies(found, profile, second) {
            continue;
        }
        let pairs = || {
            found
                .items
                .range(0..second)
                .zip(found.items.range(second..len))
        };
        if !pairs().all(|(a, b)| alike(&a, &b)) {
            continue;
        }
        let step = ((len - second) / COMPARED).max(1);
        let mut same = true;
        for (a, b) in pairs().step_by(step) {
            let read =
                |item: &Item| source.read_span(Span::at(item.at, item.span().len().min(BYTES)));
            same = read(&a)? == read(&b)?;
            if !same {
                break;
            }
        }
        if same {
            return Ok(Some(second));
        }
    }
    Ok(None)
}

/// Whether the pictures in front of an item are of many sizes: those of a still scene repeat themselves.
fn varies(found: &Found, profile: &Profile, second: usize) -> bool {
    let leader = profile.leader();
    let own = found.items.range(0..second);
    let own = own.filter(|item| usize::from(item.track) == leader);
    let mut sizes = HashSet::new();
    let mut count = 0;
    for item in own {
        count += 1;
        sizes.insert(item.size);
        if count >= 2048 {
            break;
        }
    }
    count >= PICTURES && sizes.len() * 2 >= count
}
