//! One camera: connects, records, connects again.

use crate::lane::Missing;
use crate::outcome::{CameraRecording, Event, Progress, State};
use crate::profile;
use crate::relief::Relief;
use crate::retry::{Retry, jittered};
use crate::rule::Rule;
use crate::segmenter::{Command, Segmenter, Settings};
use crate::source::{Connector, PacketSource, SourceError, SourceEvent, StreamInfo};
use crate::stamps::{Stamper, Timing};
use crate::stop::StopHandle;
use crate::timeline::{Basis, Placed, Timeline};
use crate::writer::{Job, Tell, Writer};
use crate::{Error, Result};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A camera that sends media for this long, and no picture to begin with, is
/// told of.
const KEYFRAME: Duration = Duration::from_secs(20);
/// Notices that are kept for the summary; all are told when they come.
const NOTICES: usize = 64;
/// How long the disk may take to close the last file.
const CLOSING: Duration = Duration::from_secs(10);

/// What does not change from connection to connection.
pub(crate) struct Plan {
    pub(crate) camera: String,
    /// The address as it may be shown, and whether there is a password.
    pub(crate) url: String,
    pub(crate) has_password: bool,
    /// Whether no other camera is recorded: then a refusal at the start ends it.
    pub(crate) alone: bool,
    pub(crate) segment: Option<Rule>,
    pub(crate) profiles: Option<PathBuf>,
    pub(crate) timing: Timing,
    pub(crate) tell: Tell,
    pub(crate) stop: StopHandle,
    /// When the last picture came that was recorded before, with other options.
    pub(crate) after: Option<Instant>,
}

/// Records one camera until it is stopped; also says when the last picture came that is
/// recorded.
pub(crate) async fn run<C: Connector>(
    plan: &Plan,
    connector: &C,
    writer: Writer,
) -> Result<(CameraRecording, Option<Instant>)> {
    let mut camera = Camera {
        plan,
        writer,
        progress: Progress::default(),
        relief: Relief::default(),
        told: (Instant::now(), 0),
        profile: Vec::new(),
        number: 0,
        newest: plan.after,
        stamper: None,
        cuts: plan.stop.cuts(),
        hung: false,
        recording: CameraRecording {
            camera: plan.camera.clone(),
            ..CameraRecording::default()
        },
    };
    let fatal = camera.connections(connector).await;
    let shared = Arc::clone(&camera.writer.shared);
    let standing = Arc::clone(&camera.writer.standing);
    let (mut recording, newest) = (camera.recording, camera.newest);
    let patience = if camera.hung { Duration::ZERO } else { CLOSING };
    match camera.writer.finish(patience).await {
        Some(written) => {
            recording.segments = written.newest.into();
            recording.earlier = written.earlier;
        }
        None => recording.notices.push(
            "the disk did not answer in time: the last file is not finalized, \
             the next start does it"
                .to_owned(),
        ),
    }
    let lost = shared.lost.lock();
    recording.problem = lost.unwrap_or_else(PoisonError::into_inner).take();
    recording.lost_packets = recording.earlier.lost_packets;
    for segment in &recording.segments {
        recording.lost_packets += segment.summary.lost_packets;
    }
    standing.enter(State::Stopped, 0);
    fatal?;
    let mut fatal = shared.fatal.lock().unwrap_or_else(PoisonError::into_inner);
    fatal.take().map_or(Ok((recording, newest)), Err)
}

struct Camera<'a> {
    plan: &'a Plan,
    writer: Writer,
    progress: Progress,
    relief: Relief,
    /// When progress was told, and bytes then.
    told: (Instant, u64),
    profile: Vec<u8>,
    number: u32,
    stamper: Option<Stamper>,
    /// How often new files were asked for.
    cuts: u32,
    /// When the last picture came that was recorded.
    newest: Option<Instant>,
    /// The disk takes nothing any more.
    hung: bool,
    recording: CameraRecording,
}

/// Why a connection is over.
enum Over {
    Stopped,
    Fatal,
    Failed(SourceError),
}

