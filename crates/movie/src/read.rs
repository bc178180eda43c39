//! Reading a movie: `moov`, and the fragments behind it.

use crate::loader::{Loader, Times, matrix};
use crate::moof::Fragments;
use crate::torn::{self, Torn};
use crate::{FileType, Fragment, Movie, MovieHeader, Result, Runs, moof, trak};
use tapo_bmff::{
    BoxSize, BoxTree, Defect, Flaw, FourCc, NodeId, Step, Walker, be_u16, be_u32, leaf, limits,
};
use tapo_io::{ByteSource, Span, Window};

/// What was read of a file.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Size of the file, bytes.
    pub size: u64,
    /// The first `ftyp` box.
    pub file_type: Option<FileType>,
    /// The boxes at the top level, in file order.
    pub top: Vec<TopBox>,
    /// The first `moov`, with the samples of all whole fragments.
    pub movie: Option<Movie>,
    /// The fragments, in file order.
    pub fragments: Vec<Fragment>,
    /// What [`read_to_end`] found of a fragment that the file ends in.
    pub torn: Option<Torn>,
    /// What is wrong, in the order in which it was met.
    pub defects: Vec<Defect>,
}

/// Bytes that a `trak` has at least: its header, media header, handler and tables.
const SMALLEST_TRACK: u64 = 300;

impl Read {
    /// Whether `moov` ends before tables of samples do. A box behind them that is not all there, of user data say,
    /// takes nothing from them.
    #[must_use]
    pub fn is_index_torn(&self) -> bool {
        let Some(moov) = self.top.iter().find(|b| b.kind == b"moov") else {
            return false;
        };
        let declared = match moov.size {
            BoxSize::Compact(size) => u64::from(size),
            BoxSize::Large(size) => size,
            BoxSize::ToEnd => moov.span.len(),
        };
        let end = moov.span.start.saturating_add(declared);
        let extra = |d: &Defect| match d.flaw {
            Flaw::Overrun { kind, declared_end } => {
                let holds_none = matches!(
                    &kind.0,
                    b"udta" | b"meta" | b"uuid" | b"free" | b"skip" | b"wide"
                );
                let of_moov = d.parent.is_some_and(|p| p == b"moov");
                let rest = end.checked_sub(declared_end);
                let is_last =
                    d.span.end == moov.span.end && rest.is_some_and(|n| n < SMALLEST_TRACK);
                holds_none && of_moov && is_last
            }
            _ => false,
        };
        !moov.whole && !self.defects.iter().any(extra)
    }
}

/// A box at the top level.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct TopBox {
    /// Its type.
    pub kind: FourCc,
    /// The extended type of a `uuid` box.
    pub user_type: Option<[u8; 16]>,
    /// The size its header states.
    pub size: BoxSize,
    /// Its bytes, header included, as far as they are there.
    pub span: Span,
    /// Bytes of the header, extended type included.
    pub header_len: u64,
    /// Whether all bytes that the header promises are there.
    pub whole: bool,
}

impl TopBox {
    /// The bytes behind the header.
    #[must_use]
    pub fn payload(&self) -> Span {
        Span::new(self.span.start + self.header_len, self.span.end)
    }
}

/// Reads the boxes of a file into a movie: heads and tables, never media.
///
/// Whatever is wrong inside the file becomes a [`Defect`] of the result, and
/// what can be read is read.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the source fails.
pub fn read(source: &dyn ByteSource) -> Result<Read> {
    read_as(source, false)
}

/// As [`read`]; and of a last fragment that the file ends in, those samples go into the tables
/// too whose bytes are all there, of each track up to the first that is missing. Zeros to the end
/// of the file, as a power cut leaves them, are no bytes of coded samples.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the source fails.
pub fn read_to_end(source: &dyn ByteSource) -> Result<Read> {
    read_as(source, true)
}

