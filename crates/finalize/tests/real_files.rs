//! Files by FFmpeg and GStreamer, judged by ffprobe: the same packets before,
//! after and after undo.
#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say when they are skipped, and panic when they fail"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_finalize::join::{Join, join};
use tapo_finalize::{Error, Finalization, How, Options, check, finalize, layout, undo};
use tapo_movie::{RawBox, SegmentStamp, encode_init};

/// Whether all of `tools` are here. A test without them is skipped, unless
/// `TAPO_PEERS=require` says that none may be.
fn has(tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| {
        let version = if tool.starts_with("gst") {
            "--version"
        } else {
            "-version"
        };
        let run = Command::new(tool)
            .arg(version)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        !run.is_ok_and(|s| s.success())
    });
    let Some(missing) = missing else {
        return true;
    };
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    assert!(!required, "{missing} not found, and TAPO_PEERS=require");
    eprintln!("skipped: {missing} not found");
    false
}

/// One packet as ffprobe tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Packet {
    dts: i64,
    pts: i64,
    size: u64,
    key: bool,
    hash: String,
}

/// The packets of each stream, by decode time. Presentation and decode times in
/// ticks of the stream. Whether ffprobe would show a packet (flag D) is left out:
/// it ignores edit lists in fragmented files, and shows the priming of AAC.
fn packets(file: &Path) -> BTreeMap<u32, Vec<Packet>> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_data_hash", "md5", "-show_entries"])
        .arg("packet=stream_index,pts,dts,size,flags,data_hash")
        .args(["-of", "default", "-i"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut streams: BTreeMap<u32, Vec<Packet>> = BTreeMap::new();
    for packet in text.split("[PACKET]").skip(1) {
        let fields: BTreeMap<&str, &str> =
            packet.lines().filter_map(|l| l.split_once('=')).collect();
        let packet = Packet {
            dts: fields["dts"].parse().unwrap(),
            pts: fields["pts"].parse().unwrap(),
            size: fields["size"].parse().unwrap(),
            key: fields["flags"].starts_with('K'),
            hash: fields["data_hash"].to_owned(),
        };
        let stream = fields["stream_index"].parse().unwrap();
        streams.entry(stream).or_default().push(packet);
    }
    for packets in streams.values_mut() {
        packets.sort_by_key(|p| p.dts);
    }
    assert!(!streams.is_empty(), "no packets in {}", file.display());
    streams
}

/// Time stamps and sizes of the buffers of a stream as GStreamer reads it.
fn buffers(file: &Path, pad: &str) -> Vec<String> {
    let pipeline = format!(
        "-v filesrc location={} ! qtdemux name=d d.{pad} ! fakesink silent=false sync=false",
        file.display()
    );
    let run = Command::new("gst-launch-1.0")
        .args(pipeline.split_whitespace())
        .output();
    let text = String::from_utf8(run.unwrap().stdout).unwrap();
    let chains = text.lines().filter_map(|l| l.split_once(" bytes, dts: "));
    let buffers = chains.map(|(before, after)| {
        let size = before.rsplit('(').next().unwrap_or_default();
        let stamps = after.split(", duration").next().unwrap_or_default();
        format!("{size} {stamps}")
    });
    buffers.collect()
}

/// Runs FFmpeg: three seconds with B-frames and AAC.
fn ffmpeg(out: &Path, args: &[&str]) {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg("testsrc2=size=160x120:rate=30000/1001:duration=3")
        .args(["-f", "lavfi", "-i", "sine=sample_rate=44100:duration=3"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "15"])
        .args(["-bf", "2", "-c:a", "aac", "-b:a", "48k"])
        .args(args)
        .arg(out)
        .status();
    assert!(done.unwrap().success());
}

fn gst(pipeline: &str) {
    let mut words = pipeline.split_whitespace();
    let done = Command::new("gst-launch-1.0")
        .arg("-q")
        .args(&mut words)
        .status();
    assert!(done.unwrap().success(), "{pipeline}");
}

/// Finalizes `file` and takes it back; packets and bytes must be the same.
fn there_and_back(file: &Path, how: How) -> Finalization {
    let name = file.display();
    let original = std::fs::read(file).unwrap();
    let before = packets(file);
    let planned = check(file).unwrap();
    let done = finalize(file, &Options::default()).unwrap();
    assert_eq!(planned, done, "{name}");
    assert_eq!(done.how, how, "{name}");
    assert_eq!(done.size, std::fs::metadata(file).unwrap().len());
    let mut after = packets(file);
    let mut before = before;
    if !done.lead_left_out.is_zero() {
        // All by the same: seconds, in ticks of the stream.
        for packets in before.values_mut().chain(after.values_mut()) {
            let first = packets[0].dts;
            for packet in packets {
                packet.dts -= first;
                packet.pts -= first;
            }
        }
    }
    assert!(after == before, "{name}: packets differ");
    let again = finalize(file, &Options::default()).unwrap();
    assert_eq!((again.how, again.bytes_written), (How::AlreadyFinal, 0));
    assert_eq!((again.samples, again.tracks), (done.samples, done.tracks));
    undo(file).unwrap();
    assert!(
        std::fs::read(file).unwrap() == original,
        "{name}: bytes differ"
    );
    assert!(matches!(undo(file), Err(Error::NotFinal { .. })));
    done
}

#[test]
fn ffmpeg_in_all_its_ways() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ways = [
        "frag_keyframe+empty_moov+default_base_moof",
        "frag_keyframe+empty_moov",
        "frag_every_frame+empty_moov",
        "frag_keyframe+empty_moov+omit_tfhd_offset",
        "frag_keyframe+empty_moov+separate_moof",
        // Its first fragment stands in the moov.
        "frag_keyframe",
        // With edit lists.
        "frag_keyframe+delay_moov+default_base_moof",
        "frag_keyframe+delay_moov+dash",
    ];
    for (i, flags) in ways.iter().enumerate() {
        let file = dir.path().join(format!("{i}.mp4"));
        ffmpeg(&file, &["-movflags", flags]);
        let done = there_and_back(&file, How::Tail);
        assert_eq!((done.tracks, done.left_out.tail), (2, 0), "{flags}");
    }
}

