//! Runs a check in a process of its own, and says what became of it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::job::{self, Job};
use super::outcome::{Outcome, Status};

/// Runs a job: `program` called with the arguments and the job's file.
pub(super) fn run(program: &Path, arguments: &[&str], job: &Job) -> io::Result<Outcome> {
    let file = job.write()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(file)
        .current_dir(job.dir(job::CWD))
        .env("HOME", job.dir(job::HOME))
        .stdin(Stdio::null())
        .stdout(File::create(job.dir(job::STDOUT))?)
        .stderr(File::create(job.dir(job::STDERR))?);
    for name in ["TMPDIR", "TMP", "TEMP"] {
        command.env(name, job.dir(job::TMP));
    }
    platform::apart(&mut command);
    let mut child = command.spawn()?;
    let in_time = wait(&mut child, job.limit);
    // Whatever the listener started is not to outlive the check.
    platform::kill_group(&child);
    // Fails where it has ended by itself.
    let _ = child.kill();
    let status = child.wait()?;
    platform::wait_for_group(&child);
    if !in_time? {
        let limit = job.limit.as_secs_f64();
        let message =
            format!("did not end within {limit} s: it hangs, or `--timeout` is too short");
        return Ok(Outcome::new(Status::Crashed, message + &last_words(job)));
    }
    let outcome = job.outcome();
    match outcome {
        Some(outcome) if status.success() => Ok(outcome),
        outcome => {
            let after = match outcome {
                Some(outcome) if outcome.message.is_empty() => ", after the check's end".to_owned(),
                Some(outcome) => format!(", after the check's end ({})", outcome.message),
                None => String::new(),
            };
            let message = format!("the process {}{after}", how(status));
            Ok(Outcome::new(Status::Crashed, message + &last_words(job)))
        }
    }
}

/// Waits for the end of a process, but does not reap it: until then its number is nobody else's.
fn wait(child: &mut Child, limit: Duration) -> io::Result<bool> {
    let begin = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if platform::ended(child)? {
            return Ok(true);
        }
        if begin.elapsed() > limit {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn how(status: ExitStatus) -> String {
    if let Some(signal) = platform::signal(status) {
        return format!("was ended by {signal}");
    }
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => "was ended".to_owned(),
    }
}

/// The last line on standard error, which may tell why.
fn last_words(job: &Job) -> String {
    const MOST_READ: usize = 64 << 10;
    const LONGEST: usize = 300;

    let Ok(told) = fs::read(job.dir(job::STDERR)) else {
        return String::new();
    };
    let told = String::from_utf8_lossy(&told[told.len().saturating_sub(MOST_READ)..]).into_owned();
    // Rust's hint on backtraces helps nobody here.
    let mut lines = told.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty() && !line.starts_with("note: run with"));
    last.map_or(String::new(), |line| {
        let line: String = line.chars().take(LONGEST).collect();
        format!(" (it said: {line})")
    })
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, ExitStatus};
    use std::time::{Duration, Instant};

    use rustix::process::{
        Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
    };

    /// What was killed is gone in less, unless nobody reaps it.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// A process group of its own, so that what the process starts can be found again.
    pub(super) fn apart(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn ended(child: &mut Child) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(number(child)), options)?.is_some())
    }

    pub(super) fn kill_group(child: &Child) {
        // Fails where nobody is left.
        let _ = kill_process_group(number(child), Signal::KILL);
    }

    /// Waits until all that was killed has ended: a signal is sent long before it is acted on.
    pub(super) fn wait_for_group(child: &Child) {
        let deadline = Instant::now() + PATIENCE;
        while test_kill_process_group(number(child)).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn number(child: &Child) -> Pid {
        Pid::from_child(child)
    }

    pub(super) fn signal(status: ExitStatus) -> Option<String> {
        let number = status.signal()?;
        let name = signal_hook::low_level::signal_name(number);
        Some(name.map_or_else(|| format!("signal {number}"), ToOwned::to_owned))
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;
    use std::process::{Child, Command, ExitStatus};

    pub(super) fn apart(_: &mut Command) {}

    pub(super) fn ended(child: &mut Child) -> io::Result<bool> {
        Ok(child.try_wait()?.is_some())
    }

    /// The process itself is ended by its handle; what it started is not found here.
    pub(super) fn kill_group(_: &Child) {}

    pub(super) fn wait_for_group(_: &Child) {}

    /// Exceptions show in the exit code.
    pub(super) fn signal(_: ExitStatus) -> Option<String> {
        None
    }
}
