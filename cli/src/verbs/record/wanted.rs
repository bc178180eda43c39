//! What to record: from the arguments, or from a configuration file.

use crate::args::{Audio, RecordArgs};
use crate::exit::Exit;
use crate::printer::Printer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tapo_camera::{Camera, CameraConfig, Clip};
use tapo_record::status::Listen;
use tapo_record::url::read_password_file;
use tapo_record::{
    CameraOptions, CameraUrl, Credentials, Error, Keep, Options, Output, Trust, config,
};

/// The clip that `--demo` serves.
const DEMO: &[u8] = include_bytes!("../../../../testdata/demo.mp4");

/// What `tapo record` says when it is not told what to record.
const WAYS: &str = "\
There are three ways to start:
  tapo record --demo                 record a camera that runs on this machine, to see it work
  tapo record rtsp://HOST/PATH       record one camera
  tapo record --config FILE          record the cameras of a configuration file
`tapo record --help` tells the rest.";

/// What to record; a demo camera lives until the recording has ended.
type Wanted = (Options, Option<Camera>);

/// What to record. The inner error is a wrong call that was explained.
pub(super) fn wanted(
    args: &RecordArgs,
    printer: &mut Printer,
) -> anyhow::Result<Result<Wanted, Exit>> {
    let refuse = |error: Error, printer: &mut Printer| {
        let exit = super::code(&error);
        printer.error(&error.into());
        Ok(Err(exit))
    };
    if let Some(path) = &args.config {
        return match configured(path, &folder(args)) {
            Ok(options) => Ok(Ok((options, None))),
            Err(error) => refuse(error, printer),
        };
    }
    if args.demo {
        let clip = Clip::read(Arc::new(DEMO))?;
        let camera = Camera::start(CameraConfig::new(clip))?;
        let url = CameraUrl::parse(&camera.url())?;
        let folder = "tapo-demo";
        return Ok(Ok((
            alone(args, one(args, "demo", url, folder)),
            Some(camera),
        )));
    }
    let Some(url) = &args.url else {
        printer.say(WAYS);
        return Ok(Err(Exit::Usage));
    };
    match address(args, url, printer) {
        Ok(url) => {
            let host = url.url().host_str().unwrap_or("camera").to_owned();
            Ok(Ok((alone(args, one(args, &host, url, "recordings")), None)))
        }
        Err(error) => refuse(error, printer),
    }
}

/// The folder of cameras that name none.
pub(super) fn folder(args: &RecordArgs) -> PathBuf {
    args.output.clone().unwrap_or_else(|| "recordings".into())
}

/// What a configuration file says.
pub(super) fn configured(path: &Path, output: &Path) -> Result<Options, Error> {
    let read = config::read(path, output)?;
    Ok(Options {
        cameras: read.cameras,
        total: read.total,
        hooks: read.hooks,
        status: read.status,
        disk_low: read.disk_low,
        reloadable: true,
        finish_leftovers: true,
    })
}

fn alone(args: &RecordArgs, camera: CameraOptions) -> Options {
    Options {
        status: args.status.map(|address| Listen {
            address,
            public: args.status_public,
        }),
        cameras: vec![camera],
        finish_leftovers: true,
        ..Options::default()
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
    camera.segment_size = args.segment_size;
    camera.at_clock = args.at_clock;
    camera.playlist = args.playlist;
    camera.queue = args.queue.unwrap_or(camera.queue);
    camera.audio = args.audio == Audio::Copy;
    camera.timing = args.timing.unwrap_or_default();
    if let Some(pattern) = &args.name {
        camera.pattern.clone_from(pattern);
    }
    if let Some(sync) = args.sync {
        camera.sync = sync;
    }
    if let Some(stall) = args.stall {
        camera.stall = stall;
    }
    if let Some(transport) = args.transport {
        camera.transport = transport;
    }
    match &args.tls_fingerprint {
        Some(trust) => camera.trust = trust.clone(),
        None if args.tls_insecure => camera.trust = Trust::Anyone,
        None => {}
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
