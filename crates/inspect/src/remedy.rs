//! What to do about a damaged file: one judgement, by what finalize and repair say they would do where they were asked,
//! by the findings where not.

use crate::outlook::MUCH;
use crate::{Finding, Form, Inspection, Outlook, Problem, Prospect, Second, Severity, Verdict};
use std::time::Duration;

/// What to do about a file.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Remedy {
    /// Nothing that tapo does.
    Nothing,
    /// `tapo finalize`.
    Finalize,
    /// `tapo finalize --undo`, and then a look at what it was.
    Undo,
    /// `tapo repair`, by what the file itself holds.
    Repair,
    /// `tapo repair` after another recording.
    RepairByReference,
    /// Nothing can be had back; `tapo inspect --map` shows what is lost.
    Map,
    /// `tapo inspect --extract`: another movie begins at this byte.
    Split {
        /// Offset.
        at: u64,
    },
    /// Nothing need be done; `tapo inspect --ledger` shows where what is.
    Ledger,
}

impl Inspection {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        if self.is_in_use() || self.is_copied_as_text() {
            return Remedy::Nothing;
        }
        if let Some(of) = self.only_second() {
            return match of {
                Second::Movie { at } => Remedy::Split { at },
                Second::Copy { .. } | Second::Fragments { .. } | Second::Unknown => Remedy::Nothing,
            };
        }
        let guess = self.guess();
        match &self.outlook {
            Some(outlook) => self.confirmed(guess, outlook),
            None => guess,
        }
    }

    /// Whether it was changed as a text is: there is nothing to be put right by.
    #[must_use]
    pub fn is_copied_as_text(&self) -> bool {
        self.has(|p| matches!(p, Problem::CopiedAsText { .. }))
    }

    /// What follows the first movie, if that is known and all that is damaged.
    #[must_use]
    pub fn only_second(&self) -> Option<Second> {
        let mut damage = self.damage();
        match (damage.next()?.problem.clone(), damage.next()) {
            (
                Problem::SecondMoov {
                    of: of @ (Second::Movie { .. } | Second::Copy { .. }),
                },
                None,
            ) => Some(of),
            _ => None,
        }
    }

    /// What is damaged.
    fn damage(&self) -> impl Iterator<Item = &Finding> {
        let is_damage = |f: &&Finding| f.severity() == Severity::Damage;
        self.findings.iter().filter(is_damage)
    }

    fn has(&self, problem: impl Fn(&Problem) -> bool) -> bool {
        self.findings.iter().any(|f| problem(&f.problem))
    }

    /// By the findings alone.
    fn guess(&self) -> Remedy {
        let fragmented = self.form == Form::Fragmented;
        let outside = |p: &Problem| matches!(p, Problem::SamplesOutsideFile { .. });
        match self.verdict {
            Verdict::Sound if fragmented && self.has(|p| *p == Problem::OpenSegment) => {
                Remedy::Finalize
            }
            Verdict::Sound | Verdict::Beyond | Verdict::NotMp4 => Remedy::Nothing,
            Verdict::Damaged if self.form == Form::Hybrid && !self.hidden().is_empty() => {
                Remedy::Undo
            }
            Verdict::Damaged if fragmented && self.has(is_of_order) => Remedy::Repair,
            Verdict::Damaged if self.has(|p| matches!(p, Problem::OutOfReach { .. })) => {
                Remedy::Nothing
            }
            Verdict::Damaged if fragmented && self.tracks.iter().all(|t| t.samples == 0) => {
                Remedy::Nothing
            }
            Verdict::Damaged | Verdict::Repairable if self.is_kept_by_repair() => Remedy::Nothing,
            Verdict::Damaged if fragmented => Remedy::Finalize,
            Verdict::Damaged if self.has(Problem::is_of_tables) || self.has(outside) => {
                Remedy::Repair
            }
            Verdict::Damaged if self.has(|p| matches!(p, Problem::SamplesHarmed { .. })) => {
                Remedy::Map
            }
            Verdict::Damaged if self.has(|p| matches!(p, Problem::Truncated { .. })) => {
                Remedy::Repair
            }
            Verdict::Damaged if self.has(|p| matches!(p, Problem::UnusedMedia { .. })) => {
                Remedy::Ledger
            }
            Verdict::Damaged => Remedy::Repair,
            Verdict::Repairable if self.astray.is_some() || !self.needs_reference() => {
                Remedy::Repair
            }
            Verdict::Repairable => Remedy::RepairByReference,
        }
    }

    /// Whether media is there that no track speaks of, or a track that has none.
    fn lacks_media(&self) -> bool {
        let unused = |p: &Problem| matches!(p, Problem::UnusedMedia { amid: true, .. });
        self.has(Problem::is_of_tables) || self.has(unused)
    }

    /// Whether all that is damaged is what finalize and repair leave as it is.
    #[must_use]
    pub fn is_kept_by_repair(&self) -> bool {
        let kept = |f: &Finding| {
            matches!(
                f.problem,
                Problem::ClockDisagrees { .. }
                    | Problem::HandlerDisagrees { .. }
                    | Problem::EditShort { .. }
                    | Problem::CompositionFar { .. }
                    | Problem::SizeDisagrees { .. }
                    | Problem::OffsetsMissing { .. }
                    | Problem::OffsetsBeyondSamples { .. }
            )
        };
        self.damage().next().is_some() && self.damage().all(kept)
    }

    /// By what would come of it.
    fn confirmed(&self, guess: Remedy, outlook: &Outlook) -> Remedy {
        let finalized = outlook.finalize.as_ref();
        let trusted = finalized.filter(|f| !self.is_absurd(f.duration));
        // Without settings its decoder does not start, however its fragments are indexed.
        let unset = self.verdict == Verdict::Repairable && self.needs_reference();
        let trusted = trusted.filter(|_| !unset);
        let finalizes = trusted.is_some_and(|f| !outlook.repair_saves_more(f));
        if self.verdict == Verdict::Beyond {
            return Remedy::Nothing;
        }
        if self.lacks_what_a_model_has(outlook) && !self.is_kept_by_repair() {
            return Remedy::RepairByReference;
        }
        match guess {
            Remedy::Undo | Remedy::Split { .. } => guess,
            Remedy::Finalize if finalizes => guess,
            Remedy::Finalize | Remedy::Repair | Remedy::RepairByReference => {
                match &outlook.repair {
                    Prospect::Unknown => guess,
                    Prospect::NeedsReference | Prospect::Nothing if trusted.is_some() => {
                        Remedy::Finalize
                    }
                    Prospect::NeedsReference => Remedy::RepairByReference,
                    Prospect::Nothing => Remedy::Nothing,
                    Prospect::Saves(_)
                        if self.verdict == Verdict::Damaged && self.loses(outlook) =>
                    {
                        Remedy::Map
                    }
                    Prospect::Saves(_) | Prospect::GoesBy(_) if outlook.is_partial() => {
                        Remedy::RepairByReference
                    }
                    Prospect::Saves(_) | Prospect::GoesBy(_) => Remedy::Repair,
                }
            }
            Remedy::Nothing if self.is_kept_by_repair() => guess,
            Remedy::Nothing | Remedy::Map | Remedy::Ledger => match &outlook.repair {
                Prospect::Saves(_) if self.gains(outlook) => Remedy::Repair,
                Prospect::NeedsReference if self.lacks_media() => Remedy::RepairByReference,
                _ => guess,
            },
        }
    }

    /// Whether a track is not described, or not to be told from another, so that what is made of the file by itself
    /// leaves it out or mixes it up; or lasts what cannot be by what is made of it.
    pub(crate) fn lacks_what_a_model_has(&self, outlook: &Outlook) -> bool {
        if matches!(self.form, Form::Foreign(_) | Form::NoIndex | Form::Hybrid) {
            return false;
        }
        let is_saved = |id: u32| {
            let saved = outlook.saves().map_or(&[][..], |s| s.tracks.as_slice());
            saved.iter().any(|t| t.id == id && t.samples > 0)
        };
        let lost = |f: &Finding| {
            let undescribed = match f.problem {
                Problem::TrackRenamed { .. } | Problem::NoTimescale => true,
                Problem::TableLost | Problem::NoDescription => {
                    let mut tracks = self.read.movie.iter().flat_map(|m| &m.tracks);
                    tracks.any(|t| Some(t.header.id) == f.track && t.descriptions.is_empty())
                }
                _ => false,
            };
            undescribed && f.track.is_none_or(|id| !is_saved(id))
        };
        let fragmented = self.form == Form::Fragmented;
        let mixed = fragmented && self.has(|p| *p == Problem::TrackIdTwice);
        let absurd =
            |s: &tapo_repair::Reconstruction| s.tracks.iter().any(|t| self.is_absurd(t.recovered));
        self.findings.iter().any(lost) || mixed || outlook.saves().is_some_and(absurd)
    }

    /// Whether a file lasts many times as long as all of its tracks do whose times can be believed.
    fn is_absurd(&self, duration: Duration) -> bool {
        let times = self.listed().into_iter();
        let trusted = times.filter(|s| !self.is_timed_wrongly(s.track));
        let longest = trusted.map(|s| time(s.all, s.timescale)).max();
        longest.is_some_and(|l| duration > l * MANY + MINUTE)
    }

    /// Whether a repair makes more of a track play than does.
    fn gains(&self, outlook: &Outlook) -> bool {
        self.differs(outlook, |_, now, then| then > now + MUCH.max(now / 20))
    }

    /// Whether a repair makes less of a track play than does.
    fn loses(&self, outlook: &Outlook) -> bool {
        // Where the samples are not where the tables say, what they list is none of them.
        let is_misplaced = |track| {
            self.findings.iter().any(|f| {
                let layout = matches!(f.problem, Problem::LayoutDisagrees { broken: true, .. });
                layout && f.track == Some(track)
            })
        };
        self.differs(outlook, |track, now, then| {
            now > then + MUCH.max(now / 20) && !is_misplaced(track)
        })
    }

    /// Whether what plays of some track, and what would after a repair, are as told.
    fn differs(&self, outlook: &Outlook, so: impl Fn(u32, Duration, Duration) -> bool) -> bool {
        let Some(repaired) = outlook.saves() else {
            return false;
        };
        let listed = self.listed();
        let then = self.repaired(listed.clone(), repaired);
        then.iter().any(|then| {
            let now = listed.iter().find(|s| s.track == then.track);
            let now = now.map_or(Duration::ZERO, |s| time(s.sound, s.timescale));
            so(then.track, now, time(then.sound, then.timescale))
                && !self.is_timed_wrongly(then.track)
        })
    }
}

