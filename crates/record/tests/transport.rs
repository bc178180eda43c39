//! Recordings over UDP and TLS.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "the helpers of tests fail as tests do"
)]

mod helpers;

use helpers::{clip, closed, frames, nothing_lost, options, paths, read, run, sent};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tapo_camera::{Camera, CameraConfig, Fault};
use tapo_record::{Event, State, Transport, Trust};
use tokio::net::{TcpListener, TcpStream};

fn degraded(loss_percent: u8, reorder_percent: u8) -> Camera {
    let mut config = CameraConfig::new(clip("h264_bframes_aac.mp4"));
    config.tcp = false;
    config.speed = 2.0;
    config.schedule = vec![(
        Duration::ZERO,
        Fault::DegradeUdp {
            loss_percent,
            reorder_percent,
            seed: 5,
        },
    )];
    Camera::start(config).unwrap()
}

#[test]
fn datagrams_out_of_order_lose_nothing() {
    for reorder in [0, 20] {
        let camera = degraded(0, reorder);
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&camera.url(), dir.path());
        options.transport = Transport::Udp;
        options.segment = Duration::from_secs(3);
        let recording = run(options, closed(2)).0.unwrap();
        let files: Vec<_> = paths(&recording).iter().map(|p| read(p)).collect();
        nothing_lost(&files, &[clip("h264_bframes_aac.mp4")], &sent(&camera, 0));
        let yard = &recording.cameras[0];
        assert_eq!((yard.lost_packets, yard.gaps, yard.connections), (0, 0, 1));
    }
}

#[test]
fn lost_datagrams_are_counted_and_cost_nothing_else() {
    for loss in [1, 5] {
        let camera = degraded(loss, 5);
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&camera.url(), dir.path());
        options.transport = Transport::Udp;
        let recording = run(options, frames(250)).0.unwrap();
        let yard = &recording.cameras[0];
        assert_eq!(yard.connections, 1);
        let sent = sent(&camera, 0);
        let lost: u32 = sent.iter().flatten().map(|s| s.lost).sum();
        assert!(lost > 0, "the camera lost some");
        // What was on its way at the end nobody counts.
        let counted = i64::try_from(yard.lost_packets).unwrap();
        assert!(
            (counted - i64::from(lost)).abs() <= 6,
            "{counted} of {lost} at {loss} %"
        );
        for (track, sent) in sent.iter().enumerate() {
            let whole = sent.iter().filter(|s| s.lost == 0).count();
            let files: Vec<_> = paths(&recording).iter().map(|p| read(p)).collect();
            let recorded: u32 = files
                .iter()
                .map(|f| f.movie.tracks[track].samples.len())
                .sum();
            let recorded = usize::try_from(recorded).unwrap();
            assert!(
                recorded + 20 >= whole,
                "track {track}: {recorded} of {whole} at {loss} %"
            );
        }
    }
}

const CERTIFICATE: &[u8] = include_bytes!("tls/camera.der");
const KEY: &[u8] = include_bytes!("tls/camera.key.der");

/// TLS before a camera, on a thread of its own.
fn secured(camera: SocketAddr) -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async move {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
            let config =
                ServerConfig::builder_with_provider(Arc::new(rustls_rustcrypto::provider()))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_no_client_auth()
                    .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
                    .unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut secure) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut plain = TcpStream::connect(camera).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
                });
            }
        });
    });
    receiver.recv().unwrap()
}

#[test]
fn tls_is_spoken_with_a_camera_whose_certificate_is_known() {
    let config = CameraConfig::new(clip("h264_alaw.mov"));
    let camera = Camera::start(config).unwrap();
    let url = format!("rtsps://{}/stream1", secured(camera.address()));
    let known: [u8; 32] = Sha256::digest(CERTIFICATE).into();
    for trust in [Trust::Fingerprint(known), Trust::Anyone] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&url, dir.path());
        options.trust = trust;
        let recording = run(options, frames(20)).0.unwrap();
        assert!(recording.cameras[0].segments[0].summary.tracks[0].1 >= 20);
    }
    for trust in [Trust::Authorities, Trust::Fingerprint([7; 32])] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&url, dir.path());
        options.trust = trust;
        let waiting = |e: &Event| match e {
            Event::State {
                state: State::Waiting { reason, .. },
                ..
            } => Some(reason.clone()),
            _ => None,
        };
        let (_, events, _) = run(options, move |e| e.iter().any(|e| waiting(e).is_some()));
        let reason = events.iter().find_map(waiting).unwrap();
        let told: String = known.iter().map(|b| format!("{b:02x}")).collect();
        assert!(reason.contains(&told), "{reason}");
    }
}
