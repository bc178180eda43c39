//! One repair from beginning to end.

use crate::choose::{self, Chosen};
use crate::item::Found;
use crate::layout::{Layout, trim_zeros};
use crate::output::{self, Plan};
use crate::profile::{Profile, within as whole};
use crate::salvage::Own;
use crate::scan::{Ahead, Scanner};
use crate::times::Timeline;
use crate::{
    Basis, Error, Options, Reconstruction, Result, assemble, fitness, report, salvage, twins,
};
use std::path::{Path, PathBuf};
use tapo_io::{ByteSource, PreadFile, Span};

/// Repairs one file: finds every surviving sample, and writes a new file that
/// plays them. The broken file is only read.
///
/// # Errors
/// See [`Error`]; nothing is left behind.
pub fn repair(broken: &Path, references: &[PathBuf], options: &Options) -> Result<Reconstruction> {
    let source = PreadFile::open(broken)?;
    let layout = Layout::of(&source)?;
    if let Some(own) = salvage::own(&source, &layout, None)? {
        let profile = Profile::learn(&whole(&own.movie, source.len()), &source)?;
        let found = indexed(&source, &layout, &own, &profile)?;
        return Rebuilt {
            source: &source,
            layout: &layout,
            profile: &profile,
            file_type: &[],
            found,
            basis: Basis::OwnIndex,
        }
        .write(options);
    }
    let Chosen { reference, basis } = choose::choose(&source, &layout, references)?;
    let init = salvage::is_fragmented(&layout).then_some(&reference.profile.movie);
    let own = match init {
        Some(init) => salvage::own(&source, &layout, Some(init))?,
        None => None,
    };
    let found = match &own {
        Some(own) => indexed(&source, &layout, own, &reference.profile)?,
        None => {
            let found = search(&source, &layout, &reference.profile)?;
            let mut data = 0;
            for (span, ..) in layout.media() {
                data += trim_zeros(&source, span)? - span.start;
            }
            fitness::check(&source, &found, &layout, &reference, data)?;
            found
        }
    };
    let rebuilt = Rebuilt {
        source: &source,
        layout: &layout,
        profile: &reference.profile,
        file_type: &reference.file_type,
        found,
        basis,
    };
    rebuilt.write(options)
}

/// The samples of an index that is left, and those that the search finds in
/// what it does not speak of.
fn indexed(source: &PreadFile, layout: &Layout, own: &Own, profile: &Profile) -> Result<Found> {
    let items = salvage::samples(own, profile, source)?;
    let ahead = Ahead::new(source);
    let mut scanner = Scanner::new(profile, &ahead);
    for span in salvage::unindexed(own, &items, layout, source.len()) {
        let end = trim_zeros(source, span)?;
        scanner.scan(Span::new(span.start, end), false, false)?;
    }
    let mut found = scanner.finish();
    twins::tell_apart(&mut found, profile);
    Ok(salvage::merge(items, found))
}

/// Searches the media data of a file that has no index.
fn search(source: &PreadFile, layout: &Layout, profile: &Profile) -> Result<Found> {
    let ahead = Ahead::new(source);
    let mut scanner = Scanner::new(profile, &ahead);
    for (span, begins, ends) in layout.media() {
        let end = if ends {
            span.end
        } else {
            trim_zeros(source, span)?
        };
        scanner.scan(Span::new(span.start, end), begins, ends)?;
    }
    let mut found = scanner.finish();
    twins::tell_apart(&mut found, profile);
    Ok(found)
}

/// All that is known when the search is over.
struct Rebuilt<'a> {
    source: &'a PreadFile,
    layout: &'a Layout,
    profile: &'a Profile,
    file_type: &'a [u8],
    found: Found,
    basis: Basis,
}

impl Rebuilt<'_> {
    fn write(self, options: &Options) -> Result<Reconstruction> {
        let path = self.source.path().to_owned();
        let found = &self.found;
        let first = found.items.iter().map(|i| i.at).min();
        let last = found.items.iter().map(|i| i.span().end).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Error::NothingRecovered {
                path,
                why: "no sample of any track was recognised".to_owned(),
            });
        };
        let line = Timeline::of(found, self.profile, options.gaps);
        let kept = output::media_reach(self.layout, last);
        let plan = Plan::of(self.layout, Span::new(first, kept), self.file_type);
        let movie = assemble::movie(found, self.profile, &line, plan.moved)?;
        let moov = tapo_movie::encode_moov(&movie);
        let mut outcome = report::outcome(
            &path,
            self.source.len(),
            self.layout,
            found,
            self.profile,
            &line,
        );
        outcome.basis = self.basis;
        outcome.size = plan.media_end() + moov.len() as u64;
        if !options.dry_run {
            let target = options
                .output
                .clone()
                .unwrap_or_else(|| output::default_output(&path));
            outcome.size = output::write(self.source, &plan, &moov, &target, options)?;
            outcome.output = Some(target);
        }
        Ok(outcome)
    }
}
