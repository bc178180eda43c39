//! What is about the recorder, not about a camera: its status, hooks, disks.

use super::{Result, parse_duration, parse_size, usage};
use crate::Error;
use crate::hooks::{Action, Address, Hook, On};
use crate::status::Listen;
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

/// `[status]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    listen: Option<Spanned<String>>,
    #[serde(default)]
    public: bool,
}

impl Status {
    pub(super) fn listen(&self) -> Result<Option<Listen>> {
        let Some(listen) = &self.listen else {
            return Ok(None);
        };
        let at = listen.span().start;
        let Ok(address) = listen.get_ref().parse() else {
            return usage(at, "this is no address such as \"127.0.0.1:9554\"");
        };
        let listen = Listen {
            address,
            public: self.public,
        };
        listen.check().map_err(|e| (at, e))?;
        Ok(Some(listen))
    }
}

/// `[disk]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disk {
    low: Option<Spanned<String>>,
}

impl Disk {
    pub(super) fn low(&self) -> Result<Option<u64>> {
        let low = self.low.as_ref();
        let low = low.map(|low| parse_size(low.get_ref()).map_err(|e| (low.span().start, e)));
        low.transpose()
    }
}

/// `[[hook]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HookTable {
    on: Vec<Spanned<String>>,
    #[serde(default)]
    cameras: Vec<Spanned<String>>,
    program: Option<Spanned<Vec<String>>>,
    url: Option<Spanned<String>>,
    timeout: Option<Spanned<String>>,
}

impl HookTable {
    /// The hook; `at` is where its table begins, and `known` are the cameras.
    pub(super) fn hook(self, at: usize, known: &[&str]) -> Result<Hook> {
        let mut on = Vec::new();
        for event in &self.on {
            on.push(
                event
                    .get_ref()
                    .parse::<On>()
                    .map_err(|e| (event.span().start, e))?,
            );
        }
        if on.is_empty() {
            return usage(at, "a hook is told of something: on = [\"segment\"]");
        }
        let mut cameras = Vec::new();
        for camera in self.cameras {
            if !known.contains(&camera.get_ref().as_str()) {
                return usage(camera.span().start, "no camera has this name");
            }
            cameras.push(camera.into_inner());
        }
        let action = match (self.program, self.url) {
            (Some(program), None) => {
                let empty = program.get_ref().first().is_none_or(String::is_empty);
                let nul = program.get_ref().iter().any(|a| a.contains('\0'));
                if empty || nul {
                    let why = "a program and its arguments: program = [\"/usr/bin/logger\", \"-t\", \"tapo\"]";
                    return usage(program.span().start, why);
                }
                Action::Program(program.into_inner())
            }
            (None, Some(url)) => {
                let address = Address::parse(url.get_ref());
                Action::Webhook(address.map_err(|e| (url.span().start, e))?)
            }
            (Some(_), Some(url)) => {
                return usage(
                    url.span().start,
                    "a hook has a program or an address, not both",
                );
            }
            (None, None) => {
                return usage(at, "a hook has a program = [...] or a url = \"http://...\"");
            }
        };
        let timeout = match &self.timeout {
            Some(timeout) => parse_duration(timeout.get_ref())
                .ok()
                .filter(|time| *time <= Duration::from_secs(3600))
                .ok_or_else(|| {
                    let why = "a hook may take up to 1h: timeout = \"30s\"";
                    (timeout.span().start, Error::Usage(why.to_owned()))
                })?,
            None => Hook::TIMEOUT,
        };
        Ok(Hook {
            on,
            cameras,
            action,
            timeout,
        })
    }
}
