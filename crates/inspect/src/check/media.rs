//! What the coded media says against the tables.

use super::spots::{TrackSpots, table};
use crate::{Against, Finding, Inspection, Problem, Tally, TimeRange};
use tapo_movie::{SyncSamples, Track};

/// One in so many may contradict; a writer with more of them means it.
const TRUST: u32 = 4;

/// One picture in so many may not follow from those in front of it.
const MANY: u32 = 20;

/// So many pictures, nearly all refused, tell that settings are wrong which something else contradicts too.
const TOLD_BY: u32 = 20;

/// Such pictures that are told one by one.
const TOLD: usize = 16;

pub(super) fn check(
    track: &Track,
    against: &Against,
    inspection: &Inspection,
    spots: &TrackSpots,
    found: &mut Vec<Finding>,
) {
    if against.judged >= TOLD_BY && against.refused >= against.judged - against.judged / 10 {
        for finding in found
            .iter_mut()
            .filter(|f| f.track == Some(track.header.id))
        {
            if let Problem::SizeDisagrees { broken, .. } = &mut finding.problem {
                *broken = true;
            }
        }
    }
    let fragments = &inspection.read.fragments;
    if against.misfits <= (against.pictures / MANY).max(1) {
        for misfit in against.first_misfits.iter().take(TOLD) {
            let first = misfit.number;
            let finding = Finding::new(Problem::PicturesMisfit { first }).at(misfit.span);
            let time = TimeRange {
                start: misfit.dts,
                end: misfit.dts,
                timescale: track.timescale,
            };
            found.push(finding.on(track.header.id).during(time));
        }
    }
    let mut tell = |problem, kinds: &[&[u8; 4]], tally: &Tally| {
        let samples = (tally.first, tally.last);
        let span = table(spots, fragments, track.header.id, kinds, samples);
        found.push(Finding::new(problem).on(track.header.id).at(span));
    };
    let few = |n: u32, of: u32| n > 0 && n <= (of / TRUST).max(1);
    let all = against.keyframes + against.unlisted.samples;
    // A track of nothing but keyframes has no table of them (§8.6.2).
    let untold = track.is_video() && against.not_sync.samples > 0;
    let unlisted = untold && track.samples.sync == SyncSamples::All;
    let tally = &against.not_sync;
    if few(tally.samples, all) || unlisted {
        let (samples, first) = (tally.samples, tally.first);
        tell(
            Problem::SyncNotKeyframe { samples, first },
            &[b"stss"],
            tally,
        );
    }
    let empty = matches!(&track.samples.sync, SyncSamples::Listed(l) if l.is_empty());
    let tally = &against.unlisted;
    if few(tally.samples, all) || (empty && tally.samples > 0) {
        let (samples, first) = (tally.samples, tally.first);
        tell(
            Problem::KeyframeUnlisted { samples, first },
            &[b"stss"],
            tally,
        );
    }
    let tally = &against.order;
    // What does not know an encoder is wrong throughout.
    let many = against.disordered > against.groups / 2 + 1;
    // What shows them all in the order of decoding says nothing of any.
    let lost = track.samples.composition_offsets.runs().len() <= 1;
    if against.disordered > 0 && (!many || lost) {
        let problem = Problem::CompositionOrder {
            lost: lost && against.disordered > against.groups / 2,
            samples: tally.samples,
            first: tally.first,
        };
        let kinds: &[&[u8; 4]] = &[b"ctts", b"stts"];
        tell(problem, kinds, tally);
    }
}
