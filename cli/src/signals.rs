//! Ctrl-C, and being told to end.

use crate::exit::Exit;
use anyhow::Context;
use rustix::process::Signal;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// One wish to end can arrive more than once: from the terminal and from the
/// program that started this one, or as SIGTERM with SIGHUP behind it.
const SAME: Duration = Duration::from_millis(500);

/// A limit on the size of files (`ulimit -f`) then makes a write fail, with an
/// error that can be told, instead of ending the program (`SIGXFSZ`).
pub(crate) fn survive_file_limits() {
    let listen = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let _inside = runtime.enter();
        // Nobody listens; the handler stays.
        signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
    };
    // Without it the system does as it always has.
    let _ = listen();
}

/// Calls `first` when the user or the system asks for the end (SIGINT, SIGTERM,
/// SIGHUP). Asked a second time, later, the program ends at once: files that are being
/// recorded play as they are.
pub(crate) fn on_end(first: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    on_end_with(first, Exit::Failed)
}

/// The same; asked a second time, the program ends with this code.
pub(crate) fn on_end_with(
    first: impl FnOnce() + Send + 'static,
    second: Exit,
) -> anyhow::Result<()> {
    listen(first, second, None::<fn()>)
}

/// As [`on_end`]; SIGHUP calls `reload` instead, as often as it comes, unless it is the
/// terminal that hangs up.
pub(crate) fn on_end_or_reload(
    first: impl FnOnce() + Send + 'static,
    reload: impl FnMut() + Send + 'static,
) -> anyhow::Result<()> {
    listen(first, Exit::Failed, Some(reload))
}

/// Calls `event` whenever SIGUSR1 comes.
pub(crate) fn on_event(event: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot listen for SIGUSR1")?;
    let mut user = {
        let _inside = runtime.enter();
        signal(SignalKind::user_defined1()).context("cannot listen for SIGUSR1")?
    };
    let wait = move || {
        runtime.block_on(async {
            while user.recv().await.is_some() {
                event();
            }
        });
    };
    let thread = std::thread::Builder::new().name("events".into());
    thread.spawn(wait).context("cannot listen for SIGUSR1")?;
    Ok(())
}

fn listen(
    first: impl FnOnce() + Send + 'static,
    second: Exit,
    mut reload: Option<impl FnMut() + Send + 'static>,
) -> anyhow::Result<()> {
    let on_terminal = || std::io::stderr().is_terminal();
    let was_on_terminal = on_terminal();
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
            let mut asked = Instant::now();
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {
                        let gone = was_on_terminal && !on_terminal();
                        if let (Some(reload), false) = (&mut reload, gone) {
                            reload();
                            continue;
                        }
                    }
                }
                match first.take() {
                    Some(first) => {
                        asked = Instant::now();
                        first();
                    }
                    None if asked.elapsed() < SAME => {}
                    None => leave(second),
                }
            }
        });
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(wait).context("cannot listen for Ctrl-C")?;
    Ok(())
}

#[expect(clippy::exit, reason = "asked for twice")]
fn leave(exit: Exit) {
    tapo_io::discard_unfinished();
    std::process::exit(exit as i32);
}
