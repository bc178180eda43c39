//! Damage within samples that the search has delimited: what can be noticed of
//! it without decoding.
//!
//! A sample is found by its head and by what follows it; what lies between may
//! be anything. Storage loses whole sectors, so every aligned one is looked at:
//! one filled with zeros or ones is no coded picture ([`sectors`]), one of noise
//! amid sound is no sound ([`sound`]). What looks right and is not (a sector of
//! another picture) only decoding shows: that is done if it is asked for
//! ([`coded`]).
//!
//! An index says where samples are: what stands there is read as their codec
//! does ([`indexed`]).
//!
//! Damaged samples stay in the output, where they belong, as [`Class::D`].

mod coded;
mod indexed;
mod sectors;
mod sound;

pub(crate) use indexed::{Reading, Stands, doubtful, zeroed};
pub(crate) use sectors::{lead_through, units};

use crate::item::Found;
use crate::profile::Profile;
use crate::{Class, Result};
use tapo_io::ByteSource;

/// Items that one thread looks at in one go.
const BATCH: usize = 1024;

/// Bytes that storage loses together, at least.
const SECTOR: u64 = 512;

/// Marks the samples whose bytes are damaged. Says whether they were looked at as
/// thoroughly as they can be.
///
/// # Errors
/// The source fails.
pub(crate) fn verify(
    source: &dyn ByteSource,
    found: &mut Found,
    profile: &Profile,
    thorough: bool,
) -> Result<bool> {
    let mut damaged = sectors::blank(source, &found.items, profile)?;
    damaged.extend(sound::noise(source, &found.items, profile)?);
    let mut thorough = thorough;
    if thorough {
        let (broken, all) = coded::broken(source, &found.items, profile)?;
        damaged.extend(broken);
        thorough = all;
    }
    for index in damaged {
        found.items.set_class(index, Class::D);
    }
    Ok(thorough)
}
