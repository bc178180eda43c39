//! What the recorder consumes: access units of a camera's streams, whatever
//! brings them.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tapo_movie::SampleDescription;

/// Something that delivers a camera's streams: RTSP, or a test.
pub trait PacketSource: Send {
    /// What the camera offers, and what of it is delivered.
    fn info(&self) -> &StreamInfo;

    /// The next event. Waits no longer than the source's own timeout; after
    /// [`SourceEvent::End`] or an error it must not be called again.
    fn next(&mut self) -> impl Future<Output = Result<SourceEvent, SourceError>> + Send;

    /// After [`SourceError::Stalled`]: waits, for as long as the session stands,
    /// until media comes again. [`PacketSource::next`] then delivers it, as that of
    /// a source that was opened anew. Nothing is lost if the wait is given up.
    fn resume(&mut self) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Says goodbye to the camera, within a short time.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Something that opens sources, again and again.
pub trait Connector: Send {
    /// What it opens.
    type Source: PacketSource;

    /// Connects once. Does not wait for ever.
    fn connect(&self) -> impl Future<Output = Result<Self::Source, SourceError>> + Send;
}

/// What a camera offers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamInfo {
    /// The streams that are delivered; their index is the track's.
    pub tracks: Vec<TrackInfo>,
    /// The streams that are left out, each with the reason: "video jpeg: ...".
    pub left_out: Vec<String>,
    /// SHA-256 of the session description (SDP).
    pub sdp_sha256: [u8; 32],
}

impl StreamInfo {
    /// The track that the others go by, and whose keyframes begin files: that of
    /// pictures, or of sound where there are none.
    #[must_use]
    pub fn lead(&self) -> usize {
        lead(&self.tracks)
    }
}

/// As [`StreamInfo::lead`].
pub(crate) fn lead(tracks: &[TrackInfo]) -> usize {
    let video = tracks.iter().position(|t| t.codec.is_video());
    let sound = || tracks.iter().position(|t| t.codec.is_sound());
    video.or_else(sound).unwrap_or(0)
}

/// One stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackInfo {
    /// How it is coded.
    pub codec: Codec,
    /// Ticks a second of its RTP timestamps; also the media timescale.
    pub clock_rate: u32,
}

/// Codecs that can be recorded.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Codec {
    /// H.264 by RFC 6184.
    H264,
    /// H.265 by RFC 7798.
    H265,
    /// JPEG pictures by RFC 2435.
    Jpeg,
    /// AAC by RFC 3640.
    Aac,
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
    /// Linear samples of 16 bits.
    L16,
    /// Opus by RFC 7587.
    Opus,
    /// G.722, recorded as linear samples.
    G722,
    /// G.726, recorded as linear samples.
    G726,
    /// ONVIF metadata: XML documents.
    Metadata,
}

impl Codec {
    /// Whether it codes pictures.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::Jpeg)
    }

    /// Whether it codes sound.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        !self.is_video() && !self.is_sparse()
    }

    /// Whether what it codes comes when there is something to say, and else not at all.
    #[must_use]
    pub const fn is_sparse(self) -> bool {
        matches!(self, Self::Metadata)
    }

    /// Whether its pictures may be decoded in another order than they are shown.
    #[must_use]
    pub const fn reorders(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }
}

/// What a source delivers.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// A picture, or one packet's worth of sound.
    AccessUnit(AccessUnit),
    /// From the next access unit of this track on, this describes it.
    Parameters {
        /// The track.
        track: usize,
        /// Its sample entry.
        description: SampleDescription,
    },
    /// An RTCP sender report (RFC 3550 §6.4.1).
    SenderReport {
        /// The track.
        track: usize,
        /// Wall clock of the camera: NTP, seconds since 1900 as 32.32.
        ntp: u64,
        /// The RTP timestamp of that instant, extended as those of the units.
        rtp: i64,
        /// When it was received.
        received: WallClock,
    },
    /// Nothing has come of this track for long, while others go on.
    Silent {
        /// The track.
        track: usize,
    },
    /// The camera ended the stream.
    End,
}

