//! The layouts that others give to fragments: which boxes in which order, their
//! versions and flags, how samples are addressed.
//!
//! From their sources: OBS `mp4-mux.c`, FFmpeg `movenc.c`, GStreamer
//! `gstqtmux.c`, mediacommon `fmp4`, Shaka Packager `fragmenter.cc`, go2rtc
//! `iso`; MP4Box from what is known of its files. The tests hold those of FFmpeg and
//! GStreamer against what the programs write.

use crate::write::{Base, Group, Maker, Part};

const OFFSET: u32 = 0x1;
const DESCRIPTION: u32 = 0x2;
const DURATION: u32 = 0x8;
const SIZE: u32 = 0x10;
const FLAGS: u32 = 0x20;
const MOOF: u32 = 0x2_0000;

const DATA: u32 = 0x1;
const FIRST: u32 = 0x4;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const EACH_FLAGS: u32 = 0x400;
const TIMES: u32 = 0x800;

/// A bit where something holds.
const fn when(holds: bool, bit: u32) -> u32 {
    if holds { bit } else { 0 }
}

const PLAIN: Maker = Maker {
    name: "",
    brands: b"isom\0\0\x02\0isomiso6mp41",
    front: &[],
    between: &[],
    end: &[],
    mehd: false,
    trex: [0; 3],
    first_in_moov: false,
    stale_times: false,
    data_first: false,
    negative: false,
    group: Group::Together,
    base: Base::Moof,
    tfhd: |_| MOOF,
    tfdt: 1,
    run_version: 0,
    run: |_| 0,
    per_run: usize::MAX,
    implied: false,
    sync: 0x200_0000,
    other: 0x101_0000,
    sound: 0x200_0000,
};

/// Size and flags of a fragment as FFmpeg states them: defaults by the second sample, and in the
/// run what differs.
const fn ffmpeg_run(p: &Part<'_>) -> u32 {
    DATA | when(p.video, FIRST | TIMES) | SIZES
}

