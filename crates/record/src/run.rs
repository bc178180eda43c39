//! Recording, from options to outcome: a thread for each camera, one for what
//! earlier runs left.

use crate::durable::SyncPolicy;
use crate::leftovers;
use crate::names::Namer;
use crate::outcome::{CameraRecording, Event, Recording};
use crate::profile;
use crate::retention::Keep;
use crate::rtsp::RtspConnector;
use crate::session::{self, Plan};
use crate::stop::StopHandle;
use crate::url::CameraUrl;
use crate::writer::{Files, Output, Tell, Writer};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// What to record.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cameras; their names differ.
    pub cameras: Vec<CameraOptions>,
    /// Whether to finish, at the start, the segments that an earlier run left
    /// open in the output folders.
    pub finish_leftovers: bool,
}

/// How to record a camera. Start from [`CameraOptions::new`].
#[derive(Clone, Debug)]
pub struct CameraOptions {
    /// What the user calls it.
    pub name: String,
    /// Where it is, and its credentials.
    pub url: CameraUrl,
    /// Where segments go.
    pub output: Output,
    /// A segment ends at the first keyframe at or after this.
    pub segment: Duration,
    /// `strftime` pattern of names in a folder.
    pub pattern: String,
    /// Whether names are by UTC, not local time.
    pub utc: bool,
    /// When what was written is made to last.
    pub sync: SyncPolicy,
    /// How long media may stay away before the connection is given up.
    pub stall: Duration,
    /// How much of it is kept, in a folder.
    pub keep: Keep,
}

/// The least that recordings can be limited to, bytes.
const LEAST: u64 = 1_000_000;

impl CameraOptions {
    /// Segment length that is used where none is given.
    pub const SEGMENT: Duration = Duration::from_secs(15 * 60);
    /// Time without media that is put up with where none is given.
    pub const STALL: Duration = Duration::from_secs(10);

    /// A camera with the usual ways.
    #[must_use]
    pub fn new(name: &str, url: CameraUrl, output: Output) -> Self {
        Self {
            name: name.to_owned(),
            url,
            output,
            segment: Self::SEGMENT,
            pattern: crate::names::DEFAULT_PATTERN.to_owned(),
            utc: false,
            sync: SyncPolicy::default(),
            stall: Self::STALL,
            keep: Keep::default(),
        }
    }

    /// Whether both write into one folder under names that are the same on disk.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        match (&self.output, &other.output) {
            (Output::Folder(a), Output::Folder(b)) => {
                a == b && profile::path(a, &self.name) == profile::path(b, &other.name)
            }
            _ => false,
        }
    }

    fn usage(&self, why: &str) -> Result<()> {
        Err(Error::Usage(format!("{}: {why}", self.name)))
    }

    pub(crate) fn check_segment(&self) -> Result<()> {
        if self.segment < Duration::from_secs(1) {
            return self.usage("a segment must be at least a second long");
        }
        if self.segment > Duration::from_secs(7 * 86_400) {
            return self.usage("a segment must not be longer than a week");
        }
        Ok(())
    }

    pub(crate) fn check_stall(&self) -> Result<()> {
        if self.stall < Duration::from_secs(1) {
            return self.usage("a stall must be at least a second long");
        }
        Ok(())
    }

    pub(crate) fn check_keep(&self) -> Result<()> {
        if matches!(self.output, Output::File { .. }) && self.keep.is_limited() {
            return self.usage("what is kept can be limited in a folder only, not in one file");
        }
        if self.keep.size.is_some_and(|size| size < LEAST) {
            return self
                .usage("less than 1MB holds no recording: nothing but the newest would stay");
        }
        if let (Some(free), Output::Folder(folder)) = (self.keep.free, &self.output)
            && let Some(all) = tapo_io::disk_size(folder)
            && free >= all
        {
            let why = format!("{free} bytes cannot be kept free of a disk that has {all}");
            return self.usage(&why);
        }
        Ok(())
    }

    fn check(&self) -> Result<Namer> {
        if self.name.trim().is_empty() {
            return Err(Error::Usage("a camera needs a name".to_owned()));
        }
        self.check_segment()?;
        self.check_stall()?;
        self.check_keep()?;
        if let Output::File { path, replace } = &self.output
            && path.symlink_metadata().is_ok()
        {
            if !replace {
                return Err(tapo_io::Error::Exists { path: path.clone() }.into());
            }
            tapo_io::may_replace(path)?;
        }
        Namer::new(&self.pattern, self.utc)
    }
}

