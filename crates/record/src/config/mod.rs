//! The configuration file: TOML with a `[[camera]]` for each camera, `[defaults]`
//! for what they have in common, `[total]` for all of them together, and `[status]`,
//! `[disk]` and `[[hook]]` for the recorder as a service.
//!
//! ```toml
//! [defaults]                      # any setting of a camera but name, url, output
//! segment = "15m"
//! [total]
//! keep_size = "1TB"
//! [[camera]]
//! name = "yard"
//! url = "rtsp://192.168.1.20/stream1"
//! username = "admin"
//! password_file = "/etc/tapo/yard.password"
//! keep = "7d"
//! ```
//! `example.toml` beside this file shows every setting.

mod camera;
mod operation;
mod units;

pub use units::{parse_age, parse_duration, parse_size};

use crate::Error;
use crate::hooks::Hook;
use crate::options::{CameraOptions, check_total};
use crate::status::Listen;
use camera::Settings;
use operation::HookTable;
use serde::Deserialize;
use std::io::Read;
use std::path::Path;
use toml::Spanned;

/// A configuration file with comments, for one camera: its defaults are those of [`CameraOptions::new`].
pub const EXAMPLE: &str = include_str!("example.toml");

/// The longest file that is read, bytes.
const LIMIT: u64 = 1 << 20;

/// What a configuration file says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Configuration {
    /// The cameras; at least one.
    pub cameras: Vec<CameraOptions>,
    /// The bytes that the recordings of all cameras may take, if that is limited.
    pub total: Option<u64>,
    /// Who is told what happens.
    pub hooks: Vec<Hook>,
    /// Where the status is served, if anywhere.
    pub status: Option<Listen>,
    /// Bytes of which fewer are little on a disk, if not the usual.
    pub disk_low: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Settings,
    #[serde(default)]
    total: Total,
    #[serde(default)]
    status: operation::Status,
    #[serde(default)]
    disk: operation::Disk,
    #[serde(default)]
    hook: Vec<Spanned<HookTable>>,
    #[serde(default)]
    camera: Vec<Spanned<Settings>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Total {
    keep_size: Option<Spanned<String>>,
}

/// Where in the text something is wrong, and what.
type Wrong = (usize, Error);
type Result<T> = std::result::Result<T, Wrong>;

fn usage<T>(at: usize, why: &str) -> Result<T> {
    Err((at, Error::Usage(why.to_owned())))
}

/// Reads a configuration file. Relative paths in it are relative to its
/// folder; `output` is the folder for cameras that name none.
///
/// # Errors
/// [`Error::Io`] if a file cannot be read; [`Error::Config`] with the line of
/// what makes no sense. No message repeats an address.
pub fn read(path: &Path, output: &Path) -> crate::Result<Configuration> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let read = file.take(LIMIT + 1).read_to_string(&mut text);
    read.map_err(|e| Error::io(path, "read", e))?;
    if text.len() as u64 > LIMIT {
        return Err(Error::Usage(format!(
            "{}: too long for a configuration file",
            path.display()
        )));
    }
    parse(&text, path, output)
}

fn parse(text: &str, path: &Path, output: &Path) -> crate::Result<Configuration> {
    let at = |(offset, message): (usize, String)| Error::Config {
        path: path.to_owned(),
        line: text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1,
        message,
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // A key that is none may be an address with its password.
        let message = match error.message() {
            text if text.contains("://") => "this is no setting of a camera",
            text => text,
        };
        at((offset, message.to_owned()))
    })?;
    let said = |(offset, error): Wrong| at((offset, error.to_string()));
    file.options(path.parent().unwrap_or(Path::new("")), output)
        .map_err(said)
}

impl File {
    fn options(self, folder: &Path, output: &Path) -> Result<Configuration> {
        if self.camera.is_empty() {
            return usage(0, "there is no [[camera]] in it");
        }
        self.defaults.check_common()?;
        let total = match self.total.keep_size {
            Some(size) => {
                let at = size.span().start;
                let bytes = parse_size(size.get_ref()).map_err(|e| (at, e))?;
                check_total(bytes).map_err(|e| (at, e))?;
                Some(bytes)
            }
            None => None,
        };
        let mut cameras: Vec<CameraOptions> = Vec::new();
        for camera in self.camera {
            let section = camera.span().start;
            let camera = camera.into_inner().or(&self.defaults);
            let name_at = camera.name.as_ref().map_or(section, |n| n.span().start);
            let output_at = camera.output.as_ref().map_or(name_at, |o| o.span().start);
            let options = camera.options(section, folder, output)?;
            if cameras.iter().any(|c| c.name == options.name) {
                return usage(name_at, "another camera has this name");
            }
            if let Some(why) = cameras.iter().find_map(|c| options.collides(c)) {
                return usage(output_at, &why);
            }
            cameras.push(options);
        }
        let known: Vec<&str> = cameras.iter().map(|c| c.name.as_str()).collect();
        let mut hooks = Vec::new();
        for hook in self.hook {
            let section = hook.span().start;
            hooks.push(hook.into_inner().hook(section, &known)?);
        }
        Ok(Configuration {
            cameras,
            total,
            hooks,
            status: self.status.listen()?,
            disk_low: self.disk.low()?,
        })
    }
}

#[cfg(test)]
mod tests;