pub(crate) const ALL: &[Maker] = &[
    Maker {
        name: "OBS, hybrid, as it is while it records",
        brands: b"iso6\0\0\0\x01iso6isomiso2avc1mp41",
        front: &[(b"free", 8)],
        base: Base::Offset,
        negative: true,
        tfhd: |p| OFFSET | FLAGS | when(p.same_duration, DURATION) | when(p.same_size, SIZE),
        run_version: 1,
        run: |p| DATA | SIZES | when(p.video, FIRST | TIMES),
        ..PLAIN
    },
    Maker {
        name: "FFmpeg 5 to 8, frag_keyframe+empty_moov+default_base_moof",
        brands: b"iso5\0\0\x02\0iso5iso6mp41",
        end: &[(b"mfra", 60)],
        tfhd: |_| MOOF | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg 5 to 8, frag_keyframe+empty_moov",
        brands: b"isom\0\0\x02\0isomiso6iso2avc1mp41",
        end: &[(b"mfra", 60)],
        base: Base::Offset,
        tfhd: |_| OFFSET | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg 5 to 8, frag_keyframe",
        brands: b"isom\0\0\x02\0isomiso6iso2avc1mp41",
        end: &[(b"mfra", 60)],
        first_in_moov: true,
        base: Base::Offset,
        tfhd: |_| OFFSET | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg 9, delay_moov with PCM",
        brands: b"qt  \0\0\x02\0qt  ",
        stale_times: true,
        base: Base::Offset,
        tfhd: |_| OFFSET | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg, omit_tfhd_offset",
        brands: b"isom\0\0\x02\0isomiso6iso2avc1mp41",
        group: Group::PerTrack,
        base: Base::Implicit,
        tfhd: |_| DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg, frag_interleave: several runs",
        brands: b"iso5\0\0\x02\0iso5iso6mp41",
        end: &[(b"mfra", 60)],
        tfhd: |_| MOOF | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        per_run: 4,
        ..PLAIN
    },
    Maker {
        name: "runs that follow each other (14496-12 §8.8.8)",
        brands: b"iso5\0\0\x02\0iso5iso6mp41",
        tfhd: |_| MOOF | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        per_run: 7,
        implied: true,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg, dash",
        brands: b"iso5\0\0\x02\0iso6mp41",
        between: &[(b"sidx", 44), (b"sidx", 44)],
        end: &[(b"mfra", 60)],
        tfhd: |_| MOOF | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg 7.1 to 8.0, hybrid_fragmented, as it is while it records",
        brands: b"isom\0\0\x02\0isomiso6iso2avc1mp41",
        front: &[(b"free", 0)],
        first_in_moov: true,
        base: Base::Offset,
        tfhd: |_| OFFSET | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "FFmpeg 8.1, hybrid_fragmented, as it is while it records",
        brands: b"isom\0\0\x02\0isomiso6iso2avc1mp41",
        front: &[(b"free", 0), (b"free", 36)],
        first_in_moov: true,
        base: Base::Offset,
        tfhd: |_| OFFSET | DURATION | SIZE | FLAGS,
        run: ffmpeg_run,
        ..PLAIN
    },
    Maker {
        name: "GStreamer, fragment-duration",
        brands: b"mp42\0\0\0\0mp42mp41isomiso2",
        front: &[],
        end: &[(b"mfra", 60)],
        mehd: true,
        group: Group::PerTrack,
        base: Base::Implicit,
        tfhd: |_| 0,
        tfdt: 0,
        run: |p| DATA | DURATIONS | SIZES | EACH_FLAGS | when(p.video, TIMES),
        other: 0x1_0000,
        sync: 0,
        sound: 0,
        ..PLAIN
    },
    Maker {
        name: "GStreamer, first-moov-then-finalise, as it is while it records",
        brands: b"mp42\0\0\0\0mp42mp41isomiso2",
        front: &[(b"free", 0)],
        first_in_moov: true,
        data_first: true,
        group: Group::PerTrack,
        base: Base::Moof,
        tfhd: |_| MOOF,
        run: |p| DATA | DURATIONS | SIZES | EACH_FLAGS | when(p.video, TIMES),
        other: 0x1_0000,
        sync: 0,
        sound: 0,
        ..PLAIN
    },
    Maker {
        name: "GStreamer, isofmp4mux",
        brands: b"iso6\0\0\0\0iso6msdhmsix",
        between: &[(b"styp", 16), (b"prft", 24)],
        tfhd: |p| MOOF | when(p.same_duration, DURATION) | when(p.same_size, SIZE) | FLAGS,
        run_version: 1,
        run: |p| {
            let each = when(!p.same_duration, DURATIONS) | when(!p.same_size, SIZES);
            DATA | each | when(p.video, EACH_FLAGS | TIMES)
        },
        other: 0x101_0000,
        ..PLAIN
    },
    Maker {
        name: "MediaMTX",
        brands: b"mp42\0\0\0\x01mp41mp42isomhlsf",
        tfhd: |_| MOOF,
        run_version: 1,
        run: |p| DATA | DURATIONS | SIZES | when(p.video, EACH_FLAGS | TIMES),
        sync: 0,
        other: 0x1_0000,
        sound: 0,
        ..PLAIN
    },
    Maker {
        name: "Shaka Packager, one file",
        brands: b"isom\0\0\0\0iso8isommp41dashavc1cmfc",
        front: &[],
        between: &[],
        mehd: true,
        group: Group::PerTrack,
        tfhd: |p| {
            let same = when(p.same_duration, DURATION) | when(p.same_size, SIZE);
            MOOF | DESCRIPTION | same | when(!p.video, FLAGS)
        },
        run: |p| {
            let each = when(!p.same_duration, DURATIONS) | when(!p.same_size, SIZES);
            DATA | each | when(p.video, EACH_FLAGS | TIMES)
        },
        sync: 0,
        other: 0x1_0000,
        sound: 0,
        ..PLAIN
    },
    Maker {
        name: "Shaka Packager, live segments behind each other",
        brands: b"isom\0\0\0\0iso8isommp41dashavc1cmfc",
        between: &[(b"styp", 20), (b"sidx", 44), (b"emsg", 60)],
        tfhd: |p| {
            let same = when(p.same_duration, DURATION) | when(p.same_size, SIZE);
            MOOF | DESCRIPTION | same | when(!p.video, FLAGS)
        },
        run: |p| {
            let each = when(!p.same_duration, DURATIONS) | when(!p.same_size, SIZES);
            DATA | each | when(p.video, EACH_FLAGS | TIMES)
        },
        sync: 0,
        other: 0x1_0000,
        sound: 0,
        ..PLAIN
    },
    Maker {
        name: "MP4Box -frag, offsets from the file",
        brands: b"isom\0\0\0\x01isomavc1",
        front: &[(b"free", 59)],
        mehd: true,
        trex: [0, 0, 0x1_0000],
        group: Group::PerTrack,
        base: Base::Offset,
        tfhd: |p| OFFSET | when(p.same_duration, DURATION) | when(!p.video, FLAGS),
        run: |p| DATA | SIZES | when(!p.same_duration, DURATIONS) | when(p.video, FIRST | TIMES),
        ..PLAIN
    },
    Maker {
        name: "MP4Box -frag and -dash, from the moof",
        brands: b"iso5\0\0\0\x01isomiso5dashavc1",
        front: &[(b"free", 59)],
        between: &[(b"styp", 16), (b"sidx", 44)],
        trex: [0, 0, 0x1_0000],
        tfhd: |p| MOOF | when(p.same_duration, DURATION) | when(!p.video, FLAGS),
        tfdt: 0,
        run: |p| DATA | SIZES | when(!p.same_duration, DURATIONS) | when(p.video, FIRST | TIMES),
        ..PLAIN
    },
    Maker {
        name: "go2rtc, a fragment for each sample",
        brands: b"iso5\0\0\x02\0iso5iso6mp41",
        group: Group::PerSample,
        tfhd: |_| MOOF | DURATION | SIZE | FLAGS,
        run: |p| DATA | when(p.has_offset, TIMES),
        other: 0x101_0000,
        ..PLAIN
    },
];
