//! RTP and RTCP in datagrams (RFC 3550 §11).

use super::reorder::Reorder;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// What the system is asked to keep while we are busy, bytes: a keyframe comes
/// all at once.
const RECEIVE_BUFFER: usize = 2 << 20;
/// Attempts to find two free ports side by side.
const ATTEMPTS: usize = 64;

/// The two sockets of one stream.
#[derive(Debug)]
pub(crate) struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The ports of the camera, if it says them.
    from: Option<(u16, u16)>,
    camera: IpAddr,
    pub(crate) port: u16,
    pub(crate) reorder: Reorder,
}

impl Pair {
    /// An even port, and the next one, on the address that calls the camera.
    pub(crate) fn bind(local: IpAddr, camera: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let rtp = std::net::UdpSocket::bind((local, 0))?;
            let port = rtp.local_addr()?.port();
            if port % 2 == 1 {
                continue;
            }
            match std::net::UdpSocket::bind((local, port + 1)) {
                Ok(rtcp) => {
                    rtp.set_nonblocking(true)?;
                    rtcp.set_nonblocking(true)?;
                    // The system gives what it allows.
                    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&rtp, RECEIVE_BUFFER);
                    return Ok(Self {
                        rtp: UdpSocket::from_std(rtp)?,
                        rtcp: UdpSocket::from_std(rtcp)?,
                        from: None,
                        camera,
                        port,
                        reorder: Reorder::default(),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where the camera sends from; opens the way through a firewall or router
    /// in between.
    pub(crate) async fn expect(&mut self, camera: Option<IpAddr>, ports: Option<(u16, u16)>) {
        self.camera = camera.unwrap_or(self.camera);
        self.from = ports;
        if let Some((rtp, rtcp)) = ports {
            // An RTP packet without content, a receiver report without reports.
            let empty = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let report = [0x80, 201, 0, 1, 0, 0, 0, 0];
            let _ = self.rtp.send_to(&empty, (self.camera, rtp)).await;
            let _ = self.rtcp.send_to(&report, (self.camera, rtcp)).await;
        }
    }

    /// Sends a receiver report, if the camera said where to. It may be lost.
    pub(crate) fn report(&self, packet: &[u8]) {
        if let Some((_, rtcp)) = self.from {
            let _ = self.rtcp.try_send_to(packet, (self.camera, rtcp).into());
        }
    }

    /// Whether the camera sent it.
    fn is_from_camera(&self, from: SocketAddr, is_rtcp: bool) -> bool {
        let port = self
            .from
            .map(|(rtp, rtcp)| if is_rtcp { rtcp } else { rtp });
        from.ip().to_canonical() == self.camera.to_canonical()
            && port.is_none_or(|port| port == from.port())
    }
}

/// Waits for a datagram of any stream: which one, whether it is RTCP, its length.
/// Nothing is lost if the wait is given up.
pub(crate) async fn receive<'a>(
    pairs: impl Iterator<Item = (usize, &'a Pair)> + Clone,
    buffer: &mut [u8],
) -> (usize, bool, usize) {
    poll_fn(|cx| {
        for (track, pair) in pairs.clone() {
            for (socket, is_rtcp) in [(&pair.rtp, false), (&pair.rtcp, true)] {
                loop {
                    let mut read = ReadBuf::new(buffer);
                    match socket.poll_recv_from(cx, &mut read) {
                        Poll::Ready(Ok(from)) if pair.is_from_camera(from, is_rtcp) => {
                            return Poll::Ready((track, is_rtcp, read.filled().len()));
                        }
                        // From elsewhere; or a port of the camera that is closed.
                        Poll::Ready(_) => {}
                        Poll::Pending => break,
                    }
                }
            }
        }
        Poll::Pending
    })
    .await
}
