//! Whether players show anything of a file that has media and an index. What FFmpeg's refuse, nearly all do.

use crate::{Finding, Form, Harm, Inspection, MediaKind, Problem, TrackSummary};
use tapo_bmff::FourCc;
use tapo_movie::RUN_LOST;

impl Inspection {
    /// Whether no picture can be shown, or, of a file without any, no sound heard, though the media is there: the
    /// tables or settings of all of its tracks say what cannot be.
    pub(crate) fn shows_nothing(&self) -> bool {
        // Players give up on a fragment that cannot be read, with all of the file.
        const FAR: u64 = 1 << 40;
        let refused = |f: &Finding| match f.problem {
            Problem::NoMovieHeader
            | Problem::FragmentTrackUnknown
            | Problem::OpenInside { listed: true, .. } => true,
            Problem::BoxMissing { kind, .. } => self.form == Form::Fragmented && kind == b"tkhd",
            Problem::BadFields { kind, why } => {
                self.form == Form::Fragmented && kind == b"traf" && why != RUN_LOST
            }
            Problem::FragmentTimeWrong { ticks } => ticks.unsigned_abs() > FAR,
            Problem::TableShort { kind, entries, .. } => {
                kind == b"stsc" || (is_fatal(kind) && self.runs_out(f, kind, entries))
            }
            _ => false,
        };
        if self.findings.iter().any(refused) {
            return true;
        }
        let some = |kind| {
            let of = self.tracks.iter();
            of.filter(move |t| self.is_of(t, kind))
        };
        let main = match some(MediaKind::Video).next() {
            Some(_) => MediaKind::Video,
            None => MediaKind::Audio,
        };
        some(main).next().is_some() && some(main).all(|t| self.is_dead(t))
    }

    /// Whether a track holds media of this kind, whatever its handler says, or did.
    fn is_of(&self, track: &TrackSummary, kind: MediaKind) -> bool {
        let of = self.findings.iter().filter(|f| f.track == Some(track.id));
        let (mut lost, mut own) = (false, track.kind);
        for finding in of {
            match finding.problem {
                Problem::TableLost => lost = true,
                Problem::HandlerDisagrees { kind, .. } => own = kind,
                _ => {}
            }
        }
        own == kind && (lost || track.samples > 0)
    }

    /// Whether nothing of a track can be decoded, and a repair may change that.
    fn is_dead(&self, track: &TrackSummary) -> bool {
        let mut of = self.findings.iter().filter(|f| f.track == Some(track.id));
        let fragmented = self.form == Form::Fragmented;
        let unset = of.any(|f| match f.problem {
            // What counts samples in the index of a fragmented file and lists none.
            Problem::TableShort { kind, entries, .. } => {
                is_of_places(kind) && (fragmented || self.runs_out(f, kind, entries))
            }
            Problem::TimesDisagree { times, .. } => times == 0,
            _ => matches!(
                f.problem,
                Problem::ParameterSetsMissing { .. }
                    | Problem::NoDescription
                    | Problem::EditShowsNothing
                    | Problem::TableLost
                    | Problem::ListMiscounted { .. }
                    | Problem::ExtensionMissing
                    | Problem::HandlerDisagrees { .. }
            ),
        });
        let moved = |f: &&Finding| f.problem == Problem::FragmentMoved;
        let moved = self.findings.iter().filter(moved).count();
        if moved > 0 && moved >= self.read.fragments.len() {
            return true;
        }
        let plain = matches!(self.form, Form::Progressive { .. });
        let harmed = self.harmed_of(track.id).filter(|h| h.harm > Harm::Repeated);
        let harmed: u64 = harmed.map(|h| u64::from(h.count)).sum();
        let misplaced = plain && (harmed >= track.samples || track.reachable == 0);
        unset || (misplaced && !self.is_cut_off())
    }

    /// Whether the entries that this table counts would go on behind the end of the file.
    fn runs_out(&self, finding: &Finding, kind: FourCc, entries: u32) -> bool {
        let start = finding.span.map_or(0, |s| s.start);
        let bytes = if matches!(&kind.0, b"stts" | b"co64") {
            8
        } else {
            4
        };
        u64::from(entries) * bytes > self.read.size.saturating_sub(start)
    }
}

/// Tables whose entries, read behind the end of the file, make players give up on all of it.
fn is_fatal(kind: FourCc) -> bool {
    matches!(&kind.0, b"stts" | b"stss" | b"stco" | b"co64")
}

/// Tables without which a track has no samples.
fn is_of_places(kind: FourCc) -> bool {
    matches!(&kind.0, b"stsz" | b"stz2" | b"stco" | b"co64")
}
