//! Whatever a power cut leaves of appending a `moov` to a file that has lost its
//! own: the file is what it was or the final one, and undo gives it back.

use super::clip::{Clip, small_box};
use super::{Noted, Packet, barriers, carried_out, is_plain, packets, states, without_barrier};
use crate::append::{Append, state};
use crate::prepare::prepare;
use crate::{Error, How, plan};
use std::path::Path;
use std::sync::LazyLock;
use tapo_io::{Span, WritePlan};
use tapo_movie::{EncodedMoov, Movie};

/// A file without an index that can be used, and what was in it.
struct Broken {
    bytes: Vec<u8>,
    movie: Movie,
    media_at: u64,
    packets: Vec<Packet>,
}

/// The `moov` of a movie without tracks.
fn moov() -> EncodedMoov<'static> {
    static EMPTY: LazyLock<Movie> = LazyLock::new(Movie::default);
    EncodedMoov::of(&EMPTY)
}

/// All steps of it.
fn writes(append: &Append<'_>) -> WritePlan {
    WritePlan {
        ops: append.steps().collect(),
    }
}

impl Broken {
    /// A clip whose index was destroyed, with `tail` behind.
    fn of(clip: &Clip, tail: &[u8]) -> Self {
        let mut bytes = clip.bytes();
        let movie = tapo_movie::read(&bytes).unwrap().movie.unwrap();
        let movie = prepare(movie, Path::new("")).unwrap();
        let packets = packets(&bytes).unwrap();
        let moov = bytes.windows(4).position(|w| w == b"moov").unwrap();
        bytes[moov..moov + 4].copy_from_slice(b"mdat");
        bytes.extend(tail);
        let starts = movie.tracks.iter().flat_map(|t| t.samples.iter());
        let media_at = starts.map(|s| s.span.start).min().unwrap();
        Self {
            bytes,
            movie,
            media_at,
            packets,
        }
    }

    fn append(&self) -> Append<'_> {
        Append::plan(&self.bytes, EncodedMoov::of(&self.movie), self.media_at).unwrap()
    }

    /// A state with what [`Append`] notes beside it.
    fn noted<'a>(&self, file: &'a [u8]) -> Noted<'a> {
        let len = super::note(&writes(&self.append()));
        assert_eq!(len, Some(self.bytes.len() as u64));
        Noted { file, len }
    }

    /// Checks a state: what it is, that undo and going on work.
    fn holds(&self, file: &[u8]) -> Result<(), String> {
        let append = self.append();
        let (at, header) = append.head();
        let span = at as usize..at as usize + header.len();
        if file[span.clone()] == header {
            if packets(file).as_ref() != Some(&self.packets) || !is_plain(file) {
                return Err("the head says that it is final, and it is not".into());
            }
            let again = plan::finalize(&file).map_err(|e| e.to_string())?;
            if again.outcome.how != How::AlreadyFinal {
                return Err("final, but not for finalize".into());
            }
        } else if file[..self.bytes.len()] != self.bytes {
            return Err("original bytes were changed".into());
        }
        let undone = match plan::undo(&self.noted(file)) {
            Ok((writes, undone)) => {
                let bytes = carried_out(file, &writes).image().to_vec();
                if bytes.len() as u64 != undone.size {
                    return Err("undo: another size than was said".into());
                }
                bytes
            }
            Err(Error::NotFinal { .. } | Error::NoMoov { .. }) => file.to_vec(),
            Err(e) => return Err(format!("undo: {e}")),
        };
        if undone != self.bytes {
            let lens = (file.len(), undone.len(), self.bytes.len());
            return Err(format!("undo gives other bytes {lens:?}"));
        }
        Ok(())
    }

    fn holds_amid(&self, file: &[u8], writes: &WritePlan) -> Result<usize, String> {
        let states = states(file, writes);
        for state in &states {
            self.holds(state)
                .map_err(|e| format!("{e} (a state of {} bytes)", state.len()))?;
        }
        Ok(states.len())
    }

    /// All states of the writes, of undo, and of undo run again on each of them.
    fn prove(&self) -> usize {
        let writes = writes(&self.append());
        let last = carried_out(&self.bytes, &writes).image().to_vec();
        assert_eq!(last.len() as u64, self.append().size());
        let (_, header) = self.append().head();
        assert_eq!(
            last[self.bytes.len()..],
            self.append().tail().collect::<Vec<_>>().concat()
        );
        assert!(last.windows(header.len()).any(|w| w == header));
        let (undo, _) = plan::undo(&last.as_slice()).unwrap();
        let mut count = 0;
        for (start, writes) in [(&self.bytes[..], &writes), (&last[..], &undo)] {
            count += self.holds_amid(start, writes).unwrap();
            for state in states(start, writes) {
                if let Ok((again, _)) = plan::undo(&self.noted(&state)) {
                    count += self.holds_amid(&state, &again).unwrap();
                }
            }
        }
        count
    }
}

/// More than two pages of `moov`.
fn large() -> Clip {
    Clip {
        ballast: 9000,
        ..Clip::default()
    }
}

