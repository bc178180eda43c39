#![allow(
    missing_docs,
    clippy::all,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing
)]
use tapo_record::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let url: CameraUrl = CameraUrl::parse(&a[1]).unwrap();
    let secs: u64 = a[3].parse().unwrap();
    let out = if a[2].ends_with(".mp4") {
        Output::File {
            path: (&a[2]).into(),
            replace: false,
        }
    } else {
        Output::Folder((&a[2]).into())
    };
    let mut c = CameraOptions::new("cam", url, out);
    if let Some(s) = a.get(4) {
        c.segment = std::time::Duration::from_secs(s.parse().unwrap());
    }
    let stop = Control::new();
    let s2 = stop.clone();
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(secs));
        s2.stop();
    });
    let t = std::time::Instant::now();
    let r = record(
        &Options {
            cameras: vec![c],
            finish_leftovers: true,
            ..Options::default()
        },
        |e| eprintln!("{e:?}"),
        &stop,
    );
    println!("{:?} {r:#?}", t.elapsed());
}
