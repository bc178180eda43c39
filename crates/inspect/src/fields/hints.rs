//! Hint tracks (14496-12 §9.1; QTFF "Hint Media").

use super::rule::Len::{Prefixed, Rest};
use super::rule::Rule::{Code, Int, Text, Uint};
use super::rule::{Layout, plain};

const HINF: &[&[u8; 4]] = &[b"hinf"];

pub(super) const LAYOUTS: &[Layout] = &[
    // 9.1.5
    plain(
        &[b"trpy", b"tpyl", b"dmed", b"dimm", b"drep"],
        &[Uint("bytes", 64)],
    )
    .inside(HINF),
    plain(&[b"nump"], &[Uint("packets", 64)]).inside(HINF),
    plain(&[b"totl", b"tpay"], &[Uint("bytes", 32)]).inside(HINF),
    plain(&[b"npck"], &[Uint("packets", 32)]).inside(HINF),
    plain(&[b"maxr"], &[Uint("period", 32), Uint("bytes", 32)]).inside(HINF),
    plain(&[b"tmin", b"tmax"], &[Int("time", 32)]).inside(HINF),
    plain(&[b"pmax"], &[Uint("bytes", 32)]).inside(HINF),
    plain(&[b"dmax"], &[Uint("time", 32)]).inside(HINF),
    plain(
        &[b"payt"],
        &[Uint("payload_id", 32), Text("rtpmap", Prefixed(8))],
    )
    .inside(HINF),
    // 9.1.4
    plain(&[b"sdp "], &[Text("sdp", Rest)]).inside(&[b"hnti"]),
    plain(&[b"rtp "], &[Code("description_format"), Text("sdp", Rest)]).inside(&[b"hnti"]),
];