#[test]
fn every_state_is_the_broken_file_or_the_final_one() {
    let garbage: Vec<u8> = (0..5000_u32).map(|i| (i * 7 % 251) as u8 | 1).collect();
    let zeros = [&[0; 3000][..], b"x"].concat();
    let mut count = 0;
    for tail in [&b""[..], &garbage, &zeros] {
        for clip in [Clip::default(), large()] {
            count += Broken::of(&clip, tail).prove();
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn at_every_place_in_a_sector() {
    for len in (0..512).step_by(9).chain(400..415) {
        let tail = vec![0x55; len];
        let broken = Broken::of(&Clip::default(), &tail);
        let writes = writes(&broken.append());
        broken.holds_amid(&broken.bytes, &writes).unwrap();
    }
}

#[test]
fn without_a_barrier_it_is_found() {
    let broken = Broken::of(&large(), b"");
    let writes = writes(&broken.append());
    let last = carried_out(&broken.bytes, &writes).image().to_vec();
    let (undo, _) = plan::undo(&last.as_slice()).unwrap();
    for (file, writes) in [(&broken.bytes, &writes), (&last, &undo)] {
        broken.holds_amid(file, writes).unwrap();
        for n in 0..barriers(writes) - 1 {
            let found = broken.holds_amid(file, &without_barrier(writes, n));
            assert!(found.is_err(), "barrier {n} is missing, and nobody sees it");
        }
    }
}

/// Files that end in zeros, in as many as our record has bytes among them: these
/// are the file's own, and none is taken for the beginning of a run.
#[test]
fn zeros_at_the_end_are_the_files_own() {
    for zeros in [1, 99, 100, 101, 200, 700] {
        let broken = Broken::of(&Clip::default(), &vec![0; zeros]);
        assert_eq!(state(&broken.bytes).unwrap(), None, "{zeros}");
        assert!(plan::undo(&broken.bytes).is_err(), "{zeros}");
        let writes = writes(&broken.append());
        broken.holds_amid(&broken.bytes, &writes).unwrap();
    }
}

#[test]
fn what_an_interrupted_run_left_is_taken_back() {
    let broken = Broken::of(&large(), b"tail");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let open = || tapo_io::PreadFile::open(&path).unwrap();
    std::fs::write(&path, &broken.bytes).unwrap();
    assert!(!crate::take_back(&open()).unwrap());
    let stamp = open().stamp().unwrap();
    broken.append().execute(&open(), stamp).unwrap();
    let last = std::fs::read(&path).unwrap();
    assert!(!crate::take_back(&open()).unwrap(), "it is final");
    assert_eq!(packets(&last), Some(broken.packets.clone()));
    // Cut off amid the moov.
    let mut begun = broken.bytes.clone();
    begun.extend(&last[begun.len()..begun.len() + 5000]);
    begun.resize(last.len() - 100, 0);
    begun.extend(&last[last.len() - 100..]);
    std::fs::write(&path, &begun).unwrap();
    assert!(crate::take_back(&open()).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), broken.bytes);
    // Somebody else writes.
    std::fs::write(&path, b"other bytes").unwrap();
    let error = broken.append().execute(&open(), stamp).unwrap_err();
    assert!(matches!(error, Error::Changing { .. }));
}

#[test]
fn a_head_without_room_is_refused() {
    let refused = |bytes: &Vec<u8>, media_at| {
        let error = Append::plan(bytes, moov(), media_at).unwrap_err();
        let Error::OutOfPlaceOnly { why, .. } = error else {
            panic!("{error}")
        };
        why
    };
    assert!(refused(&vec![0x77; 900], 8).contains("is lost"));
    let mut file = small_box(b"ftyp", b"isom\0\0\0\0isom");
    let end = file.len() as u64;
    file.extend([9; 300]);
    assert!(refused(&file, end + 7).contains("no room"));
    assert!(Append::plan(&file, moov(), end + 8).is_ok());
    let mut across = small_box(b"ftyp", &[7; 500]);
    across.extend([9; 300]);
    assert!(refused(&across, 520).contains("two sectors"));
    // With a box of 8 bytes in front there is another place.
    let mut two = small_box(b"ftyp", &[7; 496]);
    two.extend(small_box(b"free", &[]));
    two.extend(small_box(b"mdat", &[9; 300]));
    let append = Append::plan(&two, moov(), 520).unwrap();
    assert_eq!(append.head().0, 512);
    let inside = Append::plan(&two, moov(), 512).unwrap();
    assert_eq!(inside.head().0, 504);
    // An index in front is swallowed.
    let mut indexed = small_box(b"ftyp", b"isom\0\0\0\0isom");
    indexed.extend(small_box(b"moov", &[0; 40]));
    indexed.extend(small_box(b"mdat", &[9; 300]));
    let append = Append::plan(&indexed, moov(), 76).unwrap();
    assert_eq!(append.head().0, 20);
}

#[test]
fn beyond_4_gib_the_box_in_front_gives_its_room() {
    /// A head, and nothing behind.
    struct Large(Vec<u8>);
    impl tapo_io::ByteSource for Large {
        fn len(&self) -> u64 {
            5 << 30
        }
        fn read_at(&self, at: u64, buf: &mut [u8]) -> tapo_io::Result<usize> {
            let from = usize::try_from(at).unwrap();
            let bytes = self
                .0
                .iter()
                .copied()
                .skip(from)
                .chain(std::iter::repeat(0));
            buf.iter_mut().zip(bytes).for_each(|(to, b)| *to = b);
            Ok(buf.len())
        }
        fn path(&self) -> &Path {
            Path::new("large")
        }
    }
    let mut head = small_box(b"ftyp", b"isom\0\0\0\0isom");
    head.extend(small_box(b"free", &[]));
    head.extend(small_box(b"mdat", &[]));
    let source = Large(head.clone());
    let append = Append::plan(&source, moov(), 36).unwrap();
    let (at, header) = append.head();
    assert_eq!((at, header.len()), (20, 16));
    assert!(Append::plan(&source, moov(), 35).is_err());
    let span = Span::at(at, 16);
    assert!(span.end <= 36);
}
