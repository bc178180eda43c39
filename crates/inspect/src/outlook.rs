//! What finalize and repair would make of a damaged file. They are asked, and write nothing: what is advised is what
//! they do.

use crate::{Form, Inspection, Verdict};
use std::path::Path;
use std::time::Duration;
use tapo_finalize::Finalization;
use tapo_io::PreadFile;
use tapo_repair::{Basis, Error, Note, Reconstruction};

/// Files that are repaired for a trial, bytes; of larger ones it is only asked what a repair would go by.
const TRIED: u64 = 256 << 20;

/// What finalize and repair said.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// What finalize would do, if it would.
    pub finalize: Option<Finalization>,
    /// What finalize keeps of a torn last fragment: track ids and ticks.
    pub torn: Vec<(u32, u64)>,
    /// What repair would.
    pub repair: Prospect,
}

/// What a repair would make of the file alone.
#[derive(Clone, Debug, Default)]
pub enum Prospect {
    /// It was not asked, or could not read the file.
    #[default]
    Unknown,
    /// It would go by this; how much it saves was not tried.
    GoesBy(Basis),
    /// It would write this.
    Saves(Box<Reconstruction>),
    /// It cannot do without another recording.
    NeedsReference,
    /// It finds no sample.
    Nothing,
}

impl Outlook {
    /// Asks both, of a file that is damaged.
    pub(crate) fn of(path: &Path, inspection: &Inspection) -> Option<Self> {
        if inspection.verdict == Verdict::Sound || inspection.is_in_use() {
            return None;
        }
        // Behind the start of a fragmented movie that is damaged, fragments may stand that no box leads to.
        if matches!(inspection.form, Form::Foreign(_) | Form::Media) {
            return None;
        }
        let fragmented = inspection.form == Form::Fragmented;
        let finalize = fragmented.then(|| tapo_finalize::check(path).ok());
        let finalize = finalize.flatten();
        let is_torn = finalize.as_ref().is_some_and(|f| f.torn_samples.is_some());
        Some(Self {
            torn: if is_torn {
                torn(path, inspection)
            } else {
                Vec::new()
            },
            finalize,
            repair: prospect(path, inspection.read.size),
        })
    }

    /// What repair would write.
    #[must_use]
    pub fn saves(&self) -> Option<&Reconstruction> {
        match &self.repair {
            Prospect::Saves(what) => Some(what),
            _ => None,
        }
    }

    /// Whether another recording would add to what is saved: without one pictures alone are, or not all of its tracks.
    pub(crate) fn is_partial(&self) -> bool {
        let unknown = |n: &Note| matches!(n, Note::TracksUnknown { .. });
        match &self.repair {
            Prospect::GoesBy(basis) => matches!(basis, Basis::ParameterSets { .. }),
            Prospect::Saves(what) => {
                let alone = matches!(what.basis, Basis::ParameterSets { .. });
                alone || what.notes.iter().any(unknown)
            }
            _ => false,
        }
    }

    /// Whether repair saves what finalize leaves out, to a time that is worth another file.
    pub(crate) fn repair_saves_more(&self, finalized: &Finalization) -> bool {
        let Some(repaired) = self.saves() else {
            return false;
        };
        let longest = repaired.tracks.iter().map(|t| t.recovered).max();
        let longest = longest.unwrap_or_default();
        let (all, kept) = (repaired.samples(), finalized.samples);
        let thousandths = all.saturating_sub(kept).saturating_mul(1000) / all.max(1);
        let left_out = longest * u32::try_from(thousandths).unwrap_or(1000) / 1000;
        let left_out = left_out.max(longest.saturating_sub(finalized.duration));
        left_out > (2 * MUCH).max(longest / 20)
    }
}

/// Time that is worth another file.
pub(crate) const MUCH: Duration = Duration::from_secs(1);

/// How much longer each track is with the samples of a torn last fragment that are there, ticks.
fn torn(path: &Path, inspection: &Inspection) -> Vec<(u32, u64)> {
    let whole = PreadFile::open(path).map_err(tapo_movie::Error::from);
    let whole = whole.and_then(|file| tapo_movie::read_to_end(&file));
    let Ok(Some(movie)) = whole.map(|read| read.movie) else {
        return Vec::new();
    };
    let listed = |id| inspection.tracks.iter().find(|t| t.id == id);
    let more = movie.tracks.iter().filter_map(|track| {
        let id = track.header.id;
        let more = track
            .samples
            .duration()
            .saturating_sub(listed(id)?.duration);
        Some((id, more))
    });
    more.collect()
}

fn prospect(path: &Path, size: u64) -> Prospect {
    let options = tapo_repair::Options {
        dry_run: true,
        replace: true,
        alone: true,
        ..tapo_repair::Options::default()
    };
    let tried = if size <= TRIED {
        tapo_repair::repair(path, &[], &options).map(|r| Prospect::Saves(Box::new(r)))
    } else {
        tapo_repair::basis(path, &[], &options).map(Prospect::GoesBy)
    };
    match tried {
        Ok(prospect) => prospect,
        Err(Error::NoReference { .. } | Error::ReferenceDiffers { .. }) => Prospect::NeedsReference,
        Err(Error::NothingRecovered { .. }) => Prospect::Nothing,
        Err(_) => Prospect::Unknown,
    }
}