/// Records until `stop` is used. `events` is called from several threads, and
/// should be quick.
///
/// # Errors
/// [`Error::Usage`] for options that make no sense. If a camera cannot be
/// recorded at all (wrong password, no such stream, no file can be made) the
/// others go on; with none left, its error is returned.
pub fn record(
    options: &Options,
    events: impl Fn(Event) + Send + Sync + 'static,
    stop: &StopHandle,
) -> Result<Recording> {
    let mut names = BTreeSet::new();
    let mut folders = BTreeSet::new();
    let mut threads = Vec::new();
    if options.cameras.is_empty() {
        return Err(Error::Usage("there is no camera to record".to_owned()));
    }
    let checked: Result<Vec<Namer>> = options.cameras.iter().map(CameraOptions::check).collect();
    for camera in &options.cameras {
        if !names.insert(camera.name.as_str()) {
            let why = format!("two cameras are called {:?}", camera.name);
            return Err(Error::Usage(why));
        }
        if let Output::Folder(folder) = &camera.output {
            folders.insert(folder.clone());
        }
    }
    let tell: Tell = Arc::new(events);
    for (camera, namer) in options.cameras.iter().zip(checked?) {
        let (camera, tell, stop) = (camera.clone(), Arc::clone(&tell), stop.clone());
        let thread = std::thread::Builder::new().name(format!("camera {}", camera.name));
        let several = options.cameras.len() > 1;
        let thread = thread.spawn(move || {
            let recorded = one(&camera, namer, Arc::clone(&tell), stop);
            // The others may go on for months.
            if let (true, Err(error)) = (several, &recorded) {
                let text = format!("it is not recorded: {error}");
                let camera = camera.name;
                tell(Event::Notice { camera, text });
            }
            recorded
        });
        threads.push(thread.map_err(Error::System)?);
    }
    let leftovers = if options.finish_leftovers {
        let (tell, stop) = (Arc::clone(&tell), stop.clone());
        let thread = std::thread::Builder::new().name("leftovers".to_owned());
        let finish = move || finish_leftovers(folders, &tell, &stop);
        Some(thread.spawn(finish).map_err(Error::System)?)
    } else {
        None
    };
    let mut recording = Recording::default();
    let mut failed = None;
    for thread in threads {
        match joined(thread) {
            Ok(camera) => recording.cameras.push(camera),
            Err(error) => {
                tracing::debug!(%error, "a camera is not recorded");
                failed.get_or_insert(error);
            }
        }
    }
    if let Some(Ok(leftovers)) = leftovers.map(JoinHandle::join) {
        recording.leftovers = leftovers;
    }
    match failed {
        Some(error) if recording.cameras.is_empty() => Err(error),
        _ => Ok(recording),
    }
}

fn joined(thread: JoinHandle<Result<CameraRecording>>) -> Result<CameraRecording> {
    let panicked = |_| std::io::Error::other("a thread of the recorder failed");
    thread.join().map_err(|e| Error::System(panicked(e)))?
}

/// Records one camera in this thread.
fn one(
    camera: &CameraOptions,
    namer: Namer,
    tell: Tell,
    stop: StopHandle,
) -> Result<CameraRecording> {
    let (segment, profiles) = match &camera.output {
        Output::Folder(folder) => (Some(camera.segment), Some(folder.clone())),
        Output::File { .. } => (None, None),
    };
    let output = camera.output.clone();
    let files = Files::new(&camera.name, output, namer, camera.sync, Arc::clone(&tell));
    let files = files.keeping(camera.keep);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(Error::System)?;
    let writer = Writer::start(files)?;
    let connector = RtspConnector {
        url: camera.url.clone(),
        stall: camera.stall,
    };
    let plan = Plan {
        camera: camera.name.clone(),
        url: camera.url.to_string(),
        has_password: camera.url.credentials().is_some(),
        segment,
        profiles,
        tell,
        stop,
    };
    let recorded = runtime.block_on(session::run(&plan, &connector, writer));
    // A goodbye that hangs is not waited for.
    runtime.shutdown_background();
    recorded
}

fn finish_leftovers(
    folders: BTreeSet<PathBuf>,
    tell: &Tell,
    stop: &StopHandle,
) -> Vec<(PathBuf, std::result::Result<u64, String>)> {
    let mut finished = Vec::new();
    for path in folders.iter().flat_map(|f| leftovers::find(f)) {
        if stop.is_stopped() {
            break;
        }
        let Some(leftover) = leftovers::finish(path) else {
            continue;
        };
        let result = leftover.result.map(|f| f.samples);
        tell(Event::Leftover {
            path: leftover.path.clone(),
            result: result.clone(),
        });
        finished.push((leftover.path, result));
    }
    finished
}
