//! What to record, and whether it makes sense.

use crate::bridge::{Transport, Trust};
use crate::durable::SyncPolicy;
use crate::hooks::Hook;
use crate::names::{self, Namer};
use crate::profile;
use crate::retention::Keep;
use crate::rule::{Grid, Rule};
use crate::stamps::Timing;
use crate::status::Listen;
use crate::url::CameraUrl;
use crate::writer::{Output, QUEUE_BYTES};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to record.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The cameras; their names differ.
    pub cameras: Vec<CameraOptions>,
    /// Bytes that the recordings of all cameras may take; those that are protected or held are not counted.
    pub total: Option<u64>,
    /// Who is told what happens.
    pub hooks: Vec<Hook>,
    /// Where the status is served, if anywhere.
    pub status: Option<Listen>,
    /// Bytes of which fewer are little on a disk, if not the usual.
    pub disk_low: Option<u64>,
    /// Whether they may be others later: a camera that refuses at the start is then called again, as one of
    /// several is, and does not end recording.
    pub reloadable: bool,
    /// Whether to finish, at the start, the segments that an earlier run left
    /// open in the output folders.
    pub finish_leftovers: bool,
}

/// How to record a camera. Start from [`CameraOptions::new`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CameraOptions {
    /// What the user calls it.
    pub name: String,
    /// Where it is, and its credentials.
    pub url: CameraUrl,
    /// Where segments go.
    pub output: Output,
    /// A segment ends at the first keyframe at or after this.
    pub segment: Duration,
    /// Bytes that a segment in a folder should not exceed.
    pub segment_size: Option<u64>,
    /// Whether segments end at multiples of their length by the clock on the wall.
    pub at_clock: bool,
    /// Whether sound is recorded.
    pub audio: bool,
    /// Which times stand within pictures.
    pub timing: Timing,
    /// `strftime` pattern of names in a folder.
    pub pattern: String,
    /// Whether names are by UTC, not local time.
    pub utc: bool,
    /// When what was written is made to last.
    pub sync: SyncPolicy,
    /// Bytes that may wait for the disk; what comes when most of it is full is left out,
    /// from keyframe to keyframe.
    pub queue: u64,
    /// How long media may stay away before the connection is given up.
    pub stall: Duration,
    /// How media travels.
    pub transport: Transport,
    /// Whose certificate is accepted, for `rtsps://`.
    pub trust: Trust,
    /// Whether a playlist of each day is kept, in a folder.
    pub playlist: bool,
    /// How much of it is kept, in a folder.
    pub keep: Keep,
}

