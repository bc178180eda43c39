//! Reading a movie: `moov`, and the fragments behind it.

use crate::{Error, FileType, Fragment, Movie, MovieHeader, RawBox, Result, moof, trak};
use tapo_bmff::{
    BoxNode, BoxSize, BoxTree, Defect, Flaw, FourCc, NodeId, Step, Walker, be_u16, be_u32, be_u64,
    leaf, limits,
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
    /// What is wrong, in the order in which it was met.
    pub defects: Vec<Defect>,
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
/// [`Error::Io`] if the source fails.
pub fn read(source: &dyn ByteSource) -> Result<Read> {
    let mut read = Read {
        size: source.len(),
        ..Read::default()
    };
    let mut window = Window::new(source);
    let mut walker = Walker::new(Span::new(0, source.len()), None);
    while let Some(step) = walker.next(&mut window)? {
        match step {
            Step::Box {
                header,
                span,
                defect,
            } => {
                read.top.push(TopBox {
                    kind: header.kind,
                    user_type: header.user_type,
                    size: header.size,
                    span,
                    header_len: header.len(),
                    whole: defect.is_none(),
                });
                read.defects.extend(defect);
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
    let first = |kind: &[u8; 4]| read.top.iter().find(|b| b.kind == kind).copied();
    let mut loader = Loader::new(source);
    if let Some(ftyp) = first(b"ftyp") {
        let payload = loader.payload(ftyp.kind, ftyp.payload())?;
        read.file_type = FileType::parse(&payload);
    }
    if let Some(moov) = first(b"moov") {
        let tree = BoxTree::read_span(source, moov.payload(), Some(moov.kind))?;
        loader.defects.extend_from_slice(tree.defects());
        read.movie = Some(movie(&mut loader, &tree)?);
    }
    if let Some(movie) = &mut read.movie {
        let moofs = read.top.iter().filter(|b| b.kind == b"moof");
        read.fragments = moof::read_all(&mut loader, moofs, movie)?;
    }
    read.defects.append(&mut loader.defects);
    read.defects.truncate(limits::DEFECTS);
    Ok(read)
}

/// Loads payloads within a budget, and collects what is wrong with them.
pub(crate) struct Loader<'a> {
    pub(crate) source: &'a dyn ByteSource,
    pub(crate) defects: Vec<Defect>,
    budget: u64,
}

/// Bytes of `moov` that are read in all.
const BUDGET: u64 = 3 * limits::LOADED;

impl<'a> Loader<'a> {
    fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            defects: Vec::new(),
            budget: BUDGET,
        }
    }

    /// The bytes of `span`, or none of them if they are too many.
    pub(crate) fn payload(&mut self, kind: FourCc, span: Span) -> Result<Vec<u8>> {
        if span.len() > limits::LOADED || span.len() > self.budget {
            self.bad(kind, span, "larger than tapo reads at once");
            return Ok(Vec::new());
        }
        self.budget -= span.len();
        Ok(self.source.read_span(span)?)
    }

    /// The payload of a node.
    pub(crate) fn node(&mut self, node: &BoxNode) -> Result<Vec<u8>> {
        self.payload(node.kind, node.payload())
    }

    /// A node to be kept verbatim; `None` (and a defect, noted before) where it
    /// is cut off: written back, it would swallow what follows.
    pub(crate) fn raw(&mut self, node: &BoxNode) -> Result<Option<RawBox>> {
        if !node.is_whole() || node.size == BoxSize::ToEnd {
            return Ok(None);
        }
        let bytes = self.payload(node.kind, node.span)?;
        Ok((!bytes.is_empty()).then_some(RawBox {
            kind: node.kind,
            bytes,
        }))
    }

    /// Notes that the fields of a box are wrong.
    pub(crate) fn bad(&mut self, kind: FourCc, span: Span, why: &'static str) {
        if self.defects.len() < limits::DEFECTS {
            self.defects.push(Defect {
                span,
                parent: None,
                flaw: Flaw::BadFields { kind, why },
            });
        }
    }
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

/// What `mvhd`, `tkhd` and `mdhd` begin with.
pub(crate) struct Times {
    pub(crate) creation: u64,
    pub(crate) modification: u64,
    /// In `tkhd`, the track id stands here.
    pub(crate) timescale: u32,
    pub(crate) duration: u64,
}

impl Times {
    /// Reads the times and what follows; `gap` bytes stand before the duration.
    pub(crate) fn read(payload: &[u8], gap: usize) -> Option<(Self, &[u8])> {
        let wide = *payload.first()? == 1;
        let word = if wide { 8 } else { 4 };
        let at = |at: usize| {
            if wide {
                be_u64(payload, at)
            } else {
                be_u32(payload, at).map(|v| {
                    if v == u32::MAX {
                        u64::MAX
                    } else {
                        u64::from(v)
                    }
                })
            }
        };
        let times = Self {
            creation: at(4)?,
            modification: at(4 + word)?,
            timescale: be_u32(payload, 4 + 2 * word)?,
            duration: at(8 + 2 * word + gap)?,
        };
        Some((times, payload.get(8 + 3 * word + gap..)?))
    }
}

/// Nine 32-bit numbers.
pub(crate) fn matrix(bytes: &[u8], at: usize) -> Option<[i32; 9]> {
    let mut matrix = [0; 9];
    for (i, value) in matrix.iter_mut().enumerate() {
        *value = be_u32(bytes, at + 4 * i)?.cast_signed();
    }
    Some(matrix)
}

/// A limit that was reached while fragments were read is a defect, not an end.
pub(crate) const fn is_limit(error: &Error) -> bool {
    matches!(error, Error::TooManySamples | Error::TooLarge { .. })
}
