//! Pictures of x264 under right and under wrong parameter sets.

use super::bits::Bits;
use super::sample::decodes;
use super::start::Start;
use crate::h264::access_tests::{nal, pps};
use crate::h264::{NalType, ParameterSets};
use crate::held::Held;
use crate::nal::{NalLengthSize, split_annex_b};
use crate::recognise::Decodes;
use h264_reader::nal::pps::PicParameterSet;
use h264_reader::nal::sps::{FrameMbsFlags, SeqParameterSet};
use h264_reader::rbsp::BitWrite as _;
use proptest::prelude::*;
use proptest::sample::Index;
use std::process::Command;

/// A stream of intra pictures.
struct Stream {
    sets: ParameterSets,
    /// Samples without parameter sets.
    samples: Vec<Vec<u8>>,
}

impl Stream {
    /// Takes a byte stream with access unit delimiters apart.
    fn of(stream: &[u8]) -> Self {
        let (mut sets, mut samples) = (ParameterSets::new(), Vec::new());
        for nal in split_annex_b(stream) {
            match NalType::of(nal.bytes).unwrap() {
                NalType::SPS | NalType::PPS => drop(sets.add(nal.bytes).unwrap()),
                kind => {
                    if kind == NalType::AUD {
                        samples.push(Vec::<u8>::new());
                    }
                    samples.last_mut().unwrap().extend(prefixed(&[nal.bytes]));
                }
            }
        }
        Self { sets, samples }
    }

    /// What decoding with these parameter sets says of a sample.
    fn judge(&self, sets: &ParameterSets, sample: &[u8]) -> Decodes {
        decodes(&Held::new(sets.clone()), NalLengthSize::FOUR, sample)
    }

    /// The same of all of its samples.
    fn decodes(&self, sets: &ParameterSets) -> Vec<Decodes> {
        self.samples
            .iter()
            .map(|sample| self.judge(sets, sample))
            .collect()
    }

    /// Its first picture does not decode with parameter sets that differ in one thing.
    fn refuses_others(&self, name: &str) {
        let arithmetic = self
            .sets
            .context
            .pps()
            .any(|pps| pps.entropy_coding_mode_flag);
        let mut others = vec![
            (
                "entropy coding",
                self.changed(|pps| pps.entropy_coding_mode_flag ^= true, |_| ()),
            ),
            (
                "adaptive",
                self.changed(
                    |_| (),
                    |sps| match &mut sps.frame_mbs_flags {
                        FrameMbsFlags::Fields {
                            mb_adaptive_frame_field_flag,
                        } => *mb_adaptive_frame_field_flag ^= true,
                        frames => {
                            *frames = FrameMbsFlags::Fields {
                                mb_adaptive_frame_field_flag: true,
                            };
                            sps.pic_height_in_map_units_minus1 /= 2;
                        }
                    },
                ),
            ),
        ];
        for change in [-1, 1] {
            let width = |sps: &mut SeqParameterSet| {
                sps.pic_width_in_mbs_minus1 =
                    sps.pic_width_in_mbs_minus1.wrapping_add_signed(change);
            };
            let height = |sps: &mut SeqParameterSet| {
                sps.pic_height_in_map_units_minus1 = sps
                    .pic_height_in_map_units_minus1
                    .wrapping_add_signed(change);
            };
            others.push(("width", self.changed(|_| (), width)));
            others.push(("height", self.changed(|_| (), height)));
            for size in [1, 3, 9] {
                if arithmetic {
                    let qp = |pps: &mut PicParameterSet| pps.pic_init_qp_minus26 += size * change;
                    others.push(("QP", self.changed(qp, |_| ())));
                }
            }
        }
        for (what, sets) in others {
            let got = self.judge(&sets, &self.samples[0]);
            assert!(matches!(got, Decodes::No(_)), "{name}: {what}: {got:?}");
        }
    }

    /// Its parameter sets with a change to each PPS and SPS.
    fn changed(
        &self,
        pps: impl Fn(&mut PicParameterSet),
        sps: impl Fn(&mut SeqParameterSet),
    ) -> ParameterSets {
        let mut sets = self.sets.clone();
        let mut new = (
            sets.context.sps().cloned().collect::<Vec<_>>(),
            sets.context.pps().cloned().collect::<Vec<_>>(),
        );
        new.0.iter_mut().for_each(sps);
        new.1.iter_mut().for_each(pps);
        for sps in new.0 {
            sets.context.put_seq_param_set(sps);
        }
        for pps in new.1 {
            sets.context.put_pic_param_set(pps);
        }
        sets
    }
}

/// A sample of these NAL units.
fn prefixed(nals: &[&[u8]]) -> Vec<u8> {
    let lengths = nals
        .iter()
        .map(|nal| u32::try_from(nal.len()).unwrap().to_be_bytes());
    let nals = lengths
        .zip(nals)
        .map(|(length, nal)| [&length, *nal].concat());
    nals.collect::<Vec<_>>().concat()
}

