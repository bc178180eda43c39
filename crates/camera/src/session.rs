//! One client's session: its streams, its player, its reports.

use crate::clip::rescale;
use crate::fault::Faults;
use crate::journal::Sent;
use crate::payload::{InBand, packetize};
use crate::player::{Due, Player, nanoseconds, ticks};
use crate::rng::Rng;
use crate::rtcp;
use crate::rtp::Stream;
use crate::server::Shared;
use crate::transport::{MAX_PAYLOAD, Outlet, Transport, bytes};
use bytes::BytesMut;
use std::time::{Duration, Instant, SystemTime};

/// A sender that is later than this leaves out what it missed.
const MAX_LATE: Duration = Duration::from_secs(5);

/// A track that the client has set up.
pub(crate) struct SetUp {
    /// Index among the media of the SDP.
    pub(crate) media: usize,
    pub(crate) stream: Stream,
    pub(crate) transport: Transport,
}

pub(crate) struct Session {
    pub(crate) id: String,
    /// In the journal.
    number: u64,
    pub(crate) tracks: Vec<SetUp>,
    playing: Option<Playing>,
    /// The clip whose parameter sets the client has from the SDP.
    described: usize,
    /// The client's decoder has seen other parameter sets since.
    switched: bool,
    ssrc_changes: u64,
    rng: Rng,
    scratch: Vec<u8>,
}

struct Playing {
    player: Player,
    speed: f64,
    started: Instant,
    started_wall: SystemTime,
    /// Session time at the start, in nanoseconds: 0, or earlier by the time
    /// that decoding precedes presentation.
    first: i64,
    /// Longest time from decoding to presentation, in nanoseconds: what is sent
    /// now was captured at most that much earlier.
    lag: i64,
    next_report: i64,
}

impl Session {
    pub(crate) fn new(
        shared: &Shared,
        peer: std::net::SocketAddr,
        described: usize,
        faults: &Faults,
    ) -> Self {
        let mut rng = Rng::from_system();
        let id = format!("{:016X}", rng.next_u64());
        let number = shared.journal().open(&id, peer);
        Self {
            id,
            number,
            tracks: Vec::new(),
            playing: None,
            described,
            switched: false,
            ssrc_changes: faults.ssrc_changes,
            rng,
            scratch: Vec::new(),
        }
    }

    /// Adds a track, or gives it another transport. Returns its SSRC.
    pub(crate) fn set_up(&mut self, shared: &Shared, media: usize, transport: Transport) -> u32 {
        let track = shared
            .config
            .clips
            .first()
            .and_then(|clip| clip.tracks.get(media));
        let stream = Stream {
            ssrc: self.rng.next_u32(),
            sequence: shared
                .config
                .first_sequence
                .unwrap_or_else(|| self.rng.next_u16()),
            payload_type: track.map_or(95, |track| track.codec.payload_type()),
            base: shared
                .config
                .first_timestamp
                .unwrap_or_else(|| self.rng.next_u32()),
            packets: 0,
            octets: 0,
        };
        let ssrc = stream.ssrc;
        self.tracks.retain(|track| track.media != media);
        self.tracks.push(SetUp {
            media,
            stream,
            transport,
        });
        if let Some(log) = shared.journal().session(self.number)
            && let Some(track) = log.tracks.get_mut(media)
        {
            track.set_up = true;
        }
        ssrc
    }

    pub(crate) const fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// Starts the clock. Returns false if there is nothing to play.
    pub(crate) fn play(&mut self, shared: &Shared, now: Instant, faults: &Faults) -> bool {
        let speed = shared.config.speed;
        let skip = match shared.config.start {
            crate::Start::Beginning => 0,
            crate::Start::Live => scaled(now.duration_since(shared.started), speed),
        };
        let Some(player) = Player::new(&shared.config.clips, faults.clip, skip) else {
            return false;
        };
        let Some(due) = player.peek() else {
            return false;
        };
        let started_wall = SystemTime::now();
        let first = due.at.min(0);
        self.playing = Some(Playing {
            lag: player.lag(),
            player,
            speed,
            started: now,
            started_wall,
            first,
            next_report: first,
        });
        self.switched = self.described != faults.clip;
        if let Some(log) = shared.journal().session(self.number) {
            log.started = Some(started_wall);
        }
        true
    }

    /// The RTP timestamp of session time zero of a track.
    pub(crate) fn first_timestamp(&self, track: &SetUp, shared: &Shared, faults: &Faults) -> u32 {
        track.stream.timestamp(offset(shared, track.media, faults))
    }

    /// Leaves out the media that fell due until `now`.
    pub(crate) fn skip(&mut self, now: Instant) {
        if let Some(playing) = &mut self.playing {
            let time = playing.time(now);
            playing.player.skip_to(time);
            playing.next_report = playing.next_report.max(time);
        }
    }

    /// Whether the client has reported over UDP since last asked.
    pub(crate) fn heard(&self) -> bool {
        let mut heard = false;
        for track in &self.tracks {
            if let Transport::Udp(udp) = &track.transport {
                heard |= udp.heard();
            }
        }
        heard
    }

