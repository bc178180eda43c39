//! `tapo camera`.

use crate::args::CameraArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::signals;
use anyhow::Context;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use tapo_camera::{Authentication, Camera, CameraConfig, Clip};
use tapo_record::url::read_password_file;
use tapo_report::{camera as report, escape};

pub(crate) fn run(args: &CameraArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let clip = Clip::open(&args.file).with_context(|| about(&args.file))?;
    let mut config = CameraConfig::new(clip);
    config.address = SocketAddr::new(args.bind, args.port);
    config.speed = args.speed;
    config.authentication = match &args.user {
        None => Authentication::None,
        Some(user) => {
            let from_file = args.password_file.as_deref().map(read_password_file);
            let password = from_file.transpose()?.or_else(|| args.password.clone());
            Authentication::Digest {
                user: user.clone(),
                password: password.unwrap_or_default(),
                qop: true,
            }
        }
    };
    let camera = Camera::start(config)?;
    let (ended, end) = mpsc::channel();
    signals::on_end(move || drop(ended))?;
    if !printer.is_quiet() {
        let url = camera.url();
        match args.json {
            true => report::started_json(printer, &args.file, &url)?,
            false => {
                let theme = printer.theme;
                report::started(printer, &theme, &args.file, &url)?;
            }
        }
        printer.flush()?;
    }
    // Nothing is ever sent: the channel closes when the end is asked for.
    let _: Result<(), _> = end.recv();
    camera.shutdown();
    Ok(Exit::Fine)
}

fn about(file: &Path) -> String {
    format!("{} cannot be a camera", escape::path(file))
}
