//! How a file is, in one word.

use crate::{Form, Inspection, Prospect, Severity};

/// How a file is. The order is that of its exit codes.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Verdict {
    /// Nothing is damaged.
    Sound,
    /// Something is damaged, and it plays.
    Damaged,
    /// It does not play; there is media in it that can be made to.
    Repairable,
    /// It does not play, and holds nothing that could.
    Beyond,
    /// It is something else than an MP4.
    NotMp4,
}

impl Verdict {
    /// Judges by the form, by what players can reach, and by the findings; of what does not play, by what repair finds.
    pub(crate) fn of(inspection: &Inspection) -> Self {
        let verdict = Self::by_itself(inspection);
        match (verdict, inspection.outlook.as_ref().map(|o| &o.repair)) {
            (Self::Repairable, Some(Prospect::Nothing)) => Self::Beyond,
            (Self::Repairable, Some(Prospect::NeedsReference)) if inspection.is_hopeless() => {
                Self::Beyond
            }
            (Self::Damaged, Some(Prospect::Nothing | Prospect::NeedsReference))
                if inspection.holds_only_pieces() =>
            {
                Self::Beyond
            }
            (Self::Beyond, Some(Prospect::Saves(_))) => Self::Repairable,
            _ => verdict,
        }
    }

    fn by_itself(inspection: &Inspection) -> Self {
        let media = inspection.has_media();
        let lost = if media {
            Self::Repairable
        } else {
            Self::Beyond
        };
        let damaged = inspection
            .findings
            .iter()
            .any(|f| f.severity() == Severity::Damage);
        let plays = match inspection.form {
            Form::Foreign(_) => return Self::NotMp4,
            Form::NoIndex => return lost,
            // Players take a whole `moov` or none.
            _ if inspection.is_index_torn() && !inspection.reads_as_listed() => return lost,
            // What we began to record should hold something by now.
            Form::Init => !damaged && (inspection.own.is_none() || inspection.is_in_use()),
            Form::Media => true,
            // Nobody but QuickTime reads a compressed index, and QuickTime may.
            Form::Progressive { .. } if inspection.is_compressed() => inspection.has_mdat(),
            Form::Progressive { .. } | Form::Fragmented | Form::Hybrid
                if inspection.shows_nothing() =>
            {
                false
            }
            Form::Progressive { .. } | Form::Fragmented | Form::Hybrid => {
                let reachable = inspection.tracks.iter().any(|t| t.reachable > 0);
                let media = inspection.has_mdat() || inspection.reads_as_listed();
                media && (reachable || inspection.has_torn_media())
            }
        };
        match (plays, damaged) {
            (false, _) => lost,
            (true, true) => Self::Damaged,
            (true, false) => Self::Sound,
        }
    }
}
