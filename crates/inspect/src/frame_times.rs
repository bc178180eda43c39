//! When each frame was taken, by whatever in the file says so: SEI messages (MISB ST
//! 0604, strawlab.org), the stamps of our recorder beside fragments, also where a
//! finalized file keeps them, and `prft`.

use crate::check::seals;
use crate::nals::Said;
use crate::timing::{StampKind, reference};
use crate::{Inspection, Listing, NalListing, Result, UserData};
use tapo_bmff::{Step, Walker};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{FragmentStamp, Sample, Track};

/// Stamps that are kept of a track.
const STAMPS: usize = 1 << 20;
/// RTP clocks of H.264 and H.265, ticks a second (RFC 6184 §5.1, RFC 7798 §4.1).
const CLOCK: i64 = 90_000;
/// Seconds from 1900 to 1970.
const NTP_1970: i64 = 2_208_988_800;

/// Whose word the time of a frame is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum FrameClock {
    /// A precision time stamp in the picture (MISB ST 0604).
    Misb,
    /// The camera, by its sender reports; noted by our recorder.
    Camera,
    /// Our recorder, by the arrival of packets.
    Arrival,
    /// A sender report in a picture (strawlab.org/o8B), and the RTP clock since.
    Report,
    /// `prft` beside the fragment.
    Reference,
    /// When the picture was received (strawlab.org/89H).
    Received,
}

impl FrameClock {
    /// Its name, in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Misb => "misb",
            Self::Camera => "camera",
            Self::Arrival => "arrival",
            Self::Report => "o8B",
            Self::Reference => "prft",
            Self::Received => "89H",
        }
    }
}

/// The times of one frame. Nanoseconds count from 1970 UTC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FrameTime {
    /// Number of the sample, from 1 on.
    pub sample: u32,
    /// Decode and composition time, ticks of the track.
    pub dts: u64,
    /// Composition time, ticks.
    pub pts: i64,
    /// RTP timestamp.
    pub rtp: Option<u32>,
    /// When it was received.
    pub received: Option<i64>,
    /// The camera's clock in the sender report that came before this frame.
    pub reported: Option<i64>,
    /// When it was taken, and by whose word: the best there is.
    pub taken: Option<(i64, FrameClock)>,
}

/// Lists the times of a track's frames, in file order.
pub struct FrameTimes<'a> {
    track: &'a Track,
    samples: Samples<'a>,
    stamps: std::vec::IntoIter<Mark>,
    next: Option<Mark>,
    /// The stamp in force, with the composition time of the first sample behind it.
    mark: Option<(Mark, Option<i64>)>,
    /// The newest sender report in a picture: NTP time and RTP timestamp.
    report: Option<(i64, u32)>,
}

enum Samples<'a> {
    Units(Box<NalListing<'a>>),
    Plain(Listing<'a>),
}

/// A stamp beside a fragment.
#[derive(Copy, Clone, Debug)]
struct Mark {
    offset: u64,
    wall: i64,
    /// The time on the track that this was at; else it is that of the first sample behind.
    at: Option<i64>,
    own: Option<Own>,
}

#[derive(Copy, Clone, Debug)]
struct Own {
    rtp: u32,
    received: i64,
    by_camera: bool,
}

impl Inspection {
    /// The times of the frames of a track of this file, which `source` must be.
    ///
    /// # Errors
    /// The source fails.
    pub fn frame_times<'a>(
        &'a self,
        source: &'a dyn ByteSource,
        track: &'a Track,
    ) -> Result<FrameTimes<'a>> {
        let mut stamps = marks(self, source, track)?.into_iter();
        let is_nal = self.nal_tracks().any(|t| t.header.id == track.header.id);
        let samples = if is_nal {
            Samples::Units(Box::new(self.nals(source, track)))
        } else {
            Samples::Plain(Listing::new(&track.samples, source.len()))
        };
        Ok(FrameTimes {
            track,
            samples,
            next: stamps.next(),
            stamps,
            mark: None,
            report: None,
        })
    }
}

