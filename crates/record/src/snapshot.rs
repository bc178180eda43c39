//! The newest keyframe of a camera's recordings, as a movie of one picture, or as
//! the picture itself where the camera sends JPEG. Works while they are being recorded.

use crate::retention::stamp_of;
use crate::source::WallClock;
use crate::walk::files;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tapo_bmff::BoxWriter;
use tapo_io::{ByteSource, Disk, NewFile, Op, PreadFile};
use tapo_movie::{Movie, Sample, SampleDescription, SampleTable, SegmentStamp, Track, encode_moov};

/// The largest picture that is taken, bytes.
const LARGEST: u64 = 256 << 20;
/// Recordings that are looked into for a keyframe, the newest first.
const RECORDINGS: usize = 16;
/// Files that are looked at at once for what they are, those that were written to last first.
const LATEST: usize = 1024;

/// A snapshot that was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// The recording that it is of.
    pub source: PathBuf,
    /// The picture's time in it, ticks of [`timescale`](Self::timescale).
    pub at: u64,
    /// Ticks a second.
    pub timescale: u32,
    /// About when it was received, where the recorder noted it.
    pub received: Option<WallClock>,
    /// Width and height, pixels.
    pub size: Option<(u16, u16)>,
    /// The file that was written.
    pub output: PathBuf,
    /// Bytes of it.
    pub bytes: u64,
}

/// What is written where no name is given, without its ending.
const NAME: &str = "snapshot";
/// Endings of pictures, none of which tapo can make: nothing is decoded.
const FOREIGN: [&str; 9] = [
    "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif",
];

/// How a picture is written.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Form {
    Movie,
    Jpeg,
}

/// The file, and what is written to it: JPEG by the name's ending, or, without a name,
/// where there is one.
fn form(output: Option<&Path>, is_jpeg: bool) -> Result<(PathBuf, Form)> {
    let Some(output) = output else {
        let (ending, form) = match is_jpeg {
            true => ("jpg", Form::Jpeg),
            false => ("mp4", Form::Movie),
        };
        return Ok((Path::new(NAME).with_extension(ending), form));
    };
    let ending = output.extension().unwrap_or_default().to_string_lossy();
    let ending = ending.to_ascii_lowercase();
    let jpeg = matches!(ending.as_str(), "jpg" | "jpeg");
    if FOREIGN.contains(&ending.as_str()) || jpeg && !is_jpeg {
        return Err(Error::Usage(format!(
            "the camera sends no picture that could be written to a .{ending}, and tapo decodes none: \
             name an .mp4, and make one of that (ffmpeg -i snapshot.mp4 snapshot.{ending})"
        )));
    }
    let form = if jpeg { Form::Jpeg } else { Form::Movie };
    Ok((output.to_owned(), form))
}

/// Whether samples are JPEG pictures: `jpeg`, or `mp4v` whose object type is 6C
/// (ISO/IEC 14496-1, table 5).
fn is_jpeg(description: Option<&SampleDescription>, data: &[u8]) -> bool {
    let kind = description.map(SampleDescription::kind);
    let may = kind.is_some_and(|kind| kind == b"jpeg" || kind == b"mp4v" || kind == b"mjpa");
    may && data.starts_with(&[0xff, 0xd8, 0xff])
}

/// Writes the newest keyframe of a recording, or of those in and below a folder
/// (of this camera, if one is named), as an MP4 of one picture; where the camera sends
/// JPEG, as the picture itself if the name ends in `.jpg`, or if there is no name.
///
/// # Errors
/// [`Error::NoPicture`] if there is none; [`Error::Usage`] for a name that asks for a
/// picture that would have to be decoded; [`Error::Io`].
pub fn snapshot(
    source: &Path,
    camera: Option<&str>,
    output: Option<&Path>,
    replace: bool,
) -> Result<Snapshot> {
    let meta = std::fs::metadata(source).map_err(|e| Error::io(source, "look at", e))?;
    let recordings = if meta.is_dir() {
        newest(source, camera)
    } else {
        vec![source.to_owned()]
    };
    for path in recordings.into_iter().take(RECORDINGS) {
        if let Some(picture) = picture(&path)? {
            return write(picture, path, output, replace);
        }
    }
    Err(Error::NoPicture {
        path: source.to_owned(),
    })
}

/// The newest recordings of ours in and below a folder, the newest first. There may be very many
/// files: those that were written to last are looked at first.
fn newest(folder: &Path, camera: Option<&str>) -> Vec<PathBuf> {
    let mut before = None;
    loop {
        let mut latest = BTreeSet::new();
        for path in files(folder) {
            let written = path.symlink_metadata().and_then(|meta| meta.modified());
            let Ok(written) = written else {
                continue;
            };
            let file = (written, path);
            if before.as_ref().is_none_or(|before| file < *before) {
                latest.insert(file);
                if latest.len() > LATEST {
                    latest.pop_first();
                }
            }
        }
        let mut found = Vec::new();
        for (_, path) in latest.iter().rev() {
            let stamp = PreadFile::open(path).ok().and_then(|file| stamp_of(&file));
            let ours = stamp.filter(|stamp| camera.is_none_or(|camera| stamp.camera == camera));
            found.extend(ours.map(|stamp| (stamp.started_ns, path.clone())));
        }
        found.sort();
        before = latest.pop_first();
        if !found.is_empty() || before.is_none() {
            return found.into_iter().rev().map(|(_, path)| path).collect();
        }
    }
}