fn is_slice(nal: &[u8]) -> bool {
    NalType::of(nal).is_some_and(NalType::is_vcl)
}

/// Encodes a test picture with x264; `None` where there is none.
fn encode(source: &str, format: &str, options: &str, frames: u32) -> Option<Stream> {
    let output = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", format,
        ])
        .args([
            "-frames:v",
            &frames.to_string(),
            "-c:v",
            "libx264",
            "-threads",
            "1",
        ])
        .args([
            "-preset",
            "medium",
            "-x264-params",
            &format!("aud=1:{options}"),
        ])
        .args(["-f", "h264", "-"])
        .output();
    match output {
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{format} {options}: {why}");
            Some(Stream::of(&output.stdout))
        }
        Err(why) => {
            eprintln!("skipped: ffmpeg: {why}");
            let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
            assert!(!required, "ffmpeg not found, and TAPO_PEERS=require");
            None
        }
    }
}

/// Sources, pixel formats and options, each coded with both kinds of entropy coding.
const SETTINGS: [(&str, &str, &str); 12] = [
    ("testsrc2=s=112x80", "yuv420p", "8x8dct=0:crf=20"),
    ("testsrc2=s=106x66", "yuv420p", "8x8dct=1:crf=40"),
    (NOISE, "yuv420p", "8x8dct=0:crf=10"),
    ("testsrc2=s=112x80", "yuv420p", "slices=4:crf=25"),
    (INTERLACED, "yuv420p", "8x8dct=0:crf=18"),
    (INTERLACED, "yuv420p", "8x8dct=1:crf=30:slices=2"),
    (NOISE, "yuv422p10le", "crf=5"),
    (INTERLACED, "yuv422p", "crf=20"),
    (INTERLACED, "yuv444p10le", "8x8dct=1:crf=12"),
    ("testsrc2=s=112x80", "yuv420p", "qp=0"),
    (NOISE, "yuv420p", "qp=1"),
    (
        "testsrc2=s=112x80",
        "yuv420p",
        "keyint=30:intra-refresh=1:crf=25",
    ),
];

const NOISE: &str = "testsrc2=s=112x80,noise=alls=60:allf=t";
const INTERLACED: &str = "testsrc2=s=104x68:r=50,noise=alls=12:allf=t,interlace";

#[test]
fn whatever_x264_writes() {
    for (source, format, options) in SETTINGS {
        for cabac in [0, 1] {
            let interlaced = i32::from(source == INTERLACED);
            let options = format!("cabac={cabac}:interlaced={interlaced}:keyint=1:{options}");
            let Some(stream) = encode(source, format, &options, 2) else {
                return;
            };
            let refresh = options.contains("intra-refresh");
            let second = if refresh {
                Decodes::Unknown
            } else {
                Decodes::Yes
            };
            let got = stream.decodes(&stream.sets);
            assert_eq!(got, [Decodes::Yes, second], "{format} {options}");
            stream.refuses_others(&options);
        }
    }
}

/// Small pictures of x264 (testsrc2 and noise), without its SEI message.
const SMALL: [(&str, &[u8]); 10] = [
    ("CAVLC", include_bytes!("streams/cavlc.h264")),
    (
        "CAVLC, 8x8, 4:2:2, two slices",
        include_bytes!("streams/cavlc_422_8x8_slices.h264"),
    ),
    (
        "CAVLC, 8x8, MBAFF",
        include_bytes!("streams/cavlc_mbaff_8x8.h264"),
    ),
    ("CAVLC, I_PCM", include_bytes!("streams/cavlc_pcm.h264")),
    ("CABAC", include_bytes!("streams/cabac.h264")),
    (
        "CABAC, 8x8, 4:2:2, MBAFF",
        include_bytes!("streams/cabac_mbaff_422_8x8.h264"),
    ),
    (
        "CABAC, 8x8, 10 bits",
        include_bytes!("streams/cabac_10bit_8x8.h264"),
    ),
    (
        "CABAC, 8x8, 4:4:4",
        include_bytes!("streams/cabac_444_8x8.h264"),
    ),
    (
        "CABAC, monochrome",
        include_bytes!("streams/cabac_gray.h264"),
    ),
    ("CABAC, I_PCM", include_bytes!("streams/cabac_pcm.h264")),
];

