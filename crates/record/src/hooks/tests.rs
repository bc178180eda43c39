use super::*;
use crate::outcome::RecordedSegment;
use crate::segmenter::Summary;
use crate::source::WallClock;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

fn closed(path: &Path) -> Event {
    Event::Closed {
        camera: "yard".into(),
        segment: RecordedSegment {
            path: path.to_owned(),
            summary: Summary {
                started: WallClock(1_800_000_000_000_000_000),
                duration: Duration::from_secs(5),
                bytes: 3,
                ..Summary::default()
            },
            finalized: None,
            problem: None,
            removed: false,
        },
    }
}

fn hook(on: &[On], action: Action) -> Hook {
    Hook {
        on: on.to_vec(),
        cameras: Vec::new(),
        action,
        timeout: Duration::from_secs(5),
    }
}

type Told = Arc<Mutex<Vec<Event>>>;

fn start(hooks: &[Hook]) -> (Hooks, Told) {
    let told = Told::default();
    let tell = Arc::clone(&told);
    let tell: Tell = Arc::new(move |event| tell.lock().unwrap().push(event));
    (Hooks::start(hooks, &tell).unwrap(), told)
}

fn script(text: &str) -> Action {
    Action::Program(["/bin/sh", "-c", text].map(str::to_owned).to_vec())
}

fn failures(told: &Told) -> Vec<String> {
    let told = told.lock().unwrap();
    let texts = told.iter().filter_map(|event| match event {
        Event::HookFailed { text, .. } => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn a_program_is_given_the_event_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp4");
    std::fs::write(&file, b"abc").unwrap();
    let out = dir.path().join("out");
    let text = format!("env | sort > {0}; cat >> {0}", out.display());
    let (hooks, told) = start(&[hook(&[On::Segment], script(&text))]);
    hooks.event(&closed(&file));
    hooks.finish();
    assert_eq!(failures(&told), [""; 0]);
    let out = std::fs::read_to_string(&out).unwrap();
    // The environment of cargo is full of CARGO_...: none of it is passed on.
    assert!(!out.contains("CARGO_"), "{out}");
    // SHA-256 of "abc": FIPS 180-2, B.1.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for line in [
        "TAPO_EVENT=segment".to_owned(),
        "TAPO_CAMERA=yard".to_owned(),
        format!("TAPO_PATH={}", file.display()),
        format!("TAPO_SHA256={hash}"),
        "TAPO_STARTED=2027-01-15T08:00:00.000Z".to_owned(),
        "TAPO_ENDED=2027-01-15T08:00:05.000Z".to_owned(),
    ] {
        assert!(out.lines().any(|l| l == line), "{line}\n{out}");
    }
    let json: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&json["event"], &json["sha256"]),
        (&"segment".into(), &hash.into())
    );
}

#[test]
fn a_program_that_fails_or_hangs_is_told_and_ended() {
    let mut hanging = hook(&[On::Lost], script("sleep 60 & wait"));
    hanging.timeout = Duration::from_millis(200);
    let (hooks, told) = start(&[
        hook(&[On::Lost], script("exit 3")),
        hanging,
        hook(&[On::Lost], Action::Program(vec!["/none/such".into()])),
    ]);
    let since = Instant::now();
    let lost = Event::State {
        camera: "yard".into(),
        state: State::Waiting {
            reason: "away".into(),
            retry_in: Duration::ZERO,
        },
    };
    hooks.event(&lost);
    // Only the first of many is news.
    hooks.event(&lost);
    hooks.finish();
    assert!(since.elapsed() < Duration::from_secs(8));
    let mut failures = failures(&told);
    failures.sort();
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(failures[0].starts_with("cannot be started"), "{failures:?}");
    assert_eq!(failures[1], "ended with 3");
    assert!(failures[2].contains("was ended"), "{failures:?}");
}

#[test]
fn a_disk_that_fails_is_told_once_and_a_camera_that_is_back_once() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let text = format!("echo $TAPO_EVENT >> {}", out.display());
    let all = [On::Lost, On::Back, On::DiskFailed];
    let (hooks, _) = start(&[hook(&all, script(&text))]);
    let blocked = || State::Blocked {
        reason: "read-only".into(),
    };
    let waiting = || State::Waiting {
        reason: "away".into(),
        retry_in: Duration::ZERO,
    };
    for state in [
        State::Recording,
        blocked(),
        waiting(),
        blocked(),
        waiting(),
        State::Recording,
        State::Recording,
        blocked(),
    ] {
        hooks.event(&Event::State {
            camera: "yard".into(),
            state,
        });
    }
    hooks.finish();
    let told = std::fs::read_to_string(out).unwrap();
    let told: Vec<_> = told.lines().collect();
    assert_eq!(told, ["disk-failed", "lost", "back", "disk-failed"]);
}

