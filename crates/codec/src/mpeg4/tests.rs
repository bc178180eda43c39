//! Pictures of other encoders, and layers that they do not read by.

use super::*;
use std::process::Command;

/// The pictures of a recording by ffmpeg's encoder with these options, and its layer; `None` without ffmpeg.
fn recorded(options: &str) -> Option<(Vec<Vec<u8>>, Layer)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("video.m4v");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i"]);
    command.arg("testsrc2=s=176x144:r=25,noise=alls=20:allf=t");
    command.args(["-t", "1", "-c:v", "mpeg4", "-g", "5", "-f", "m4v"]);
    let made = command.args(options.split_whitespace()).arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
        assert!(!required, "ffmpeg with mpeg4 not found");
        return None;
    }
    let bytes = std::fs::read(&path).unwrap();
    let layer = Layer::find(&bytes).unwrap();
    let starts = memchr::memmem::find_iter(&bytes, &[0, 0, 1]);
    // User data and groups stand in front of pictures as layers do.
    let is_picture = |at: &usize| bytes[at + 3] == VOP;
    let mut starts: Vec<usize> = starts.collect();
    starts.push(bytes.len());
    let pictures = starts.windows(2).filter(|w| is_picture(&w[0]));
    let pictures = pictures.map(|w| bytes[w[0]..w[1]].to_vec());
    Some((pictures.filter(|p| p[4] >> 6 == 0).collect(), layer))
}

fn reads(options: &str, other: &Layer) -> Option<(usize, usize)> {
    let (pictures, _) = recorded(options)?;
    let verdicts = pictures.iter().map(|p| decodes(p, Some(other)));
    let yes = verdicts.filter(|v| *v == Decodes::Yes).count();
    Some((yes, pictures.len()))
}

#[test]
fn pictures_read_by_their_own_layer_and_not_by_others() {
    let kinds = [
        "-q:v 2",
        "-q:v 12 -bf 2",
        "-q:v 3 -data_partitioning 1 -ps 300",
        "-q:v 6 -ps 200",
        "-q:v 4 -flags +ildct+ilme",
        "-b:v 300k -mpeg_quant 1 -flags +qpel -mbd rd",
        "-q:v 31 -flags +mv4+aic",
    ];
    let mut layers = Vec::new();
    for options in kinds {
        let Some((pictures, layer)) = recorded(options) else {
            return;
        };
        assert!(pictures.len() >= 4, "{options}");
        for (number, picture) in pictures.iter().enumerate() {
            let verdict = decodes(picture, Some(&layer));
            assert_eq!(verdict, Decodes::Yes, "{options}: {number}");
        }
        layers.push(layer);
    }
    // Partitioned, in packets, interlaced, and plain.
    let of = |from: usize, by: usize| reads(kinds[from], &layers[by]).unwrap().0;
    for (from, by) in [(0, 2), (2, 0), (0, 4), (4, 0), (2, 4), (3, 2)] {
        assert_eq!(of(from, by), 0, "{} by {}", kinds[from], kinds[by]);
    }
    // Another size.
    let mut other = layers[0];
    other.tools.as_mut().unwrap().macroblocks += 11;
    assert_eq!(reads(kinds[0], &other).unwrap().0, 0);
    other.tools.as_mut().unwrap().macroblocks -= 22;
    assert_eq!(reads(kinds[0], &other).unwrap().0, 0);
}
