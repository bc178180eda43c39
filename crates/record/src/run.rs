//! Recording, from options to outcome: a thread for each camera, which begin and
//! end as the options say, and one for what earlier runs left.

use crate::attend::Attendance;
use crate::files::Files;
use crate::leftovers;
use crate::names::Namer;
use crate::options::{CameraOptions, Options};
use crate::outcome::{CameraRecording, Event, Recording};
use crate::retention::Everyone;
use crate::rtsp::RtspConnector;
use crate::service::Pulse;
use crate::session::{self, Plan};
use crate::stop::{Control, Order, StopHandle};
use crate::writer::{Tell, Ways, Wish, Writer};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

/// Records until `control` asks for the end. `events` is called from several
/// threads, and should be quick.
///
/// # Errors
/// [`Error::Usage`] for options that make no sense. If a camera cannot be
/// recorded at all (wrong password, no such stream, no file can be made) the
/// others go on; with none left, its error is returned.
pub fn record(
    options: &Options,
    events: impl Fn(Event) + Send + Sync + 'static,
    control: &Control,
) -> Result<Recording> {
    let namers = options.check()?;
    let inbox = control.inbox().ok_or_else(|| {
        Error::Usage("this control has steered another recording already".to_owned())
    })?;
    let mut attendance = Attendance::new(events);
    attendance.settle(options, &namers)?;
    let mut supervisor = Supervisor {
        tell: attendance.tell(),
        attendance,
        stop: control.stop_handle().clone(),
        orders: control.orders(),
        everyone: Arc::new(Everyone::default()),
        running: Vec::new(),
        begun: 0,
        ended: Vec::new(),
        failed: None,
        folders: BTreeSet::new(),
        leftovers: Vec::new(),
        several: false,
    };
    supervisor.begin_all(options, namers)?;
    let stop = supervisor.stop.clone();
    supervisor.attendance.watch(stop)?;
    supervisor.supervise(&inbox);
    supervisor.outcome()
}

/// A camera's thread.
struct Running {
    number: u64,
    options: CameraOptions,
    stop: StopHandle,
    thread: JoinHandle<Result<Left>>,
    /// What is recorded when it has ended, if that was asked for.
    next: Option<(CameraOptions, Namer)>,
    /// Whether it was asked to end.
    ending: bool,
    /// What its writer is asked for.
    wish: Wish,
}

/// What a camera's thread leaves: what it recorded, and when the last picture of it came.
type Left = (CameraRecording, Option<Instant>);

/// All cameras.
struct Supervisor {
    attendance: Attendance,
    tell: Tell,
    stop: StopHandle,
    orders: mpsc::Sender<Order>,
    everyone: Arc<Everyone>,
    running: Vec<Running>,
    begun: u64,
    ended: Vec<(u64, CameraRecording)>,
    failed: Option<Error>,
    /// Folders in which leftovers were looked for.
    folders: BTreeSet<PathBuf>,
    leftovers: Vec<JoinHandle<Leftovers>>,
    several: bool,
}

type Leftovers = Vec<(PathBuf, std::result::Result<u64, String>)>;

impl Supervisor {
    fn begin_all(&mut self, options: &Options, namers: Vec<Namer>) -> Result<()> {
        self.settle(options, &namers);
        for (camera, namer) in options.cameras.iter().zip(namers) {
            self.begin(camera.clone(), namer, None)?;
        }
        self.finish_leftovers(options)
    }

    /// What is about all cameras.
    fn settle(&mut self, options: &Options, namers: &[Namer]) {
        self.several = options.cameras.len() > 1 || options.reloadable;
        let cameras = options.cameras.iter().zip(namers);
        self.everyone.set(options.total, cameras);
    }