fn read_as(source: &dyn ByteSource, to_end: bool) -> Result<Read> {
    let mut read = Read {
        size: source.len(),
        ..Read::default()
    };
    let mut window = Window::new(source);
    let mut walker = Walker::new(Span::new(0, source.len()), None);
    let mut loader = Loader::new(source);
    let mut fragments = None;
    while let Some(step) = walker.next(&mut window)? {
        match step {
            Step::Box {
                header,
                span,
                defect,
            } => {
                let top = TopBox {
                    kind: header.kind,
                    user_type: header.user_type,
                    size: header.size,
                    span,
                    header_len: header.len(),
                    whole: defect.is_none(),
                };
                read.top.push(top);
                read.defects.extend(defect);
                match &top.kind.0 {
                    b"ftyp" if read.file_type.is_none() => {
                        let payload = loader.payload(top.kind, top.payload())?;
                        read.file_type = FileType::parse(&payload);
                    }
                    b"moov" if read.movie.is_none() => {
                        let tree = BoxTree::read_span(source, top.payload(), Some(top.kind))?;
                        loader.defects.extend_from_slice(tree.defects());
                        let movie = read.movie.insert(movie(&mut loader, &tree)?);
                        // Those that stand in front of it.
                        let of_it = fragments.insert(Fragments::of(movie));
                        for moof in read.top.iter().filter(|b| b.kind == b"moof") {
                            of_it.read(&mut loader, &mut window, moof, movie)?;
                        }
                    }
                    b"moof" => {
                        if let (Some(fragments), Some(movie)) = (&mut fragments, &mut read.movie) {
                            fragments.read(&mut loader, &mut window, &top, movie)?;
                        }
                    }
                    _ => {}
                }
            }
            Step::Stop(defect) => read.defects.push(defect),
        }
        if read.top.len() >= limits::BOXES {
            let span = Span::new(walker.position(), source.len());
            read.defects.push(Defect {
                span,
                parent: None,
                flaw: Flaw::TooMany,
            });
            break;
        }
    }
    if let (Some(fragments), Some(movie)) = (&mut fragments, &mut read.movie)
        && to_end
        && torn::ends_amid(fragments.all(), &read.top)
        && let Some(moof) = read.top.iter().rfind(|b| b.kind == b"moof")
    {
        let torn = fragments.read_torn(&mut loader, &mut window, moof, movie)?;
        read.torn = Some(torn).filter(|torn| torn.kept > 0);
    }
    read.fragments = fragments.map_or_else(Vec::new, Fragments::into_all);
    read.defects.append(&mut loader.defects);
    read.defects.truncate(limits::DEFECTS);
    Ok(read)
}

/// Reads fragments that stand where no box leads to: the `moof` boxes of these
/// ranges, as if they followed the start of this movie.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the source fails.
pub fn read_fragments(
    source: &dyn ByteSource,
    movie: &Movie,
    moofs: &[Span],
) -> Result<Vec<Fragment>> {
    let heads = movie.tracks.iter().map(|t| crate::Track {
        header: t.header.clone(),
        defaults: t.defaults,
        ..crate::Track::default()
    });
    let mut movie = Movie {
        tracks: heads.collect(),
        ..Movie::default()
    };
    let mut loader = Loader::new(source);
    let mut window = Window::new(source);
    let mut fragments = Fragments::of(&movie);
    for span in moofs {
        let top = TopBox {
            kind: FourCc(*b"moof"),
            user_type: None,
            size: BoxSize::Compact(u32::try_from(span.len()).unwrap_or(u32::MAX)),
            span: *span,
            header_len: 8,
            whole: span.end <= source.len(),
        };
        fragments.read(&mut loader, &mut window, &top, &mut movie)?;
    }
    Ok(fragments.into_all())
}

fn movie(loader: &mut Loader<'_>, tree: &BoxTree) -> Result<Movie> {
    let mut movie = Movie::default();
    let mut trex = Vec::new();
    for (id, node) in tree.roots() {
        match &node.kind.0 {
            b"mvhd" => {
                let payload = loader.node(node)?;
                match header(&payload) {
                    Some(header) => movie.header = header,
                    None => loader.bad(node.kind, node.span, "too short for its fields"),
                }
            }
            b"trak" => movie.tracks.push(trak::read(loader, tree, id)?),
            b"mvex" => trex = defaults(loader, tree, id)?,
            _ => movie.other.extend(loader.raw(node)?),
        }
    }
    for track in &mut movie.tracks {
        let own = trex.iter().find(|t| t.track_id == track.header.id);
        track.defaults = own.map(moof::defaults);
        // FFmpeg (`delay_moov`, PCM) writes the times of its first fragment here too.
        if own.is_some() && track.samples.is_empty() {
            track.samples.durations = Runs::default();
            track.samples.composition_offsets = Runs::default();
        }
    }
    Ok(movie)
}

fn defaults(loader: &mut Loader<'_>, tree: &BoxTree, mvex: NodeId) -> Result<Vec<leaf::Trex>> {
    let mut all = Vec::new();
    for (_, node) in tree.children(mvex).filter(|(_, n)| n.kind == b"trex") {
        let payload = loader.node(node)?;
        match leaf::decode(&payload) {
            Some(trex) => all.push(trex),
            None => loader.bad(node.kind, node.span, "too short for its fields"),
        }
    }
    Ok(all)
}

/// `mvhd`: times and duration have 64 bits in version 1.
fn header(payload: &[u8]) -> Option<MovieHeader> {
    let (times, rest) = Times::read(payload, 0)?;
    Some(MovieHeader {
        timescale: times.timescale,
        creation_time: times.creation,
        modification_time: times.modification,
        declared_duration: times.duration,
        rate: be_u32(rest, 0)?,
        volume: be_u16(rest, 4)?,
        matrix: matrix(rest, 16).unwrap_or(MovieHeader::UNITY),
        next_track_id: be_u32(rest, 76).unwrap_or(0),
    })
}
