//! One repair from beginning to end.

use crate::basis::{self, Known, view::View};
use crate::index::Own;
use crate::item::Found;
use crate::layout::{Layout, trim_zeros};
use crate::output::{self, Plan, Target};
use crate::profile::Profile;
use crate::progress::{Stage, Watched};
use crate::scan::Scanner;
use crate::times::Timeline;
use crate::{
    Basis, Class, Error, Options, Progress, Reconstruction, Result, assemble, doubled, fitness,
    index, nothing, report, times, twins, verify,
};
use std::path::{Path, PathBuf};
use tapo_finalize::Append;
use tapo_io::{ByteSource, FileStamp, PreadFile, Span};

/// Repairs one file: finds every surviving sample, and writes a new file that
/// plays them, or appends the index to the broken one if `in_place` is set. The
/// broken file is otherwise only read.
///
/// # Errors
/// See [`Error`]; nothing is left behind.
pub fn repair(broken: &Path, references: &[PathBuf], options: &Options) -> Result<Reconstruction> {
    attempt(broken, references, options).map_err(|error| told(error, broken, options))
}

/// The error as the user is told of it: reads fail when the end is asked for.
fn told(error: Error, path: &Path, options: &Options) -> Error {
    let progress = options.progress.as_deref();
    match error {
        Error::Io(_) if progress.is_some_and(Progress::is_cancelled) => Error::Cancelled {
            path: path.to_owned(),
        },
        error => error,
    }
}

fn attempt(broken: &Path, references: &[PathBuf], options: &Options) -> Result<Reconstruction> {
    let mut source = PreadFile::open(broken)?;
    let target = Target::settle(&source, references, options)?;
    if options.in_place && !options.dry_run && tapo_finalize::take_back(&source)? {
        // It was longer while an earlier run was amid it.
        source = PreadFile::open(broken)?;
    }
    let source = &source;
    let job = Job {
        source,
        stamp: source.stamp()?,
        target: &target,
        options,
        anywhere: Watched::anywhere(source, options.progress.as_deref()),
        search: Watched::new(source, Stage::Search, options.progress.as_deref()),
        check: Watched::new(source, Stage::Check, options.progress.as_deref()),
    };
    let layout = Layout::of(&job.anywhere)?;
    let view = View {
        source: &job.anywhere,
        layout: &layout,
        alone: options.alone,
    };
    let known = match basis::find(view, references)? {
        Known::Index {
            own,
            profile,
            mut notes,
        } => {
            let mut found = indexed(&job, &layout, &own, &profile)?;
            notes.extend(index::bridge(&own, &mut found, &profile));
            return Rebuilt {
                job,
                layout: &layout,
                profile: &profile,
                file_type: &[],
                found,
                notes,
                basis: Basis::OwnIndex,
            }
            .write();
        }
        Known::Described(known) => *known,
    };
    let reference = &known.reference;
    if let Target::New(path) = &target {
        output::same_as_reference(path, &reference.path)?;
    }
    let init = layout.is_fragmented().then_some(&reference.profile.movie);
    let own = match init {
        Some(init) => index::own(&job.anywhere, &layout, Some(init))?,
        None => None,
    };
    let mut notes = known.notes.clone();
    let mut found = match &own {
        Some(own) => {
            let mut found = indexed(&job, &layout, own, &reference.profile)?;
            notes.extend(own.notes.iter().cloned());
            notes.extend(index::bridge(own, &mut found, &reference.profile));
            found
        }
        None => {
            let found = search(&job, &layout, &reference.profile)?;
            let mut data = 0;
            for (span, ..) in layout.media() {
                data += trim_zeros(&job.anywhere, span)? - span.start;
            }
            let fits = fitness::check(&job.anywhere, &found, &layout, reference, data);
            fits.map_err(|error| match (&error, &known.basis) {
                // What is left of the file itself is not enough.
                (
                    Error::ReferenceDiffers { path, .. },
                    Basis::OwnDescriptions { completed: None },
                ) => Error::NoReference { path: path.clone() },
                _ => error,
            })?;
            found
        }
    };
    basis::doubt(&mut found, &known);
    let rebuilt = Rebuilt {
        job,
        layout: &layout,
        profile: &reference.profile,
        file_type: &reference.file_type,
        found,
        notes,
        basis: known.basis,
    };
    rebuilt.write()
}

/// What a repair of a file would go by, before any of its media data is searched.
///
/// # Errors
/// [`Error::NoReference`] if the file alone, and the references, are not enough; else as
/// [`repair`].
pub fn basis(broken: &Path, references: &[PathBuf], options: &Options) -> Result<Basis> {
    let settle = || {
        let source = PreadFile::open(broken)?;
        let anywhere = Watched::anywhere(&source, options.progress.as_deref());
        let layout = Layout::of(&anywhere)?;
        let view = View {
            source: &anywhere,
            layout: &layout,
            alone: options.alone,
        };
        Ok(match basis::find(view, references)? {
            Known::Index { .. } => Basis::OwnIndex,
            Known::Described(known) => known.basis,
        })
    };
    settle().map_err(|error| told(error, broken, options))
}

/// Whether nothing contradicts a file's own index, and so is all that it speaks of in
/// the file, as far as a look at every sector tells; or at every byte, if
/// [`Options::thorough`] is set. What [`repair`] writes of such a file is no better than
/// the file.
///
/// # Errors
/// The file cannot be read, or the end is asked for.
pub fn is_sound(path: &Path, options: &Options) -> Result<bool> {
    holds(path, options).map_err(|error| told(error, path, options))
}

