//! The properties, over clips, cuts of them, bytes made up and a corpus.

use super::*;
use proptest::prelude::*;

fn all(data: &[u8]) {
    box_walk(data);
    movie_read(data);
    sample_entry(data);
}

/// Numbers that are the same on every run (xorshift).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// A clip with some bytes set, taken out or doubled, most of them in its index.
    fn damaged(&mut self, clip: &[u8]) -> Vec<u8> {
        const VALUES: [u8; 8] = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff];
        let moov = clip.windows(4).position(|w| w == b"moov").unwrap_or(0);
        let index = u32::from_be_bytes(*clip[moov - 4..].first_chunk().unwrap()) as usize;
        let mut bytes = clip.to_vec();
        for _ in 0..=self.below(6) {
            let at = match self.below(4) {
                0 => self.below(bytes.len()),
                _ => (moov + self.below(index)).min(bytes.len() - 1),
            };
            let len = self.below(32).min(bytes.len() - at);
            match self.below(8) {
                0 => drop(bytes.drain(at..at + len)),
                1 => {
                    let twice = bytes[at..at + len].to_vec();
                    bytes.splice(at..at, twice);
                }
                2 => bytes[at] = VALUES[self.below(VALUES.len())],
                _ => bytes[at] ^= 1 << self.below(8),
            }
        }
        bytes
    }
}

#[test]
fn the_properties_hold_for_two_thousand_damaged_clips() {
    let mut seeded = Seeded(0x7a70_6f01);
    for case in 0..2000 {
        let bytes = seeded.damaged(CLIPS[case % CLIPS.len()]);
        all(&bytes);
        // Every byte of the media is read: this one takes longer.
        if case % 4 == 0 {
            inspect(&bytes);
        }
    }
}

#[test]
fn the_properties_hold_for_the_clips_and_for_cuts_of_them() {
    for clip in CLIPS {
        all(clip);
        for cut in (0..clip.len()).step_by(997) {
            all(&clip[..cut]);
            all(&clip[cut..]);
        }
    }
}

#[test]
fn the_properties_hold_for_the_hostile_corpus() {
    let Some(corpus) = std::env::var_os("TAPO_CORPUS") else {
        println!("skipped: TAPO_CORPUS not set");
        return;
    };
    let files = std::fs::read_dir(std::path::Path::new(&corpus).join("fuzz"));
    let mut count = 0;
    for file in files.expect("the corpus is there") {
        let path = file.unwrap().path();
        println!("{}", path.display());
        let bytes = std::fs::read(&path).unwrap();
        all(&bytes);
        inspect(&bytes);
        let reference = CLIPS[count % CLIPS.len()];
        holds(&bytes, reference, true, Default::default());
        holds(reference, &bytes, true, Default::default());
        count += 1;
    }
    assert!(count > 0, "the corpus is empty");
}

#[test]
fn every_codec_of_the_targets_has_a_recogniser() {
    let mut without = Vec::new();
    for (entry, kind, config) in CODECS {
        let hints = tapo_codec::Hints {
            handler: Some(*b"soun"),
            channels: Some(2),
            sample_bits: Some(16),
            sample_size: Some(4),
            ..Default::default()
        };
        let made = tapo_codec::recogniser(entry, &[(kind, config)], &hints);
        without.extend(made.is_none().then_some(FourCc(entry)));
    }
    assert!(without.is_empty(), "{without:?}");
}

/// A track of a clip: its recogniser and its samples.
type Coded = (Box<dyn tapo_codec::Recogniser>, Vec<Vec<u8>>);

fn tracks(clip: &[u8]) -> Vec<Coded> {
    let movie = tapo_movie::read(&clip).unwrap().movie.unwrap();
    let made = movie.tracks.iter().filter_map(|track| {
        let entry = &track.descriptions[0].entry;
        let boxes: Vec<_> = entry.children().map(|(k, b)| (k.0, b)).collect();
        let recogniser = tapo_codec::recogniser(entry.kind().0, &boxes, &Default::default())?;
        let samples = track.samples.iter();
        let samples = samples.map(|s| clip.read_span(s.span).unwrap()).collect();
        Some((recogniser, samples))
    });
    made.collect()
}

#[test]
fn samples_of_clips_are_judged_the_same_however_they_are_read_and_cut() {
    for clip in CLIPS {
        for (mut recogniser, samples) in tracks(clip) {
            samples.iter().take(20).for_each(|s| recogniser.learn(s));
            for sample in samples.iter().skip(1).step_by(7).take(4) {
                judge(recogniser.as_mut(), sample);
                judge(recogniser.as_mut(), &sample[..sample.len() / 2]);
                let mut hit = sample.clone();
                let middle = hit.len() / 2;
                hit[middle] ^= 0x55;
                judge(recogniser.as_mut(), &hit);
            }
        }
    }
}

/// More when looking for something: `PROPTEST_CASES`.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|n| n.parse().ok()).unwrap_or(usual);
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn any_bytes_are_judged(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        recognise(&data);
    }

    /// Heads that pass the first test of the codec, and then anything.
    #[test]
    fn likely_bytes_are_judged(
        codec in any::<u8>(),
        told in any::<u8>(),
        head in proptest::sample::select(HEADS.to_vec()),
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xFF), 0..4_u8, any::<u8>()], 0..400),
    ) {
        recognise(&[&[codec, told, 0, 0], head, &rest].concat());
    }
}

/// How samples of some codecs begin.
const HEADS: [&[u8]; 15] = [
    &[0, 0, 0, 40, 0x65, 0x88],
    &[0, 0, 0, 40, 0x41, 0x9A],
    &[0, 0, 0, 40, 0x26, 1, 0xAF],
    &[0, 0, 1, 0xB0],
    &[0, 0, 1, 0xB6],
    &[0, 0, 1, 0xB3, 0x14, 0, 0xF0],
    &[0, 0, 0x80, 2],
    b"\0\0\0\x80icpf\0\x20\0\0",
    &[0xFF, 0xD8, 0xFF, 0xDB, 0, 0x43],
    &[0x21, 0x10, 4],
    &[0xFF, 0xFB, 0x90, 0x44],
    &[0x0B, 0x77, 0, 0, 0x14],
    &[0x0B, 0x77, 0, 0x3F, 0x34, 0x86],
    &[0x20, 0, 0, 0x10],
    b"DEVC\0\x01\0\x08DVID",
];

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn any_damage_is_repaired_or_refused(
        clips in 0..16_u8,
        how in prop_oneof![Just(0_u8), Just(2), any::<u8>()],
        mutations in proptest::collection::vec(any::<[u8; 6]>(), 0..6),
    ) {
        let mut data = vec![clips, how];
        data.extend(mutations.into_iter().flatten());
        repair(&data);
    }
}