/// The stamps of a track, in file order; those of our recorder, or if there is none
/// `prft`.
fn marks(inspection: &Inspection, source: &dyn ByteSource, track: &Track) -> Result<Vec<Mark>> {
    let (mut own, mut references) = (Vec::new(), Vec::new());
    for place in seals::places(inspection) {
        let mut window = Window::new(source);
        let mut walker = Walker::new(place, None);
        while let Some(step) = walker.next(&mut window)? {
            let Step::Box { header, span, .. } = step else {
                continue;
            };
            let is_own = header.user_type == Some(FragmentStamp::USER_TYPE);
            if !is_own && header.kind != b"prft" || own.len().max(references.len()) >= STAMPS {
                continue;
            }
            let payload = Span::new((span.start + header.len()).min(span.end), span.end);
            let bytes = source.read_span(Span::at(payload.start, payload.len().min(256)))?;
            let offset = span.start;
            if is_own {
                let stamp = FragmentStamp::parse(&bytes);
                own.extend(stamp.filter(|s| s.track == track.header.id).map(|s| Mark {
                    offset,
                    wall: s.wall_ns,
                    at: None,
                    own: Some(Own {
                        rtp: s.rtp_time,
                        received: s.received_ns,
                        by_camera: s.wall_from_camera,
                    }),
                }));
            } else if let Some(StampKind::Reference {
                track: of,
                wall_ns,
                media_time,
                ..
            }) = reference(&bytes)
                && of == track.header.id
            {
                references.push(Mark {
                    offset,
                    wall: wall_ns,
                    at: i64::try_from(media_time).ok(),
                    own: None,
                });
            }
        }
    }
    Ok(if own.is_empty() { references } else { own })
}

impl FrameTimes<'_> {
    /// The next frame; `None` behind the last one.
    ///
    /// # Errors
    /// The source fails.
    pub fn next_frame(&mut self) -> Result<Option<FrameTime>> {
        let (sample, said) = match &mut self.samples {
            Samples::Units(listing) => match listing.next_sample()? {
                Some(units) => {
                    let said = units.messages.into_iter().filter_map(|m| m.said);
                    (units.sample, said.collect())
                }
                None => return Ok(None),
            },
            Samples::Plain(listing) => match listing.next() {
                Some(sample) => (sample, Vec::new()),
                None => return Ok(None),
            },
        };
        Ok(Some(self.frame(&sample, &said)))
    }

    fn frame(&mut self, sample: &Sample, said: &[Said]) -> FrameTime {
        while let Some(next) = self.next.filter(|next| next.offset < sample.span.start) {
            self.mark = Some((next, next.at));
            self.next = self.stamps.next();
        }
        let pts = sample.pts();
        let mut frame = FrameTime {
            sample: sample.number,
            dts: sample.dts,
            pts,
            rtp: None,
            received: None,
            reported: None,
            taken: None,
        };
        self.by_stamp(&mut frame);
        self.by_messages(&mut frame, said);
        frame
    }

    /// What the stamp of the fragment says, and the track's clock since.
    fn by_stamp(&mut self, frame: &mut FrameTime) {
        let Some((mark, from)) = &mut self.mark else {
            return;
        };
        let first = from.is_none();
        let ticks = i128::from(frame.pts) - i128::from(*from.get_or_insert(frame.pts));
        let rate = i128::from(self.track.timescale.max(1));
        let since = i64::try_from(ticks * 1_000_000_000 / rate).unwrap_or(0);
        let wall = mark.wall.saturating_add(since);
        let clock = match mark.own {
            None => FrameClock::Reference,
            Some(own) if own.by_camera => FrameClock::Camera,
            Some(_) => FrameClock::Arrival,
        };
        frame.taken = Some((wall, clock));
        if let Some(own) = mark.own {
            // The low 32 bits: RTP time wraps.
            let ticks = u32::try_from(ticks & 0xffff_ffff).unwrap_or_default();
            frame.rtp = Some(own.rtp.wrapping_add(ticks));
            frame.received = first.then_some(own.received);
        }
    }

    /// What SEI messages say; it is of this very picture.
    fn by_messages(&mut self, frame: &mut FrameTime, said: &[Said]) {
        let (mut precise, mut received) = (None, None);
        for message in said {
            let Said::Unregistered {
                owner: Some(owner),
                data,
                ..
            } = message
            else {
                continue;
            };
            match owner {
                UserData::Strawlab89h => {
                    received = number(data, "recv").map(ntp);
                    frame.rtp = rtp(data).or(frame.rtp);
                }
                UserData::StrawlabO8b => {
                    if let (Some(time), Some(rtp)) = (number(data, "ntp"), rtp(data)) {
                        self.report = Some((ntp(time), rtp));
                        frame.reported = Some(ntp(time));
                    }
                }
                owner => precise = owner.time(data).or(precise),
            }
        }
        frame.received = received.or(frame.received);
        let precise = precise.and_then(|time| i64::try_from(time).ok());
        if let Some(time) = precise {
            frame.taken = Some((time, FrameClock::Misb));
        } else if frame
            .taken
            .is_none_or(|(_, by)| by == FrameClock::Reference)
        {
            let report = self.report.zip(frame.rtp).filter(|_| received.is_some());
            let by_report = report.map(|((time, at), rtp)| {
                // At most half a day away, either way.
                let ticks = i64::from(rtp.wrapping_sub(at).cast_signed());
                time.saturating_add(ticks * 1_000_000_000 / CLOCK)
            });
            frame.taken = by_report
                .map(|time| (time, FrameClock::Report))
                .or(frame.taken)
                .or(received.map(|time| (time, FrameClock::Received)));
        }
    }
}