fn holds(path: &Path, options: &Options) -> Result<bool> {
    let source = PreadFile::open(path)?;
    let progress = options.progress.as_deref();
    let anywhere = Watched::anywhere(&source, progress);
    let layout = Layout::of(&anywhere)?;
    if layout.has_lost_heads() {
        return Ok(false);
    }
    // Of an index that says too little to go by, it is hardly known.
    let Some((own, profile)) = basis::index(&anywhere, &layout)? else {
        return Ok(!basis::is_damaged(&anywhere, &layout)?);
    };
    let named = index::samples(&own, &profile, &layout, &anywhere)?;
    let mut found = index::merge(named, &Found::default(), &profile);
    let check = Watched::new(&source, Stage::Check, progress);
    verify::verify(&check, &mut found, &profile, options.thorough)?;
    let sound = found.items.iter().all(|i| i.class != Class::D);
    Ok(sound && found.dropped.is_empty() && !own.changed)
}

/// One broken file, and what is to become of it.
struct Job<'a> {
    source: &'a PreadFile,
    stamp: FileStamp,
    target: &'a Target,
    options: &'a Options,
    /// The source, for reads here and there.
    anywhere: Watched<'a>,
    /// The source, for the search: from front to back.
    search: Watched<'a>,
    /// The source, for the look at what was found: from front to back.
    check: Watched<'a>,
}

/// The samples of an index that is left, and those that the search finds in
/// what it does not speak of.
fn indexed(job: &Job<'_>, layout: &Layout, own: &Own, profile: &Profile) -> Result<Found> {
    let named = index::samples(own, profile, layout, &job.anywhere)?;
    let mut scanner = Scanner::new(profile, &job.search).watched(&job.search);
    for span in index::unindexed(own, &named, layout, job.source.len()) {
        let end = trim_zeros(&job.anywhere, span)?;
        scanner.scan(Span::new(span.start, end), false, false)?;
    }
    let mut found = scanner.finish();
    twins::tell_apart(&mut found, profile);
    Ok(index::merge(named, &found, profile))
}

/// Searches the media data of a file that has no index.
fn search(job: &Job<'_>, layout: &Layout, profile: &Profile) -> Result<Found> {
    let mut scanner = Scanner::new(profile, &job.search).watched(&job.search);
    for (span, begins, ends) in layout.media() {
        let end = if ends {
            span.end
        } else {
            trim_zeros(&job.anywhere, span)?
        };
        scanner.scan(Span::new(span.start, end), begins, ends)?;
    }
    let mut found = scanner.finish();
    let foreign = times::foreign(&job.anywhere, &found, profile)?;
    if !foreign.is_empty() {
        found.foreign = found.leave_out(&foreign);
    }
    doubled::leave_out(&job.anywhere, &mut found, profile)?;
    twins::tell_apart(&mut found, profile);
    Ok(found)
}

/// What the basis says of single samples that does not hold for others.
fn left_out(profile: &Profile, written: &[crate::TrackOutcome]) -> Vec<crate::Note> {
    let is_written = |id: u32| written.iter().any(|t| t.id == id);
    let tracks = profile.movie.tracks.iter();
    let tracks = tracks.filter(|t| is_written(t.header.id));
    let boxes = tracks.map(|t| (t.header.id, assemble::left_out(t)));
    let notes = boxes.filter(|(_, boxes)| !boxes.is_empty());
    notes
        .map(|(track, boxes)| crate::Note::LeftOut { track, boxes })
        .collect()
}

/// All that is known when the search is over.
struct Rebuilt<'a> {
    job: Job<'a>,
    layout: &'a Layout,
    profile: &'a Profile,
    file_type: &'a [u8],
    found: Found,
    notes: Vec<crate::Note>,
    basis: Basis,
}

impl Rebuilt<'_> {
    fn write(mut self) -> Result<Reconstruction> {
        let options = self.job.options;
        let thorough = verify::verify(
            &self.job.check,
            &mut self.found,
            self.profile,
            options.thorough,
        )?;
        let (job, found) = (&self.job, &self.found);
        let first = found.items.iter().map(|i| i.at).min();
        let last = found.items.iter().map(|i| i.span().end).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Error::NothingRecovered {
                path: job.source.path().to_owned(),
                why: nothing::why(&job.anywhere, self.layout, &self.basis)?,
            });
        };
        let line = Timeline::of(found, self.profile, options.gaps);
        let anywhere = &job.anywhere;
        let mut outcome = report::outcome(anywhere, self.layout, found, self.profile, &line)?;
        let assembled = |moved| {
            let mut assembled = assemble::movie(found, self.profile, &line, moved)?;
            output::of_its_own(&mut assembled.movie, &self.basis);
            Ok::<_, Error>(assembled)
        };
        let how = output::How {
            watched: anywhere,
            stamp: job.stamp,
            hash: options.hash,
            dry_run: options.dry_run,
        };
        let written = match job.target {
            Target::Itself { .. } => {
                outcome.in_place = true;
                let movie = assembled(0)?;
                let append = Append::plan(job.source, movie.moov(), first)?;
                output::in_place(job.source, &append, &how)?
            }
            Target::New(target) => {
                outcome.target.clone_from(target);
                let kept = output::media_reach(self.layout, last);
                let plan = Plan::of(self.layout, Span::new(first, kept), self.file_type);
                let movie = assembled(plan.moved)?;
                let target = (target.as_path(), options.replace);
                output::new_file(job.source, &plan, &movie.moov(), target, &how)?
            }
        };
        outcome.output = (!options.dry_run).then(|| outcome.target.clone());
        outcome.basis = self.basis;
        outcome.notes.extend(self.notes);
        outcome
            .notes
            .extend(left_out(self.profile, &outcome.tracks));
        outcome.size = written.size;
        outcome.thorough = thorough;
        outcome.hashes = written.hashes;
        Ok(outcome)
    }
}
