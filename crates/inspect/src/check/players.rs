//! What keeps a sound file from playing everywhere, and what is ours.

use crate::{Finding, Form, Inspection, Problem};

pub(super) fn check(inspection: &Inspection, found: &mut Vec<Finding>) {
    if inspection.form == (Form::Progressive { moov_first: false }) {
        found.push(Finding::new(Problem::MoovBehindMdat));
    }
    for track in &inspection.tracks {
        let is = |kinds: &[&[u8; 4]]| {
            let mut all = track.codecs.iter();
            all.any(|c| kinds.iter().any(|k| c.entry == *k))
        };
        if is(&[b"hev1", b"dvhe"]) {
            found.push(Finding::new(Problem::Hev1).on(track.id));
        }
        if is(&[b"alaw", b"ulaw"]) {
            found.push(Finding::new(Problem::G711).on(track.id));
        }
    }
    if inspection.own.is_some() {
        match inspection.form {
            Form::Fragmented => found.push(Finding::new(Problem::OpenSegment)),
            Form::Init => found.push(Finding::new(Problem::NothingRecorded)),
            _ => {}
        }
    }
}