struct Picture {
    movie: Movie,
    /// Its index among the tracks.
    track: usize,
    sample: Sample,
    data: Vec<u8>,
    stamp: Option<SegmentStamp>,
}

/// The last keyframe of the pictures of a file that is all there.
fn picture(path: &Path) -> Result<Option<Picture>> {
    let file = PreadFile::open(path)?;
    let Some(movie) = tapo_movie::read(&file)?.movie else {
        return Ok(None);
    };
    let Some(track) = movie.tracks.iter().position(Track::is_video) else {
        return Ok(None);
    };
    let there = |s: &Sample| s.sync && s.span.end <= file.len() && s.span.len() <= LARGEST;
    let samples = movie.tracks.get(track).map(|t| t.samples.iter());
    let last = samples.and_then(|samples| samples.filter(|s| there(s)).last());
    let Some(sample) = last.filter(|s| !s.span.is_empty()) else {
        return Ok(None);
    };
    let data = file.read_span(sample.span)?;
    Ok(Some(Picture {
        stamp: stamp_of(&file),
        movie,
        track,
        sample,
        data,
    }))
}

fn write(
    picture: Picture,
    source: PathBuf,
    output: Option<&Path>,
    replace: bool,
) -> Result<Snapshot> {
    let Picture {
        movie,
        track,
        sample,
        data,
        stamp,
    } = picture;
    let Some(track) = movie.tracks.get(track) else {
        return Err(Error::NoPicture { path: source });
    };
    let index = usize::try_from(sample.description).unwrap_or(1).max(1) - 1;
    let description = track.descriptions.get(index).or(track.descriptions.first());
    let (output, form) = form(output, is_jpeg(description, &data))?;
    let whole = match form {
        Form::Jpeg => data,
        Form::Movie => movie_of(&movie, track, description, &sample, data)?,
    };
    let len = whole.len() as u64;
    let mut file = NewFile::create(&output, replace)?;
    file.apply(&Op::Write {
        at: 0,
        bytes: whole,
    })?;
    file.commit(replace)?;
    let nanos = u128::from(sample.dts) * 1_000_000_000 / u128::from(track.timescale.max(1));
    let later = i64::try_from(nanos).unwrap_or(i64::MAX);
    let received = stamp.map(|stamp| WallClock(stamp.started_ns.saturating_add(later)));
    Ok(Snapshot {
        source,
        at: sample.dts,
        timescale: track.timescale,
        received,
        size: description.and_then(SampleDescription::size),
        output,
        bytes: len,
    })
}

/// A movie of one picture.
fn movie_of(
    movie: &Movie,
    track: &Track,
    description: Option<&SampleDescription>,
    sample: &Sample,
    data: Vec<u8>,
) -> Result<Vec<u8>> {
    let ftyp = {
        let mut w = BoxWriter::new();
        w.boxed(b"ftyp", |w| {
            w.raw(b"isom").u32(0x200).raw(b"isomiso2mp41");
        });
        w.into_bytes()
    };
    let header = BoxWriter::header(b"mdat", data.len() as u64, false);
    let mut samples = SampleTable::default();
    samples.start_chunk((ftyp.len() + header.len()) as u64, 1);
    let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let duration = sample.duration.max(1);
    samples.push(bytes, duration, 0, true)?;
    let mut head = track.header.clone();
    head.id = 1;
    let mut one = Movie {
        header: movie.header.clone(),
        tracks: vec![Track {
            header: head,
            descriptions: description.into_iter().cloned().collect(),
            samples,
            edits: Vec::new(),
            defaults: None,
            other: Vec::new(),
            other_mdia: Vec::new(),
            other_minf: Vec::new(),
            other_stbl: Vec::new(),
            ..track.clone()
        }],
        ..Movie::default()
    };
    one.header.timescale = track.timescale.max(1);
    one.header.next_track_id = 2;
    Ok([ftyp, header, data, encode_moov(&one)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_written_and_none_lies() {
        let of = |name: Option<&str>, is_jpeg| {
            let (path, form) = form(name.map(Path::new), is_jpeg).ok()?;
            Some((path.to_str().unwrap().to_owned(), form))
        };
        let some = |name: &str, form| Some((name.to_owned(), form));
        assert_eq!(of(None, false), some("snapshot.mp4", Form::Movie));
        assert_eq!(of(None, true), some("snapshot.jpg", Form::Jpeg));
        assert_eq!(of(Some("a.JPEG"), true), some("a.JPEG", Form::Jpeg));
        assert_eq!(of(Some("a.mp4"), true), some("a.mp4", Form::Movie));
        assert_eq!(of(Some("a"), true), some("a", Form::Movie));
        assert_eq!(of(Some("a.jpg"), false), None);
        assert_eq!(of(Some("a.png"), true), None);
    }
}