/// Pictures that are composed late must not fall behind the end.
#[test]
fn gstreamer_shows_every_picture() {
    if !has(&["ffmpeg", "gst-launch-1.0"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp4");
    ffmpeg(&file, &["-movflags", "frag_keyframe+empty_moov"]);
    let (video, sound) = (buffers(&file, "video_0"), buffers(&file, "audio_0"));
    assert_eq!(video.len(), 90);
    finalize(&file, &Options::default()).unwrap();
    assert_eq!(buffers(&file, "video_0"), video);
    assert_eq!(buffers(&file, "audio_0"), sound);
}

#[test]
fn ffmpeg_that_starts_late() {
    if !has(&["ffmpeg", "ffprobe", "gst-launch-1.0"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("late.mp4");
    for moov in ["empty_moov", "delay_moov"] {
        for offset in ["3.3337", "1000000"] {
            let flags = format!("frag_keyframe+frag_discont+{moov}");
            ffmpeg(&file, &["-movflags", &flags, "-output_ts_offset", offset]);
            let done = there_and_back(&file, How::Tail);
            let long = done.lead_left_out.as_secs() >= 999_999;
            // With empty_moov its times begin at 0.
            let meant = (moov, offset) == ("delay_moov", "1000000");
            assert_eq!(long, meant, "{moov} {offset}: {done:?}");
            finalize(&file, &Options::default()).unwrap();
            assert_eq!(buffers(&file, "video_0").len(), 90, "{moov} {offset}");
        }
    }
    ffmpeg(
        &file,
        &["-f", "mov", "-movflags", "frag_keyframe+empty_moov"],
    );
    there_and_back(&file, How::Tail);
}

/// ffprobe adds the largest negative composition offset to the times of a
/// fragmented file, but not to those of a plain one: the plain one is right.
#[test]
fn negative_composition_offsets_come_out_as_ffmpeg_writes_them_itself() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (file, plain) = (dir.path().join("a.mp4"), dir.path().join("b.mp4"));
    ffmpeg(
        &file,
        &["-movflags", "frag_keyframe+delay_moov+negative_cts_offsets"],
    );
    ffmpeg(&plain, &["-movflags", "negative_cts_offsets"]);
    finalize(&file, &Options::default()).unwrap();
    assert!(packets(&file) == packets(&plain));
}

#[test]
fn gstreamer() {
    if !has(&["gst-launch-1.0", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("g.mp4");
    for (mux, bframes) in [("", 2), ("streamable=true", 0)] {
        gst(&format!(
            "mp4mux name=m fragment-duration=1000 {mux} ! filesink location={} \
             videotestsrc num-buffers=75 ! video/x-raw,framerate=25/1,width=160,height=120 \
             ! x264enc key-int-max=25 bframes={bframes} ! h264parse ! m. \
             audiotestsrc num-buffers=120 ! avenc_aac ! aacparse ! m.",
            file.display()
        ));
        there_and_back(&file, How::Tail);
        // Fragmented, some of the last pictures are not shown at all.
        finalize(&file, &Options::default()).unwrap();
        let after = buffers(&file, "video_0");
        assert_eq!(after.len(), 75);
        undo(&file).unwrap();
        let before = buffers(&file, "video_0");
        assert!(before.iter().all(|b| after.contains(b)), "{bframes}");
    }
    // This mode makes the file plain at its end.
    gst(&format!(
        "mp4mux name=m fragment-duration=1000 fragment-mode=first-moov-then-finalise \
         ! filesink location={} videotestsrc num-buffers=75 \
         ! video/x-raw,framerate=25/1,width=160,height=120 ! x264enc ! h264parse ! m.",
        file.display()
    ));
    let error = finalize(&file, &Options::default()).unwrap_err();
    assert!(matches!(error, Error::NotFragmented { .. }), "{error}");
}

/// A recorder that was killed: its last `mdat` has size 0.
#[test]
fn gstreamer_killed() {
    if !has(&["gst-launch-1.0", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k.mp4");
    let pipeline = format!(
        "-q mp4mux name=m fragment-duration=500 fragment-mode=first-moov-then-finalise \
         ! filesink location={} videotestsrc is-live=true \
         ! video/x-raw,framerate=25/1,width=160,height=120 \
         ! x264enc key-int-max=10 tune=zerolatency ! h264parse ! m.",
        file.display()
    );
    let words = pipeline.split_whitespace();
    let mut recorder = Command::new("gst-launch-1.0").args(words).spawn().unwrap();
    // Until it has three fragments, or for long enough.
    let moofs = |bytes: &[u8]| bytes.windows(4).filter(|w| w == b"moof").count();
    for _ in 0..200 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        if std::fs::read(&file).is_ok_and(|bytes| moofs(&bytes) >= 3) {
            break;
        }
    }
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    match check(&file) {
        // Killed amid a write: the tests of torn files cover that.
        Ok(done) if done.left_out.tail > 0 => {}
        Err(Error::OutOfPlaceOnly { .. }) => {}
        _ => drop(there_and_back(&file, How::Tail)),
    }
}

/// A segment of ours, with media of a real encoder.
fn segment(fragmented: &Path, out: &PathBuf, ballast: usize) {
    let bytes = std::fs::read(fragmented).unwrap();
    let read = tapo_movie::read(&bytes).unwrap();
    let mut movie = read.movie.unwrap();
    let need = tapo_finalize::reveal_need(&movie);
    let mut udta = BoxWriter::new();
    udta.boxed(b"udta", |w| {
        w.uuid(&layout::SEGMENT, |w| {
            w.raw(&SegmentStamp::default().encode());
        });
        w.boxed(b"note", |w| {
            w.zeros(ballast);
        });
    });
    movie.other = vec![RawBox {
        kind: FourCc(*b"udta"),
        bytes: udta.into_bytes(),
    }];
    let mut file = layout::segment_head(b"avc1", layout::reserve_len(need));
    file.extend(encode_init(&movie));
    for part in read
        .top
        .iter()
        .filter(|b| b.kind == b"moof" || b.kind == b"mdat")
    {
        let span =
            usize::try_from(part.span.start).unwrap()..usize::try_from(part.span.end).unwrap();
        file.extend(&bytes[span]);
    }
    std::fs::write(out, file).unwrap();
}

#[test]
fn a_segment_of_ours_is_revealed() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("a.mp4"), dir.path().join("b.mp4"));
    ffmpeg(
        &file,
        &["-movflags", "frag_keyframe+delay_moov+default_base_moof"],
    );
    segment(&file, &out, 0);
    assert_eq!(packets(&out), packets(&file));
    let done = there_and_back(&out, How::Reveal);
    let bytes = std::fs::metadata(&out).unwrap().len();
    assert_eq!(done.size, bytes);

    // The index does not fit any more: it goes to the end.
    segment(&file, &out, 20_000);
    there_and_back(&out, How::Tail);
}

#[test]
fn a_torn_file_keeps_its_whole_samples() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp4");
    ffmpeg(
        &file,
        &["-movflags", "frag_keyframe+empty_moov+default_base_moof"],
    );
    let whole = packets(&file);
    let len = std::fs::metadata(&file).unwrap().len();
    for cut in [1500, 4000, 9000, 20_000] {
        let torn = dir.path().join(format!("{cut}.mp4"));
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&torn, &bytes[..usize::try_from(len).unwrap() - cut]).unwrap();
        let original = std::fs::read(&torn).unwrap();
        let played = packets(&torn);
        let done = finalize(&torn, &Options::default()).unwrap();
        assert!(
            done.left_out.tail > 0 || done.torn_samples.is_some(),
            "{cut}"
        );
        let left = packets(&torn);
        for (stream, before) in &played {
            // FFmpeg shows what is there of the one that is cut, too.
            let there = before.iter().zip(&whole[stream]);
            let there = there.take_while(|(a, b)| a == b).count();
            assert_eq!(left[stream].len(), there, "{cut}: stream {stream}");
        }
        assert_eq!(
            left.values().map(Vec::len).sum::<usize>() as u64,
            done.samples
        );
        for (stream, packets) in &left {
            assert!(whole[stream].starts_with(packets), "{cut}: stream {stream}");
        }
        undo(&torn).unwrap();
        assert!(std::fs::read(&torn).unwrap() == original);
    }
}

/// FFmpeg's segments of one recording, joined: its packets, when they were.
#[test]
fn segments_of_dash_and_hls_become_what_they_were_cut_from() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let clip = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/h264_bframes_aac.mp4"
    ));
    let at = |name: &str| dir.path().join(name);
    let ffmpeg = |args: &[&str], output: &Path| {
        let run = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(clip)
            .args(["-c", "copy"])
            .args(args)
            .arg(output)
            .status();
        assert!(run.unwrap().success());
    };
    for name in ["dash", "hls", "cut"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    ffmpeg(&["-f", "dash", "-seg_duration", "1"], &at("dash/x.mpd"));
    let hls = [
        "-f",
        "hls",
        "-hls_segment_type",
        "fmp4",
        "-hls_time",
        "1",
        "-hls_list_size",
        "0",
    ];
    ffmpeg(&hls, &at("hls/x.m3u8"));
    ffmpeg(&["-f", "segment", "-segment_time", "1"], &at("cut/%d.mp4"));
    let before = packets(clip);
    for name in ["dash", "hls", "cut"] {
        let entries = std::fs::read_dir(at(name)).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        files.retain(|f| f.extension().is_some_and(|e| e == "mp4" || e == "m4s"));
        files.sort();
        assert!(files.len() > 3, "{name}: {files:?}");
        for faststart in [false, true] {
            let options = Join {
                faststart,
                replace: true,
                ..Join::default()
            };
            let joined = join(&files, &at("out.mp4"), &options, &|_, _| true).unwrap();
            let after = packets(&at("out.mp4"));
            assert_eq!(
                joined.samples,
                after.values().map(|p| p.len() as u64).sum::<u64>()
            );
            for (stream, want) in &before {
                let got = &after[stream];
                assert_eq!(want.len(), got.len(), "{name}: stream {stream}");
                // FFmpeg may move all of a cut by the priming of the sound.
                let moved = got[0].dts - want[0].dts;
                for (want, got) in want.iter().zip(got) {
                    let want = Packet {
                        dts: want.dts + moved,
                        pts: want.pts + moved,
                        ..want.clone()
                    };
                    assert_eq!(want, *got, "{name}: stream {stream}");
                }
            }
        }
    }
}

