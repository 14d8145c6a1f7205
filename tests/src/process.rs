//! Runs a process in bounded time and never leaves one behind.

#![allow(
    clippy::missing_panics_doc,
    reason = "a process that hangs fails the test"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes longer, unless something is wrong. It holds for each wait by
/// itself: what a test has done before takes as long as the machine lets it.
pub const TIME_LIMIT: Duration = Duration::from_mins(2);

/// A process that runs. Killed if it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    lines: Receiver<String>,
    stderr: String,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// The exit code; `None` after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Starts a command with pipes for all three streams.
pub fn start(command: &mut Command) -> Running {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let mut stdout = child.stdout.take().expect("it is a pipe");
    let stderr = child.stderr.take().expect("it is a pipe");
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        while stderr
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).into_owned();
            if sender.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });
    let stdout = thread::spawn(move || {
        let mut all = Vec::new();
        // What was read until an error is what there is.
        let _ = stdout.read_to_end(&mut all);
        all
    });
    Running {
        stdin: child.stdin.take(),
        child,
        stdout: Some(stdout),
        lines,
        stderr: String::new(),
    }
}

/// How much of the time is left for what begins now.
fn time() -> impl Fn() -> Duration {
    let deadline = Instant::now() + TIME_LIMIT;
    move || deadline.saturating_duration_since(Instant::now())
}

impl Running {
    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input, which stays open.
    pub fn send(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("the process reads its standard input");
    }

    /// Its standard input, for a thread of its own to write to.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("standard input is open")
    }

    /// Writes to its standard input as far as it is read, and closes it.
    pub fn send_last(&mut self, bytes: &[u8]) {
        if let Some(mut stdin) = self.stdin.take() {
            // A process that has ended already reads nothing: how it ended is what counts.
            let _ = stdin.write_all(bytes);
        }
    }

    /// Waits for a line on standard error that contains `text`.
    pub fn wait_for(&mut self, text: &str) -> String {
        let left = time();
        loop {
            match self.lines.recv_timeout(left()) {
                Ok(line) => {
                    self.stderr.push_str(&line);
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(why) => panic!(
                    "no line with {text:?} came ({why}); there came:\n{}",
                    self.stderr
                ),
            }
        }
    }

    /// Closes its standard input and waits for its end.
    pub fn finish(mut self) -> Finished {
        self.stdin = None;
        let left = time();
        loop {
            match self.lines.recv_timeout(left()) {
                Ok(line) => self.stderr.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it did not end; until then it said:\n{}", self.stderr)
                }
            }
        }
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(!left().is_zero(), "it closed its streams but did not end");
            thread::sleep(Duration::from_millis(1));
        };
        let stdout = self.stdout.take().expect("read once");
        let stdout = stdout.join().expect("reading does not panic");
        Finished {
            status,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: std::mem::take(&mut self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
