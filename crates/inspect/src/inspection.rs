//! A whole inspection: what was read, what it is, what was found.

use crate::survey::survey;
use crate::{
    Against, Astray, Depth, Family, Finding, Foreign, Form, Harmed, Ledger, Outlook, Own, Problem,
    Result, TrackSummary, Verdict,
};
use crate::{astray, check, foreign, form, hidden, media};
use sha2::{Digest, Sha256};
use std::path::Path;
use tapo_bmff::{Defect, Flaw};
use tapo_io::{ByteSource, FileStamp, PreadFile, Span, lock_holder};
use tapo_movie::{Fragment, Read};

/// What was found out about a file.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// All that was read: top-level boxes, movie, fragments.
    pub read: Read,
    /// How the file is laid out.
    pub form: Form,
    /// Which of the sister formats it is, if it is one.
    pub family: Family,
    /// What our recorder wrote into it, if it is ours.
    pub own: Option<Own>,
    /// The tracks in numbers.
    pub tracks: Vec<TrackSummary>,
    /// Every byte of the file, once.
    pub ledger: Ledger,
    /// How much of the media was looked at.
    pub depth: Depth,
    /// SHA-256 of the file, if it was asked for.
    pub sha256: Option<[u8; 32]>,
    /// Size, inode and time of change, before it was read and after; of bytes in memory there are none.
    pub stamps: Option<(FileStamp, FileStamp)>,
    /// Stretches of samples that are damaged, by track and number.
    pub harmed: Vec<Harmed>,
    /// Of each track, what its tables and its media do not agree on, where every
    /// byte was looked at.
    pub against: Vec<Against>,
    /// The index, if there is one that no box leads to, and no other.
    pub astray: Option<Astray>,
    /// What is worth saying, worst first, then in file order.
    pub findings: Vec<Finding>,
    /// How the file is, in one word.
    pub verdict: Verdict,
    /// What finalize and repair would make of it: of a damaged file that was opened by its path.
    pub outlook: Option<Outlook>,
    /// The bytes that hold media, if players do not find it.
    media: Vec<Span>,
    /// Fragments that players do not find, though all of their data is there.
    hidden: Vec<Fragment>,
    /// The media is the start of one picture, and no more.
    holds_only_a_head: bool,
}

impl Inspection {
    /// Whether there are bytes that are media, or may be.
    #[must_use]
    pub fn has_media(&self) -> bool {
        !self.media.is_empty()
    }

    /// The bytes that hold media, if players do not find it.
    pub(crate) fn media(&self) -> &[Span] {
        &self.media
    }

    /// Fragments that players do not find, though all of their data is there.
    #[must_use]
    pub fn hidden(&self) -> &[Fragment] {
        &self.hidden
    }

    /// Bytes that are media, or may be, of a file that does not play.
    #[must_use]
    pub fn media_bytes(&self) -> u64 {
        self.media.iter().map(|m| m.len()).sum()
    }

    /// The damaged stretches of the track with this id.
    pub fn harmed_of(&self, track: u32) -> impl Iterator<Item = &Harmed> {
        let tracks = self.read.movie.as_ref().map_or(&[][..], |m| &m.tracks);
        let id = move |h: &&Harmed| tracks.get(h.track).is_some_and(|t| t.header.id == track);
        self.harmed.iter().filter(id)
    }

    /// Whether there is an `mdat` box with anything in it.
    #[must_use]
    pub fn has_mdat(&self) -> bool {
        let mut mdats = self.read.top.iter().filter(|b| b.kind == b"mdat");
        mdats.any(|b| !b.payload().is_empty())
    }

    /// Whether a torn fragment has media, the first of which players show.
    pub(crate) fn has_torn_media(&self) -> bool {
        let torn = |f: &&Fragment| !f.whole && !f.tracks.is_empty();
        let Some(fragment) = self.read.fragments.iter().find(torn) else {
            return false;
        };
        let media = |b: &&tapo_movie::TopBox| b.kind == b"mdat" && !b.payload().is_empty();
        let mut mdats = self.read.top.iter().filter(media);
        mdats.any(|b| b.span.start >= fragment.moof.end)
    }

