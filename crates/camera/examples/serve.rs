//! Serves a file: `cargo run -p tapo-camera --example serve -- FILE [PORT]`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let clip = tapo_camera::Clip::open(args.next().ok_or("which file?")?.as_ref())?;
    let mut config = tapo_camera::CameraConfig::new(clip);
    if let Some(port) = args.next() {
        config.address.set_port(port.parse()?);
    }
    let camera = tapo_camera::Camera::start(config)?;
    tapo(&camera)
}

#[expect(clippy::print_stdout, reason = "an example speaks to its user")]
fn tapo(camera: &tapo_camera::Camera) -> ! {
    println!("{}", camera.url());
    loop {
        std::thread::park();
    }
}
