//! How packets travel: between the RTSP messages (RFC 2326, 10.12) or over UDP.

use crate::clip::Track;
use crate::fault::Degradation;
use crate::payload::PacketSink;
use crate::rng::Rng;
use crate::rtp::{HEADER, Stream};
use bytes::BytesMut;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Longest packet, RTP header included, in bytes.
pub(crate) const MTU: usize = 1400;
/// Longest payload.
pub(crate) const MAX_PAYLOAD: usize = MTU - HEADER;

/// What a client asks for in one alternative of a `Transport` header (12.39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Channels for RTP and RTCP, if it says them.
    Interleaved(Option<(u8, u8)>),
    /// Its ports for RTP and RTCP.
    Udp(u16, u16),
}

/// The first alternative that can be had.
pub(crate) fn choose(header: &str, tcp: bool, udp: bool) -> Option<Wish> {
    header.split(',').find_map(|spec| match wish(spec)? {
        wish @ Wish::Interleaved(_) => tcp.then_some(wish),
        wish @ Wish::Udp(..) => udp.then_some(wish),
    })
}

fn wish(spec: &str) -> Option<Wish> {
    let mut parameters = spec.split(';').map(str::trim);
    let protocol = parameters.next()?.to_ascii_uppercase();
    let mut ports = None;
    let mut channels = None;
    for parameter in parameters {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_lowercase().as_str() {
            "multicast" => return None,
            "client_port" => ports = Some(pair(value)?),
            "interleaved" => channels = Some(pair(value)?),
            _ => {}
        }
    }
    match protocol.as_str() {
        "RTP/AVP/TCP" => Some(Wish::Interleaved(match channels {
            Some((rtp, rtcp)) => Some((rtp.try_into().ok()?, rtcp.try_into().ok()?)),
            None => None,
        })),
        "RTP/AVP" | "RTP/AVP/UDP" => ports.map(|(rtp, rtcp)| Wish::Udp(rtp, rtcp)),
        _ => None,
    }
}

/// `a-b`, or `a` for a and a + 1.
fn pair(value: &str) -> Option<(u16, u16)> {
    match value.split_once('-') {
        Some((a, b)) => Some((a.parse().ok()?, b.parse().ok()?)),
        None => {
            let first: u16 = value.parse().ok()?;
            Some((first, first.checked_add(1)?))
        }
    }
}

/// A way for one track of one session.
pub(crate) enum Transport {
    Interleaved { rtp: u8, rtcp: u8 },
    Udp(Box<Udp>),
}

pub(crate) struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    client_rtp: SocketAddr,
    client_rtcp: SocketAddr,
    rng: Rng,
    degradation: Degradation,
    /// The packet being built, and one that the next shall overtake.
    packet: Vec<u8>,
    held: Vec<u8>,
}

