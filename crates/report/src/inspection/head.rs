//! The first line of a listing in JSON.

use serde::Serialize;
use std::borrow::Cow;
use std::path::Path;

/// What a listing is of.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    schema: &'static str,
    path: Cow<'a, str>,
    /// Bytes.
    size: u64,
}

impl<'a> Head<'a> {
    pub(super) fn of(schema: &'static str, path: &'a Path, size: u64) -> Self {
        let path = path.to_string_lossy();
        Self { schema, path, size }
    }
}
