//! The views of `tapo inspect` on clips of `testdata`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::Folder;
use insta::assert_snapshot;
use serde_json::Value;

const CLIPS: [&str; 3] = ["h264_bframes_aac.mp4", "h265_open_gop.mp4", "h264_alaw.mov"];

fn folder() -> Folder {
    let folder = Folder::new();
    for name in CLIPS {
        folder.write(name, &clip(name));
    }
    folder
}

fn clip(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

/// What a view shows of each clip.
fn told(folder: &Folder, view: &str) -> String {
    CLIPS
        .iter()
        .map(|name| folder.transcript(&["inspect", view, name]) + "\n")
        .collect()
}

/// The lines of JSON of a view, each of which is an object.
fn lines(folder: &Folder, args: &[&str]) -> Vec<Value> {
    let (_, out, err) = folder.run(&[&["inspect", "--json"], args].concat());
    assert_eq!(err, "");
    let lines = out
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines.inspect(|l| assert!(l.is_object(), "{l}")).collect()
}

fn numbers(line: &Value) -> u64 {
    line.as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .sum()
}

#[test]
fn groups_of_pictures() {
    assert_snapshot!(told(&folder(), "--gops"));
}

#[test]
fn groups_of_pictures_as_json_hold_every_sample_and_byte() {
    let folder = folder();
    for name in CLIPS {
        let lines = lines(&folder, &["--gops", name]);
        assert_eq!(lines[0]["schema"], "tapo.inspect.gops/1");
        let sum = |key: &str| -> u64 { lines[2..].iter().map(|l| l[key].as_u64().unwrap()).sum() };
        let leading = lines[1]["leading"].as_u64().unwrap();
        assert_eq!(lines[1]["samples"].as_u64(), Some(sum("samples") + leading));
        assert_eq!(lines[1]["gops"], lines.len() - 2);
        assert_eq!(numbers(&lines[1]["bytes_per_cell"]), sum("bytes"));
    }
    let all = lines(&folder, &["--gops", CLIPS[0]]);
    assert_eq!(lines(&folder, &["--gops", "--track", "1", CLIPS[0]]), all);
    assert_eq!(
        lines(&folder, &["--gops", "--track", "2", CLIPS[0]]).len(),
        1
    );
}

#[test]
fn nal_units() {
    assert_snapshot!(told(&folder(), "--nals"));
}

#[test]
fn nal_units_as_json_are_all_of_each_sample() {
    let folder = folder();
    for name in CLIPS {
        let all = lines(&folder, &["--nals", name]);
        assert_eq!(all[0]["schema"], "tapo.inspect.nals/1");
        let sizes = lines(&folder, &["--samples", "--track", "1", name]);
        assert_eq!(all.len(), sizes.len(), "{name}");
        for (units, sample) in all[2..].iter().zip(&sizes[2..]) {
            assert_eq!(units["sample"], sample["sample"]);
            let units = units["units"].as_array().unwrap();
            let size: u64 = units.iter().map(|u| u["size"].as_u64().unwrap() + 4).sum();
            assert_eq!(Some(size), sample["size"].as_u64());
        }
    }
    let first = &lines(&folder, &["--nals", CLIPS[0]])[2]["units"][0]["sei"][0];
    assert_eq!(first["uuid"], "dc45e9bd-e6d9-48b7-962c-d820d923eeef");
    assert_eq!(first["owner"], "x264 settings");
    assert!(first["text"].as_str().unwrap().starts_with("x264 - core "));
    let sound = lines(&folder, &["--nals", "--track", "2", CLIPS[0]]);
    assert_eq!(sound.len(), 1);
}

#[test]
fn units_that_do_not_add_up_are_a_line_and_the_rest_is_listed() {
    let folder = folder();
    let mut broken = clip(CLIPS[0]);
    let sample = &lines(&folder, &["--samples", "--track", "1", CLIPS[0]])[2 + 20];
    let at = usize::try_from(sample["offset"].as_u64().unwrap()).unwrap();
    broken[at] = 0x7f;
    folder.write("broken.mp4", &broken);
    let (_, out, _) = folder.run(&["inspect", "--nals", "broken.mp4"]);
    assert!(out.contains("1 sample whose units do not add up"), "{out}");
    let told = format!("at {at} a unit of 2.13 GB begins, and ");
    assert!(
        out.contains("sample 21 at ") && out.contains(&told),
        "{out}"
    );
    let all = lines(&folder, &["--nals", "broken.mp4"]);
    assert_eq!(all.len(), 2 + 80);
    assert!(all[2 + 20]["flaw"].is_string() && all[2 + 21]["flaw"].is_null());
}

#[test]
fn user_data_cannot_reach_the_terminal() {
    let folder = folder();
    let mut hostile = clip(CLIPS[0]);
    let at = hostile.windows(6).position(|w| w == b"x264 -").unwrap();
    hostile[at..at + 8].copy_from_slice(b"\x1b[2J\xe2\x80\xae\x07");
    folder.write("hostile.mp4", &hostile);
    for args in [
        &["inspect", "--nals", "hostile.mp4"][..],
        &["inspect", "--nals", "--json", "hostile.mp4"],
    ] {
        let (_, out, _) = folder.run(args);
        let unsafe_ones = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!out.contains(unsafe_ones) && out.contains("[2J"), "{out:?}");
    }
}

