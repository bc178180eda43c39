//! Ctrl-C, and being told to end.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Calls `first` when the user or the system asks for the end (SIGINT, SIGTERM,
/// SIGHUP). Asked a second time, the program ends at once: files that are being
/// recorded play as they are.
pub(crate) fn on_end(first: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot listen for Ctrl-C")?;
    let (mut interrupt, mut terminate, mut hang_up) = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind).context("cannot listen for Ctrl-C");
        (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        )
    };
    let wait = move || {
        runtime.block_on(async {
            let mut first = Some(first);
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                match first.take() {
                    Some(first) => first(),
                    None => leave(),
                }
            }
        });
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(wait).context("cannot listen for Ctrl-C")?;
    Ok(())
}

#[expect(clippy::exit, reason = "asked for twice")]
fn leave() {
    std::process::exit(1);
}
