//! Whether pictures that name no parameter set (MPEG-4 Visual) read by those of the reference.

use super::described_track;
use crate::Result;
use crate::basis::look::votes;
use crate::item::{Found, Item, When};
use crate::profile::Reference;
use tapo_codec::{Delimiting, Depth, Order, Verdict};
use tapo_io::{ByteSource, Window};

/// Pictures that are read, and the largest of them.
const READ: usize = 8;
const PICTURE_BYTES: u64 = 8 << 20;

/// Pictures among which those that are predicted both ways are looked for, and those that say that there are none.
const LOOKED_AT: usize = 400;
const ENOUGH: usize = 50;

/// In words what speaks against the settings of such pictures.
///
/// # Errors
/// The source fails.
pub(super) fn differences(
    source: &dyn ByteSource,
    found: &Found,
    reference: &Reference,
) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for (index, of) in reference.profile.tracks.iter().enumerate() {
        let recogniser = of.recogniser.as_ref().filter(|r| {
            let open = r.delimiting() == Delimiting::Start;
            of.is_video && of.group == index && open && reference.is_decodable(index)
        });
        let Some(recogniser) = recogniser else {
            continue;
        };
        let is_own = |item: &Item| {
            let free = !matches!(item.when, When::Known { .. });
            usize::from(item.track) == index && free && item.span().len() <= PICTURE_BYTES
        };
        let own = || found.items.iter().filter(is_own);
        let intra = own().filter(|item| item.sync).take(READ);
        let pictures = intra.map(|item| source.read_span(item.span()));
        let pictures = pictures.collect::<tapo_io::Result<Vec<_>>>()?;
        let votes = votes(&**recogniser, pictures.iter().map(Vec::as_slice));
        let what = described_track(&reference.profile, index).unwrap_or_default();
        if votes.contradict() {
            words.push(format!(
                "{} of {} pictures do not read by the settings of {what}",
                votes.no,
                votes.no + votes.yes
            ));
            continue;
        }
        let mut window = Window::new(source);
        let (mut both, mut all) = (0, 0);
        for item in own().take(LOOKED_AT) {
            let span = item.span();
            let verdict = recogniser.probe(&mut window, span.start, span.end, Depth::Heads)?;
            if let Verdict::Start(access) = verdict {
                let order = Order::Anchored {
                    bidirectional: true,
                };
                both += usize::from(access.order == order);
                all += 1;
            }
        }
        // Other encoders, or the same with other tools.
        let reorders = of.first_offset > 0;
        if all >= ENOUGH && reorders != (both > 0) {
            words.push(format!(
                "{both} of {all} pictures are predicted from both sides, and of {what} in the reference {}",
                if reorders { "many are" } else { "none" }
            ));
        }
    }
    Ok(words)
}
