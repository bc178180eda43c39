//! `tapo inspect --boxes`: fields, names, and bytes that nothing is known of.

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
use tapo_bmff::BoxWriter;

/// Boxes that nobody knows, one that is too short, one with a tail, and others that
/// are known by name.
fn odd() -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"qt  ").u32(0x2005_0300).raw(b"qt  ");
    });
    w.boxed(b"qzqz", |w| {
        w.raw(b"\x1b[2Jhidden\xe2\x80\xae").zeros(80);
    });
    w.uuid(&[7; 16], |w| {
        w.raw(b"whose?");
    });
    w.boxed(b"free", |w| {
        w.raw(b"left by hand").zeros(4);
    });
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| {
            w.u32(3_800_000_000);
        });
        w.boxed(b"udta", |w| {
            w.boxed(b"\xa9xyz", |w| {
                w.u16(8).u16(0x15c7).raw(b"+27.5-90");
            });
            w.boxed(b"FIRM", |w| {
                w.raw(b"HD5.02.01.57.00\0");
            });
            w.boxed(b"SDLN", |w| {
                w.raw(b"SEQ_PLAY");
            });
            w.boxed(b"gps ", |w| {
                w.u32(0x101).u32(1).u32(0x8000).u32(0x4000);
            });
            w.full(b"titl", 0, 0, |w| {
                w.u16(0x55c4).raw(b"\x1b]0;title\x07\0");
            });
        });
        w.full(b"mehd", 0, 0, |w| {
            w.u32(9).raw(b"tail");
        });
    });
    w.boxed(b"mdat", |w| {
        w.raw(&[0x65; 40]);
    });
    w.into_bytes()
}

#[test]
fn boxes_are_told_with_names_fields_and_what_is_not_known() {
    let folder = Folder::new();
    folder.write("odd.mov", &odd());
    let mut all = folder.transcript(&["inspect", "--boxes", "odd.mov"]);
    all.push('\n');
    all += &folder.transcript(&["inspect", "--boxes", "--hex=20", "odd.mov"]);
    all.push('\n');
    all += &folder.transcript(&["inspect", "--boxes", "--hex=4", "--json", "odd.mov"]);
    assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}'));
    assert_snapshot!(all);
}

#[test]
fn a_clip_is_told_with_all_its_fields() {
    let folder = Folder::new();
    for name in ["h264_alaw.mov", "h265_open_gop.mp4"] {
        let clips = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/");
        folder.write(name, &std::fs::read(format!("{clips}{name}")).unwrap());
    }
    let mut all = folder.transcript(&["inspect", "--boxes", "h264_alaw.mov"]);
    all.push('\n');
    all += &folder.transcript(&["inspect", "--boxes", "h265_open_gop.mp4"]);
    assert_snapshot!(all);
}

#[test]
fn as_many_bytes_as_asked_for_are_shown() {
    let folder = Folder::new();
    folder.write("odd.mov", &odd());
    let hex = |arg: &str| {
        let (_, out, _) = folder.run(&["inspect", "--boxes", "--json", arg, "odd.mov"]);
        let mut lines = out
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        let mdat = lines.find(|l| l["box"] == "mdat").unwrap();
        mdat["payload"]["hex"].as_str().map(str::to_owned)
    };
    assert_eq!(hex("--hex").unwrap(), "65".repeat(40));
    assert_eq!(hex("--hex=3").unwrap(), "656565");
    for wrong in ["--hex=0", "--hex=70000", "--hex=x"] {
        let (code, _, err) = folder.run(&["inspect", "--boxes", wrong, "odd.mov"]);
        assert_eq!(code, 2, "{err}");
    }
    let (code, _, _) = folder.run(&["inspect", "--hex", "odd.mov"]);
    assert_eq!(code, 2, "--hex needs --boxes");
}
