//! Whether constant-rate sound is coded as the reference says: any bytes are
//! sound of some kind, but one coding makes a waveform of them.

use crate::Result;
use crate::item::Found;
use crate::profile::{HEARD, Reference};
use tapo_codec::Recogniser;
use tapo_io::{ByteSource, Span};

/// Places at which sound is listened to.
const PLACES: u64 = 3;

/// How much more likely another coding must be, and by how many bits. White noise
/// and silence are much the same in any.
const MORE: f32 = 1.4;
const BITS: f32 = 500.0;

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
    if reference.profile.alignment > 0 {
        // Padding in front of it shifts the bytes of its samples.
        return Ok(words);
    }
    for (index, of) in reference.profile.tracks.iter().enumerate() {
        let Some(recogniser) = of.recogniser.as_ref().filter(|_| of.is_constant_rate()) else {
            continue;
        };
        let known = reference.sound(index)?;
        if known.is_empty() {
            continue;
        }
        let track = u16::try_from(index).unwrap_or(u16::MAX);
        let data = rows(source, found, track)?;
        if let Some((name, rival)) = likelier(&**recogniser, &data)
            && !is_likelier(&*rival, &**recogniser, &known)
        {
            let entry = reference.profile.movie.tracks.get(index);
            let entry = entry.and_then(|t| t.descriptions.first());
            let entry = entry.map_or_else(String::new, |d| d.kind().to_string());
            words.push(format!(
                "by its waveform its sound is {name}, that of the reference ({entry}) is not"
            ));
        }
    }
    Ok(words)
}

/// Sound that was found of a track, at some places of the file.
fn rows(source: &dyn ByteSource, found: &Found, track: u16) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    let own = || found.items.iter().filter(|i| i.track == track);
    let all: u64 = own().map(|i| i.span().len()).sum();
    let most = HEARD / PLACES;
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

/// The likeliest other coding, if one is likelier than that of a recogniser.
fn likelier(own: &dyn Recogniser, data: &[u8]) -> Option<(&'static str, Box<dyn Recogniser>)> {
    let rivals = own.rivals().into_iter();
    let rivals = rivals.map(|(name, rival)| (likeness(&*rival, data), name, rival));
    let (most, name, rival) = rivals.max_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
    is_more(most, likeness(own, data)).then_some((name, rival))
}

fn is_likelier(rival: &dyn Recogniser, own: &dyn Recogniser, data: &[u8]) -> bool {
    likeness(rival, data) > likeness(own, data)
}

fn is_more(most: f32, own: f32) -> bool {
    most > own.max(0.0) * MORE + BITS
}

fn likeness(of: &dyn Recogniser, data: &[u8]) -> f32 {
    of.likeness(data, false).iter().sum()
}