    /// Whether no other recording could help: all of its bytes were changed, or not even its first sample is whole.
    pub(crate) fn is_hopeless(&self) -> bool {
        let coded = Problem::CopiedAsText { lines: false };
        let coded = self.findings.iter().any(|f| f.problem == coded);
        coded || (self.form == Form::NoIndex && self.holds_only_a_head)
    }

    /// Whether its fragments are torn in the first, and finalize keeps no whole sample of that.
    pub(crate) fn holds_only_pieces(&self) -> bool {
        let torn = self.outlook.iter().flat_map(|o| &o.torn);
        let kept = torn.fold(0_u64, |sum, (_, ticks)| sum.saturating_add(*ticks));
        let listed = self.tracks.iter().any(|t| t.samples > 0);
        self.form == Form::Fragmented && !listed && kept == 0
    }

    /// Where the first chunk of samples should stand.
    pub(crate) fn first_sample(&self) -> Option<u64> {
        let tracks = self.read.movie.iter().flat_map(|m| &m.tracks);
        let chunks = tracks.filter_map(|t| t.samples.chunks.first());
        chunks.map(|c| c.offset).min()
    }

    /// Whether its last box should go on behind its end.
    pub(crate) fn is_cut_off(&self) -> bool {
        let overrun = |d: &Defect| d.parent.is_none() && matches!(d.flaw, Flaw::Overrun { .. });
        self.read.defects.iter().any(overrun)
    }

    /// Whether its index ends before it should.
    pub(crate) fn is_index_torn(&self) -> bool {
        self.read.is_index_torn()
    }

    /// Whether all samples of all tracks that there should be were looked at, and are where the index says: what is
    /// wrong with a box around them is nothing to most players.
    pub(crate) fn reads_as_listed(&self) -> bool {
        let movie = self.read.movie.as_ref();
        let listed = self.tracks.iter().filter(|t| t.samples > 0).count();
        let wanted = movie.map_or(u32::MAX, |m| m.header.next_track_id.saturating_sub(1));
        let lost = |p: &Problem| {
            matches!(
                p,
                Problem::SamplesOutsideFile { .. }
                    | Problem::TableShort { .. }
                    | Problem::TableLost
                    | Problem::TimesDisagree { .. }
                    | Problem::NoDescription
                    | Problem::NoTimescale
                    | Problem::NoMovieHeader
            )
        };
        let whole = !self.findings.iter().any(|f| lost(&f.problem));
        let looked = self.depth != Depth::Tables && self.harmed.is_empty();
        let inner = |d: &Defect| d.parent.is_some() && d.span.end == self.read.size;
        let torn = self.is_cut_off() && self.read.defects.iter().any(inner);
        let whole = whole && !torn;
        let all = listed as u64 >= u64::from(wanted).max(1);
        all && looked && whole && self.tracks.iter().all(|t| t.reachable == t.samples)
    }

    /// Whether a repair of it needs another recording: what it says of its own coding is not there, or not all.
    #[must_use]
    pub fn needs_reference(&self) -> bool {
        let lacks = |f: &Finding| {
            matches!(
                f.problem,
                Problem::ParameterSetsMissing { .. } | Problem::NoDescription | Problem::NoTracks
            )
        };
        let described = self.read.movie.is_some() && !self.is_index_torn();
        self.astray.is_none() && (!described || self.findings.iter().any(lacks))
    }

    /// Whether a recorder of ours is still at work on it.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        let in_use = |f: &Finding| matches!(f.problem, Problem::InUse { .. });
        self.findings.iter().any(in_use)
    }

    /// Whether its index is compressed, so that we know nothing of the samples.
    pub(crate) fn is_compressed(&self) -> bool {
        let compressed = |f: &Finding| f.problem == Problem::CompressedMoov;
        self.findings.iter().any(compressed)
    }

    fn settle(&mut self) {
        let key = |f: &Finding| {
            let place = f.span.map_or(u64::MAX, |s| s.start);
            (std::cmp::Reverse(f.severity()), place)
        };
        self.findings.sort_by_key(key);
        self.verdict = Verdict::of(self);
    }
}

