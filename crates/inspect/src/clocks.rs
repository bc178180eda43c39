//! Clocks inside pictures: what SEI messages say about when.

use crate::nals::Said;
use crate::{Inspection, Result, UserData};
use std::collections::BTreeMap;
use tapo_codec::sei::TimeCode;
use tapo_io::ByteSource;
use tapo_movie::{Sample, Track};

/// Samples at either end of a track that are looked at.
const ENDS: u32 = 64;

/// What an SEI message says about when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SeiTime {
    /// A time of day, nanoseconds since 1970 (MISB ST 0604).
    Wall(u64),
    /// A time code (H.264 D.2.3, H.265 D.2.27).
    Code(TimeCode),
    /// A time in JSON (strawlab.org).
    Text(Vec<u8>),
}

/// A clock in a picture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeiClock {
    /// The track.
    pub track: u32,
    /// Number of the sample.
    pub sample: u32,
    /// Its composition time, ticks of the track.
    pub pts: i64,
    /// Whose message it is; `None` for a time code.
    pub owner: Option<UserData>,
    /// What it says.
    pub says: SeiTime,
}

/// The first and the last clock of a kind, of the samples at both ends of a track.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeiClocks {
    /// The first.
    pub first: SeiClock,
    /// The last: the first itself, if there is no other.
    pub last: SeiClock,
}

impl Inspection {
    /// The clocks in the SEI messages of a track of this file, which `source` must
    /// be; 64 samples at either end are looked at.
    ///
    /// # Errors
    /// The source fails.
    pub fn sei_clocks(&self, source: &dyn ByteSource, track: &Track) -> Result<Vec<SeiClocks>> {
        let mut found: BTreeMap<&str, SeiClocks> = BTreeMap::new();
        if !self.nal_tracks().any(|t| t.header.id == track.header.id) {
            return Ok(Vec::new());
        }
        let mut listing = self.nals(source, track);
        let all = track.samples.len();
        let ends = |s: &Sample| s.number <= ENDS || s.number > all.saturating_sub(ENDS);
        while let Some(sample) = listing.next_sample_of(ends)? {
            for message in &sample.messages {
                let Some((name, owner, says)) = message.said.as_ref().and_then(time) else {
                    continue;
                };
                let clock = SeiClock {
                    track: track.header.id,
                    sample: sample.sample.number,
                    pts: sample.sample.pts(),
                    owner,
                    says,
                };
                if let Some(of) = found.get_mut(name) {
                    of.last = clock;
                } else {
                    let (first, last) = (clock.clone(), clock);
                    found.insert(name, SeiClocks { first, last });
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

fn time(said: &Said) -> Option<(&'static str, Option<UserData>, SeiTime)> {
    match said {
        Said::TimeCode(code) => Some(("", None, SeiTime::Code(*code))),
        Said::Unregistered {
            owner: Some(owner),
            data,
            ..
        } => {
            let says = match owner {
                UserData::Strawlab89h | UserData::StrawlabO8b => SeiTime::Text(data.clone()),
                _ => SeiTime::Wall(owner.time(data)?),
            };
            Some((owner.name(), Some(*owner), says))
        }
        _ => None,
    }
}
