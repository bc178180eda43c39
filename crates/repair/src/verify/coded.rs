//! Samples that do not decode: every byte of every sample is looked at as far as
//! anything here reads it.

use crate::Result;
use crate::item::{Item, Items};
use crate::profile::{Finding, Profile};
use rayon::prelude::*;
use tapo_codec::{Decodes, Depth, Recogniser, Verdict};
use tapo_io::{ByteSource, Window};

/// Largest sample that is read, bytes.
const LARGEST: u64 = 64 << 20;

/// Items that one thread looks at in one go.
const BATCH: usize = 256;

/// One in so many may be damaged: where more are, it is the syntax that is not
/// known.
const MOST: usize = 3;

/// The items that syntax or entropy coding contradict, and whether all tracks are
/// read well enough to say so.
pub(super) fn broken(
    source: &dyn ByteSource,
    items: &Items,
    profile: &Profile,
) -> Result<(Vec<usize>, bool)> {
    let mut found = Vec::new();
    let mut all = true;
    for (number, of) in profile.tracks.iter().enumerate() {
        let Some(recogniser) = &of.recogniser else {
            continue;
        };
        if of.finding != Finding::Syntax {
            continue;
        }
        let own = items.iter().enumerate();
        let own = own.filter(|(_, item)| usize::from(item.track) == number);
        let own: Vec<(usize, Item)> = own.collect();
        let broken = own.par_chunks(BATCH).map(|batch| {
            let mut recogniser = recogniser.fork();
            let mut broken = Vec::new();
            for (index, item) in batch {
                if !is_whole(source, item, &mut *recogniser)? {
                    broken.push(*index);
                }
            }
            Ok(broken)
        });
        let broken = broken.collect::<Result<Vec<_>>>()?.concat();
        if broken.len() * MOST <= own.len() || own.len() <= MOST {
            found.extend(broken);
        } else {
            all = false;
        }
    }
    Ok((found, all))
}

/// Whether nothing in a sample contradicts its syntax.
fn is_whole(source: &dyn ByteSource, item: &Item, recogniser: &mut dyn Recogniser) -> Result<bool> {
    let span = item.span();
    if span.len() > LARGEST {
        return Ok(true);
    }
    let mut window = Window::new(source);
    match recogniser.probe(&mut window, span.start, span.end, Depth::Thorough)? {
        Verdict::Sample(access) => {
            if access.flaw.is_some() {
                return Ok(false);
            }
            for set in &access.parameter_sets {
                // What cannot be read leaves those before it in force.
                let _ = recogniser.adopt(&source.read_span(*set)?);
            }
        }
        Verdict::Start(_) => return Ok(true),
        // Where its head is right and the rest is not. Other heads an index vouches for.
        Verdict::Cut(_) => return Ok(false),
        Verdict::Not(_) => return Ok(true),
    }
    Ok(!matches!(
        recogniser.decodes(&source.read_span(span)?),
        Decodes::No(_)
    ))
}
