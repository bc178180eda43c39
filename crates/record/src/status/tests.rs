use super::*;
use crate::outcome::{Event, Progress, State};
use crate::run::Changes;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn a_camera_that_was_taken_out_does_not_come_back_by_itself() {
    let board = Board::new(Arc::default());
    let state = |state| Event::State {
        camera: "yard".to_owned(),
        state,
    };
    let reloaded = |changes| Event::Reloaded {
        result: Ok(changes),
    };
    let names = |board: &Board| board.status().cameras.len();
    let yard = || vec!["yard".to_owned()];
    board.event(&state(State::Recording));
    assert_eq!(names(&board), 1);
    board.event(&reloaded(Changes {
        ended: yard(),
        ..Changes::default()
    }));
    // It closes its file, and says so.
    board.event(&state(State::Stopped));
    assert_eq!(names(&board), 0);
    board.event(&reloaded(Changes {
        begun: yard(),
        ..Changes::default()
    }));
    board.event(&state(State::Connecting));
    assert_eq!(names(&board), 1);
}

fn board() -> Arc<Board> {
    let board = Board::new(Arc::default());
    let camera = "ya\"rd\n".to_owned();
    let state = |state| Event::State {
        camera: camera.clone(),
        state,
    };
    let progress = |bytes| Event::Progress {
        camera: camera.clone(),
        progress: Progress {
            recorded: Duration::from_secs(2),
            bytes,
            frames: 50,
            ..Progress::default()
        },
    };
    for event in [
        state(State::Connecting),
        state(State::Connected),
        state(State::Recording),
        progress(1000),
        state(State::Stopped),
        // It begins again with other options: what it counted stays.
        state(State::Connecting),
        state(State::Connected),
        progress(500),
        state(State::Recording),
    ] {
        board.event(&event);
    }
    Arc::new(board)
}

fn serve() -> Server {
    let listen = Listen {
        address: "127.0.0.1:0".parse().unwrap(),
        public: false,
    };
    Server::start(listen, board()).unwrap()
}

fn asked(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A server that has heard enough may close before all was sent.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn the_board_is_served_as_json_and_as_metrics() {
    let server = serve();
    let status = ask(server.address).unwrap();
    let camera = &status.cameras[0];
    assert_eq!(
        (camera.bytes, camera.frames, camera.connections),
        (1500, 100, 2)
    );
    assert_eq!(
        (camera.state.as_str(), camera.recorded_s),
        ("recording", 4.0)
    );
    let metrics = asked(
        &server,
        "GET /metrics HTTP/1.1\r\nHost: localhost:1\r\n\r\n",
    );
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    let line = "tapo_written_bytes_total{camera=\"ya\\\"rd\\n\"} 1500\n";
    assert!(metrics.contains(line), "{metrics}");
    for line in metrics.split("\r\n\r\n").nth(1).unwrap().lines() {
        let value = line.rsplit(' ').next().unwrap();
        assert!(
            line.starts_with("# ") || value.parse::<f64>().is_ok(),
            "{line}"
        );
    }
}

#[test]
fn other_requests_are_refused() {
    let server = serve();
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(9000));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "200"),
        ("HEAD /metrics HTTP/1.0\r\nHost: [::1]:9\r\n\r\n", "200"),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n", "403"),
        ("GET /metrics\r\n\r\n", "400"),
        ("\0\u{ff}\r\n\r\n", "400"),
        (&long, "431"),
    ] {
        let answer = asked(&server, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:?}: {answer:?}"
        );
    }
    let head = asked(&server, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn clients_that_say_nothing_keep_nobody_out() {
    let server = serve();
    let mut silent = Vec::new();
    for _ in 0..3 {
        for _ in 0..100 {
            let mut one = TcpStream::connect(server.address).unwrap();
            one.write_all(b"GET /met").unwrap();
            silent.push(one);
        }
        let since = Instant::now();
        let answer = asked(&server, "GET /metrics HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(since.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn nobody_but_this_machine_is_served_unless_it_is_allowed() {
    let at = |address: &str, public| Listen {
        address: address.parse().unwrap(),
        public,
    };
    assert!(at("0.0.0.0:1", false).check().is_err());
    assert!(at("[::]:1", false).check().is_err());
    assert!(at("192.168.1.2:1", false).check().is_err());
    assert!(at("0.0.0.0:1", true).check().is_ok());
    assert!(at("127.0.0.1:1", false).check().is_ok());
    assert!(at("[::1]:1", false).check().is_ok());
}
