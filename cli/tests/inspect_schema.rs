//! What `tapo inspect --json` prints keeps to docs/schema/inspect.schema.json, in
//! every view; docs/schema/inspect.md is made from it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

#[expect(dead_code, reason = "the table is of another test")]
mod bad;
mod common;

use common::Folder;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/");

/// Lines of one file that are looked at, in one view.
const LINES: usize = 400;

/// What others are compared with.
const OTHER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../testdata/h264_bframes_aac.mp4"
);

/// Options of each view.
const VIEWS: [(&str, &[&str]); 11] = [
    ("summary", &["--hash"]),
    ("boxes", &["--boxes", "--hex"]),
    ("samples", &["--samples"]),
    ("gops", &["--gops"]),
    ("nals", &["--nals"]),
    ("fragments", &["--fragments"]),
    ("timing", &["--timing"]),
    ("ledger", &["--ledger"]),
    ("map", &["--map"]),
    ("against", &["--against", OTHER]),
    ("diff", &["--diff", OTHER]),
];

/// The views that there are.
fn views() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let (_, help, _) = common::run(["inspect", "--help"]);
    let known = move |options: &[&str]| help.contains(options[0]);
    VIEWS.into_iter().filter(move |(_, options)| known(options))
}

fn schema() -> Value {
    let text = std::fs::read_to_string(format!("{DOCS}inspect.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// One part of the schema, to validate by.
fn part(schema: &Value, name: &str) -> Validator {
    let part = json!({
        "$schema": schema["$schema"],
        "$ref": format!("#/$defs/{name}"),
        "$defs": schema["$defs"],
    });
    jsonschema::draft202012::new(&part).unwrap()
}

/// Validators of the records of a view, by name.
fn records(schema: &Value, view: &str) -> Vec<(String, Validator)> {
    let any = schema["$defs"][format!("view-{view}")]["anyOf"]
        .as_array()
        .expect(view);
    let names = any.iter().map(|r| r["$ref"].as_str().unwrap());
    let names = names.map(|r| r.trim_start_matches("#/$defs/").to_owned());
    names
        .map(|name| (name.clone(), part(schema, &name)))
        .collect()
}

/// Looks at the lines of all views of files and folders. Which records were met is
/// counted in `met`.
fn check(paths: &[PathBuf], met: &mut BTreeMap<String, u64>) {
    let schema = schema();
    for (view, options) in views() {
        let records = records(&schema, view);
        let mut child = common::tapo()
            .args(["inspect", "--json", "--jobs", "2"])
            .args(options)
            .args(paths)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut file, mut left) = (String::new(), 0);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.starts_with("{\"schema\"") {
                (file, left) = (line.clone(), LINES);
            }
            if left == 0 {
                continue;
            }
            left -= 1;
            let value: Value = serde_json::from_str(&line).expect(&line);
            let fits = |(_, v): &&(String, Validator)| v.is_valid(&value);
            let mut fitting = records.iter().filter(fits);
            let Some((name, _)) = fitting.next() else {
                // The closest is the one with the fewest errors.
                let errors = records.iter().map(|(name, v)| {
                    let errors: Vec<_> = v.iter_errors(&value).map(|e| e.to_string()).collect();
                    (errors.len(), name, errors)
                });
                let closest = errors.min_by_key(|(count, ..)| *count);
                panic!("{view}: {line}\nof {file}\n{closest:?}");
            };
            assert!(fitting.next().is_none(), "{view}: not told apart: {line}");
            *met.entry(name.clone()).or_default() += 1;
        }
        child.wait().unwrap();
    }
}

/// Clips of testdata, files that we make, and files that break parsers.
fn made() -> Folder {
    let folder = Folder::new();
    let clips = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/");
    for name in ["h264_bframes_aac.mp4", "h265_open_gop.mp4", "h264_alaw.mov"] {
        folder.write(name, &std::fs::read(format!("{clips}{name}")).unwrap());
    }
    for file in bad::files() {
        // These are long and hold nothing new.
        if !file.name.contains("million") && !file.name.contains("sparse") {
            file.write(&folder.path(&format!("{}.mp4", file.name)));
        }
    }
    let clip = bad::plain();
    let mut zeroed = clip.clone();
    zeroed[20_000..20_500].fill(0);
    folder.write("zeroed.mp4", &zeroed);
    let x264 = b"\xdc\x45\xe9\xbd\xe6\xd9\x48\xb7";
    let at = clip.windows(8).position(|w| w == x264).unwrap();
    let mut misp = clip;
    misp[at..at + 28]
        .copy_from_slice(b"MISPmicrosectime\x1f\x00\x06\xff\x60\xc8\xff\x19\xa3\xff\x52\x40");
    folder.write("clock.mp4", &misp);
    let segment = common::segment(3);
    folder.write("torn.mp4", &segment[..segment.len() - 100]);
    folder.write("stamped.mp4", &stamped());
    folder
}

/// Fragments with times of day beside them.
fn stamped() -> Vec<u8> {
    let plain = common::segment(2);
    let at = plain.windows(4).position(|w| w == b"moof").unwrap() - 4;
    let mut w = tapo_bmff::BoxWriter::new();
    w.full(b"prft", 1, 24, |w| {
        w.u32(1).u64(0xe000_0000_8000_0000).u64(0);
    });
    let stamp = tapo_movie::FragmentStamp::default();
    w.uuid(&tapo_movie::FragmentStamp::USER_TYPE, |w| {
        w.raw(&stamp.encode());
    });
    [&plain[..at], &w.into_bytes(), &plain[at..]].concat()
}

#[test]
fn every_line_of_every_view_keeps_to_the_schema() {
    let folder = made();
    let mut met = BTreeMap::new();
    let files = [folder.path(""), folder.path("gone.mp4")];
    check(&files, &mut met);
    // Each record was met at least once: none is a guess.
    for (view, _) in views() {
        for (name, _) in records(&schema(), view) {
            assert!(met.contains_key(&name), "no {name} in {met:?}");
        }
    }
}

#[test]
fn so_does_what_is_said_of_the_corpus() {
    let mut met = BTreeMap::new();
    for folder in ["media", "fuzz"] {
        if let Some(files) = common::corpus(folder) {
            check(&files, &mut met);
        }
    }
}

#[test]
fn the_schema_is_one_and_says_no_to_what_is_not_in_it() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let whole = jsonschema::draft202012::new(&schema).unwrap();
    let line = json!({"schema": "tapo.inspect.samples/1", "path": "a.mp4", "size": 1});
    assert!(whole.is_valid(&line));
    for wrong in [
        json!({"schema": "tapo.inspect.samples/2", "path": "a.mp4", "size": 1}),
        json!({"schema": "tapo.inspect.samples/1", "path": "a.mp4", "size": -1}),
        json!({"schema": "tapo.inspect.samples/1", "path": "a.mp4", "size": 1, "more": 1}),
        json!({"schema": "tapo.inspect.samples/1", "path": "a.mp4"}),
        json!({}),
        json!([]),
    ] {
        assert!(!whole.is_valid(&wrong), "{wrong}");
    }
    // Each part is used by a view or another part, and every view has a part.
    let text = schema.to_string();
    for name in schema["$defs"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/$defs/{name}\"")), "{name}");
    }
}

