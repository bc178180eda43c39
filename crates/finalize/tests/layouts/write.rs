//! Writes small media in the layout of a [`Maker`].

use tapo_bmff::{BoxWriter, FourCc};
use tapo_movie::{FragmentDefaults, Movie, Sample, encode_init, encode_moov};

/// Where offsets of a fragment count from.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) enum Base {
    /// The start of the file, as `tfhd` says.
    Offset,
    /// The `moof`, as `tfhd` says.
    Moof,
    /// The `moof`, since `tfhd` says nothing, and it is the first `traf`.
    Implicit,
}

/// What a `moof` holds.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) enum Group {
    Together,
    PerTrack,
    PerSample,
}

/// Samples of a track in a fragment.
pub(crate) struct Part<'a> {
    pub(crate) video: bool,
    pub(crate) same_duration: bool,
    pub(crate) same_size: bool,
    pub(crate) has_offset: bool,
    track: u32,
    samples: &'a [Piece],
}

/// A sample and its bytes.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) sample: Sample,
    pub(crate) bytes: Vec<u8>,
}

/// How a program writes fragments. Boxes that tell nothing of samples are filled
/// with zeros of this many bytes.
pub(crate) struct Maker {
    pub(crate) name: &'static str,
    pub(crate) brands: &'static [u8],
    /// Boxes between `ftyp` and what follows.
    pub(crate) front: &'static [(&'static [u8; 4], usize)],
    /// Boxes in front of each `moof`.
    pub(crate) between: &'static [(&'static [u8; 4], usize)],
    /// Boxes at the end.
    pub(crate) end: &'static [(&'static [u8; 4], usize)],
    pub(crate) mehd: bool,
    /// Duration, size and flags of `trex`.
    pub(crate) trex: [u32; 3],
    /// The first fragment is told by the `moov` itself, and its data stands behind it, or before it where
    /// [`Maker::data_first`] is set.
    pub(crate) first_in_moov: bool,
    /// The `moov` has times for samples that it does not list.
    pub(crate) stale_times: bool,
    /// The data stands in front of its `moof`.
    pub(crate) data_first: bool,
    /// Composition offsets count from that of the first sample.
    pub(crate) negative: bool,
    pub(crate) group: Group,
    pub(crate) base: Base,
    /// Flags of `tfhd`.
    pub(crate) tfhd: fn(&Part<'_>) -> u32,
    /// Version of `tfdt`.
    pub(crate) tfdt: u8,
    /// Version of `trun`, and its flags.
    pub(crate) run_version: u8,
    pub(crate) run: fn(&Part<'_>) -> u32,
    /// Samples in a `trun`, at most.
    pub(crate) per_run: usize,
    /// Only the first run of a `traf` says where its data is: that of the others follows.
    pub(crate) implied: bool,
    /// Flags of a picture that can be decoded alone, of any other, and of sound.
    pub(crate) sync: u32,
    pub(crate) other: u32,
    pub(crate) sound: u32,
}

/// The tracks of a clip, cut into fragments at the keyframes of the first.
pub(crate) struct Media {
    pub(crate) movie: Movie,
    pub(crate) tracks: Vec<Vec<Piece>>,
}

impl Media {
    /// Reads a clip. Samples of a track get the duration of its first: these
    /// programs can say no more.
    pub(crate) fn read(clip: &[u8], negative: bool) -> Self {
        let mut movie = tapo_movie::read(&clip).unwrap().movie.unwrap();
        let mut tracks = Vec::new();
        for track in &mut movie.tracks {
            let samples: Vec<Sample> = track.samples.iter().collect();
            let first = samples[0];
            let piece = |(i, mut sample): (u64, Sample)| {
                sample.dts = i * u64::from(first.duration);
                sample.duration = first.duration;
                if negative {
                    sample.composition_offset -= first.composition_offset;
                }
                let (from, to) = (sample.span.start as usize, sample.span.end as usize);
                let bytes = clip[from..to].to_vec();
                Piece { sample, bytes }
            };
            tracks.push((0..).zip(samples).map(piece).collect());
            track.samples = tapo_movie::SampleTable::default();
            track.edits.clear();
            track.other_stbl.clear();
            track.defaults = Some(FragmentDefaults::default());
        }
        movie.other.clear();
        Self { movie, tracks }
    }

    /// Of each fragment the samples of each track.
    fn fragments(&self) -> Vec<Vec<&[Piece]>> {
        let leading = &self.tracks[0];
        let starts = leading.iter().filter(|p| p.sample.sync);
        let mut times: Vec<u64> = starts.skip(1).map(|p| p.sample.dts).collect();
        times.push(u64::MAX);
        let clock = |track: usize| u128::from(self.movie.tracks[track].timescale);
        let mut next = vec![0; self.tracks.len()];
        let fragment = |end: u64| {
            let part = |track: usize| {
                let before = |p: &&Piece| {
                    u128::from(p.sample.dts) * clock(0) < u128::from(end) * clock(track)
                };
                let from = next[track];
                let count = self.tracks[track][from..].iter().take_while(before).count();
                next[track] += count;
                &self.tracks[track][from..from + count]
            };
            (0..self.tracks.len()).map(part).collect()
        };
        times.into_iter().map(fragment).collect()
    }
}

/// The same boxes, but `stts` says the times of 5445 samples.
fn with_times(boxes: &[u8]) -> Vec<u8> {
    let mut rest = boxes;
    let mut out = Vec::new();
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let payload = match &head[4..] {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => with_times(&rest[8..len]),
            b"stts" => [0_u32, 1, 5445, 1].map(u32::to_be_bytes).concat(),
            _ => rest[8..len].to_vec(),
        };
        out.extend((payload.len() as u32 + 8).to_be_bytes());
        out.extend(&head[4..]);
        out.extend(payload);
        rest = &rest[len..];
    }
    out
}