/// The least that may wait for the disk, bytes.
const QUEUE_LEAST: u64 = 64_000;
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
            segment_size: None,
            at_clock: false,
            audio: true,
            timing: Timing::default(),
            pattern: names::DEFAULT_PATTERN.to_owned(),
            utc: false,
            sync: SyncPolicy::default(),
            queue: QUEUE_BYTES,
            stall: Self::STALL,
            transport: Transport::default(),
            trust: Trust::default(),
            playlist: false,
            keep: Keep::default(),
        }
    }

    /// Why two cameras cannot be recorded side by side: their files, or what is kept beside
    /// them, could take each other's names.
    pub(crate) fn collides(&self, other: &Self) -> Option<String> {
        let ours = plain(self.output.folder()?);
        if plain(other.output.folder()?) != ours {
            return None;
        }
        if profile::path(&ours, &self.name) == profile::path(&ours, &other.name) {
            let name = &other.name;
            return Some(format!("its files would be taken for those of {name:?}"));
        }
        if names::can_collide(&self.pattern, &other.pattern) {
            return Some(format!(
                "its recordings go into the folder of {:?} and could have the same names: each camera \
                 needs a folder of its own, or names that begin differently: pattern = \"{}-...\"",
                other.name, self.name
            ));
        }
        None
    }

    /// Whether others go on from these without another connection: what differs is the writer's
    /// and the retention's matter.
    pub(crate) fn goes_on_with(&self, new: &Self) -> bool {
        // By the clock on the wall files end by the zone, too.
        let utc = if new.at_clock { self.utc } else { new.utc };
        let here = Self {
            pattern: new.pattern.clone(),
            utc,
            sync: new.sync,
            playlist: new.playlist,
            keep: new.keep,
            ..self.clone()
        };
        here == *new
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

    pub(crate) fn check_transport(&self) -> Result<()> {
        let secure = self.url.is_secure();
        if secure && self.transport == Transport::Udp {
            return self.usage("over UDP media would not be encrypted: use rtsps:// with TCP");
        }
        if !secure && self.trust != Trust::default() {
            return self.usage("certificates are for rtsps:// addresses only");
        }
        Ok(())
    }

    pub(crate) fn check_segment_size(&self) -> Result<()> {
        if self.segment_size.is_some_and(|size| size < LEAST) {
            return self.usage("a segment of less than 1MB holds next to nothing");
        }
        if self.segment_size.is_some() && self.output.folder().is_none() {
            return self.usage("one file has no size at which it ends: name a folder");
        }
        Ok(())
    }

    pub(crate) fn check_at_clock(&self) -> Result<()> {
        if !self.at_clock {
            return Ok(());
        }
        if self.output.folder().is_none() {
            return self.usage("one file does not end by the clock: name a folder");
        }
        if self.segment > Duration::from_secs(86_400) {
            return self.usage("by the clock a segment is at most 24h long");
        }
        Ok(())
    }

    /// When segments end, if they do before the recording.
    pub(crate) fn rule(&self) -> Option<Rule> {
        let grid = self.at_clock.then(|| Grid::new(self.segment, self.utc));
        self.output.folder().map(|_| Rule {
            length: self.segment,
            size: self.segment_size,
            grid,
        })
    }

    pub(crate) fn check_stall(&self) -> Result<()> {
        if self.stall < Duration::from_secs(1) {
            return self.usage("a stall must be at least a second long");
        }
        Ok(())
    }

    pub(crate) fn check_queue(&self) -> Result<()> {
        if !(QUEUE_LEAST..=1 << 32).contains(&self.queue) {
            return self.usage("between 64kB and 4GB may wait for the disk");
        }
        Ok(())
    }

    pub(crate) fn check_playlist(&self) -> Result<()> {
        if self.playlist && self.output.folder().is_none() {
            return self.usage("one file has no playlist: name a folder");
        }
        Ok(())
    }

    pub(crate) fn check_keep(&self) -> Result<()> {
        if self.output.folder().is_none() && self.keep.is_limited() {
            return self.usage("what is kept can be limited in a folder only, not in one file");
        }
        if self.keep.size.is_some_and(|size| size < LEAST) {
            return self
                .usage("less than 1MB holds no recording: nothing but the newest would stay");
        }
        if let (Some(free), Some(folder)) = (self.keep.free, self.output.folder())
            && let Some(all) = tapo_io::disk_size(folder)
            && free >= all
        {
            let why = format!("{free} bytes cannot be kept free of a disk that has {all}");
            return self.usage(&why);
        }
        Ok(())
    }

    /// What makes sense and is hardly meant, in words.
    #[must_use]
    pub fn caution(&self) -> Option<String> {
        let namer = Namer::new(&self.pattern, self.utc).ok()?;
        self.output.folder()?;
        let stays = self
            .keep
            .age
            .map_or(Duration::MAX, |age| age + self.segment);
        let which = namer.repeats(self.segment, stays)?;
        Some(format!(
            "the name pattern {:?} gives a file and {which} the same name: the later one gets a number \
             (or the time) behind it; {:?} tells all apart",
            self.pattern,
            names::DEFAULT_PATTERN
        ))
    }

    pub(crate) fn check(&self) -> Result<Namer> {
        if self.name.trim().is_empty() {
            return Err(Error::Usage("a camera needs a name".to_owned()));
        }
        self.check_segment()?;
        self.check_segment_size()?;
        self.check_at_clock()?;
        self.check_stall()?;
        self.check_queue()?;
        self.check_transport()?;
        self.check_playlist()?;
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

impl Options {
    /// Whether they make sense; the namers of the cameras.
    pub(crate) fn check(&self) -> Result<Vec<Namer>> {
        if self.cameras.is_empty() {
            return Err(Error::Usage("there is no camera to record".to_owned()));
        }
        if let Some(total) = self.total {
            check_total(total)?;
        }
        if let Some(status) = self.status {
            status.check()?;
        }
        let mut names = BTreeSet::new();
        for (at, camera) in self.cameras.iter().enumerate() {
            if !names.insert(camera.name.as_str()) {
                let why = format!("two cameras are called {:?}", camera.name);
                return Err(Error::Usage(why));
            }
            let before = self.cameras.get(..at).unwrap_or_default();
            if let Some(why) = before.iter().find_map(|other| camera.collides(other)) {
                return camera.usage(&why).map(|()| Vec::new());
            }
        }
        self.cameras.iter().map(CameraOptions::check).collect()
    }
}

/// Refuses a limit of all recordings that holds none.
pub(crate) fn check_total(bytes: u64) -> Result<()> {
    if bytes < LEAST {
        let why = "less than 1MB holds no recording: nothing but the newest would stay";
        return Err(Error::Usage(why.to_owned()));
    }
    Ok(())
}

/// A folder by one name, where it is there by the one the system has for it.
fn plain(folder: &Path) -> PathBuf {
    let absolute = || std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    folder.canonicalize().unwrap_or_else(|_| absolute())
}