/// The schema as a page to read.
fn page(schema: &Value) -> String {
    let mut page = "\
# What `tapo inspect --json` prints
Made from [inspect.schema.json](inspect.schema.json) (JSON Schema, draft 2020-12): change that.

One JSON object a line (JSON Lines). The first line of a file has a `schema`: the view and its version, `1`.
Lines behind it belong to that file. A version only ever gains properties and kinds of lines; what goes or
changes its meaning makes a new one. Numbers are exact up to 2^64 - 1. Offsets and sizes are bytes. Some lines
lack properties with a `?`.
"
    .to_owned();
    let defs = schema["$defs"].as_object().unwrap();
    for (view, _) in VIEWS {
        let def = &defs[&format!("view-{view}")];
        let about = def["description"].as_str().unwrap();
        writeln!(page, "\n## {view}\n{about}").unwrap();
        let listed = def["anyOf"].as_array().unwrap().iter();
        let listed = listed.map(|r| r["$ref"].as_str().unwrap().replace("#/$defs/", ""));
        let mut own: Vec<_> = listed.filter(|name| belongs(name, view)).collect();
        // Then what these are made of.
        for part in defs.keys().filter(|name| belongs(name, view)) {
            if !own.contains(part) {
                own.push(part.clone());
            }
        }
        for name in own {
            table(&mut page, &name, &defs[&name]);
        }
    }
    writeln!(page, "\n## In several views").unwrap();
    for (name, def) in defs {
        let of_view = VIEWS.iter().any(|(view, _)| belongs(name, view));
        if !of_view && !name.starts_with("view-") {
            table(&mut page, name, def);
        }
    }
    page
}

/// Whether a record is of a view alone.
fn belongs(name: &str, view: &str) -> bool {
    let part = name.strip_prefix(view);
    part.is_some_and(|part| part.is_empty() || part.starts_with('-'))
}

fn table(page: &mut String, name: &str, def: &Value) {
    let about = def["description"].as_str().expect(name);
    writeln!(page, "\n### {name}\n{about}").unwrap();
    let Some(properties) = def["properties"].as_object() else {
        return;
    };
    writeln!(page, "\n| property | type | |\n|---|---|---|").unwrap();
    let required = def["required"].as_array().unwrap();
    for (property, of) in properties {
        let optional = if required.contains(&json!(property)) {
            ""
        } else {
            "?"
        };
        let about = of["description"].as_str().unwrap_or_default();
        writeln!(page, "| `{property}`{optional} | {} | {about} |", kind(of)).unwrap();
    }
}

/// A type in words.
fn kind(of: &Value) -> String {
    if let Some(any) = of["anyOf"].as_array() {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(name) = of["$ref"].as_str() {
        let name = name.replace("#/$defs/", "");
        return format!("[{name}](#{name})");
    }
    if let Some(value) = of.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = of["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|v| format!("`{v}`")).collect();
        return values.join(", ");
    }
    if let Some(items) = of.get("items").filter(|i| i.is_object()) {
        return format!("array of {}", kind(items));
    }
    if let Some(properties) = of["properties"].as_object() {
        let parts = properties
            .iter()
            .map(|(name, of)| format!("`{name}` {}", kind(of)));
        return format!("object: {}", parts.collect::<Vec<_>>().join(", "));
    }
    match &of["type"] {
        Value::Array(types) => {
            let types: Vec<_> = types.iter().map(|t| t.as_str().unwrap()).collect();
            types.join(" or ")
        }
        kind => kind.as_str().unwrap_or("value").to_owned(),
    }
}

#[test]
fn the_page_is_made_from_the_schema() {
    let path = Path::new(DOCS).join("inspect.md");
    let made = page(&schema());
    if std::env::var_os("TAPO_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "make it again: TAPO_WRITE_DOCS=1 cargo test -p tapo-cli --test inspect_schema"
    );
}