/// What to look at.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// How much of the media.
    pub depth: Depth,
    /// Whether to work out the SHA-256 of the file, of all its bytes.
    pub hash: bool,
    /// Whether finalize and repair are asked what they would make of a damaged file ([`Inspection::outlook`]); only
    /// where the file is opened by its path, and not if only its tables are looked at.
    pub outlook: bool,
    /// The time of day, seconds since 1970, if dates in the future are to be found.
    pub now: Option<i64>,
}

/// Inspects a file as [`inspect_with`] does, with usual options.
///
/// # Errors
/// As [`inspect_with`].
pub fn inspect(source: &dyn ByteSource) -> Result<Inspection> {
    inspect_with(source, Options::default())
}

/// Inspects a file: its heads and tables, and its media as told.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) and the like if the source fails; nothing
/// that stands in a file is an error.
pub fn inspect_with(source: &dyn ByteSource, options: Options) -> Result<Inspection> {
    let sha256 = || options.hash.then(|| sha256(source)).transpose();
    // At the same time, so that both read the same pages.
    let (inspection, sha256) = rayon::join(|| look(source, options), sha256);
    let mut inspection = inspection?;
    inspection.sha256 = sha256?;
    Ok(inspection)
}

/// The SHA-256 of all bytes.
fn sha256(source: &dyn ByteSource) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let got = source.read_at(at, &mut piece)?;
        let Some(bytes) = piece.get(..got).filter(|b| !b.is_empty()) else {
            return Ok(hash.finalize().into());
        };
        hash.update(bytes);
        at += got as u64;
    }
}

fn look(source: &dyn ByteSource, options: Options) -> Result<Inspection> {
    let read = tapo_movie::read(source)?;
    let name = source
        .path()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let mut form = form::form(source, &read, &name)?;
    let mut astray = None;
    // Of an MP4 whose first bytes are lost, the index may be left.
    if matches!(form, Form::Foreign(Foreign::Unknown)) {
        astray = astray::find(source, &read, options.depth)?;
    }
    let headless = matches!(form, Form::Foreign(Foreign::Unknown))
        && astray.is_none()
        && (astray::has_fragment(source)? || astray::has_tables(source)?);
    if astray.is_some() || headless {
        form = Form::NoIndex;
    }
    if let Form::Foreign(what) = form {
        let (ledger, _) = survey(source, None, None)?;
        return Ok(foreigner(read, what, ledger));
    }
    let movie = read.movie.as_ref();
    let tracks = movie.map_or(&[][..], |m| m.tracks.as_slice());
    let bytes = tracks.iter().map(|t| t.samples.sizes.total());
    let depth = options.depth.settle(bytes.fold(0, u64::saturating_add));
    let media::Examined { harmed, against } = match movie {
        Some(movie) => media::examine(source, movie, depth)?,
        None => media::Examined::default(),
    };
    if form == Form::NoIndex && astray.is_none() && !headless {
        astray = astray::find(source, &read, options.depth)?;
    }
    let (ledger, seen) = survey(source, movie, astray.as_ref().map(|a| a.span))?;
    let hidden = hidden::fragments(source, &read, form, &ledger)?;
    let mut inspection = Inspection {
        form,
        ledger,
        astray,
        depth,
        sha256: None,
        stamps: None,
        harmed,
        against,
        family: family(&read),
        own: movie.and_then(form::own),
        tracks: tracks
            .iter()
            .map(|t| TrackSummary::of(t, read.size))
            .collect(),
        findings: Vec::new(),
        verdict: Verdict::Sound,
        outlook: None,
        media: Vec::new(),
        hidden,
        holds_only_a_head: false,
        read,
    };
    inspection.media = unindexed(source, &inspection.read)?;
    inspection.media.extend(renamed(&inspection));
    inspection.holds_only_a_head = match inspection.media.as_slice() {
        [only] => media::is_head_of_picture(source, *only)?,
        _ => false,
    };
    inspection.findings = check::all(source, seen, &inspection, options.now)?;
    inspection.settle();
    Ok(inspection)
}

