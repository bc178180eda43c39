//! How much room the final `moov` will need in front of the media.

use crate::lane::Sample;
use tapo_movie::Movie;

/// What a final `moov` takes without its samples, generously, bytes.
const FIXED: u64 = 16 << 10;
/// Most that a picture adds to the final `moov`: `stsz`, `stts`, `ctts`, `stss`.
const PICTURE: u64 = 24;
/// Most that a sample of sound adds: `stsz`, `stts`.
const SOUND: u64 = 12;
/// Most that a chunk adds: `stsc`, `co64`.
const CHUNK: u64 = 20;
/// Seconds that a segment may go on beyond its length for want of a keyframe.
const OVERTIME: u64 = 60;
/// The largest reserve, bytes.
const LIMIT: u64 = 64 << 20;

/// Room for the final `moov`, and how fast it fills.
#[derive(Debug)]
pub(crate) struct Reserve {
    /// Size of the `free` box, bytes.
    pub(crate) len: u64,
    /// Bytes needed for what was counted last.
    exact: u64,
    /// At most this many more since then.
    since: u64,
    /// The most that a fragment added.
    fastest: u64,
}

impl Reserve {
    /// For a segment of this many seconds whose first fragment holds these
    /// samples and lasts `millis`. The rates are those of its first second;
    /// what comes out different is caught by [`Reserve::is_short`].
    pub(crate) fn estimate(seconds: u64, millis: u64, tracks: &[(bool, &[Sample])]) -> Self {
        let per_track = |(video, samples): &(bool, &[Sample])| {
            let each = if !video {
                6
            } else if samples.iter().any(|s| s.pts - s.dts != 0) {
                20
            } else {
                12
            };
            let rate = samples.len() as u64 * 1000 / millis.max(100);
            (rate + 1) * each + 32
        };
        let a_second: u64 = tracks.iter().map(per_track).sum();
        let moov = FIXED + a_second.saturating_mul(seconds + OVERTIME);
        Self {
            len: tapo_finalize::layout::reserve_len(moov.min(LIMIT)),
            exact: FIXED,
            since: 0,
            fastest: 0,
        }
    }

    /// Counts a fragment: pictures and samples of sound in it, and chunks.
    pub(crate) fn add(&mut self, pictures: usize, sounds: usize, chunks: usize) {
        let added = pictures as u64 * PICTURE + sounds as u64 * SOUND + chunks as u64 * CHUNK;
        self.since += added;
        self.fastest = self.fastest.max(added);
    }

    /// Whether the reserve would not last for `fragments` more. Works the
    /// exact need out only when a bound of it comes near.
    pub(crate) fn is_short(&mut self, movie: &Movie, fragments: u64) -> bool {
        let margin = self.fastest.saturating_mul(fragments);
        if self.exact + self.since + margin <= self.len {
            return false;
        }
        self.exact = tapo_finalize::reveal_need(movie);
        self.since = 0;
        self.exact + margin > self.len
    }
}