fn filler(file: &mut Vec<u8>, boxes: &[(&'static [u8; 4], usize)]) {
    for (kind, len) in boxes {
        let mut w = BoxWriter::new();
        w.boxed(kind, |w| {
            w.zeros(*len);
        });
        file.extend(w.into_bytes());
    }
}

fn mdat(parts: &[Part<'_>]) -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(b"mdat", |w| {
        for piece in parts.iter().flat_map(|p| p.samples) {
            w.raw(&piece.bytes);
        }
    });
    w.into_bytes()
}

impl Maker {
    /// The whole file.
    pub(crate) fn write(&self, media: &Media) -> Vec<u8> {
        let mut w = BoxWriter::new();
        w.boxed(b"ftyp", |w| {
            w.raw(self.brands);
        });
        let mut file = w.into_bytes();
        filler(&mut file, self.front);
        let mut fragments = media.fragments().into_iter();
        if self.first_in_moov {
            let first: Vec<_> = fragments.next().unwrap();
            let parts = self.parts(media, &first);
            if self.data_first {
                let at = file.len() + 8;
                file.extend(mdat(&parts));
                file.extend(self.moov(media, Some((&first, at))));
            } else {
                let at = file.len() + self.moov(media, Some((&first, 0))).len() + 8;
                file.extend(self.moov(media, Some((&first, at))));
                file.extend(mdat(&parts));
            }
        } else {
            file.extend(self.moov(media, None));
        }
        let mut number = 0;
        for fragment in fragments {
            let mut parts = self.parts(media, &fragment);
            match self.group {
                Group::Together => self.fragment(&mut file, &mut number, &parts),
                Group::PerTrack => {
                    // The track with more to say came last in what was seen.
                    while let Some(part) = parts.pop() {
                        self.fragment(&mut file, &mut number, &[part]);
                    }
                }
                Group::PerSample => {
                    for part in &parts {
                        for one in part.samples.chunks(1) {
                            let part = self.part(part.track, part.video, one);
                            self.fragment(&mut file, &mut number, &[part]);
                        }
                    }
                }
            }
        }
        filler(&mut file, self.end);
        file
    }

    fn parts<'a>(&self, media: &Media, fragment: &[&'a [Piece]]) -> Vec<Part<'a>> {
        let tracks = media.movie.tracks.iter().zip(fragment);
        let parts = tracks.map(|(track, samples)| {
            let video = track.handler == FourCc(*b"vide");
            self.part(track.header.id, video, samples)
        });
        parts.filter(|part| !part.samples.is_empty()).collect()
    }

    fn part<'a>(&self, track: u32, video: bool, samples: &'a [Piece]) -> Part<'a> {
        let same = |get: fn(&Piece) -> u64| samples.iter().all(|p| get(p) == get(&samples[0]));
        Part {
            video,
            same_duration: same(|p| u64::from(p.sample.duration)),
            same_size: same(|p| p.sample.span.len()),
            has_offset: samples.iter().any(|p| p.sample.composition_offset != 0),
            track,
            samples,
        }
    }

    /// The initial `moov`; with the samples of a first fragment whose data begins
    /// at an offset.
    fn moov(&self, media: &Media, first: Option<(&[&[Piece]], usize)>) -> Vec<u8> {
        let mut movie = media.movie.clone();
        let mut at = first.map_or(0, |(_, at)| at as u64);
        for (i, track) in movie.tracks.iter_mut().enumerate() {
            let [duration, size, flags] = self.trex;
            track.defaults = Some(FragmentDefaults {
                description: 1,
                duration,
                size,
                flags,
            });
            let samples = first.map_or(&[][..], |(fragment, _)| fragment[i]);
            if !samples.is_empty() {
                track.samples.start_chunk(at, 1);
            }
            for Piece { sample: s, bytes } in samples {
                let (size, offset) = (bytes.len() as u32, s.composition_offset);
                track
                    .samples
                    .push(size, s.duration, offset, s.sync)
                    .unwrap();
                at += bytes.len() as u64;
            }
        }
        let mut moov = match first {
            Some(_) => encode_moov(&movie),
            None => encode_init(&movie),
        };
        if self.stale_times {
            moov = with_times(&moov);
        }
        if first.is_some() || self.mehd {
            moov = self.with_mvex(moov, &movie);
        }
        moov
    }

    /// `mvex` as the last box, in place of one that is there.
    fn with_mvex(&self, mut moov: Vec<u8>, movie: &Movie) -> Vec<u8> {
        if let Some(at) = moov.windows(4).rposition(|w| w == b"mvex") {
            moov.truncate(at - 4);
        }
        let mut w = BoxWriter::new();
        w.boxed(b"mvex", |w| {
            if self.mehd {
                w.full(b"mehd", 1, 0, |w| {
                    w.u64(3200);
                });
            }
            for track in &movie.tracks {
                w.full(b"trex", 0, 0, |w| {
                    w.u32(track.header.id).u32(1);
                    for value in self.trex {
                        w.u32(value);
                    }
                });
            }
        });
        moov.extend(w.into_bytes());
        let len = (moov.len() as u32).to_be_bytes();
        moov[..4].copy_from_slice(&len);
        moov
    }

    fn fragment(&self, file: &mut Vec<u8>, number: &mut u32, parts: &[Part<'_>]) {
        *number += 1;
        filler(file, self.between);
        let mdat = mdat(parts);
        let data = |moof: &[u8]| match self.data_first {
            true => 8 - mdat.len() as i64,
            false => moof.len() as i64 + 8,
        };
        let at = file.len() + if self.data_first { mdat.len() } else { 0 };
        let sized = self.moof(*number, parts, at, 0);
        let moof = self.moof(*number, parts, at, data(&sized));
        let (first, second) = match self.data_first {
            true => (&mdat, &moof),
            false => (&moof, &mdat),
        };
        file.extend(first);
        file.extend(second);
    }

    fn moof(&self, number: u32, parts: &[Part<'_>], at: usize, data: i64) -> Vec<u8> {
        let mut w = BoxWriter::new();
        w.boxed(b"moof", |w| {
            w.full(b"mfhd", 0, 0, |w| {
                w.u32(number);
            });
            let mut data = data;
            for part in parts {
                w.boxed(b"traf", |w| self.traf(w, part, at, data));
                data += part
                    .samples
                    .iter()
                    .map(|p| p.bytes.len() as i64)
                    .sum::<i64>();
            }
        });
        w.into_bytes()
    }

    fn flags(&self, part: &Part<'_>, piece: &Piece) -> u32 {
        match (part.video, piece.sample.sync) {
            (false, _) => self.sound,
            (true, true) => self.sync,
            (true, false) => self.other,
        }
    }

    fn traf(&self, w: &mut BoxWriter, part: &Part<'_>, at: usize, data: i64) {
        let first = &part.samples[0];
        let flags = (self.tfhd)(part);
        assert_eq!(flags & 1 == 1, self.base == Base::Offset, "{}", self.name);
        assert_eq!(
            flags >> 17 & 1 == 1,
            self.base == Base::Moof,
            "{}",
            self.name
        );
        w.full(b"tfhd", 0, flags, |w| {
            w.u32(part.track);
            let single = part.samples.len() == 1;
            let default = match part.video && !single {
                true => self.other,
                false => self.flags(part, first),
            };
            let size = first.bytes.len() as u32;
            if flags & 1 != 0 {
                w.u64(at as u64);
            }
            for (bit, value) in [
                (0x2, 1),
                (0x8, first.sample.duration),
                (0x10, size),
                (0x20, default),
            ] {
                if flags & bit != 0 {
                    w.u32(value);
                }
            }
        });
        let dts = first.sample.dts;
        w.full(b"tfdt", self.tfdt, 0, |w| {
            match self.tfdt {
                0 => w.u32(dts as u32),
                _ => w.u64(dts),
            };
        });
        let mut data = data;
        for (i, run) in part.samples.chunks(self.per_run).enumerate() {
            // Without an offset a run follows the one before.
            let follows = self.implied && i > 0;
            let flags = (self.run)(part) & !u32::from(follows);
            w.full(b"trun", self.run_version, flags, |w| {
                w.u32(run.len() as u32);
                if !follows {
                    w.u32(data as i32 as u32);
                }
                if flags & 0x4 != 0 {
                    w.u32(self.flags(part, &run[0]));
                }
                for piece in run {
                    self.entry(w, part, piece, flags);
                }
            });
            data += run.iter().map(|p| p.bytes.len() as i64).sum::<i64>();
        }
    }

    fn entry(&self, w: &mut BoxWriter, part: &Part<'_>, piece: &Piece, flags: u32) {
        let s = &piece.sample;
        for (bit, value) in [
            (0x100, s.duration),
            (0x200, piece.bytes.len() as u32),
            (0x400, self.flags(part, piece)),
            (0x800, s.composition_offset as u32),
        ] {
            if flags & bit != 0 {
                w.u32(value);
            }
        }
    }
}