#[test]
fn a_program_that_is_at_work_at_the_end_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let text = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 60", pid.display());
    let (hooks, _) = start(&[hook(&[On::Segment], script(&text))]);
    for _ in 0..3 {
        hooks.event(&closed(Path::new("/none/such")));
    }
    let since = Instant::now();
    while !pid.exists() {
        assert!(since.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    hooks.finish_within(Duration::from_millis(100));
    let pid = std::fs::read_to_string(pid).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    assert!(!process.exists(), "{}", process.display());
    // Of the others none was begun.
    assert_eq!(hooks.lines[0].waiting.load(Ordering::Relaxed), 2);
}

#[test]
fn what_is_too_much_for_a_hook_is_left_out_and_told_and_nobody_waits() {
    let (hooks, told) = start(&[hook(&[On::Segment], script("sleep 0.01"))]);
    let since = Instant::now();
    for _ in 0..QUEUE * 2 {
        hooks.event(&closed(Path::new("/none/such")));
    }
    assert!(since.elapsed() < Duration::from_millis(500));
    hooks.finish();
    let failures = failures(&told);
    assert!(
        failures.iter().any(|f| f.contains("too many")),
        "{failures:?}"
    );
}

/// Takes requests, gives the answers; what was asked.
fn server(answers: &[&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/secret-token", listener.local_addr().unwrap());
    let answers = answers.to_vec();
    let serve = move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0; 512];
            loop {
                let read = stream.read(&mut byte).unwrap();
                request.extend(&byte[..read]);
                let text = String::from_utf8_lossy(&request).to_lowercase();
                let length = text.split("content-length: ").nth(1);
                let length = length.and_then(|l| l.lines().next()?.parse::<usize>().ok());
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
                if read == 0 || length.is_some() && body >= length {
                    break;
                }
            }
            asked.push(String::from_utf8(request).unwrap());
            stream.write_all(answer.as_bytes()).unwrap();
        }
        asked
    };
    (url, std::thread::spawn(serve))
}

#[test]
fn a_webhook_is_posted_to_again_if_the_server_fails() {
    let (url, server) = server(&[
        "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 Done\r\n\r\n",
        "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n",
    ]);
    let address = Address::parse(&url).unwrap();
    assert!(!format!("{address} {address:?}").contains("secret"));
    let (hooks, told) = start(&[hook(&[On::Segment, On::DiskLow], Action::Webhook(address))]);
    hooks.event(&closed(Path::new("/none/such")));
    hooks.event(&Event::DiskLow {
        path: "/srv".into(),
        free: 1,
        limit: 2,
    });
    let asked = server.join().unwrap();
    hooks.finish();
    assert!(
        asked[0].starts_with("POST /secret-token HTTP/1.1\r\n"),
        "{asked:?}"
    );
    let body = |request: &str| {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<serde_json::Value>(body).unwrap()
    };
    assert_eq!(body(&asked[0]), body(&asked[1]));
    assert_eq!(body(&asked[1])["camera"], "yard");
    assert_eq!(body(&asked[2])["event"], "disk-low");
    let failures = failures(&told);
    assert_eq!(failures, ["answered 404"]);
}

#[test]
fn addresses_of_webhooks() {
    for wrong in ["ftp://h/", "http://", "h", "http://u:p@h/", "http://u@h/"] {
        let error = Address::parse(wrong).unwrap_err().to_string();
        assert!(!error.contains("u:p"), "{error}");
    }
    assert!(Address::parse("https://hooks.example/x").is_ok());
    let address = Address::parse("http://127.0.0.1:8123/api/webhook/x").unwrap();
    assert_eq!(address.to_string(), "http://127.0.0.1:8123/...");
}

/// A certificate that nobody vouches for is refused, and told.
#[test]
fn a_webhook_is_not_told_to_a_stranger() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    let der = |name: &str| std::fs::read(Path::new("tests/tls").join(name)).unwrap();
    let certificate = CertificateDer::from(der("camera.der"));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der("camera.key.der")));
    let provider = Arc::new(rustls_rustcrypto::provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        // The client breaks it off.
        let mut got = Vec::new();
        let mut both = rustls::Stream::new(&mut server, &mut stream);
        assert!(both.read_to_end(&mut got).is_err() || got.is_empty());
    });
    let mut one = hook(&[On::Lost], Action::Webhook(Address::parse(&url).unwrap()));
    one.timeout = Duration::from_millis(900);
    let (hooks, told) = start(&[one]);
    hooks.event(&Event::State {
        camera: "yard".into(),
        state: State::Waiting {
            reason: "away".into(),
            retry_in: Duration::ZERO,
        },
    });
    hooks.finish();
    server.join().unwrap();
    let failures = failures(&told);
    assert!(
        failures.len() == 1 && failures[0].contains("certificate"),
        "{failures:?}"
    );
}
