//! The streams that were set up: where their packets come from, and their way
//! to retina.

use super::Violation;
use super::rtp::Stream;
use super::udp::{self, Pair};
use std::time::{Duration, Instant};

/// Packets held back that come before the answer to PLAY, bytes.
const EARLY: usize = 1 << 20;
/// How long a source that takes the place of one that went is waited for.
const SUCCESSOR: Duration = Duration::from_secs(1);
/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// All streams of a session, and what is on its way to retina.
#[derive(Debug, Default)]
pub(crate) struct Media {
    pub(crate) routes: Vec<Route>,
    /// On its way.
    pub(crate) out: Vec<u8>,
    /// What must not be there before the answer to PLAY.
    early: Vec<u8>,
    plays: bool,
    /// Since when a source is gone, with nothing behind it.
    gone: Option<Instant>,
}

/// A stream that was set up.
#[derive(Debug)]
pub(crate) struct Route {
    /// The camera's channels for RTP and RTCP, unless it is UDP.
    pub(crate) channels: Option<(u8, u8)>,
    pub(crate) pair: Option<Pair>,
    /// The channel for RTP at retina; that for RTCP is the next.
    pub(crate) shown: u8,
    pub(crate) stream: Stream,
}

impl Media {
    /// The answer to PLAY is on its way: media may follow.
    pub(crate) fn play(&mut self) {
        self.plays = true;
        self.out.append(&mut self.early);
    }

    /// Takes a packet that came between the messages. Those of channels that were
    /// not set up go nowhere.
    pub(crate) fn packet(&mut self, channel: u8, packet: &mut [u8]) -> Result<(), Violation> {
        let at = self.routes.iter().position(|route| {
            let channels = route.channels;
            channels.is_some_and(|(rtp, rtcp)| channel == rtp || channel == rtcp)
        });
        let Some((route, out)) = at.and_then(|at| self.way(at)) else {
            return Ok(());
        };
        if route.channels.is_some_and(|(rtp, _)| channel == rtp) {
            let result = route.rtp(packet, out);
            self.gone = None;
            result
        } else {
            let ends = route.rtcp(packet, out);
            self.goes(ends);
            Ok(())
        }
    }

    /// A source may have gone. Where another takes its place, packets follow.
    fn goes(&mut self, ends: bool) {
        if ends && self.gone.is_none() {
            self.gone = Some(Instant::now());
        }
    }

    /// When the session is over, since the camera said so.
    pub(crate) fn over(&self) -> Option<Instant> {
        self.gone.map(|gone| gone + SUCCESSOR)
    }

    /// The receiver reports that are due: the route of each, and its bytes.
    pub(crate) fn reports(&mut self, own: u32) -> Vec<(usize, Vec<u8>)> {
        let now = Instant::now();
        let routes = self.routes.iter_mut().enumerate();
        let reports = routes.filter_map(|(at, route)| Some((at, route.stream.report(own, now)?)));
        reports.collect()
    }

    /// Takes a datagram of a stream.
    pub(crate) fn datagram(
        &mut self,
        route: usize,
        is_rtcp: bool,
        packet: &mut [u8],
    ) -> Result<(), Violation> {
        let Some((route, out)) = self.way(route) else {
            return Ok(());
        };
        if is_rtcp {
            let ends = route.rtcp(packet, out);
            self.goes(ends);
            return Ok(());
        }
        let Some(&[_, _, high, low]) = packet.first_chunk() else {
            return Ok(());
        };
        let sequence = u16::from_be_bytes([high, low]);
        let Route {
            pair: Some(pair),
            stream,
            shown,
            ..
        } = route
        else {
            return Ok(());
        };
        let mut result = Ok(());
        pair.reorder
            .push(sequence, packet, Instant::now(), |packet| {
                if result.is_ok() {
                    result = stream.rtp(packet, |packet| frame(*shown, packet, out));
                }
            });
        self.gone = None;
        result
    }

    /// Lets go what waited long enough for a datagram that is missing.
    pub(crate) fn give_up(&mut self, now: Instant) -> Result<(), Violation> {
        let mut result = Ok(());
        for at in 0..self.routes.len() {
            let Some((route, out)) = self.way(at) else {
                continue;
            };
            if let Some(pair) = &mut route.pair {
                pair.reorder.give_up(now, |packet| {
                    if result.is_ok() {
                        result = route.stream.rtp(packet, |p| frame(route.shown, p, out));
                    }
                });
            }
        }
        result
    }

    /// When [`Self::give_up`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let pairs = self.routes.iter().filter_map(|route| route.pair.as_ref());
        pairs.filter_map(|pair| pair.reorder.deadline()).min()
    }

    /// Whether datagrams are expected.
    pub(crate) fn is_udp(&self) -> bool {
        self.routes.iter().any(|route| route.pair.is_some())
    }

    /// Waits for a datagram: of which stream, whether it is RTCP, its length.
    /// Nothing is lost if the wait is given up.
    pub(crate) async fn receive(&self, datagram: &mut Vec<u8>) -> (usize, bool, usize) {
        datagram.resize(DATAGRAM, 0);
        let pairs = self.routes.iter().enumerate();
        udp::receive(
            pairs.filter_map(|(n, route)| Some((n, route.pair.as_ref()?))),
            datagram,
        )
        .await
    }

    /// Datagrams that came too late, or twice.
    pub(crate) fn late(&self) -> u64 {
        let pairs = self.routes.iter().filter_map(|route| route.pair.as_ref());
        pairs.map(|pair| pair.reorder.late()).sum()
    }

    /// A stream and where its packets go; `None` if there is no room.
    fn way(&mut self, route: usize) -> Option<(&mut Route, &mut Vec<u8>)> {
        let out = if self.plays {
            &mut self.out
        } else {
            &mut self.early
        };
        let room = self.plays || out.len() < EARLY;
        self.routes
            .get_mut(route)
            .filter(|_| room)
            .map(|route| (route, out))
    }
}

impl Route {
    fn rtp(&mut self, packet: &mut [u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        let shown = self.shown;
        self.stream.rtp(packet, |packet| frame(shown, packet, out))
    }

    /// Passes a report on; whether it says that the source goes.
    fn rtcp(&mut self, packet: &mut [u8], out: &mut Vec<u8>) -> bool {
        let ends = self.stream.ends(packet);
        if self.stream.rtcp(packet) {
            frame(self.shown.wrapping_add(1), packet, out);
        }
        ends
    }
}

/// Puts a packet between the messages (RFC 2326 §10.12).
fn frame(channel: u8, packet: &[u8], out: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(packet.len()) {
        out.extend([b'$', channel]);
        out.extend(length.to_be_bytes());
        out.extend_from_slice(packet);
    }
}