#[test]
fn small_pictures() {
    for (name, bytes) in SMALL {
        let stream = Stream::of(bytes);
        assert_eq!(stream.decodes(&stream.sets), [Decodes::Yes], "{name}");
        if !name.contains("PCM") {
            // Samples are the same in whatever order.
            stream.refuses_others(name);
        }
        // A byte less or more, a slice less.
        let nals: Vec<_> = split_annex_b(bytes)
            .filter(|nal| is_slice(nal.bytes))
            .collect();
        let last = nals.last().unwrap().bytes;
        let with = |last: &[u8]| {
            let mut all: Vec<_> = nals.iter().map(|nal| nal.bytes).collect();
            all.pop();
            all.push(last);
            stream.judge(&stream.sets, &prefixed(&all))
        };
        assert_eq!(with(last), Decodes::Yes, "{name}");
        assert!(
            matches!(with(&last[..last.len() - 1]), Decodes::No(1..)),
            "{name}"
        );
        assert!(
            matches!(with(&[last, &[1]].concat()), Decodes::No(1..)),
            "{name}"
        );
        // Zeros behind it are harmless: cabac_zero_words.
        assert_eq!(
            with(&[last, &[0, 0, 3, 0, 0, 3]].concat()),
            Decodes::Yes,
            "{name}"
        );
        if nals.len() > 1 {
            let first = stream.judge(&stream.sets, &prefixed(&[nals[0].bytes]));
            assert_eq!(first, Decodes::No(10));
        }
    }
}

/// Two pictures made into the fields of a frame twice as high: with variable-length codes their data is the same.
#[test]
fn fields() {
    let stream = Stream::of(SMALL[0].1);
    let slice = split_annex_b(SMALL[0].1)
        .find(|nal| is_slice(nal.bytes))
        .unwrap();
    let start = Start::of(&stream.sets, slice.bytes).unwrap();
    let field = |header: u8, bottom: bool| {
        nal(header, |w| {
            // First macroblock, I slice, PPS; frame_num; which field.
            for value in [0, 7, 0] {
                w.write_ue(value).unwrap();
            }
            w.write::<4, u8>(0).unwrap();
            w.write_bit(true).unwrap();
            w.write_bit(bottom).unwrap();
            // Identifier of the IDR picture, order count, marking, QP.
            if header == 0x65 {
                w.write_ue(0).unwrap();
            }
            w.write::<4, u8>(u8::from(bottom)).unwrap();
            w.write_bit(false).unwrap();
            if header == 0x65 {
                w.write_bit(false).unwrap();
            }
            w.write_se(0).unwrap();
            let mut bits = Bits::new(&start.rbsp, start.position).unwrap();
            while bits.position() < bits.stop() {
                w.write_bit(bits.flag()).unwrap();
            }
        })
    };
    let sets = |field_height: u32| {
        let mut sets = ParameterSets::new();
        let sps = nal(0x67, |w| {
            for byte in [77, 0, 31] {
                w.write::<8, u8>(byte).unwrap();
            }
            // Identifier, bits of frame_num, order count and its bits, references; width, height of a field.
            for value in [0, 0, 0, 0, 4] {
                w.write_ue(value).unwrap();
            }
            w.write_bit(false).unwrap();
            w.write_ue(4).unwrap();
            w.write_ue(field_height - 1).unwrap();
            // Fields, not adaptive; direct inference, no cropping, no VUI.
            w.write::<5, u8>(0b0_0100).unwrap();
        });
        sets.add(&sps).unwrap();
        sets.add(&pps(0, 0)).unwrap();
        sets
    };
    let (top, bottom) = (field(0x65, false), field(0x61, true));
    let both = prefixed(&[&top, &bottom]);
    assert_eq!(stream.judge(&sets(4), &both), Decodes::Yes);
    assert_eq!(stream.judge(&sets(4), &prefixed(&[&top])), Decodes::Yes);
    assert_eq!(stream.judge(&sets(5), &both), Decodes::No(20));
    assert!(matches!(stream.judge(&sets(3), &both), Decodes::No(..=15)));
}

#[test]
fn what_is_not_read_is_unknown() {
    let stream = Stream::of(SMALL[4].1);
    let judge = |nal: &[u8]| stream.judge(&stream.sets, &prefixed(&[nal]));
    // An access unit delimiter alone, a data partition.
    assert_eq!(judge(&[9, 0xF0]), Decodes::Unknown);
    assert_eq!(judge(&[2, 0x80]), Decodes::Unknown);
    let sample = &stream.samples[0];
    assert_eq!(stream.judge(&ParameterSets::new(), sample), Decodes::No(0));
    let cut = &sample[..sample.len() - 1];
    assert_eq!(stream.judge(&stream.sets, cut), Decodes::No(0));
}

proptest! {
    /// Whatever is wrong with a picture, its end is found.
    #[test]
    fn damaged_pictures(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let stream = Stream::of(which.get(&SMALL).1);
        let mut sample = stream.samples[0].clone();
        for (at, value) in changes {
            let at = at.index(sample.len());
            sample[at] = value;
        }
        if let Decodes::No(count) = stream.judge(&stream.sets, &sample) {
            prop_assert!(count <= 40);
        }
    }
}