/// One access unit (RFC 3550: what has one timestamp).
#[derive(Clone, Debug, Default)]
pub struct AccessUnit {
    /// The track.
    pub track: usize,
    /// Its bytes, as a sample of MP4 wants them: NAL units behind four bytes of
    /// length each, without parameter sets; raw AAC; G.711 octets.
    pub data: Vec<u8>,
    /// RTP timestamp, extended over wraps: presentation time, ticks of the
    /// track's clock from any origin.
    pub rtp: i64,
    /// Ticks since the instant that `RTP-Info` names for all tracks, or since
    /// the first packet where the camera did not send one.
    pub since_play: i64,
    /// How long it lasts, ticks, where the codec says.
    pub duration: Option<u32>,
    /// When its last packet came, since the source was opened.
    pub arrived: Duration,
    /// The same by the wall clock.
    pub received: WallClock,
    /// Whether decoding can start here.
    pub random_access: bool,
    /// RTP packets lost before and in it.
    pub lost: u32,
}

/// A time of day: nanoseconds since 1970 UTC.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd)]
pub struct WallClock(pub i64);

impl WallClock {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// From NTP's 32.32 seconds since 1900; its next era starts in 2036, so
    /// that small values count from there.
    #[must_use]
    pub fn from_ntp(ntp: u64) -> Self {
        const UNIX: i64 = 2_208_988_800;
        let seconds = i64::try_from(ntp >> 32).unwrap_or(0);
        let era = if seconds < UNIX { 1 << 32 } else { 0 };
        let nanos = (u128::from(ntp & 0xffff_ffff) * 1_000_000_000) >> 32;
        let nanos = i64::try_from(nanos).unwrap_or(0);
        Self((seconds + era - UNIX) * 1_000_000_000 + nanos)
    }

    /// As NTP's 32.32 seconds since 1900, modulo its era.
    #[must_use]
    pub fn to_ntp(self) -> u64 {
        let seconds = self.0.div_euclid(1_000_000_000) + 2_208_988_800;
        let nanos = self.0.rem_euclid(1_000_000_000).cast_unsigned();
        let fraction = (nanos << 32) / 1_000_000_000;
        seconds.cast_unsigned() << 32 | fraction
    }
}

impl From<SystemTime> for WallClock {
    fn from(time: SystemTime) -> Self {
        let nanos = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(nanos(since)),
            Err(before) => Self(-nanos(before.duration())),
        }
    }
}

/// Why a source cannot deliver (any more). The words hold no password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// The name or the password is refused, or one is wanted.
    #[error("the camera refuses the user name or the password")]
    Unauthorized,
    /// There is no such stream.
    #[error("the camera has no such stream")]
    NotFound,
    /// Nothing it offers can be recorded; what it offers.
    #[error("the camera offers nothing that can be recorded: {0}")]
    Unsupported(String),
    /// It took too long; what did.
    #[error("{0} took longer than {1} s")]
    Timeout(&'static str, u64),
    /// No media came for this many seconds, though the connection stands.
    #[error("no media for {0} s")]
    Stalled(u64),
    /// Nobody vouches for its certificate, whose SHA-256 this is.
    #[error(
        "no authority that this system knows vouches for the camera's certificate; if its SHA-256 is {0}, \
         that is what --tls-fingerprint (tls_fingerprint) takes"
    )]
    Untrusted(String),
    /// The connection failed.
    #[error("{0}")]
    Connection(String),
}

#[cfg(test)]
mod tests {
    use super::WallClock;

    #[test]
    fn ntp_goes_there_and_back_over_its_era() {
        // RFC 3550 §4: 1995-11-10 11:33:25.125 UTC.
        let time = WallClock::from_ntp(0xb44d_b705_2000_0000);
        assert_eq!(time, WallClock(816_003_205_125_000_000));
        assert_eq!(time.to_ntp(), 0xb44d_b705_2000_0000);
        let later = WallClock(2_100_000_000_500_000_000);
        assert_eq!(WallClock::from_ntp(later.to_ntp()), later);
    }
}
