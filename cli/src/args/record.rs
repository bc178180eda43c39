//! `tapo record`.

use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tapo_record::config::{parse_age, parse_duration, parse_size};
use tapo_record::{SyncPolicy, Timing, Transport, Trust};

/// Record cameras into MP4s that survive a power cut
///
/// What is written can be played at any moment, whatever happens next. Ctrl-C ends the recording
/// and finishes its files; a second Ctrl-C ends the program at once, and the files still play.
/// What an earlier run left open in the output folder is finished at the start.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct RecordArgs {
    /// Address of the camera: rtsp://HOST:PORT/PATH, or rtsps:// for TLS
    #[arg(value_name = "URL", group = "from")]
    pub(crate) url: Option<String>,
    /// Record the cameras of a configuration file (TOML); SIGHUP reads it again
    ///
    /// Cameras whose settings have not changed go on without a gap. A file that is wrong changes
    /// nothing, and what is wrong with it is told.
    #[arg(long, value_name = "FILE", group = "from")]
    pub(crate) config: Option<PathBuf>,
    /// Only tell whether the configuration file makes sense, and where it does not
    #[arg(long, requires = "config")]
    pub(crate) check_config: bool,
    /// Start a camera on this machine and record it
    #[arg(long, group = "from")]
    pub(crate) demo: bool,
    /// Folder for the recordings, or a file name ending in .mp4 for a single recording
    ///
    /// Without it: the folder 'recordings', or 'tapo-demo' with --demo.
    #[arg(short, long, value_name = "DIR|FILE.mp4")]
    pub(crate) output: Option<PathBuf>,
    /// Name of the camera; without it, its host
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub(crate) camera: Option<String>,
    /// User name for the camera
    #[arg(long, value_name = "NAME", requires = "url")]
    pub(crate) username: Option<String>,
    /// File that holds the password; the environment variable TAPO_PASSWORD does as well
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) password_file: Option<PathBuf>,
    /// Begin a new file after this time, at the next keyframe [default: 15m]
    ///
    /// SIGUSR1 begins one at once, of every camera at its next keyframe: something has happened.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "config")]
    pub(crate) segment: Option<Duration>,
    /// And before it would be larger than this, as far as its keyframes allow: 500MB, 4GB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "config")]
    pub(crate) segment_size: Option<u64>,
    /// End files at multiples of --segment by the clock (15m: at :00, :15, :30 and :45)
    #[arg(long, conflicts_with = "config")]
    pub(crate) at_clock: bool,
    /// Record the sound as it comes, or leave it out
    #[arg(
        long,
        value_name = "HOW",
        default_value = "copy",
        conflicts_with = "config"
    )]
    pub(crate) audio: Audio,
    /// Times of pictures: boxes beside them, and within them strawlab or misb [default: boxes]
    ///
    /// 'strawlab' writes what retina-record does into each picture: when it was received, its RTP
    /// time, and the sender reports; 'misb' writes when it was taken (MISB ST 0604). Both:
    /// strawlab,misb. The pictures look the same, but their bytes are no longer the camera's.
    /// 'tapo inspect --timing --csv' reads all of them.
    #[arg(long, value_name = "WHERE", value_parser = str::parse::<Timing>, conflicts_with = "config")]
    pub(crate) timing: Option<Timing>,
    /// Names of files, by strftime [default: %Y-%m-%d/%H-%M-%S]
    #[arg(long, value_name = "PATTERN", conflicts_with = "config")]
    pub(crate) name: Option<String>,
    /// Name files by UTC instead of local time
    #[arg(long, conflicts_with = "config")]
    pub(crate) utc: bool,
    /// When to force data onto the disk: fragment, off, or a time such as 10s [default: fragment]
    #[arg(long, value_name = "WHEN", value_parser = str::parse::<SyncPolicy>, conflicts_with = "config")]
    pub(crate) sync: Option<SyncPolicy>,
    /// What may wait in memory for a slow disk; then pictures are left out [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "config")]
    pub(crate) queue: Option<u64>,
    /// Keep a playlist of each day (HLS): any web server makes the recordings play in a browser
    #[arg(long, conflicts_with = "config")]
    pub(crate) playlist: bool,
    /// Call the camera again when it sends no media for this long [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "config")]
    pub(crate) stall: Option<Duration>,
    /// How media travels: tcp loses nothing, udp is for cameras and networks that want it [default: tcp]
    #[arg(long, value_name = "HOW", value_parser = str::parse::<Transport>, conflicts_with = "config")]
    pub(crate) transport: Option<Transport>,
    /// For rtsps://: accept the certificate with this SHA-256
    ///
    /// Cameras sign their own certificates. tapo tells the SHA-256 of one that no known authority
    /// vouches for; compare it with what the camera shows before you accept it.
    #[arg(long, value_name = "SHA256", value_parser = Trust::fingerprint, requires = "url")]
    pub(crate) tls_fingerprint: Option<Trust>,
    /// For rtsps://: accept any certificate; whoever sits in between can see and replace the pictures
    #[arg(long, requires = "url", conflicts_with = "tls_fingerprint")]
    pub(crate) tls_insecure: bool,
    /// Remove files that ended this long ago: 12h, 7d, 4w
    ///
    /// Only files that tapo has recorded of this camera go, under the names it gave them, the oldest
    /// first. Never removed: the newest, what is being written or in use, and what is protected
    /// ('tapo protect'). Without --keep, --keep-size and --keep-free nothing is removed.
    ///
    /// Time in which nothing was recorded counts as one day at most: it may be the clock that
    /// was set.
    #[arg(long, value_name = "AGE", value_parser = parse_age, conflicts_with = "config")]
    pub(crate) keep: Option<Duration>,
    /// Remove the oldest files when all of this camera take more: 500MB, 200GB, 1TiB
    ///
    /// Protected files do not count.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "config")]
    pub(crate) keep_size: Option<u64>,
    /// Remove the oldest files when less of the disk is free
    ///
    /// With --keep-size or --keep-free, a disk that is full costs the oldest file, not new media;
    /// --keep-free 0 does only that. Otherwise recording waits until there is room.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "config")]
    pub(crate) keep_free: Option<u64>,
    /// Stop when this much is recorded, or when twice this time and a minute have passed
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Serve how it stands at this address: /metrics for Prometheus, /status.json for 'tapo status'
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    pub(crate) status: Option<SocketAddr>,
    /// Let --status be an address that other machines reach: there is no password
    #[arg(long, requires = "status")]
    pub(crate) status_public: bool,
    /// Replace FILE.mp4 if it exists
    #[arg(long, requires = "output", conflicts_with = "config")]
    pub(crate) force: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What becomes of the sound.