/// Segments of one representation behind the initial segment of another: of another picture size,
/// with the same track id, clock and encoder.
#[test]
fn segments_of_another_representation_are_refused() {
    if !has(&["ffmpeg"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, size, rate) in [("a", "320x240", "48000"), ("b", "160x128", "44100")] {
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i"])
            .arg(format!("testsrc=size={size}:rate=25"))
            .args(["-f", "lavfi", "-i"])
            .arg(format!("sine=sample_rate={rate}"))
            .args([
                "-t",
                "4",
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-g",
                "25",
            ])
            .args([
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
                "-seg_duration",
                "1",
                "-f",
                "dash",
            ])
            .args(["-init_seg_name"])
            .arg(format!("{name}-init-$RepresentationID$.m4s"))
            .args(["-media_seg_name"])
            .arg(format!("{name}-$RepresentationID$-$Number$.m4s"))
            .arg(dir.path().join(format!("{name}.mpd")))
            .stdin(Stdio::null())
            .status();
        assert!(made.unwrap().success());
    }
    let joined = |init: &str, segments: &str, stream: u32| {
        let file = |name: String| dir.path().join(name);
        let mut files = vec![file(format!("{init}-init-{stream}.m4s"))];
        files.extend((1..=4).map(|n| file(format!("{segments}-{stream}-{n}.m4s"))));
        let options = Join {
            replace: true,
            ..Join::default()
        };
        join(&files, &file("out.mp4".to_owned()), &options, &|_, _| true)
    };
    for stream in [0, 1] {
        for (init, segments) in [("a", "a"), ("b", "b")] {
            joined(init, segments, stream).unwrap();
        }
        for (init, segments) in [("a", "b"), ("b", "a")] {
            match joined(init, segments, stream) {
                Err(error @ Error::DoesNotFit { .. }) => {
                    let said = error.to_string();
                    assert!(
                        said.contains("does not belong to the initial segment"),
                        "{said}"
                    );
                }
                other => panic!("{init} {segments} {stream}: {other:?}"),
            }
        }
    }
}

/// Recordings that reorder pictures by different amounts, with sound that is longer and shorter than
/// their pictures: every time once, every length as it was.
#[test]
fn at_seams_no_time_is_there_twice() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for n in 0..20 {
        let kinds = [("2", "2.0"), ("0", "2.05"), ("3", "1.93")];
        let (b_frames, sound) = kinds[n % 3];
        let file = dir.path().join(format!("{n}.mp4"));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i"])
            .arg(format!(
                "testsrc=size=160x120:rate=25:duration=2,hue=h={}",
                n * 18
            ))
            .args(["-f", "lavfi", "-i"])
            .arg(format!(
                "sine=frequency={}:sample_rate=48000:duration={sound}",
                300 + 20 * n
            ))
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-bf",
                b_frames,
                "-g",
                "12",
            ])
            .args([
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
                "-movflags",
                "frag_keyframe+delay_moov",
            ])
            .arg(&file)
            .stdin(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        files.push(file);
    }
    for (count, faststart) in [(2, false), (3, true), (20, false)] {
        let parts: Vec<PathBuf> = (0..count)
            .map(|n| {
                let part = dir.path().join(format!("{count}-{n}.mp4"));
                std::fs::copy(&files[n], &part).unwrap();
                part
            })
            .collect();
        let out = dir.path().join(format!("day{count}.mp4"));
        let options = Join {
            faststart,
            ..Join::default()
        };
        let joined = join(&parts, &out, &options, &|_, _| true).unwrap();
        let all = packets(&out);
        let left_out: u32 = joined.parts.iter().map(|p| p.overlapping).sum();
        // Only what an encoder has in front of the sound.
        assert!(left_out as usize <= 2 * (count - 1), "{left_out}");
        assert_eq!(all[&0].len(), 50 * count);
        let mut sound = 0;
        for (n, part) in parts.iter().enumerate() {
            let own = packets(part);
            sound += own[&1].len();
            // Where its pictures stand in the whole, by their own clock.
            let (first, whole) = (own[&0][0].pts, &all[&0][50 * n..]);
            let shift = whole[0].pts - first;
            assert!(
                own[&0]
                    .iter()
                    .zip(whole)
                    .all(|(a, b)| b.pts - a.pts == shift)
            );
        }
        assert_eq!(all[&1].len() + left_out as usize, sound);
        for (stream, usual) in [(0, 512), (1, 1024)] {
            let mut shown: Vec<i64> = all[&stream].iter().map(|p| p.pts).collect();
            shown.sort_unstable();
            for pair in shown.windows(2) {
                let lasts = pair[1] - pair[0];
                // The last packet of an encoder may be shorter; a picture stands until all sound was heard.
                let least = if stream == 1 { 1 } else { usual };
                let fits = (least..=3 * usual).contains(&lasts);
                assert!(fits, "{count}: stream {stream}: {lasts}");
            }
            let decoded = all[&stream].windows(2);
            assert!(decoded.into_iter().all(|p| p[1].dts > p[0].dts));
            assert!(all[&stream].iter().all(|p| p.pts >= p.dts));
        }
        // Sound is where its pictures are.
        let end =
            |stream: u32, scale: f64| all[&stream].last().map_or(0.0, |p| p.pts as f64 / scale);
        let apart = end(0, 12_800.0) - end(1, 48_000.0);
        assert!(apart.abs() < 0.15, "{count}: {apart}");
    }
}
