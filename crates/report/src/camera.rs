//! What `tapo camera` serves, told; as JSON schema `tapo.camera/1`.

use crate::{Theme, escape, json};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

/// Says where a file is served.
///
/// # Errors
/// As `out` has them.
pub fn started(out: &mut dyn Write, theme: &Theme, file: &Path, url: &str) -> io::Result<()> {
    let Theme { title, dim, .. } = theme;
    let (file, url) = (escape::path(file), escape::text(url));
    writeln!(
        out,
        "{title}{url}{title:#} plays {file} in a loop; {dim}Ctrl-C ends it{dim:#}"
    )
}

/// Says where a file is served as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn started_json(out: &mut dyn Write, file: &Path, url: &str) -> io::Result<()> {
    #[derive(Serialize)]
    struct Started<'a> {
        schema: &'static str,
        path: Cow<'a, str>,
        url: &'a str,
    }
    let path = file.to_string_lossy();
    json::line(
        out,
        &Started {
            schema: "tapo.camera/1",
            path,
            url,
        },
    )
}