/// The number of this name in JSON text, in whatever order and with whatever blanks.
fn number(text: &[u8], name: &str) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

fn rtp(text: &[u8]) -> Option<u32> {
    number(text, "rtp").and_then(|rtp| rtp.try_into().ok())
}

/// NTP time (32.32 bits of seconds since 1900, or since 2036 if that is small) in
/// nanoseconds since 1970.
fn ntp(time: u64) -> i64 {
    let seconds = i64::try_from(time >> 32).unwrap_or(0);
    let era = if seconds < NTP_1970 { 1 << 32 } else { 0 };
    let nanos = (u128::from(time & 0xffff_ffff) * 1_000_000_000 + (1 << 31)) >> 32;
    let nanos = i64::try_from(nanos).unwrap_or(0);
    (seconds + era - NTP_1970) * 1_000_000_000 + nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_as_json_writes_them() {
        for text in [
            r#"{"recv":18446744073709551615,"rtp":7}"#,
            "{ \"rtp\" : 7 ,\n \"recv\" : 18446744073709551615 }",
        ] {
            assert_eq!(number(text.as_bytes(), "recv"), Some(u64::MAX));
            assert_eq!(rtp(text.as_bytes()), Some(7));
        }
        for text in [
            "",
            "{\"recv\"",
            "{\"recv\":\"7\"}",
            "{\"recv\":-7}",
            "\u{e9}\"rtp\":",
        ] {
            assert_eq!(number(text.as_bytes(), "recv"), None);
            assert_eq!(rtp(text.as_bytes()), None);
        }
        assert_eq!(number(b"\xff\"recv\":1", "recv"), None);
        assert_eq!(rtp(br#"{"rtp":4294967296}"#), None);
        // 2026-11-22 00:00:00.5 UTC.
        assert_eq!(
            ntp((4_004_294_400 << 32) + (1 << 31)),
            1_795_305_600_500_000_000
        );
    }
}
