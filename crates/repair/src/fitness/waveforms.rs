//! Whether constant-rate sound is coded as the reference says: any bytes are
//! sound of some kind, but one coding makes a waveform of them; and none does of
//! what is no such sound.

use crate::Result;
use crate::item::Found;
use crate::profile::{HEARD, Reference};
use tapo_codec::Recogniser;
use tapo_io::{ByteSource, Span};
use tapo_movie::SampleDescription;

/// Places at which sound is listened to.
const PLACES: u64 = 3;

/// Bytes that are looked at together: a multiple of the frames of most codings and
/// numbers of channels, so that what is taken of sound stays whole frames.
const WINDOW: usize = 288;

/// How much more likely another coding must be, and by how many bits. Of the two
/// laws of G.711 the true one explains twice as much of pink noise, 1.05 times of
/// a quiet tone, and 1.03 times of white noise, as far as was measured.
const MORE: f32 = 1.4;
const MORE_OF_LAWS: f32 = 1.03;
const BITS: f32 = 500.0;

/// Different bytes among them from which on they are more than silence: of that
/// codings of more bytes explain less.
const LIVELY: u32 = 8;

/// Bits for each byte by which the sound of the reference must be likelier than random
/// bytes for those to be told from it.
const SOUND: f32 = 0.5;

/// Bytes that are enough to tell.
const ENOUGH: usize = 2048;

/// In words how the sound of a track is coded, if that is not what the reference
/// says, though it is so in the reference.
///
/// # Errors
/// The source or the reference fails.
pub(crate) fn other_sound(
    source: &dyn ByteSource,
    found: &Found,
    reference: &Reference,
) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for (index, of) in reference.profile.tracks.iter().enumerate() {
        let Some(recogniser) = of.recogniser.as_ref().filter(|_| of.is_constant_rate()) else {
            continue;
        };
        let known = reference.sound(index)?;
        if known.is_empty() {
            continue;
        }
        let track = u16::try_from(index).unwrap_or(u16::MAX);
        let entry = reference.profile.movie.tracks.get(index);
        let entry = entry.and_then(|t| t.descriptions.first());
        let Some(kind) = entry.map(SampleDescription::kind) else {
            continue;
        };
        let sound = rows(source, found, track)?;
        if is_none(&**recogniser, &known, &lively(&sound)) {
            words.push(format!(
                "what stands where its sound ({kind}) would be makes no waveform, that of the reference does"
            ));
            continue;
        }
        // Padding in front of it shifts the bytes of its samples.
        if reference.profile.alignment > 0 {
            continue;
        }
        let law = kind == b"alaw" || kind == b"ulaw";
        let data = if law { sound } else { lively(&sound) };
        if let Some((name, rival)) = likelier(&**recogniser, law, &data)
            && !is_likelier(&*rival, &**recogniser, &known)
        {
            words.push(format!(
                "by its waveform its sound is {name}, that of the reference ({kind}) is not"
            ));
        }
    }
    Ok(words)
}

/// Whether data is less likely to be sound of a kind than to be random, where other sound of
/// that kind is likelier by far.
fn is_none(of: &dyn Recogniser, known: &[u8], data: &[u8]) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^24")]
    let bytes = known.len() as f32;
    data.len() >= ENOUGH && likeness(of, data) < 0.0 && likeness(of, known) > SOUND * bytes
}

/// Sound that was found of a track, at some places of the file.
fn rows(source: &dyn ByteSource, found: &Found, track: u16) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    let own = || found.items.iter().filter(|i| i.track == track);
    let all: u64 = own().map(|i| i.span().len()).sum();
    let most = HEARD / PLACES / WINDOW as u64 * WINDOW as u64;
    let (mut passed, mut place) = (0, 0);
    let mut left = 0;
    for item in own() {
        if place < PLACES && passed >= all / PLACES * place {
            (left, place) = (most, place + 1);
        }
        let span = item.span();
        passed += span.len();
        let taken = span.len().min(left);
        left -= taken;
        if taken > 0 {
            data.extend(source.read_span(Span::at(span.start, taken))?);
        }
    }
    Ok(data)
}

/// What of sound is more than silence.
fn lively(data: &[u8]) -> Vec<u8> {
    let is_lively = |window: &&[u8]| {
        let mut seen = [0_u64; 4];
        for byte in *window {
            if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        seen.iter().map(|word| word.count_ones()).sum::<u32>() >= LIVELY
    };
    let windows = data.chunks_exact(WINDOW).filter(is_lively);
    windows.flatten().copied().collect()
}

/// The likeliest other coding, if one is likelier than that of a recogniser.
fn likelier(
    own: &dyn Recogniser,
    law: bool,
    data: &[u8],
) -> Option<(&'static str, Box<dyn Recogniser>)> {
    let rivals = own.rivals().into_iter();
    let rivals = rivals.map(|(name, rival)| (likeness(&*rival, data), name, rival));
    let (most, name, rival) = rivals.max_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
    let more = match law && name.starts_with("G.711") {
        true => MORE_OF_LAWS,
        false => MORE,
    };
    let needed = likeness(own, data).max(0.0) * more + BITS;
    (most > needed).then_some((name, rival))
}

fn is_likelier(rival: &dyn Recogniser, own: &dyn Recogniser, data: &[u8]) -> bool {
    likeness(rival, data) > likeness(own, data)
}

fn likeness(of: &dyn Recogniser, data: &[u8]) -> f32 {
    of.likeness(data, false).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_says_nothing() {
        let hiss = |n: i32| [0_u8, 0, 0xFF, 1].map(|b| b * u8::from(n % 2 == 1));
        let silence: Vec<u8> = (0..4096).flat_map(hiss).collect();
        assert!(lively(&silence).is_empty());
        let tone: Vec<u8> = (0..=255).cycle().take(5000).collect();
        // Windows of silence alone are left out, and what is less than one.
        let rest = lively(&[&silence[..], &tone].concat()).len();
        assert!(rest > 4500 && rest <= 5000 + WINDOW && rest.is_multiple_of(WINDOW));
    }
}
