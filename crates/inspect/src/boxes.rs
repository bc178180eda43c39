//! The boxes of a file one by one, and what they alone say of it: neither tables nor media are read.

use crate::check::structure;
use crate::{Result, Severity, Verdict, foreign};
use tapo_bmff::{Branch, Defect, Flaw, FourCc, Trees, limits};
use tapo_io::{ByteSource, Span};
use tapo_movie::FileType;

/// The boxes of a file, those of the top level one after the other.
pub struct Boxes<'a> {
    source: &'a dyn ByteSource,
    trees: Trees<'a>,
    defects: Vec<Defect>,
    worst: Option<Severity>,
    seen: Seen,
}

/// What stands at the top level.
#[derive(Default)]
struct Seen {
    /// A box that movies begin with or consist of.
    any: bool,
    /// The first `moov`: whether it is whole and has a track, and says that fragments follow.
    index: Option<(bool, bool)>,
    /// More than one `moov`.
    second: bool,
    fragments: bool,
    /// `styp` or `sidx`.
    segment: bool,
    meta: bool,
    picture: bool,
    /// What holds media, or may.
    media: Vec<Span>,
}

/// Ranges that may be media, looked at where there is no index.
const MEDIA: usize = 1024;

/// Bytes of an `ftyp` that are read.
const BRANDS: u64 = 4096;

impl<'a> Boxes<'a> {
    /// Begins with the first box of a file.
    #[must_use]
    pub fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            trees: Trees::new(source),
            defects: Vec::new(),
            worst: None,
            seen: Seen::default(),
        }
    }

    /// The next box of the top level, with all that is in it; `None` behind the last.
    ///
    /// # Errors
    /// The source fails.
    pub fn step(&mut self) -> Result<Option<Branch<'_>>> {
        let Some(branch) = self.trees.step()? else {
            return Ok(None);
        };
        self.seen.note(&branch)?;
        for defect in branch.tree.defects() {
            let found = structure::finding(self.source, branch.tree, defect)?;
            self.worst = self.worst.max(found.map(|f| f.severity()));
            if self.defects.len() < limits::DEFECTS && !defect.flaw.is_harmless() {
                self.defects.push(defect.clone());
            }
        }
        Ok(Some(branch))
    }

    /// What was wrong with those seen so far.
    #[must_use]
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// How bad the worst of that is.
    #[must_use]
    pub const fn worst(&self) -> Option<Severity> {
        self.worst
    }

    /// How the file is by its boxes alone, once all were seen.
    ///
    /// # Errors
    /// The source fails.
    pub fn verdict(&self) -> Result<Verdict> {
        let seen = &self.seen;
        if !seen.any || (seen.index.is_none() && seen.meta && seen.picture) {
            return Ok(Verdict::NotMp4);
        }
        let plays = match seen.index {
            Some((usable, goes_on)) => {
                usable && (goes_on || seen.fragments || !seen.media.is_empty())
            }
            None => seen.fragments && seen.segment,
        };
        let damaged = self.worst == Some(Severity::Damage) || seen.second;
        Ok(match (plays, damaged) {
            (true, false) => Verdict::Sound,
            (true, true) => Verdict::Damaged,
            (false, _) if self.has_media()? => Verdict::Repairable,
            (false, _) => Verdict::Beyond,
        })
    }

    /// Whether anything that may be media is more than zeros.
    fn has_media(&self) -> Result<bool> {
        for span in &self.seen.media {
            if !foreign::is_all(self.source, *span, 0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Seen {
    fn note(&mut self, branch: &Branch<'_>) -> Result<()> {
        let junk = branch.tree.defects().iter().filter(|d| {
            let stray = matches!(d.flaw, Flaw::NotABox | Flaw::SizeBelowHeader { .. });
            d.parent.is_none() && stray
        });
        let mut media: Vec<Span> = junk.map(|d| d.span).collect();
        if let Some((id, node)) = branch.tree.roots().next() {
            match &node.kind.0 {
                b"moov" if self.index.is_some() => self.second = true,
                b"moov" => {
                    let has = |kind| branch.tree.child(id, kind).is_some();
                    // One that is compressed has its tracks in there.
                    let usable = node.is_whole() && (has(b"trak") || has(b"cmov"));
                    self.index = Some((usable, has(b"mvex")));
                }
                b"moof" => self.fragments = true,
                b"styp" | b"sidx" => self.segment = true,
                b"meta" => self.meta = true,
                b"mdat" => media.push(node.payload()),
                b"ftyp" if !self.any => {
                    let head = Span::at(node.payload().start, BRANDS);
                    let payload = branch.source.read_span(node.payload().intersect(head))?;
                    let file_type = FileType::parse(&payload);
                    self.picture = file_type.is_some_and(|f| crate::form::is_picture(&f));
                }
                _ => {}
            }
            self.any |= is_of_movies(node.kind);
        }
        let room = MEDIA.saturating_sub(self.media.len());
        let media = media.into_iter().filter(|span| !span.is_empty());
        self.media.extend(media.take(room));
        Ok(())
    }
}

/// Boxes that a movie begins with or consists of.
pub(crate) fn is_of_movies(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"ftyp" | b"styp" | b"moov" | b"mdat" | b"moof" | b"sidx" | b"wide" | b"pnot"
    )
}
