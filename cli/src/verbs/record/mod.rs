//! `tapo record`.

mod view;

use crate::args::RecordArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::signals;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tapo_camera::{Camera, CameraConfig, Clip};
use tapo_record::url::read_password_file;
use tapo_record::{
    CameraOptions, CameraRecording, CameraUrl, Credentials, Error, Event, Keep, Options, Output,
    Recording, StopHandle, config,
};
use view::View;

/// The clip that `--demo` serves.
const DEMO: &[u8] = include_bytes!("../../../../testdata/demo.mp4");

/// What `tapo record` says when it is not told what to record.
const WAYS: &str = "\
There are three ways to start:
  tapo record --demo                 record a camera that runs on this machine, to see it work
  tapo record rtsp://HOST/PATH       record one camera
  tapo record --config FILE          record the cameras of a configuration file
`tapo record --help` tells the rest.";

/// What ends the wait for events.
enum Message {
    Event(Event),
    Done(Result<Recording, Error>),
}

pub(crate) fn run(args: &RecordArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    // A demo camera lives until the recording has ended.
    let (cameras, demo) = match cameras(args, printer)? {
        Ok(cameras) => cameras,
        Err(exit) => return Ok(exit),
    };
    if args.check_config {
        view::cameras(&cameras, args.json, printer)?;
        return Ok(Exit::Fine);
    }
    let wanted = cameras.len();
    let options = Options {
        cameras,
        finish_leftovers: true,
    };
    let stop = StopHandle::new();
    let asked = stop.clone();
    signals::on_end(move || asked.stop())?;
    let (sender, messages) = mpsc::channel();
    let recorder = {
        let (events, stop) = (sender.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("record".into());
        thread.spawn(move || {
            // Whoever listens may be gone: then nobody wants to know.
            let tell = move |event| drop(events.send(Message::Event(event)));
            let done = tapo_record::record(&options, tell, &stop);
            let _ = sender.send(Message::Done(done));
        })?
    };
    let mut view = View::new(args.json, printer);
    let done = watch(&messages, args.duration, &stop, &mut view, printer);
    let _ = recorder.join();
    drop(demo);
    view.end();
    match done? {
        Ok(recording) => {
            let exit = exit(&recording, wanted);
            // Nobody may be left to read it: what was recorded counts.
            if let Err(error) = view.summary(&recording, printer)
                && error.kind() != std::io::ErrorKind::BrokenPipe
            {
                return Err(error.into());
            }
            for camera in recording.cameras.iter().filter(|c| c.segments.is_empty()) {
                printer.error(&nothing(camera));
            }
            Ok(exit)
        }
        Err(error) => {
            let exit = code(&error);
            let exists = matches!(error, Error::Io(tapo_io::Error::Exists { .. }));
            printer.error(&error.into());
            if exists {
                printer.say("--force replaces it");
            }
            Ok(exit)
        }
    }
}

/// What `--duration` waits for beyond twice the time, for cameras that do not answer.
const LATE: Duration = Duration::from_secs(60);

/// Shows events until the recording has ended; ends it when `duration` of it is recorded,
/// or cannot be.
fn watch(
    messages: &Receiver<Message>,
    duration: Option<Duration>,
    stop: &StopHandle,
    view: &mut View,
    printer: &mut Printer,
) -> anyhow::Result<Result<Recording, Error>> {
    let patience = duration.map(|d| d.saturating_mul(2).saturating_add(LATE));
    let latest = patience.and_then(|p| Instant::now().checked_add(p));
    let mut deadline = latest;
    loop {
        let left = deadline.map_or(Duration::MAX, |d| {
            d.saturating_duration_since(Instant::now())
        });
        match messages.recv_timeout(left) {
            Ok(Message::Event(event)) => {
                if let (Event::Progress { progress, .. }, Some(duration)) = (&event, duration) {
                    let left = duration.saturating_sub(progress.recorded);
                    deadline = Instant::now().checked_add(left).min(latest);
                }
                // A reader that goes away does not end a recording.
                if view.event(&event, printer).is_err() {
                    *view = View::Quiet;
                }
            }
            Ok(Message::Done(done)) => return Ok(done),
            Err(RecvTimeoutError::Timeout) => {
                stop.stop();
                deadline = Instant::now().checked_add(Duration::from_secs(3600));
            }
            Err(RecvTimeoutError::Disconnected) => {
                anyhow::bail!("the recorder stopped without a word");
            }
        }
    }
}

type Cameras = (Vec<CameraOptions>, Option<Camera>);

/// What to record. The inner error is a wrong call that was explained.
fn cameras(args: &RecordArgs, printer: &mut Printer) -> anyhow::Result<Result<Cameras, Exit>> {
    let refuse = |error: Error, printer: &mut Printer| {
        let exit = code(&error);
        printer.error(&error.into());
        Ok(Err(exit))
    };
    if let Some(path) = &args.config {
        let folder = args.output.clone().unwrap_or_else(|| "recordings".into());
        return match config::read(path, &folder) {
            Ok(cameras) => Ok(Ok((cameras, None))),
            Err(error) => refuse(error, printer),
        };
    }
    if args.demo {
        let clip = Clip::read(Arc::new(DEMO))?;
        let camera = Camera::start(CameraConfig::new(clip))?;
        let url = CameraUrl::parse(&camera.url())?;
        let folder = "tapo-demo";
        return Ok(Ok((vec![one(args, "demo", url, folder)], Some(camera))));
    }
    let Some(url) = &args.url else {
        printer.say(WAYS);
        return Ok(Err(Exit::Usage));
    };
    match address(args, url, printer) {
        Ok(url) => {
            let host = url.url().host_str().unwrap_or("camera").to_owned();
            Ok(Ok((vec![one(args, &host, url, "recordings")], None)))
        }
        Err(error) => refuse(error, printer),
    }
}

fn one(args: &RecordArgs, name: &str, url: CameraUrl, folder: &str) -> CameraOptions {
    let name = args.camera.as_deref().unwrap_or(name);
    let output = output(args.output.as_deref(), folder, args.force);
    let mut camera = CameraOptions::new(name, url, output);
    camera.utc = args.utc;
    if let Some(segment) = args.segment {
        camera.segment = segment;
    }
    if let Some(pattern) = &args.name {
        camera.pattern.clone_from(pattern);
    }
    if let Some(sync) = args.sync {
        camera.sync = sync;
    }
    camera.keep = Keep {
        age: args.keep,
        size: args.keep_size,
        free: args.keep_free,
    };
    camera
}

/// A name that ends in `.mp4` and is no folder is a file.
fn output(given: Option<&Path>, folder: &str, replace: bool) -> Output {
    let Some(path) = given else {
        return Output::Folder(PathBuf::from(folder));
    };
    let path = path.to_owned();
    let is_file = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("mp4"));
    if is_file && !path.is_dir() {
        Output::File { path, replace }
    } else {
        Output::Folder(path)
    }
}