/// The first SEI message of a clip, made one of another kind.
fn with_user_data(name: &str, uuid: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let mut clip = clip(name);
    let x264 = b"\xdc\x45\xe9\xbd\xe6\xd9\x48\xb7\x96\x2c\xd8\x20\xd9\x23\xee\xef";
    let at = clip.windows(16).position(|w| w == x264).unwrap();
    clip[at..at + 16].copy_from_slice(uuid);
    clip[at + 16..at + 677].fill(b' ');
    clip[at + 16..at + 16 + data.len()].copy_from_slice(data);
    clip
}

#[test]
fn clocks_in_pictures() {
    let folder = folder();
    // 2026-11-21 12:00:00.123456, two bytes at a time.
    let time = b"\x1f\x00\x06\xff\x60\xc8\xff\x19\xa3\xff\x52\x40";
    let misp = with_user_data(CLIPS[0], b"MISPmicrosectime", time);
    folder.write("misp.mp4", &misp);
    let json = br#"{"r":"2026-11-21T12:00:00.123Z","t":[4711]}"#;
    let strawlab = with_user_data(CLIPS[0], b"strawlab.org/89H", json);
    folder.write("strawlab.mp4", &strawlab);
    let mut all = String::new();
    for name in ["misp.mp4", "strawlab.mp4"] {
        all += &folder.transcript(&["inspect", "--timing", name]);
        all.push('\n');
        let (_, nals, _) = folder.run(&["inspect", "--nals", name]);
        let user_data = nals.lines().filter(|l| l.contains("user data"));
        all += &user_data.map(|l| format!("{l}\n")).collect::<String>();
        all.push('\n');
        let json = lines(&folder, &["--timing", name]);
        let sei: Vec<_> = json.iter().filter(|l| l.get("sei").is_some()).collect();
        assert_eq!((sei.len(), &sei[0]["sample"]), (1, &Value::from(1)));
    }
    assert_snapshot!(all);
}

#[test]
fn clocks() {
    let folder = folder();
    let mut all = told(&folder, "--timing");
    folder.write("segment.mp4", &common::segment(3));
    all += &folder.transcript(&["inspect", "--timing", "segment.mp4"]);
    assert_snapshot!(all);
}

#[test]
fn clocks_as_json() {
    let folder = folder();
    let all = lines(&folder, &["--timing", CLIPS[0]]);
    assert_eq!(all[0]["schema"], "tapo.inspect.timing/1");
    assert_eq!(
        (all[0]["sound_offset_us"].as_i64(), all.len()),
        (Some(0), 3)
    );
    // AAC begins with a frame that is not to be heard.
    assert_eq!(all[2]["edits"][0][1], 1024);
    folder.write("segment.mp4", &common::segment(3));
    let all = lines(&folder, &["--timing", "segment.mp4"]);
    assert_eq!(all[1]["first_tfdt"], 0);
    assert_eq!(all[1]["last_tfdt"], 8000);
}

#[test]
fn views_of_damaged_and_foreign_files_end_well() {
    let folder = folder();
    folder.write("cut.mp4", &clip(CLIPS[0])[..30_000]);
    folder.write("nothing.mp4", &common::segment(0));
    folder.write("empty.mp4", b"");
    folder.write("zeros.mp4", &[0; 5000]);
    for view in ["--gops", "--nals", "--timing"] {
        for name in ["cut.mp4", "nothing.mp4", "empty.mp4", "zeros.mp4"] {
            let (plain, out, err) = folder.run(&["inspect", view, name]);
            assert!(
                out.starts_with(name) && err.is_empty(),
                "{view} {name}: {err}"
            );
            let (code, _, _) = folder.run(&["inspect", name]);
            assert_eq!(plain, code, "{view} {name}");
            assert!(!lines(&folder, &[view, name]).is_empty());
        }
    }
}