    /// Begins a camera; the last picture of it came `after` then, if it was recorded before.
    fn begin(
        &mut self,
        options: CameraOptions,
        namer: Namer,
        after: Option<Instant>,
    ) -> Result<()> {
        self.begun += 1;
        let number = self.begun;
        let stop = self.stop.part();
        let (camera, tell, ending) = (options.clone(), Arc::clone(&self.tell), stop.clone());
        let (everyone, several) = (Arc::clone(&self.everyone), self.several);
        if let Some(text) = camera.caution() {
            let camera = camera.name.clone();
            tell(Event::Notice { camera, text });
        }
        let orders = self.orders.clone();
        let pulse = self.attendance.pulses.begin();
        let wish = Wish::default();
        let heeded = Arc::clone(&wish);
        let thread = std::thread::Builder::new().name(format!("camera {}", camera.name));
        let thread = thread.spawn(move || {
            // Told also if this thread panics.
            let _ended = Ending(number, orders);
            let told = Arc::clone(&tell);
            let files = Files::new(
                &camera.name,
                camera.output.clone(),
                namer,
                camera.sync,
                told,
            );
            let files = files.keeping(camera.keep).among(everyone);
            let files = files.patient(several).heeding(heeded);
            let recorded = one(
                &camera,
                files,
                Arc::clone(&tell),
                ending,
                pulse,
                !several,
                after,
            );
            // The others may go on for months.
            if let (true, Err(error)) = (several, &recorded) {
                let text = format!("it is not recorded: {error}");
                let camera = camera.name;
                tell(Event::Notice { camera, text });
            }
            recorded
        });
        self.running.push(Running {
            number,
            options,
            stop,
            thread: thread.map_err(Error::System)?,
            next: None,
            ending: false,
            wish,
        });
        Ok(())
    }

    /// Waits for the end of all cameras, and does what is asked meanwhile.
    fn supervise(&mut self, inbox: &mpsc::Receiver<Order>) {
        while !self.running.is_empty() {
            match inbox.recv() {
                Ok(Order::Ended(number)) => self.ended(number),
                Ok(Order::Reload(options)) => self.reload(&options),
                // This end of it is ours: it stands.
                Err(mpsc::RecvError) => break,
            }
        }
    }

    fn ended(&mut self, number: u64) {
        let Some(at) = self.running.iter().position(|r| r.number == number) else {
            return;
        };
        let Running { thread, next, .. } = self.running.remove(at);
        let mut after = None;
        match joined(thread) {
            Ok((camera, newest)) => {
                after = newest;
                self.ended.push((number, camera));
            }
            Err(error) => {
                tracing::debug!(%error, "a camera is not recorded");
                self.failed.get_or_insert(error);
            }
        }
        match next {
            Some((options, namer)) if !self.stop.is_stopped() => {
                self.begin_later(options, namer, after);
            }
            _ => {}
        }
    }

    /// As [`begin`](Self::begin), while others are recorded: they go on if it fails.
    fn begin_later(&mut self, options: CameraOptions, namer: Namer, after: Option<Instant>) {
        let camera = options.name.clone();
        if let Err(error) = self.begin(options, namer, after) {
            let text = format!("it is not recorded: {error}");
            (self.tell)(Event::Notice { camera, text });
            self.failed.get_or_insert(error);
        }
    }

    /// Goes over to other options, if they make sense.
    fn reload(&mut self, options: &Options) {
        if self.stop.is_stopped() {
            return;
        }
        let settled = options.check().and_then(|namers| {
            self.attendance.settle(options, &namers)?;
            Ok(namers)
        });
        let namers = match settled {
            Ok(namers) => namers,
            Err(error) => {
                let result = Err(error.to_string());
                (self.tell)(Event::Reloaded { result });
                return;
            }
        };
        self.settle(options, &namers);
        let mut done = Changes::default();
        for running in &mut self.running {
            let kept = |o: &&CameraOptions| o.name == running.options.name;
            let new = options.cameras.iter().find(kept);
            if running.ending || new.is_none_or(|new| !running.options.goes_on_with(new)) {
                running.next = None;
                running.ending = true;
                running.stop.stop();
            }
            if new.is_none() {
                done.ended.push(running.options.name.clone());
            }
        }
        for (camera, namer) in options.cameras.iter().zip(namers) {
            let name = camera.name.clone();
            let same = |r: &&mut Running| r.options.name == name;
            match self.running.iter_mut().find(same) {
                Some(running) if running.ending => {
                    running.next = Some((camera.clone(), namer));
                    done.changed.push(name);
                }
                Some(running) if running.options != *camera => {
                    let (sync, keep) = (camera.sync, camera.keep);
                    let mut wish = running.wish.lock().unwrap_or_else(PoisonError::into_inner);
                    *wish = Some(Ways { namer, sync, keep });
                    running.options = camera.clone();
                    done.adjusted.push(name);
                }
                Some(_) => done.unchanged.push(name),
                None => {
                    self.begin_later(camera.clone(), namer, None);
                    done.begun.push(name);
                }
            }
        }
        (self.tell)(Event::Reloaded { result: Ok(done) });
        if let Err(error) = self.finish_leftovers(options) {
            tracing::warn!(%error, "what an earlier run left is not finished");
        }
    }