impl Udp {
    /// Sockets on an even port and the next (RFC 3550, 11).
    pub(crate) fn bind(local: IpAddr, client: IpAddr, ports: (u16, u16)) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..64 {
            let rtp = UdpSocket::bind((local, 0))?;
            let port = rtp.local_addr()?.port();
            if port % 2 == 1 || port == u16::MAX {
                continue;
            }
            match UdpSocket::bind((local, port + 1)) {
                Ok(rtcp) => {
                    rtp.set_nonblocking(true)?;
                    rtcp.set_nonblocking(true)?;
                    return Ok(Self {
                        rtp,
                        rtcp,
                        client_rtp: (client, ports.0).into(),
                        client_rtcp: (client, ports.1).into(),
                        rng: Rng::seeded(0),
                        degradation: Degradation::default(),
                        packet: Vec::with_capacity(MTU),
                        held: Vec::with_capacity(MTU),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(crate) fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((
            self.rtp.local_addr()?.port(),
            self.rtcp.local_addr()?.port(),
        ))
    }

    /// Whether the client has reported since last asked.
    pub(crate) fn heard(&self) -> bool {
        let mut buffer = [0; 64];
        let mut heard = false;
        for _ in 0..16 {
            match self.rtcp.recv_from(&mut buffer) {
                Ok((_, from)) => heard |= from.ip() == self.client_rtcp.ip(),
                Err(_) => break,
            }
        }
        heard
    }

    /// Sends the packet built, or what the script makes of it. Returns how many
    /// packets were lost.
    fn send(&mut self) -> u32 {
        if self.rng.chance(self.degradation.loss_percent) {
            return 1;
        }
        if self.held.is_empty() && self.rng.chance(self.degradation.reorder_percent) {
            std::mem::swap(&mut self.packet, &mut self.held);
            return 0;
        }
        let mut lost = u32::from(self.rtp.send_to(&self.packet, self.client_rtp).is_err());
        if !self.held.is_empty() {
            lost += u32::from(self.rtp.send_to(&self.held, self.client_rtp).is_err());
            self.held.clear();
        }
        lost
    }
}

impl Transport {
    /// Sends an RTCP packet. Over UDP it may be lost.
    pub(crate) fn report(&mut self, packet: &[u8], out: &mut BytesMut) {
        match self {
            Self::Interleaved { rtcp, .. } => frame(*rtcp, &[packet], packet.len(), out),
            Self::Udp(udp) => {
                let _ = udp.rtcp.send_to(packet, udp.client_rtcp);
            }
        }
    }

    pub(crate) fn degrade(&mut self, how: Degradation, track: usize) {
        if let Self::Udp(udp) = self
            && udp.degradation != how
        {
            udp.degradation = how;
            udp.rng = Rng::seeded(how.seed.wrapping_add(track as u64));
        }
    }
}

fn frame(channel: u8, parts: &[&[u8]], length: usize, out: &mut BytesMut) {
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    out.extend([b'$', channel]);
    out.extend(length.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Puts the packets of one sample on their way.
pub(crate) struct Outlet<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) stream: &'a mut Stream,
    pub(crate) out: &'a mut BytesMut,
    pub(crate) timestamp: u32,
    /// Packets, payload bytes and losses so far.
    pub(crate) packets: u32,
    pub(crate) octets: u64,
    pub(crate) lost: u32,
}

impl PacketSink for Outlet<'_> {
    fn packet(&mut self, marker: bool, parts: &[&[u8]]) {
        let octets = parts.iter().map(|part| part.len()).sum();
        let header = self.stream.next_header(marker, self.timestamp, octets);
        self.packets += 1;
        self.octets += octets as u64;
        match self.transport {
            Transport::Interleaved { rtp, .. } => {
                frame(*rtp, &[&header], HEADER + octets, self.out);
                for part in parts {
                    self.out.extend_from_slice(part);
                }
            }
            Transport::Udp(udp) => {
                udp.packet.clear();
                udp.packet.extend_from_slice(&header);
                for part in parts {
                    udp.packet.extend_from_slice(part);
                }
                self.lost += udp.send();
            }
        }
    }
}

/// The bytes of a unit: in place where the media has them in memory, else read
/// into `scratch`.
pub(crate) fn bytes<'a>(
    track: &'a Track,
    span: tapo_io::Span,
    scratch: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    if let Some(bytes) = track.media.slice(span) {
        return Some(bytes);
    }
    scratch.clear();
    scratch.resize(usize::try_from(span.len()).ok()?, 0);
    let got = track.media.read_at(span.start, scratch).ok()?;
    scratch.get(..got)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_the_first_that_can_be_had() {
        let header = "RTP/AVP;multicast, RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP;unicast;interleaved=2-3";
        assert_eq!(choose(header, true, true), Some(Wish::Udp(5000, 5001)));
        assert_eq!(
            choose(header, true, false),
            Some(Wish::Interleaved(Some((2, 3))))
        );
        assert_eq!(choose(header, false, false), None);
        assert_eq!(
            choose("RTP/AVP/TCP", true, true),
            Some(Wish::Interleaved(None))
        );
        assert_eq!(
            choose("RTP/AVP/UDP;client_port=7", true, true),
            Some(Wish::Udp(7, 8))
        );
        assert_eq!(choose("RTP/AVP;client_port=65536-1", true, true), None);
        assert_eq!(choose("RTP/AVP;client_port=65535", true, true), None);
        assert_eq!(choose("RTP/SAVP;client_port=1-2", true, true), None);
    }

    #[test]
    fn losses_and_swaps_repeat_with_the_seed() {
        let receive = |seed| {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_nonblocking(true).unwrap();
            let local = client.local_addr().unwrap();
            let mut udp = Udp::bind(local.ip(), local.ip(), (local.port(), 9)).unwrap();
            let (rtp, rtcp) = udp.ports().unwrap();
            assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
            let mut transport = Transport::Udp(Box::new(udp));
            let degradation = Degradation {
                loss_percent: 10,
                reorder_percent: 10,
                seed,
            };
            transport.degrade(degradation, 0);
            let Transport::Udp(moved) = transport else {
                panic!()
            };
            udp = *moved;
            let mut lost = 0;
            for n in 0..100_u8 {
                udp.packet.clear();
                udp.packet.push(n);
                lost += udp.send();
            }
            let mut got = Vec::new();
            let mut buffer = [0; 8];
            while client.recv(&mut buffer).is_ok() {
                got.push(buffer[0]);
            }
            assert_eq!(got.len() + lost as usize + udp.held.len(), 100);
            got
        };
        let got = receive(1);
        assert!(got.len() < 100 && !got.is_sorted());
        assert_eq!(got, receive(1));
        assert_ne!(got, receive(2));
    }
}
