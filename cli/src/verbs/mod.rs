//! The commands, each a few lines around its crate.

pub(crate) mod camera;
pub(crate) mod finalize;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod protect;
pub(crate) mod record;
pub(crate) mod repair;
pub(crate) mod snapshot;
pub(crate) mod status;
