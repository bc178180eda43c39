//! Pictures whose syntax does not say where they end: what follows does.

use super::judge::Judge;
use crate::Result;
use tapo_codec::{Access, Depth, Verdict};
use tapo_io::Window;

/// Evidence that sound behind the last picture needs, bits.
const SOUND_BITS: f32 = 16.0;

impl Judge<'_> {
    /// The sample of a picture that begins at `at`, of which `access` says what
    /// it takes at least, and where the next one begins: in front of that stands
    /// the picture, and what else lies between.
    pub(super) fn closed(
        &self,
        window: &mut Window<'_>,
        at: u64,
        access: Access,
    ) -> Result<Verdict> {
        let from = at.saturating_add(access.len);
        let end = match access.most {
            Some(most) => Some(self.end_before(window, from, at.saturating_add(most))?),
            None => self.last_end(window, from)?,
        };
        let sample = |end: u64, access: Access| Access {
            len: end.saturating_sub(at),
            most: None,
            ..access
        };
        Ok(match end {
            Some(end) => Verdict::Sample(sample(end, access)),
            None => Verdict::Cut(sample(self.end, access)),
        })
    }

    /// Where a picture ends, of which `from` is a part and behind which `next`
    /// begins.
    fn end_before(&self, window: &mut Window<'_>, from: u64, next: u64) -> Result<u64> {
        if let Some(row) = self.row_behind {
            return Ok(next.saturating_sub(row).max(from));
        }
        self.sound_before(window.source(), from, next)
    }

    /// Where the last picture ends, of which `from` is a part: where sound
    /// begins that goes on to the end of the data, or there.
    fn last_end(&self, window: &mut Window<'_>, from: u64) -> Result<Option<u64>> {
        let largest = |t: &crate::profile::TrackProfile| u64::from(t.largest);
        let largest = self.profile.tracks.iter().map(largest).max().unwrap_or(0);
        let limit = self.end.min(from.saturating_add(largest * 2));
        for group in self.groups.iter().filter(|g| !g.is_video) {
            let mut at = from;
            while at < limit {
                let len = usize::try_from(limit - at).unwrap_or(usize::MAX);
                let bytes = window.bytes(at, len.min(1 << 16))?;
                let seen = bytes.len() as u64;
                let Some(skip) = group.recogniser.next_candidate(bytes) else {
                    at += seen.max(1);
                    continue;
                };
                at += skip as u64;
                if self.sound_to_end(window, at)? {
                    return Ok(Some(at));
                }
                at += 1;
            }
        }
        Ok(self.end_is_sure.then_some(self.end))
    }

    /// Whether sound goes on from `at` to the end of the data.
    fn sound_to_end(&self, window: &mut Window<'_>, at: u64) -> Result<bool> {
        let (mut at, mut bits) = (at, 0.0);
        let sound = || self.groups.iter().filter(|g| !g.is_video);
        while at < self.end {
            let mut next = None;
            for group in sound() {
                match group
                    .recogniser
                    .probe(window, at, self.end, Depth::Thorough)?
                {
                    Verdict::Sample(access) if access.len > 0 => {
                        bits += access.bits;
                        next = Some(at + access.len);
                    }
                    Verdict::Cut(_) => next = next.or(Some(self.end)),
                    _ => {}
                }
                if next.is_some() {
                    break;
                }
            }
            match next {
                Some(end) => at = end,
                None => return Ok(false),
            }
        }
        Ok(bits >= SOUND_BITS)
    }
}