impl Plan {
    /// The error that ends recording if the very first attempt meets it.
    fn first_failure(&self, error: &SourceError) -> Option<Error> {
        let camera = self.camera.clone();
        match error {
            SourceError::Unauthorized => Some(Error::Unauthorized {
                camera,
                given: self.has_password,
            }),
            SourceError::NotFound => Some(Error::NoSuchStream {
                camera,
                url: self.url.clone(),
            }),
            SourceError::Unsupported(offered) => Some(Error::Unsupported {
                camera,
                offered: offered.clone(),
            }),
            _ => None,
        }
    }
}

impl Camera<'_> {
    fn state(&self, state: State) {
        self.writer.standing.enter(state, self.number);
    }

    async fn connections<C: Connector>(&mut self, connector: &C) -> Result<()> {
        let plan = self.plan;
        let mut retry = Retry::default();
        let mut stalled: Option<C::Source> = None;
        let mut first = true;
        while !plan.stop.is_stopped() {
            self.state(State::Connecting);
            let attempt = tokio::select! {
                biased;
                () = plan.stop.stopped() => None,
                () = resumed(&mut stalled) => stalled.take().map(Ok),
                attempt = connector.connect() => {
                    self.recording.connections += u32::from(attempt.is_ok());
                    Some(attempt)
                }
            };
            let Some(attempt) = attempt else {
                break;
            };
            let reason = match attempt {
                Ok(mut source) => {
                    if let Some(source) = stalled.take() {
                        source.close().await;
                    }
                    let since = Instant::now();
                    self.state(State::Connected);
                    let over = self.connection(&mut source).await;
                    retry.ended(since, Instant::now());
                    match over {
                        // It stands: media may come back before another one is made.
                        Over::Failed(error @ SourceError::Stalled(_)) => {
                            stalled = Some(source);
                            error
                        }
                        Over::Failed(error) => {
                            source.close().await;
                            error
                        }
                        Over::Stopped | Over::Fatal => {
                            source.close().await;
                            return Ok(());
                        }
                    }
                }
                Err(error) => {
                    // Some cameras have room for one session only.
                    if let Some(source) = stalled.take() {
                        source.close().await;
                    }
                    let is_first = std::mem::take(&mut first);
                    if self.recording.connections == 0
                        && let Some(fatal) = plan.first_failure(&error)
                    {
                        // Later it may be a camera that starts.
                        if plan.alone && is_first {
                            return Err(fatal);
                        }
                        self.notice(format!("it is not recorded: {fatal}"));
                    }
                    error
                }
            };
            let failure = Some(reason.to_string());
            if self.recording.last_failure == failure {
                tracing::debug!(camera = %plan.camera, %reason, "no connection");
            } else {
                tracing::info!(camera = %plan.camera, %reason, "no connection");
            }
            self.recording.last_failure = failure;
            let retry_in = jittered(retry.wait(&reason, Instant::now()));
            self.state(State::Waiting {
                reason: reason.to_string(),
                retry_in,
            });
            tokio::select! {
                biased;
                () = plan.stop.stopped() => {}
                () = resumed(&mut stalled) => {}
                () = tokio::time::sleep(retry_in) => {}
            }
        }
        if let Some(source) = stalled {
            source.close().await;
        }
        Ok(())
    }

    /// One connection, from its first packet to its last.
    async fn connection<S: PacketSource>(&mut self, source: &mut S) -> Over {
        let info = source.info().clone();
        for left_out in &info.left_out {
            self.notice(format!("left out: {left_out}"));
        }
        let settings = Settings {
            segment: self.plan.segment.clone(),
            fragment: Duration::from_secs(1),
            camera: self.plan.camera.clone(),
            session: session_id(&self.plan.camera),
            sdp_sha256: info.sdp_sha256,
            after: self.newest.map(|newest| newest.elapsed()),
        };
        let mut timeline = Timeline::of(&info.tracks);
        let mut segmenter = Segmenter::new(settings, &info.tracks, self.number);
        let lead = info.lead();
        let timing = self.plan.timing;
        let codec = info.tracks.get(lead).map(|t| t.codec);
        self.stamper = codec.and_then(|codec| Stamper::new(timing, lead, codec));
        if self.stamper.is_none() && timing != Timing::default() {
            let none = "there is no room for times within what it sends: they stand beside it only";
            self.notice(none.to_owned());
        }
        let mut aligned = None;
        let (since, before) = (Instant::now(), self.number);
        // Waited for once, not anew with each packet.
        let (stop, shared) = (self.plan.stop.clone(), Arc::clone(&self.writer.shared));
        let (mut stopped, mut failed) = (pin!(stop.stopped()), pin!(shared.failed.notified()));
        let over = loop {
            let event = tokio::select! {
                biased;
                () = &mut stopped => break Over::Stopped,
                () = &mut failed => break Over::Fatal,
                event = source.next() => event,
            };
            match event {
                Ok(SourceEvent::AccessUnit(unit)) => {
                    let (queue, now) = (self.writer.queue(), Instant::now());
                    if self.relief.admits(&unit, unit.track == lead, queue, now) {
                        if unit.track == lead && segmenter.number() > before {
                            self.newest = Some(now);
                        }
                        timeline.push(unit);
                    }
                    self.tell_relief(false);
                    self.writer.look();
                }
                Ok(SourceEvent::Parameters { track, description }) => {
                    // What was held back is described by what was before.
                    if segmenter.descriptions().nth(track).flatten().is_some() {
                        timeline.finish();
                        self.place(&mut timeline, &mut segmenter);
                    }
                    segmenter.describe(track, description);
                }
                Ok(SourceEvent::SenderReport {
                    track,
                    ntp,
                    rtp,
                    received,
                }) => {
                    if let Some(stamper) = &mut self.stamper {
                        stamper.sender_report(track, received, ntp, rtp);
                    }
                    timeline.sender_report(track, ntp, rtp);
                }
                Ok(SourceEvent::Silent { track }) => {
                    segmenter.silent(track);
                    self.notice(
                        "the camera sends no sound any more; pictures go on without it \
                         until it comes back"
                            .to_owned(),
                    );
                }
                Ok(SourceEvent::End) => {
                    let ended = "the camera ended the stream".to_owned();
                    break Over::Failed(SourceError::Connection(ended));
                }
                Err(error) => break Over::Failed(error),
            }
            if aligned.is_none() && info.tracks.len() > 1 {
                aligned = timeline.basis();
                if aligned == Some(Basis::Arrival) {
                    self.notice(
                        "the camera does not say how sound and picture belong together; \
                         they are aligned by their arrival"
                            .to_owned(),
                    );
                }
            }
            self.place(&mut timeline, &mut segmenter);
            self.write(&info, &mut segmenter).await;
            if segmenter.number() == before && since.elapsed() >= KEYFRAME {
                self.notice(format!(
                    "the camera sends media, but no keyframe for {} s: nothing is recorded \
                     until one comes",
                    KEYFRAME.as_secs()
                ));
            }
        };
        timeline.finish();
        self.place(&mut timeline, &mut segmenter);
        segmenter.finish();
        self.write(&info, &mut segmenter).await;
        self.number = segmenter.number();
        self.tell_relief(true);
        let Missing { undecodable, gaps } = segmenter.missing();
        self.recording.gaps += gaps;
        if undecodable > 0 {
            self.notice(format!(
                "{undecodable} pictures after gaps could not be kept: no keyframe came before them"
            ));
        }
        if segmenter.late() > 0 {
            self.notice(format!(
                "{} samples of sound came more than 2 s too late for their file",
                segmenter.late()
            ));
        }
        over
    }

    /// Tells how long nothing was recorded.
    fn tell_gap(&self, missing: Duration) {
        if !missing.is_zero() {
            let camera = self.plan.camera.clone();
            tracing::warn!(%camera, seconds = missing.as_secs_f64(), "a gap");
            (self.plan.tell)(Event::Gap { camera, missing });
        }
    }

    /// Tells what a disk that is too slow costs.
    fn tell_relief(&mut self, end: bool) {
        self.progress.dropped = self.relief.dropped();
        let Some(relieved) = self.relief.tells(Instant::now(), end) else {
            return;
        };
        (self.plan.tell)(Event::Notice {
            camera: self.plan.camera.clone(),
            text: relieved.to_string(),
        });
        let mut lost = self.writer.shared.lost.lock();
        if let Ok(lost) = lost.as_deref_mut() {
            lost.get_or_insert_with(|| "the disk was too slow".to_owned());
        }
    }

    fn place(&mut self, timeline: &mut Timeline, segmenter: &mut Segmenter) {
        while let Some(mut placed) = timeline.pop() {
            if let (Placed::Unit(timed), Some(stamper)) = (&mut placed, &mut self.stamper) {
                stamper.stamp(timed);
            }
            segmenter.push(placed);
        }
        if self.writer.shared.cut.swap(false, Ordering::Relaxed) {
            segmenter.cut();
        }
        let cuts = self.plan.stop.cuts();
        if std::mem::replace(&mut self.cuts, cuts) != cuts {
            segmenter.event();
        }
    }

    /// Hands over what the segmenter has to write.
    async fn write(&mut self, info: &StreamInfo, segmenter: &mut Segmenter) {
        while let Some(command) = segmenter.pop() {
            match &command {
                Command::Open(head) => {
                    self.tell_gap(head.missing);
                    self.progress.bytes += head.bytes.len() as u64;
                }
                Command::Fragment(fragment) => {
                    self.progress.bytes += fragment.bytes.len() as u64;
                    self.progress.frames += u64::from(fragment.frames);
                    self.progress.lost_packets += u64::from(fragment.lost);
                    self.progress.recorded += fragment.duration;
                }
                Command::Close(_) => {}
            }
            let is_open = matches!(command, Command::Open(_));
            let is_fragment = matches!(command, Command::Fragment(_));
            self.hand_over(Job::Command(command)).await;
            if is_open {
                self.keep_profile(info, segmenter).await;
            }
            if is_fragment {
                self.tell_progress();
            }
        }
    }

    /// Waits for a slow disk; but not for ever, once the end was asked for.
    async fn hand_over(&mut self, job: Job) {
        if self.hung {
            return;
        }
        let stop = &self.plan.stop;
        tokio::select! {
            biased;
            () = self.writer.send(job) => {}
            () = async { stop.stopped().await; tokio::time::sleep(CLOSING).await } => {
                self.hung = true;
            }
        }
    }

    fn tell_progress(&mut self) {
        let (at, bytes) = self.told;
        let passed = at.elapsed();
        if passed < Duration::from_millis(900) {
            return;
        }
        let missed = &self.writer.shared.missed;
        let missed = *missed.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.progress.bytes.saturating_sub(missed.bytes);
        let bits = written.saturating_sub(bytes) * 8;
        let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
        self.told = (Instant::now(), written);
        let file = &self.writer.shared.file;
        let file = file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.progress.bit_rate = bits.saturating_mul(1000) / millis;
        self.progress.file = file;
        let handed = self.progress.clone();
        (self.plan.tell)(Event::Progress {
            camera: self.plan.camera.clone(),
            progress: Progress {
                recorded: handed.recorded.saturating_sub(missed.duration),
                missed: missed.duration,
                bytes: written,
                frames: handed.frames.saturating_sub(missed.frames),
                ..handed
            },
        });
    }

    /// Writes the camera's profile where it is new or changed.
    async fn keep_profile(&mut self, info: &StreamInfo, segmenter: &Segmenter) {
        let Some(folder) = &self.plan.profiles else {
            return;
        };
        let bytes = profile::encode(&self.plan.camera, info, segmenter.descriptions());
        let Some(bytes) = bytes.filter(|bytes| *bytes != self.profile) else {
            return;
        };
        self.profile.clone_from(&bytes);
        let path = profile::path(folder, &self.plan.camera);
        self.hand_over(Job::Profile { path, bytes }).await;
    }

    /// Says something once.
    fn notice(&mut self, text: String) {
        if self.recording.notices.contains(&text) {
            return;
        }
        (self.plan.tell)(Event::Notice {
            camera: self.plan.camera.clone(),
            text: text.clone(),
        });
        // Months may bring many.
        if self.recording.notices.len() < NOTICES {
            self.recording.notices.push(text);
        }
    }
}

/// Waits for media of a session that stands without it; for ever if there is none.
async fn resumed<S: PacketSource>(stalled: &mut Option<S>) {
    if let Some(source) = stalled
        && source.resume().await.is_ok()
    {
        return;
    }
    *stalled = None;
    std::future::pending::<()>().await;
}

/// A number that no other recording has: hashed from time, process and camera.
fn session_id(camera: &str) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let now = crate::source::WallClock::now().0.to_be_bytes();
    let digest = Sha256::new()
        .chain_update(now)
        .chain_update(std::process::id().to_be_bytes())
        .chain_update(camera)
        .finalize();
    digest.first_chunk().copied().unwrap_or_default()
}