    /// Finishes what earlier runs left in folders that were not looked into yet.
    fn finish_leftovers(&mut self, options: &Options) -> Result<()> {
        let folders = options.cameras.iter().filter_map(|c| c.output.folder());
        let mut folders: BTreeSet<PathBuf> = folders.map(Path::to_owned).collect();
        folders.retain(|folder| !self.folders.contains(folder));
        if !options.finish_leftovers || folders.is_empty() {
            return Ok(());
        }
        self.folders.extend(folders.iter().cloned());
        let (tell, stop) = (Arc::clone(&self.tell), self.stop.clone());
        let thread = std::thread::Builder::new().name("leftovers".to_owned());
        let finish = move || finish_leftovers(folders, &tell, &stop);
        self.leftovers
            .push(thread.spawn(finish).map_err(Error::System)?);
        Ok(())
    }

    fn outcome(mut self) -> Result<Recording> {
        let leftovers = self.leftovers.into_iter().map(JoinHandle::join);
        let leftovers = leftovers.filter_map(std::result::Result::ok).flatten();
        let leftovers = leftovers.collect();
        // What was finished last is told of, too.
        self.attendance.finish();
        self.ended.sort_by_key(|(number, _)| *number);
        let recording = Recording {
            cameras: self.ended.into_iter().map(|(_, camera)| camera).collect(),
            leftovers,
            failed: self.failed.is_some(),
        };
        match self.failed {
            Some(error) if recording.cameras.is_empty() => Err(error),
            _ => Ok(recording),
        }
    }
}

/// What became of the cameras when the options changed: their names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// New ones.
    pub begun: Vec<String>,
    /// Those that begin again, with other options.
    pub changed: Vec<String>,
    /// Those that go on without a gap, by other rules for their files.
    pub adjusted: Vec<String>,
    /// Those that are not recorded any more.
    pub ended: Vec<String>,
    /// Those that go on as they did.
    pub unchanged: Vec<String>,
}

/// Tells the end of a camera's thread, whatever ended it.
struct Ending(u64, mpsc::Sender<Order>);

impl Drop for Ending {
    fn drop(&mut self) {
        // Nobody waits for it if the supervisor failed.
        let _ = self.1.send(Order::Ended(self.0));
    }
}

fn joined(thread: JoinHandle<Result<Left>>) -> Result<Left> {
    let panicked = |_| std::io::Error::other("a thread of the recorder failed");
    thread.join().map_err(|e| Error::System(panicked(e)))?
}

/// Records one camera in this thread.
fn one(
    camera: &CameraOptions,
    files: Files,
    tell: Tell,
    stop: StopHandle,
    pulse: Pulse,
    alone: bool,
    after: Option<Instant>,
) -> Result<Left> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(Error::System)?;
    let writer = Writer::start(files, camera.queue)?;
    let connector = RtspConnector {
        url: camera.url.clone(),
        stall: camera.stall,
        audio: camera.audio,
        transport: camera.transport,
        trust: camera.trust.clone(),
    };
    let plan = Plan {
        camera: camera.name.clone(),
        url: camera.url.to_string(),
        has_password: camera.url.credentials().is_some(),
        segment: camera.rule(),
        profiles: camera.output.folder().map(Path::to_owned),
        timing: camera.timing,
        tell,
        stop,
        alone,
        after,
    };
    let recorded = runtime.block_on(async {
        let recorded = session::run(&plan, &connector, writer);
        tokio::select! {
            recorded = recorded => recorded,
            never = pulse.beat() => match never {},
        }
    });
    // A goodbye that hangs is not waited for.
    runtime.shutdown_background();
    recorded
}

fn finish_leftovers(folders: BTreeSet<PathBuf>, tell: &Tell, stop: &StopHandle) -> Leftovers {
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
