//! What can be typed.

mod camera;
mod finalize;
mod init;
mod inspect;
mod protect;
mod record;
mod repair;
mod snapshot;
mod status;

pub(crate) use camera::CameraArgs;
pub(crate) use finalize::{Breaks, FinalizeArgs};
pub(crate) use init::InitArgs;
pub(crate) use inspect::{InspectArgs, View};
pub(crate) use protect::ProtectArgs;
pub(crate) use record::{Audio, RecordArgs};
pub(crate) use repair::{Gaps, RepairArgs};
pub(crate) use snapshot::SnapshotArgs;
pub(crate) use status::StatusArgs;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Video that a power cut, a crash or a dying card cannot turn into "moov atom
/// not found".
#[derive(Debug, Parser)]
#[command(name = "tapo", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
Exit codes: 0 fine; 1 a file could not be read or written; 2 wrong call; 3 damaged but it plays;
4 does not play, can be repaired; 5 cannot be repaired; 6 not an MP4; 7 refused, it would endanger
data. Over many files: 2, else 1, else the highest of the others.";

/// Options of all commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Say more; twice: much more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How log lines look on standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Print nothing but errors; the exit code tells the outcome
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// How log lines look.
#[derive(Copy, Clone, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// An object of JSON a line
    Json,
}

/// When to colour.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Record(Box<RecordArgs>),
    Finalize(FinalizeArgs),
    Repair(RepairArgs),
    Inspect(InspectArgs),
    Snapshot(SnapshotArgs),
    Status(StatusArgs),
    Protect(ProtectArgs),
    Init(InitArgs),
    Camera(CameraArgs),
    /// Print a completion script for a shell
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder; it must exist
        dir: PathBuf,
    },
    /// Print the reference of all commands as Markdown
    #[command(hide = true)]
    Docs,
}
