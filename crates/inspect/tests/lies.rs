//! Tables, sizes and settings that lie, one at a time: what is said of them, how much can be saved, and whether the
//! file plays.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail"
)]

use tapo_bmff::BoxTree;
use tapo_inspect::{Finding, Holding, Inspection, Severity, Verdict, inspect};
use tapo_io::Span;

fn clip(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    std::fs::read(std::path::Path::new(folder).join(name)).unwrap()
}

/// The header of the first box of this type in the file.
fn place(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).position(|w| w == kind).unwrap() - 4
}

/// The file with four bytes of a box written over, counted from its header.
fn with(file: &[u8], kind: &[u8; 4], at: usize, value: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = place(&file, kind) + at;
    file[at..at + 4].copy_from_slice(&value.to_be_bytes());
    file
}

fn find<'a>(seen: &'a Inspection, code: &str) -> &'a Finding {
    let found = seen.findings.iter().find(|f| f.problem.code() == code);
    assert!(found.is_some(), "{code}: {:?}", seen.findings);
    found.unwrap()
}

fn damage(seen: &Inspection) -> Vec<&'static str> {
    let all = seen.findings.iter();
    let damage = all.filter(|f| f.severity() == Severity::Damage);
    damage.map(|f| f.problem.code()).collect()
}

/// Milliseconds of each track that can be saved, and of all of it.
fn saved(seen: &Inspection) -> Vec<(u64, u64)> {
    let ms = |ticks: u64, scale: u32| ticks * 1000 / u64::from(scale);
    let all = seen.saved();
    let all = all.iter();
    all.map(|s| (ms(s.sound, s.timescale), ms(s.all, s.timescale)))
        .collect()
}

#[test]
fn times_and_sizes_of_samples_that_are_not_there_count_nothing() {
    let sound = clip("h264_bframes_aac.mp4");
    let seen = inspect(&sound).unwrap();
    assert_eq!(seen.verdict, Verdict::Sound);
    let whole = saved_as_if_damaged(&seen);
    let cases = [
        // Samples by `stts`, how long each lasts, samples by `stsz`.
        (b"stts", 16, u32::MAX, "times-disagree", Verdict::Damaged),
        (b"stts", 16, 3, "times-disagree", Verdict::Damaged),
        (b"stts", 20, 0, "times-still", Verdict::Damaged),
        (b"stsz", 16, u32::MAX, "table-short", Verdict::Repairable),
    ];
    for (kind, at, value, code, verdict) in cases {
        let file = with(&sound, kind, at, value);
        let seen = inspect(&file).unwrap();
        let finding = find(&seen, code);
        assert_eq!(seen.verdict, verdict, "{code} {value}");
        assert_eq!(finding.severity(), Severity::Damage, "{code}");
        let lie = place(&file, kind) + at;
        let lie = Span::at(lie as u64, 4);
        assert!(finding.span.unwrap().contains(lie), "{code}: {finding:?}");
        assert_eq!(saved(&seen), whole, "{code} {value}");
    }
}

/// What could be saved of a sound file.
fn saved_as_if_damaged(seen: &Inspection) -> Vec<(u64, u64)> {
    let whole = saved(seen);
    assert!(whole.iter().all(|(sound, all)| sound == all && *all > 1000));
    whole
}