/// How many times as long as its tracks a file may last, and how much longer besides.
const MANY: u32 = 4;
const MINUTE: Duration = Duration::from_secs(60);

/// Ticks as time.
pub(crate) fn time(ticks: u64, timescale: u32) -> Duration {
    Duration::from_micros(tapo_movie::rescale(ticks, timescale.max(1), 1_000_000))
}

/// Whether fragments, or samples of them, are all there and not where an index of the fragments as they stand finds them.
pub(crate) const fn is_of_order(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::FragmentsHidden { .. }
            | Problem::FragmentsUnordered { .. }
            | Problem::FragmentRepeated { .. }
            | Problem::FragmentTimeWrong { .. }
            | Problem::FragmentTimeBack { .. }
            | Problem::UnusedMedia { amid: true, .. }
            | Problem::LayoutDisagrees { broken: true, .. }
            | Problem::SizesDisagree { .. }
            | Problem::SamplesInIndex { .. }
            | Problem::SecondMoov {
                of: Second::Fragments { .. }
            }
    )
}

impl Problem {
    /// Whether a table is wrong, while the media may be sound.
    #[must_use]
    pub const fn is_of_tables(&self) -> bool {
        matches!(
            self,
            Self::LayoutDisagrees { broken: true, .. }
                | Self::SizesDisagree { .. }
                | Self::SizeWrong { .. }
                | Self::TimesDisagree { .. }
                | Self::SamplesInIndex { .. }
                | Self::MediaCut { .. }
                | Self::NoTimescale
                | Self::DescriptionMissing { .. }
                | Self::TableShort { .. }
                | Self::TimesStill { .. }
                | Self::ChunkRuns { .. }
                | Self::ChunksDisagree { .. }
                | Self::EditShowsNothing
                | Self::NoMovieHeader
                | Self::TrackAstray
                | Self::TrackRenamed { .. }
                | Self::OpenInside { listed: true, .. }
                | Self::TableLost
                | Self::ListMiscounted { .. }
                | Self::HandlerDisagrees { .. }
                | Self::CompositionOrder { lost: true, .. }
        )
    }
}