/// The address with the credentials: those of the options come before those in
/// it, and the environment last.
fn address(args: &RecordArgs, url: &str, printer: &mut Printer) -> Result<CameraUrl, Error> {
    let url = CameraUrl::parse(url)?;
    let said = url.credentials().cloned();
    let said_password = said
        .as_ref()
        .map(|c| c.password.clone())
        .filter(|p| !p.is_empty());
    if said_password.is_some() {
        printer.say(
            "note: other users of this machine can see a password that stands in a command. \
             Better: --username NAME and --password-file FILE, or TAPO_PASSWORD in the environment.",
        );
    }
    let username = args.username.clone().or(said.map(|c| c.username));
    let from_file = args.password_file.as_deref().map(read_password_file);
    let from_environment = || {
        std::env::var("TAPO_PASSWORD")
            .ok()
            .filter(|p| !p.is_empty())
    };
    let password = from_file
        .transpose()?
        .or(said_password)
        .or_else(from_environment);
    match (username, password) {
        (None, Some(_)) if args.password_file.is_some() => Err(Error::Usage(
            "a password needs a user name: --username NAME".to_owned(),
        )),
        (None, _) => Ok(url),
        (Some(username), password) => Ok(url.with_credentials(Some(Credentials {
            username,
            password: password.unwrap_or_default(),
        }))),
    }
}

/// Why a camera was not recorded.
fn nothing(camera: &CameraRecording) -> anyhow::Error {
    let name = &camera.camera;
    let why = camera.problem.as_ref().or(camera.last_failure.as_ref());
    match why {
        Some(why) => anyhow::anyhow!("{name}: nothing was recorded: {why}"),
        None if camera.connections == 0 => {
            anyhow::anyhow!("{name}: nothing was recorded: there was no connection yet")
        }
        None => anyhow::anyhow!("{name}: nothing was recorded: no keyframe had come"),
    }
}

/// A camera that could not be recorded, a file that could not be written and a
/// recording without a picture are failures; losses on the way are told, and
/// none.
fn exit(recording: &Recording, wanted: usize) -> Exit {
    let mut cameras = recording.cameras.iter();
    let failed = cameras.any(|c| {
        let unfinished = c.segments.iter().any(|s| s.problem.is_some());
        c.segments.is_empty() || c.problem.is_some() || unfinished
    });
    if failed || recording.cameras.len() < wanted {
        Exit::Failed
    } else {
        Exit::Fine
    }
}

const fn code(error: &Error) -> Exit {
    match error {
        Error::Usage(_) | Error::Config { .. } => Exit::Usage,
        Error::Io(error) if error.is_refusal() => Exit::Refused,
        _ => Exit::Failed,
    }
}