#[test]
fn an_index_that_no_box_leads_to_is_found_and_listed() {
    let sound = clip("h264_bframes_aac.mp4");
    let whole = saved_as_if_damaged(&inspect(&sound).unwrap());
    let mdat = place(&sound, b"mdat");
    let size = u32::from_be_bytes(sound[mdat..mdat + 4].try_into().unwrap());
    let moov = (mdat as u64) + u64::from(size);
    let index = Span::new(moov, sound.len() as u64);
    for lie in [0, size + 500, size - 500, size - 5] {
        let file = with(&sound, b"mdat", 0, lie);
        let seen = inspect(&file).unwrap();
        assert_eq!(damage(&seen), ["size-wrong", "moov-astray"], "{lie}");
        assert_eq!(find(&seen, "moov-astray").span, Some(index), "{lie}");
        let head = Span::at(mdat as u64, 8);
        assert_eq!(find(&seen, "size-wrong").span, Some(head), "{lie}");
        assert_eq!(seen.verdict, Verdict::Repairable, "{lie}");
        assert!(!seen.needs_reference(), "{lie}");
        assert_eq!(saved(&seen), whole, "{lie}");
        let entries = seen.ledger.entries();
        let bytes: u64 = entries.map(|e| e.span.len()).sum();
        assert_eq!(bytes, file.len() as u64, "{lie}");
        let left = seen.ledger.entries().filter(|e| e.span.start >= moov);
        for entry in left {
            assert!(matches!(entry.what, Holding::Leftover { .. }), "{entry:?}");
        }
    }
    // That of another file is none.
    let other = clip("h265_open_gop.mp4");
    let other = other[place(&other, b"moov")..].to_vec();
    let mut file = with(&sound[..index.start as usize], b"mdat", 0, 0);
    file.extend(other);
    let seen = inspect(&file).unwrap();
    assert!(
        damage(&seen).contains(&"moov-missing"),
        "{:?}",
        seen.findings
    );
}

#[test]
fn what_is_missing_behind_the_tables_is_one_finding() {
    let sound = clip("h264_bframes_aac.mp4");
    let udta = sound.windows(4).rposition(|w| w == b"udta").unwrap() - 4;
    let whole = saved_as_if_damaged(&inspect(&sound).unwrap());
    for end in [sound.len() - 1, sound.len() - 20, udta + 9] {
        let seen = inspect(&sound[..end].to_vec()).unwrap();
        assert_eq!(damage(&seen), ["truncated"], "{end}");
        assert_eq!(seen.verdict, Verdict::Damaged, "{end}");
        assert_eq!(saved(&seen), whole, "{end}");
    }
    // Here it is a table that is cut off.
    let seen = inspect(&sound[..udta - 1].to_vec()).unwrap();
    assert_eq!(seen.verdict, Verdict::Repairable);
}

#[test]
fn without_settings_or_behind_an_edit_list_nothing_plays() {
    let sound = clip("h264_bframes_aac.mp4");
    // The NAL unit type of the SPS (14496-15 §5.3.3.1: behind five bytes and its length).
    let mut unset = sound.clone();
    let sps = place(&sound, b"avcC") + 8 + 8;
    assert_eq!(unset[sps] & 0x1f, 7);
    unset[sps] ^= 1;
    let seen = inspect(&unset).unwrap();
    find(&seen, "parameter-sets-missing");
    assert_eq!(seen.verdict, Verdict::Repairable);
    assert!(seen.needs_reference());

    let hidden = with(&sound, b"elst", 20, 50_000_000);
    let seen = inspect(&hidden).unwrap();
    find(&seen, "edit-shows-nothing");
    assert_eq!(seen.verdict, Verdict::Repairable);
    assert!(!seen.needs_reference());
}

#[test]
fn the_end_of_a_wave_box_is_no_unknown_box() {
    let file = clip("h264_alaw.mov");
    // QuickTime File Format, sound sample descriptions: a terminator atom of size 8 and type 0 comes last.
    let wave: &[u8] = b"\0\0\0\x1cwave\0\0\0\x0cfrmaalaw\0\0\0\x08\0\0\0\0";
    let tree = BoxTree::read(&file).unwrap();
    let (_, entry) = tree.iter().find(|(_, n)| n.kind == b"alaw").unwrap();
    let end = entry.span.end as usize;
    let mut changed = file.clone();
    for (_, around) in tree.iter().filter(|(_, n)| n.span.contains(entry.span)) {
        let at = around.span.start as usize;
        let size = around.span.len() as u32 + wave.len() as u32;
        changed[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    changed.splice(end..end, wave.iter().copied());
    let codes = |file: &Vec<u8>| {
        let seen = inspect(file).unwrap();
        let all = seen.findings.iter();
        all.map(|f| f.problem.code()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&changed), codes(&file));
}
