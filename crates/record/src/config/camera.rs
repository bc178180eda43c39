//! The settings of a camera, and those that it has from `[defaults]`.

use super::{Result, parse_age, parse_duration, parse_size, usage};
use crate::bridge::Trust;
use crate::names::{Namer, component};
use crate::options::CameraOptions;
use crate::url::{CameraUrl, Credentials, read_password_file};
use crate::writer::Output;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A `[[camera]]`, or what is common to all.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) name: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password_file: Option<Spanned<PathBuf>>,
    password_env: Option<Spanned<String>>,
    pub(super) output: Option<Spanned<PathBuf>>,
    segment: Option<Spanned<String>>,
    segment_size: Option<Spanned<String>>,
    at_clock: Option<Spanned<bool>>,
    audio: Option<Spanned<String>>,
    timing: Option<Spanned<String>>,
    pattern: Option<Spanned<String>>,
    utc: Option<bool>,
    sync: Option<Spanned<String>>,
    queue: Option<Spanned<String>>,
    stall: Option<Spanned<String>>,
    transport: Option<Spanned<String>>,
    tls_fingerprint: Option<Spanned<String>>,
    tls_insecure: Option<Spanned<bool>>,
    playlist: Option<bool>,
    keep: Option<Spanned<String>>,
    keep_size: Option<Spanned<String>>,
    keep_free: Option<Spanned<String>>,
}

fn start<T>(setting: Option<&Spanned<T>>) -> usize {
    setting.map_or(0, |s| s.span().start)
}

impl Settings {
    /// Refuses what cannot be common to cameras.
    pub(super) fn check_common(&self) -> Result<()> {
        let own = [self.name.as_ref(), self.url.as_ref()];
        let own = own.into_iter().flatten().map(Spanned::span);
        let output = self.output.as_ref().map(Spanned::span);
        match own.chain(output).next() {
            Some(span) => usage(
                span.start,
                "each camera has its own name, url and output: they are no defaults",
            ),
            None => Ok(()),
        }
    }

    /// These, and for what they do not say, the common ones.
    pub(super) fn or(self, common: &Self) -> Self {
        let common = common.clone();
        // Where a password comes from is one setting, in two forms.
        let (file, env) = match (&self.password_file, &self.password_env) {
            (None, None) => (common.password_file, common.password_env),
            _ => (self.password_file, self.password_env),
        };
        Self {
            name: self.name,
            url: self.url,
            username: self.username.or(common.username),
            password_file: file,
            password_env: env,
            output: self.output,
            segment: self.segment.or(common.segment),
            segment_size: self.segment_size.or(common.segment_size),
            at_clock: self.at_clock.or(common.at_clock),
            audio: self.audio.or(common.audio),
            timing: self.timing.or(common.timing),
            pattern: self.pattern.or(common.pattern),
            utc: self.utc.or(common.utc),
            sync: self.sync.or(common.sync),
            queue: self.queue.or(common.queue),
            stall: self.stall.or(common.stall),
            transport: self.transport.or(common.transport),
            tls_fingerprint: self.tls_fingerprint.or(common.tls_fingerprint),
            tls_insecure: self.tls_insecure.or(common.tls_insecure),
            playlist: self.playlist.or(common.playlist),
            keep: self.keep.or(common.keep),
            keep_size: self.keep_size.or(common.keep_size),
            keep_free: self.keep_free.or(common.keep_free),
        }
    }

    /// What they say; `section` is where the camera's table begins.
    pub(super) fn options(
        mut self,
        section: usize,
        folder: &Path,
        output: &Path,
    ) -> Result<CameraOptions> {
        let Some(name) = self.name.take() else {
            return usage(section, "a camera needs a name: name = \"yard\"");
        };
        let Some(component) = component(&name.get_ref().replace('/', "_")) else {
            return usage(name.span().start, "a camera needs a name");
        };
        let Some(url) = self.url.take() else {
            return usage(section, "a camera needs an address: url = \"rtsp://...\"");
        };
        let url = self.address(&url, folder)?;
        let output = match self.output.take() {
            Some(own) => folder.join(own.into_inner()),
            None => output.join(component),
        };
        let output = Output::Folder(output);
        let mut options = CameraOptions::new(&name.into_inner(), url, output);
        self.segments(&mut options)?;
        self.network(&mut options)?;
        self.kept(&mut options)?;
        Ok(options)
    }

