//! G.722 and G.726 as FFmpeg decodes them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail as they do, and say what they skip"
)]

use std::io::Write;
use std::process::{Command, Stdio};
use tapo_codec::adpcm::{G722Decoder, G726Decoder, Packing};

/// What FFmpeg writes for these arguments and this input.
fn ffmpeg(args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || {
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    assert!(output.status.success());
    Some(output.stdout)
}

fn linear(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|p| i16::from_le_bytes([p[0], p[1]])).collect()
}

/// A tone that swells, steps, silence, and a hiss, as 16 bits.
fn source(rate: u32) -> Vec<u8> {
    let (mut seed, mut bytes) = (7_u32, Vec::new());
    for n in 0..rate * 2 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(seed >> 16) / 32768.0 - 1.0;
        let time = f64::from(n) / f64::from(rate);
        let tone = (time * 440.0 * (1.0 + time) * std::f64::consts::TAU).sin();
        let value = match n * 8 / (rate * 2) {
            0 => tone * time * 15_000.0,
            1 => noise * 8000.0,
            2 => 0.0,
            3 => tone.signum() * 9000.0,
            4 => tone * 300.0,
            _ => tone * 9000.0 + noise * 2000.0,
        };
        #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
        bytes.extend((value as i16).to_le_bytes());
    }
    bytes
}

fn skipped() {
    assert!(
        std::env::var("TAPO_PEERS").as_deref() != Ok("require"),
        "ffmpeg is missing"
    );
    println!("skipped: no ffmpeg");
}

#[test]
fn g722_is_what_ffmpeg_makes_of_it() {
    let coded = ffmpeg(
        &[
            "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", "-c:a", "g722", "-f", "g722", "-",
        ],
        &source(16_000),
    );
    let Some(coded) = coded else {
        return skipped();
    };
    let theirs = ffmpeg(&["-f", "g722", "-i", "-", "-f", "s16le", "-"], &coded).unwrap();
    let mut ours = Vec::new();
    G722Decoder::default().decode(&coded, |s| ours.push(s));
    assert_eq!(ours.len(), coded.len() * 2);
    assert!(ours == linear(&theirs), "every sample");
}

/// How far a signal is above what it differs by, dB.
fn ratio(signal: &[i16], other: &[i16]) -> f64 {
    let square = |x: f64| x * x;
    let power: f64 = signal.iter().map(|s| square((*s).into())).sum();
    let pairs = signal.iter().zip(other);
    let noise: f64 = pairs
        .map(|(a, b)| square(f64::from(*a) - f64::from(*b)))
        .sum();
    10.0 * (power / noise.max(1.0)).log10()
}

/// FFmpeg rounds its scale factor and what it adapts by otherwise than the standard says, so that the same codes come out
/// alike, but not the same. At 40 kbit/s it forgets twice as fast: that cannot be compared.
#[test]
fn g726_is_nearly_what_ffmpeg_makes_of_it() {
    for bits in 2..=4_u8 {
        for (name, packing) in [("g726", Packing::HighFirst), ("g726le", Packing::LowFirst)] {
            let rate = format!("{}000", 8 * bits);
            let raw = ["-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "-"];
            let to = ["-c:a", name, "-b:a", &rate, "-f", name, "-"];
            let Some(coded) = ffmpeg(&[&raw[..], &to].concat(), &source(8000)) else {
                return skipped();
            };
            let size = bits.to_string();
            let from = ["-f", name, "-ar", "8000", "-code_size", &size, "-i", "-"];
            let to = ["-f", "s16le", "-"];
            let theirs = linear(&ffmpeg(&[&from[..], &to].concat(), &coded).unwrap());
            let mut ours = Vec::new();
            let mut decoder = G726Decoder::new(bits).unwrap();
            decoder.decode(&coded, packing, |s| ours.push(s));
            assert!(ours.len().abs_diff(theirs.len()) < 8);
            let alike = ratio(&theirs, &ours);
            assert!(alike > 15.0, "{name} {bits}: {alike} dB");
        }
    }
}

/// The codes that come nearest to a signal, one by one: if the decoder adapts as it should, they come near.
#[test]
fn g726_follows_a_signal() {
    for (bits, least) in [(2, 7.0), (3, 13.0), (4, 19.0), (5, 24.0)] {
        let wanted = linear(&source(8000));
        let wanted = wanted.get(10_000..14_000).unwrap();
        let mut decoder = G726Decoder::new(bits).unwrap();
        let mut got = Vec::new();
        for target in wanted {
            let tries = (0..1_u8 << bits).map(|code| {
                let out = decoder.clone().decode_code(code);
                (out.abs_diff(*target), code, out)
            });
            let (_, code, out) = tries.min().unwrap();
            decoder.decode_code(code);
            got.push(out);
        }
        let near = ratio(wanted, &got);
        assert!(near > least, "{bits} bits: {near} dB");
    }
}
