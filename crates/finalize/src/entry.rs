//! Whether two sample descriptions say the same.

use tapo_bmff::FourCc;
use tapo_codec::esds::EsDescriptor;
use tapo_movie::SampleDescription;

/// Whether a decoder that was set up by one decodes the samples of the other.
/// What only counts bits (`btrt`, the rates in `esds`) differs from file to file
/// and does not matter.
pub(crate) fn is_same(a: &SampleDescription, b: &SampleDescription) -> bool {
    a.entry.raw() == b.entry.raw()
        || (a.kind() == b.kind() && a.entry.fields() == b.entry.fields() && config(a).eq(config(b)))
}

/// The number of a description among these, from 1 on; it is added if none says
/// the same.
pub(crate) fn number_of(all: &mut Vec<SampleDescription>, description: &SampleDescription) -> u32 {
    let known = all.iter().position(|d| is_same(d, description));
    let at = known.unwrap_or_else(|| {
        all.push(description.clone());
        all.len() - 1
    });
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

fn config(of: &SampleDescription) -> impl Iterator<Item = (FourCc, Option<Config<'_>>, &[u8])> {
    let children = of.entry.children().filter(|(kind, _)| kind != b"btrt");
    children.map(|(kind, payload)| {
        let esds = (kind == b"esds").then(|| EsDescriptor::parse(payload).ok());
        match esds.flatten() {
            Some(es) => (kind, Some((es.object_type, es.specific_info)), &[][..]),
            None => (kind, None, payload),
        }
    })
}

type Config<'a> = (u8, Option<&'a [u8]>);

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;

    /// An AAC entry with these rates, `AudioSpecificConfig` and further box.
    fn aac(rate: u32, config: [u8; 2], extra: &[u8; 4]) -> SampleDescription {
        let mut w = BoxWriter::new();
        w.boxed(b"mp4a", |w| {
            w.zeros(6).u16(1).zeros(8).u16(1).u16(16).zeros(4);
            w.u32(16_000 << 16);
            w.boxed(b"esds", |w| {
                w.zeros(4).raw(&[3, 23, 0, 1, 0]);
                w.raw(&[4, 17, 0x40, 0x15, 0, 0, 0]).u32(rate).u32(rate);
                w.raw(&[5, 2]).raw(&config);
            });
            w.boxed(extra, |w| {
                w.u32(rate);
            });
        });
        SampleDescription::parse(w.into_bytes(), FourCc(*b"soun")).unwrap()
    }

    #[test]
    fn what_counts_bits_does_not_matter_and_all_else_does() {
        let a = aac(48_000, [0x14, 8], b"btrt");
        assert!(EsDescriptor::parse(a.child(b"esds").unwrap()).is_ok());
        assert!(is_same(&a, &aac(47_000, [0x14, 8], b"btrt")));
        assert!(!is_same(&a, &aac(48_000, [0x14, 16], b"btrt")));
        assert!(!is_same(&a, &aac(48_000, [0x14, 8], b"wave")));
        let x = aac(48_000, [0x14, 8], b"xxxx");
        assert!(!is_same(&x, &aac(47_000, [0x14, 8], b"xxxx")));
    }
}
