//! A program as a hook: started for each event, and ended if it takes too long.

use super::Happening;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What it inherits of the environment: nothing that could hold a password.
const INHERITED: [&str; 10] = [
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SHELL",
];
/// The longest pause between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Runs it, and waits for its end; it is ended early once it is `over`.
pub(super) fn run(
    argv: &[String],
    told: &Happening,
    timeout: Duration,
    over: &AtomicBool,
) -> Result<(), String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("it names no program".to_owned());
    };
    let inherited = INHERITED
        .iter()
        .filter_map(|n| Some((n, std::env::var_os(n)?)));
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(inherited)
        .envs(told.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        // Ctrl-C is for the recorder; and all that it starts can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot be started: {e}"))?;
    if let Some(mut input) = child.stdin.take() {
        let mut line = told.json();
        line.push(b'\n');
        // Far less than a pipe holds; a program that does not read it may not care.
        let _ = input.write_all(&line);
    }
    wait(&mut child, timeout, over)
}

fn wait(child: &mut Child, timeout: Duration, over: &AtomicBool) -> Result<(), String> {
    let since = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                return Err(match (status.code(), status.signal()) {
                    (Some(code), _) => format!("ended with {code}"),
                    (None, Some(signal)) => format!("was ended by signal {signal}"),
                    (None, None) => "failed".to_owned(),
                });
            }
            Ok(None) if since.elapsed() >= timeout || over.load(Ordering::Relaxed) => {
                // Its own group: what it started ends too.
                let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
                let _ = child.wait();
                return Err(format!(
                    "took longer than {:.0} s and was ended",
                    since.elapsed().min(timeout).as_secs_f64()
                ));
            }
            Ok(None) => {}
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOK);
    }
}