#[derive(Copy, Clone, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Audio {
    /// It is recorded
    Copy,
    /// It is left out
    Off,
}

const AFTER: &str = "\
Examples:
  tapo record --demo                                       see it work, without a camera
  tapo record rtsp://192.168.1.20/stream1                  into recordings/, 15 minutes a file
  tapo record -o yard.mp4 rtsp://192.168.1.20/stream1      into one file, until Ctrl-C
  tapo record --username admin --password-file secret.txt -o /srv/video rtsp://192.168.1.20/stream1
  TAPO_PASSWORD=... tapo record rtsp://admin@192.168.1.20/stream1
  tapo record --config cameras.toml -o /srv/video          several cameras ('tapo init' writes the file)
  tapo record --config cameras.toml --check-config         is the file right?
  tapo record --keep 7d --keep-free 10GB rtsp://192.168.1.20/stream1
  tapo record --demo --status 127.0.0.1:9554               and 'tapo status' tells how it stands
  tapo record --segment 1h --at-clock --segment-size 4GB --audio off rtsp://192.168.1.20/stream1

A configuration file holds a section for each camera; all but name and url can be left out, and
what cameras have in common can stand in [defaults]. 'tapo init -' shows all settings:
  [[camera]]
  name = \"yard\"
  url = \"rtsp://192.168.1.20/stream1\"
  username = \"admin\"
  password_file = \"/etc/tapo/yard.password\"
  output = \"/srv/video/yard\"
  segment = \"15m\"
  keep = \"7d\"
  keep_size = \"200GB\"
  keep_free = \"10GB\"";