/// Inspects the file at `path` as [`inspect_file_with`] does, with usual options.
///
/// # Errors
/// As [`inspect_file_with`].
pub fn inspect_file(path: &Path) -> Result<Inspection> {
    inspect_file_with(path, Options::default())
}

/// Inspects the file at `path`, opened read-only. That it is being written, or
/// changed while it was read, is a finding.
///
/// # Errors
/// As [`inspect_with`], and if it cannot be opened.
pub fn inspect_file_with(path: &Path, options: Options) -> Result<Inspection> {
    let file = PreadFile::open(path)?;
    let before = file.stamp()?;
    let mut inspection = inspect_with(&file, options)?;
    if options.outlook && options.depth != Depth::Tables {
        inspection.outlook = Outlook::of(path, &inspection);
    }
    if let Some(holder) = lock_holder(path) {
        let in_use = Problem::InUse { holder };
        inspection.findings.push(Finding::new(in_use));
        let still = [Problem::OpenSegment, Problem::NothingRecorded];
        let unfinished = |f: &Finding| still.contains(&f.problem);
        inspection.findings.retain(|f| !unfinished(f));
    }
    let after = file.stamp()?;
    if after != before {
        inspection.findings.push(Finding::new(Problem::Changed));
    }
    inspection.stamps = Some((before, after));
    inspection.settle();
    Ok(inspection)
}

fn foreigner(read: Read, what: Foreign, ledger: Ledger) -> Inspection {
    Inspection {
        form: Form::Foreign(what),
        ledger,
        depth: Depth::Tables,
        sha256: None,
        stamps: None,
        harmed: Vec::new(),
        against: Vec::new(),
        astray: None,
        family: family(&read),
        own: None,
        tracks: Vec::new(),
        findings: Vec::new(),
        verdict: Verdict::NotMp4,
        outlook: None,
        media: Vec::new(),
        hidden: Vec::new(),
        holds_only_a_head: false,
        read,
    }
}

fn family(read: &Read) -> Family {
    let fragments = read.top.iter().any(|b| b.kind == b"moof");
    Family::of(read.file_type.as_ref(), fragments)
}

/// The payload of a box of an unknown type, where all the samples should be in an `mdat` and none is there: its type
/// is what is wrong.
fn renamed(inspection: &Inspection) -> Option<Span> {
    let at = inspection
        .first_sample()
        .filter(|_| !inspection.has_mdat())?;
    let mut boxes = inspection.read.top.iter();
    let home = boxes.find(|b| b.payload().start <= at && at < b.span.end)?;
    let unknown = crate::names::name(home.kind).is_none();
    (unknown && inspection.media.is_empty()).then(|| home.payload())
}

/// What may be media: `mdat` boxes, and what stands where a box should and is
/// none. Preallocated zeros are not.
fn unindexed(source: &dyn ByteSource, read: &Read) -> Result<Vec<Span>> {
    let boxes = read.top.iter().filter(|b| b.kind == b"mdat");
    let boxes = boxes.map(tapo_movie::TopBox::payload);
    let no_box = |d: &&Defect| {
        let stray = matches!(d.flaw, Flaw::NotABox | Flaw::SizeBelowHeader { .. });
        d.parent.is_none() && stray
    };
    let junk = read.defects.iter().filter(no_box).map(|d| d.span);
    let mut spans: Vec<Span> = boxes
        .chain(junk)
        .chain(form::interrupted_media(read))
        .collect();
    spans.sort_unstable();
    let (mut media, mut end) = (Vec::new(), 0);
    for span in spans {
        let span = Span::new(span.start.max(end), span.end);
        if !span.is_empty() && !foreign::is_all(source, span, 0)? {
            media.push(span);
            end = span.end;
        }
    }
    Ok(media)
}
