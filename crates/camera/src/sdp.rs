//! The session description (RFC 4566) of a clip, as a camera words it.

use crate::clip::{Clip, Codec, ParameterSets, Track};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt::Write as _;
use std::net::IpAddr;

/// The control attribute of media number `index` (RFC 2326, C.1.1).
pub(crate) fn control(index: usize) -> String {
    format!("track{}", index + 1)
}

/// The media that [`control`] names, of `count`.
pub(crate) fn controlled(name: &str, count: usize) -> Option<usize> {
    (0..count).find(|&index| control(index) == name)
}

/// Describes all tracks, and behind them the stream of events that a Tapo
/// offers and no client can read, if `application` is set.
pub(crate) fn describe(clip: &Clip, host: IpAddr, application: bool) -> String {
    let family = if host.is_ipv4() { "IP4" } else { "IP6" };
    let any = if host.is_ipv4() { "0.0.0.0" } else { "::" };
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN {family} {host}\r\ns=tapo camera\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=0-\r\n"
    );
    for (index, track) in clip.tracks.iter().enumerate() {
        media(&mut sdp, index, track, family, any);
    }
    if application {
        // As the cameras have it, though RFC 4566 knows no such media line.
        let control = control(clip.tracks.len());
        let _ = write!(
            sdp,
            "m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\n\
             a=rtpmap:95 TP-LINK/90000\r\na=control:{control}\r\n"
        );
    }
    sdp
}

fn media(sdp: &mut String, index: usize, track: &Track, family: &str, any: &str) {
    let codec = &track.codec;
    let kind = match codec {
        Codec::Message(_) => "application",
        codec if codec.is_video() => "video",
        _ => "audio",
    };
    let payload_type = codec.payload_type();
    let (name, rate) = (codec.encoding(), codec.clock_rate());
    let control = control(index);
    let (channels, parameters) = match codec {
        Codec::H264(sets) => (String::new(), Some(h264(sets))),
        Codec::H265(sets) => (String::new(), Some(h265(sets))),
        Codec::Aac(aac) => {
            let config: String = aac.config().iter().map(|b| format!("{b:02x}")).collect();
            let parameters = format!(
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;\
                 indexlength=3;indexdeltalength=3;config={config}"
            );
            (format!("/{}", aac.channels), Some(parameters))
        }
        Codec::Plain(sound, _) if sound.channels > 1 => (format!("/{}", sound.channels), None),
        Codec::G711(_) | Codec::Plain(..) | Codec::Jpeg | Codec::Message(_) => {
            (String::new(), None)
        }
    };
    let _ = write!(
        sdp,
        "m={kind} 0 RTP/AVP {payload_type}\r\nc=IN {family} {any}\r\n\
         a=rtpmap:{payload_type} {name}/{rate}{channels}\r\n"
    );
    if let Some(parameters) = parameters {
        let _ = write!(sdp, "a=fmtp:{payload_type} {parameters}\r\n");
    }
    let _ = write!(sdp, "a=control:{control}\r\n");
}

/// RFC 6184, 8.1.
fn h264(sets: &ParameterSets) -> String {
    let mut text = String::from("packetization-mode=1");
    if let Some([profile, compatibility, level]) = sets.record().get(1..4) {
        let _ = write!(
            text,
            ";profile-level-id={profile:02X}{compatibility:02X}{level:02X}"
        );
    }
    property(&mut text, "sprop-parameter-sets", sets.all());
    text
}

/// RFC 7798, 7.1; the profile as in `hvcC` (ISO/IEC 14496-15, 8.3.3.1.2).
fn h265(sets: &ParameterSets) -> String {
    let mut text = String::new();
    if let Some([profile, _, _, _, _, constraints @ .., level]) = sets.record().get(1..13) {
        let _ = write!(
            text,
            "profile-space={};profile-id={};tier-flag={};level-id={level};interop-constraints=",
            profile >> 6,
            profile & 0x1f,
            profile >> 5 & 1,
        );
        for byte in constraints {
            let _ = write!(text, "{byte:02X}");
        }
    }
    for (name, nals) in [
        ("sprop-vps", &sets.vps),
        ("sprop-sps", &sets.sps),
        ("sprop-pps", &sets.pps),
    ] {
        property(&mut text, name, nals.iter().map(Vec::as_slice));
    }
    text
}

/// `;name=` and the NAL units in base64, or nothing if there are none.
fn property<'a>(text: &mut String, name: &str, nals: impl Iterator<Item = &'a [u8]>) {
    let encoded: Vec<String> = nals.map(|nal| BASE64_STANDARD.encode(nal)).collect();
    if !encoded.is_empty() {
        let separator = if text.is_empty() { "" } else { ";" };
        let _ = write!(text, "{separator}{name}={}", encoded.join(","));
    }
}