    /// The address with what is said of user and password.
    fn address(&mut self, url: &Spanned<String>, folder: &Path) -> Result<CameraUrl> {
        let url_at = url.span().start;
        let url = CameraUrl::parse(url.get_ref()).map_err(|e| (url_at, e))?;
        let said = url.credentials().cloned();
        let username = self.username.take().map(Spanned::into_inner);
        let password = match (self.password_file.take(), self.password_env.take()) {
            (Some(_), Some(env)) => {
                return usage(
                    env.span().start,
                    "the password comes from a file or from the environment, not from both",
                );
            }
            (Some(file), None) => {
                let at = file.span().start;
                let file = folder.join(file.into_inner());
                Some(read_password_file(&file).map_err(|e| (at, e))?)
            }
            (None, Some(env)) => {
                let variable = env.get_ref();
                let at = env.span().start;
                let value = match variable.contains(['=', '\0']) || variable.is_empty() {
                    true => return usage(at, "this is no name of an environment variable"),
                    false => std::env::var(variable).ok(),
                };
                match value.filter(|value| !value.is_empty()) {
                    Some(value) => Some(value),
                    None => return usage(at, "the environment has no such variable"),
                }
            }
            (None, None) => None,
        };
        let username = username.or_else(|| said.as_ref().map(|c| c.username.clone()));
        let password = password.or(said.map(|c| c.password));
        Ok(match (username, password) {
            (None, None) => url,
            (None, Some(_)) => return usage(url_at, "a password without a user name"),
            (Some(username), password) => url.with_credentials(Some(Credentials {
                username,
                password: password.unwrap_or_default(),
            })),
        })
    }

    /// How segments are cut, named and written.
    fn segments(&mut self, options: &mut CameraOptions) -> Result<()> {
        if let Some(segment) = &self.segment {
            let at = segment.span().start;
            options.segment = parse_duration(segment.get_ref()).map_err(|e| (at, e))?;
            options.check_segment().map_err(|e| (at, e))?;
        }
        if let Some(size) = &self.segment_size {
            let at = size.span().start;
            options.segment_size = Some(parse_size(size.get_ref()).map_err(|e| (at, e))?);
            options.check_segment_size().map_err(|e| (at, e))?;
        }
        if let Some(at_clock) = &self.at_clock {
            options.at_clock = *at_clock.get_ref();
            let at = at_clock.span().start;
            options.check_at_clock().map_err(|e| (at, e))?;
        }
        if let Some(timing) = &self.timing {
            let at = timing.span().start;
            options.timing = timing.get_ref().parse().map_err(|e| (at, e))?;
        }
        if let Some(audio) = &self.audio {
            options.audio = match audio.get_ref().as_str() {
                "copy" => true,
                "off" => false,
                _ => return usage(audio.span().start, "audio is \"copy\" or \"off\""),
            };
        }
        if let Some(queue) = &self.queue {
            let at = queue.span().start;
            options.queue = parse_size(queue.get_ref()).map_err(|e| (at, e))?;
            options.check_queue().map_err(|e| (at, e))?;
        }
        if let Some(sync) = &self.sync {
            let at = sync.span().start;
            options.sync = sync.get_ref().parse().map_err(|e| (at, e))?;
        }
        options.playlist = self.playlist.unwrap_or_default();
        options.utc = self.utc.unwrap_or_default();
        if let Some(pattern) = self.pattern.take() {
            let at = pattern.span().start;
            Namer::new(pattern.get_ref(), options.utc).map_err(|e| (at, e))?;
            options.pattern = pattern.into_inner();
        }
        Ok(())
    }

    /// How the camera is called.
    fn network(&self, options: &mut CameraOptions) -> Result<()> {
        if let Some(stall) = &self.stall {
            let at = stall.span().start;
            options.stall = parse_duration(stall.get_ref()).map_err(|e| (at, e))?;
            options.check_stall().map_err(|e| (at, e))?;
        }
        if let Some(transport) = &self.transport {
            let at = transport.span().start;
            options.transport = transport.get_ref().parse().map_err(|e| (at, e))?;
            options.check_transport().map_err(|e| (at, e))?;
        }
        if let Some(fingerprint) = &self.tls_fingerprint {
            let at = fingerprint.span().start;
            options.trust = Trust::fingerprint(fingerprint.get_ref()).map_err(|e| (at, e))?;
            options.check_transport().map_err(|e| (at, e))?;
        }
        if let Some(insecure) = self.tls_insecure.as_ref().filter(|i| *i.get_ref()) {
            let at = insecure.span().start;
            if options.trust != Trust::default() {
                return usage(at, "either tls_fingerprint or tls_insecure");
            }
            options.trust = Trust::Anyone;
            options.check_transport().map_err(|e| (at, e))?;
        }
        Ok(())
    }

    /// What stays, and how long.
    fn kept(&self, options: &mut CameraOptions) -> Result<()> {
        if let Some(keep) = &self.keep {
            let at = keep.span().start;
            options.keep.age = Some(parse_age(keep.get_ref()).map_err(|e| (at, e))?);
        }
        let size = |text: Option<&Spanned<String>>| {
            let at = start(text);
            let size = text.map(|text| parse_size(text.get_ref()));
            size.transpose().map_err(|e| (at, e))
        };
        options.keep.size = size(self.keep_size.as_ref())?;
        let at = start(self.keep_size.as_ref());
        options.check_keep().map_err(|e| (at, e))?;
        options.keep.free = size(self.keep_free.as_ref())?;
        let at = start(self.keep_free.as_ref());
        options.check_keep().map_err(|e| (at, e))
    }
}
