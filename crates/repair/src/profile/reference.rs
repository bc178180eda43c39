//! A file read as a reference.

use super::Profile;
use super::track::SHOWN_BYTES;
use crate::basis::look::votes;
use crate::{Error, Result};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, SampleTable};

/// A file read as a reference.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) path: std::path::PathBuf,
    pub(crate) profile: Profile,
    /// Its `ftyp` box, as it stands, empty if there is none.
    pub(crate) file_type: Vec<u8>,
    /// Its first sync samples: track and bytes of each.
    shown: Vec<(usize, Span)>,
    /// Its first constant-rate sound: track and bytes of each piece.
    heard: Vec<(usize, Span)>,
}

/// Pictures of a reference that are decoded to see whether its tools are read.
const SHOWN_PICTURES: usize = 3;

impl Reference {
    /// One that has no samples.
    pub(crate) const fn new(path: std::path::PathBuf, profile: Profile) -> Self {
        Self {
            path,
            profile,
            file_type: Vec::new(),
            shown: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Whether pictures of a track that do not decode show that parameter sets
    /// are wrong: not if those of the reference itself do not, or it has none.
    pub(crate) fn is_decodable(&self, track: usize) -> bool {
        let own = self.shown.iter().filter(|(t, _)| *t == track);
        let mut own = own.map(|(_, span)| *span).peekable();
        if own.peek().is_none() {
            return false;
        }
        let recogniser = self
            .profile
            .tracks
            .get(track)
            .and_then(|t| t.recogniser.as_ref());
        let (Some(recogniser), Ok(source)) = (recogniser, tapo_io::PreadFile::open(&self.path))
        else {
            return false;
        };
        let pictures: Vec<_> = own.filter_map(|s| source.read_span(s).ok()).collect();
        votes(&**recogniser, pictures.iter().map(Vec::as_slice)).confirm()
    }

    /// The first sound of a track of constant-rate data; none where there are no
    /// samples.
    ///
    /// # Errors
    /// The file fails.
    pub(crate) fn sound(&self, track: usize) -> Result<Vec<u8>> {
        let mut sound = Vec::new();
        let mut pieces = self.heard.iter().filter(|(t, _)| *t == track).peekable();
        if pieces.peek().is_some() {
            let source = tapo_io::PreadFile::open(&self.path)?;
            for (_, span) in pieces {
                sound.extend(source.read_span(*span)?);
            }
        }
        Ok(sound)
    }

    /// Reads a healthy file.
    ///
    /// # Errors
    /// [`Error::BadReference`] if it has no movie with samples; [`Error::Io`].
    pub(crate) fn open(path: &std::path::Path) -> Result<Self> {
        let source = tapo_io::PreadFile::open(path)?;
        let read = crate::unfit::read(&source)?;
        let bad = |why: &str| Error::BadReference {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        if let Some(why) = crate::unfit::why(&read) {
            return Err(bad(&why));
        }
        let movie = read.movie.ok_or_else(|| bad("it has no moov box"))?;
        if movie.sample_count() == 0 {
            return Err(bad("it holds no samples"));
        }
        let file_type = match read.top.iter().find(|b| b.kind == b"ftyp") {
            Some(ftyp) if ftyp.whole && ftyp.span.len() <= 4096 => source.read_span(ftyp.span)?,
            _ => Vec::new(),
        };
        let movie = within(&movie, source.len());
        if movie.sample_count() == 0 {
            return Err(bad("none of its samples is in the file"));
        }
        let profile = Profile::learn(&movie, &source)?;
        let mut shown = Vec::new();
        for (index, track) in movie
            .tracks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.is_video())
        {
            let pictures = track.samples.iter().filter(|s| s.sync);
            let spans = pictures.map(|s| (index, s.span)).take(SHOWN_PICTURES);
            shown.extend(spans.filter(|(_, span)| span.len() <= SHOWN_BYTES));
        }
        let heard = heard(&movie, &profile);
        Ok(Self {
            path: path.to_owned(),
            profile,
            file_type,
            shown,
            heard,
        })
    }
}

/// Constant-rate sound of a track that is listened to, bytes.
pub(crate) const HEARD: u64 = 32 << 10;

/// Where the first constant-rate sound of each track stands.
fn heard(movie: &Movie, profile: &Profile) -> Vec<(usize, Span)> {
    let mut heard: Vec<(usize, Span)> = Vec::new();
    let tracks = movie.tracks.iter().zip(&profile.tracks).enumerate();
    for (index, (track, _)) in tracks.filter(|(_, (_, of))| of.is_constant_rate()) {
        let mut left = HEARD;
        for sample in &track.samples {
            let span = Span::at(sample.span.start, sample.span.len().min(left));
            left -= span.len();
            match heard.last_mut() {
                Some((of, last)) if *of == index && last.end == span.start => last.end = span.end,
                _ => heard.push((index, span)),
            }
            if left == 0 {
                break;
            }
        }
    }
    heard
}

/// The movie without the samples that do not lie in a file of `len` bytes: from
/// the first such on, each track ends.
pub(crate) fn within(movie: &Movie, len: u64) -> Movie {
    let mut movie = movie.clone();
    for track in &mut movie.tracks {
        let samples = &track.samples;
        if samples.iter().all(|s| s.span.end <= len) {
            continue;
        }
        let mut kept = SampleTable::default();
        kept.start = samples.start;
        for s in samples.iter().take_while(|s| s.span.end <= len) {
            kept.start_chunk(s.span.start, s.description);
            if kept
                .push(
                    s.span.len().try_into().unwrap_or(u32::MAX),
                    s.duration,
                    s.composition_offset,
                    s.sync,
                )
                .is_err()
            {
                break;
            }
        }
        track.samples = kept;
    }
    movie
}
