//! `tapo record`.

mod view;
mod wanted;

use crate::args::RecordArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::signals;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tapo_record::{CameraRecording, Control, Error, Event, Recording};
use view::View;
use wanted::{configured, folder, wanted};

/// What ends the wait for events.
enum Message {
    Event(Event),
    Done(Result<Recording, Error>),
}

pub(crate) fn run(args: &RecordArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    // A demo camera lives until the recording has ended.
    let (options, demo) = match wanted(args, printer)? {
        Ok(wanted) => wanted,
        Err(exit) => return Ok(exit),
    };
    if args.check_config {
        view::cameras(&options.cameras, args.json, printer)?;
        for camera in &options.cameras {
            if let Some(caution) = camera.caution() {
                printer.say(&format!(
                    "note: {}: {caution}",
                    tapo_report::escape::text(&camera.name)
                ));
            }
        }
        return Ok(Exit::Fine);
    }
    let stop = Control::new();
    let asked = stop.clone();
    let (sender, messages) = mpsc::channel();
    match args.config.clone() {
        Some(path) => {
            let (reload, events) = (stop.clone(), sender.clone());
            let output = folder(args);
            let again = move || match configured(&path, &output) {
                Ok(options) => reload.reload(options),
                Err(error) => {
                    let result = Err(error.to_string());
                    drop(events.send(Message::Event(Event::Reloaded { result })));
                }
            };
            signals::on_end_or_reload(move || asked.stop(), again)?;
        }
        None => signals::on_end(move || asked.stop())?,
    }
    let cut = stop.clone();
    signals::on_event(move || cut.cut())?;
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
            let exit = exit(&recording);
            // Nobody may be left to read it: what was recorded counts.
            if let Err(error) = view.summary(&recording, printer)
                && error.kind() != std::io::ErrorKind::BrokenPipe
            {
                return Err(error.into());
            }
            for camera in recording.cameras.iter().filter(|c| c.count() == 0) {
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
    stop: &Control,
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
fn exit(recording: &Recording) -> Exit {
    let mut cameras = recording.cameras.iter();
    let failed = cameras.any(|c| c.count() == 0 || c.problem.is_some() || c.failed() > 0);
    if failed || recording.failed {
        Exit::Failed
    } else {
        Exit::Fine
    }
}

pub(crate) const fn code(error: &Error) -> Exit {
    match error {
        Error::Usage(_) | Error::Config { .. } => Exit::Usage,
        Error::Io(error) if error.is_refusal() => Exit::Refused,
        _ => Exit::Failed,
    }
}
