//! A Redis of a test's own.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing that is waited for takes longer, unless something is wrong.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// Runs until it is dropped.
pub(crate) struct Redis {
    dir: TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Starts one that keeps nothing on disk; `None`, and a word about it, where there is none.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[])
    }

    /// Starts one with these further arguments.
    pub(crate) fn start_with(test: &str, arguments: &[&str]) -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        if let Err(error) = version {
            let why = format!("`redis-server` does not run: {error}");
            let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!in_ci, "{test}: {why}");
            // Past the capture of the test harness, at once.
            let _ = io::stderr().write_all(format!("NOT RUN: {test}: {why}\n").as_bytes());
            return None;
        }
        let mut redis = Self {
            dir: tempfile::tempdir().unwrap(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            child: None,
        };
        redis.start_again();
        Some(redis)
    }

    /// After [`Redis::kill`]: with what it had written to its disk.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::create(self.dir.path().join("log")).unwrap();
        let child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
            .args(&self.arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.try_ask(&["PING"]);
            if ["PONG", "NOAUTH", "NOPERM"]
                .iter()
                .any(|word| answer.contains(word))
            {
                return;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{answer}\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Makes it stand still, or go on.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Where a host finds it.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Asks it something that must not fail.
    pub(crate) fn ask<A: AsRef<OsStr>>(&self, command: &[A]) -> String {
        let answer = self.try_ask(command);
        assert!(
            !answer.contains("ERR ") && !answer.contains("Could not"),
            "{answer}"
        );
        answer
    }

    fn try_ask<A: AsRef<OsStr>>(&self, command: &[A]) -> String {
        let asked = Command::new("redis-cli")
            .arg("-s")
            .arg(self.socket())
            .args(command)
            .output()
            .expect("redis-cli comes with redis-server");
        let said = [asked.stdout, asked.stderr].concat();
        String::from_utf8_lossy(&said).trim_end().to_owned()
    }

    /// How many codes it holds.
    pub(crate) fn codes(&self) -> usize {
        let count = "return #redis.call('KEYS', '*code:*')";
        self.ask(&["EVAL", count, "0"]).parse().unwrap()
    }

    /// Waits until it holds so many codes.
    pub(crate) fn wait_for_codes(&self, wanted: usize) {
        let deadline = Instant::now() + DEADLINE;
        while self.codes() != wanted {
            assert!(
                Instant::now() < deadline,
                "{} codes, not {wanted}",
                self.codes()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail where it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