    /// Sends what is due.
    pub(crate) fn tick(
        &mut self,
        shared: &Shared,
        now: Instant,
        faults: &Faults,
        out: &mut BytesMut,
    ) {
        if self.ssrc_changes != faults.ssrc_changes {
            self.ssrc_changes = faults.ssrc_changes;
            for track in &mut self.tracks {
                track.stream.ssrc = self.rng.next_u32();
                track.stream.sequence = self.rng.next_u16();
                track.stream.packets = 0;
                track.stream.octets = 0;
            }
        }
        let Some(mut playing) = self.playing.take() else {
            return;
        };
        for track in &mut self.tracks {
            track.transport.degrade(faults.udp, track.media);
        }
        playing.player.switch_to(faults.clip);
        let time = playing.time(now);
        if faults.stalled(now) {
            playing.player.skip_to(time);
        }
        let late = scaled(MAX_LATE, playing.speed);
        while let Some(due) = playing.player.peek() {
            if due.at > time || out.len() > shared.config.max_backlog {
                break;
            }
            if time - due.at > late {
                playing.player.skip_to(time);
                continue;
            }
            if !faults.stalls(due.track, now) {
                self.send(shared, &playing.player, due, faults, out);
            }
            playing.player.advance(due.track);
        }
        if let Some(interval) = shared.config.report_interval
            && playing.next_report <= time
        {
            self.report(shared, &playing, time, faults, out);
            let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
            playing.next_report = playing.next_report.saturating_add(interval).max(time);
        }
        self.playing = Some(playing);
    }

    fn send(
        &mut self,
        shared: &Shared,
        player: &Player,
        due: Due,
        faults: &Faults,
        out: &mut BytesMut,
    ) {
        let Some(track) = player.track(due.clip, due.track) else {
            return;
        };
        let Some(set_up) = self.tracks.iter_mut().find(|t| t.media == due.track) else {
            return;
        };
        let Some(sample) = bytes(track, due.unit.span, &mut self.scratch) else {
            shared.journal().damaged(due.track);
            return;
        };
        self.switched |= due.clip != self.described;
        let in_band = match shared.config.in_band {
            _ if !due.unit.sync => InBand::Never,
            InBand::Never if self.switched => InBand::Single,
            configured => configured,
        };
        let ticks = due
            .presentation
            .saturating_add(offset(shared, due.track, faults));
        let timestamp = set_up.stream.timestamp(ticks);
        let sequence = set_up.stream.sequence;
        let mut outlet = Outlet {
            transport: &mut set_up.transport,
            stream: &mut set_up.stream,
            out,
            timestamp,
            packets: 0,
            octets: 0,
            lost: 0,
        };
        let sound = packetize(&track.codec, sample, in_band, MAX_PAYLOAD, &mut outlet);
        let (packets, octets, lost) = (outlet.packets, outlet.octets, outlet.lost);
        let mut journal = shared.journal();
        if !sound {
            journal.damaged(due.track);
        }
        if packets > 0 {
            let sent = Sent {
                clip: due.clip,
                sample: due.index,
                timestamp,
                sequence,
                packets,
                lost,
            };
            journal.sent(self.number, due.track, sent, octets);
        }
    }

    fn report(
        &mut self,
        shared: &Shared,
        playing: &Playing,
        time: i64,
        faults: &Faults,
        out: &mut BytesMut,
    ) {
        let since_start = Duration::from_nanos(u64::try_from(time - playing.first).unwrap_or(0));
        let ntp = rtcp::ntp(playing.started_wall + since_start);
        for track in &mut self.tracks {
            let Some(rate) = clock_rate(shared, track.media) else {
                continue;
            };
            let now = ticks(time.saturating_add(playing.lag), rate);
            let timestamp =
                track
                    .stream
                    .timestamp(now.saturating_add(offset(shared, track.media, faults)));
            let packet = rtcp::sender_report(&track.stream, ntp, timestamp);
            track.transport.report(&packet, out);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn deadline(&self, shared: &Shared) -> Option<Instant> {
        let playing = self.playing.as_ref()?;
        let mut next = playing.player.peek().map_or(i64::MAX, |due| due.at);
        if shared.config.report_interval.is_some() {
            next = next.min(playing.next_report);
        }
        let wait = u64::try_from(next.saturating_sub(playing.first)).unwrap_or(0);
        let wait = Duration::from_nanos(wait).div_f64(playing.speed);
        playing.started.checked_add(wait)
    }

    pub(crate) fn end(&mut self, shared: &Shared) {
        if let Some(log) = shared.journal().session(self.number) {
            log.ended = true;
        }
    }
}

impl Playing {
    /// Session time at `now`, in nanoseconds.
    fn time(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.started);
        scaled(elapsed, self.speed).saturating_add(self.first)
    }
}

/// Media time that passes in `real` time, in nanoseconds.
fn scaled(real: Duration, speed: f64) -> i64 {
    let media = Duration::try_from_secs_f64(real.as_secs_f64() * speed);
    i64::try_from(media.unwrap_or(Duration::MAX).as_nanos()).unwrap_or(i64::MAX)
}

fn clock_rate(shared: &Shared, media: usize) -> Option<u32> {
    let track = shared.config.clips.first()?.tracks.get(media)?;
    Some(track.codec.clock_rate())
}

/// The scripted jumps of the RTP clock, in ticks of a track.
fn offset(shared: &Shared, media: usize, faults: &Faults) -> i64 {
    clock_rate(shared, media).map_or(0, |rate| rescale(faults.clock_offset, 1000, rate))
}

impl Player {
    /// Longest time from decoding to presentation, in nanoseconds.
    fn lag(&self) -> i64 {
        let lag = |track: &crate::clip::Track| {
            let longest = track.units.iter().map(|unit| unit.composition).max();
            nanoseconds(longest.unwrap_or(0).max(0), track.codec.clock_rate())
        };
        self.tracks().map(lag).max().unwrap_or(0)
    }
}
