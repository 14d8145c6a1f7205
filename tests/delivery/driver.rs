//! A process that embeds a host, dispatches events from several threads, and says of each when its
//! dispatch is back: what a provider's process would be. The test binary starts itself as one.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use op_listener_host::Host;
use op_listener_host::config::Config;

use crate::yard::event_of;

/// A signal that the process is to ignore.
const IGNORE: &str = "OP_LISTENER_TEST_IGNORE";
const DRIVE: &str = "OP_LISTENER_TEST_DRIVE";

/// Where, how, and by how many threads.
pub(crate) struct Drive<'a> {
    pub(crate) dir: &'a Path,
    /// The configuration.
    pub(crate) config: &'a str,
    /// Events have ids that begin with it.
    pub(crate) run: &'a str,
    pub(crate) threads: usize,
    /// How many events each thread dispatches; without, until the process ends.
    pub(crate) events: Option<usize>,
    /// Variables of its environment.
    pub(crate) env: Vec<(&'a str, String)>,
}

/// A driver that runs. Killed if it is dropped.
pub(crate) struct Driver {
    child: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<String>,
}

/// What a driver said until its end.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The ids of events whose dispatch went well, …
    pub(crate) well: Vec<String>,
    /// … and of those of which calls failed.
    pub(crate) failed: Vec<String>,
    /// It came to its end by itself.
    pub(crate) ended: bool,
}

impl Drive<'_> {
    /// Starts the process; it is ready when this is back.
    pub(crate) fn start(&self) -> Driver {
        let program = env::current_exe().unwrap();
        let ignore = self.env.iter().find(|(name, _)| *name == IGNORE);
        let mut command = if let Some((_, signal)) = ignore {
            let mut command = Command::new("env");
            command
                .arg(format!("--ignore-signal={signal}"))
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .args([
                "driver::drive",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DRIVE, self.dir)
            .env("OP_LISTENER_TEST_CONFIG", self.config)
            .env("OP_LISTENER_TEST_RUN", self.run)
            .env("OP_LISTENER_TEST_THREADS", self.threads.to_string())
            .env(
                "OP_LISTENER_TEST_EVENTS",
                self.events.unwrap_or(0).to_string(),
            )
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Read to the end, whoever listens: what was said is said.
                let _ = sender.send(line);
            }
        });
        let stdin = child.stdin.take();
        let driver = Driver { child, stdin, said };
        loop {
            let line = driver.said.recv_timeout(crate::yard::DEADLINE).unwrap();
            if line.ends_with("ready") {
                return driver;
            }
        }
    }
}

impl Driver {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until so many dispatches went well.
    pub(crate) fn wait_for(&self, count: usize) {
        let mut seen = 0;
        while seen < count {
            let line = self.said.recv_timeout(crate::yard::DEADLINE).unwrap();
            assert!(!line.starts_with("failed"), "{line}");
            seen += usize::from(line.starts_with("well"));
        }
    }

    /// Kills the process after a while. Comes back with all that it has said.
    pub(crate) fn kill_after(mut self, time: Duration) -> Said {
        thread::sleep(time);
        self.child.kill().unwrap();
        self.collect()
    }

    /// Lets the process end in good order, once it has dispatched all that it is to.
    pub(crate) fn end(mut self) -> Said {
        drop(self.stdin.take());
        self.collect()
    }

    fn collect(&mut self) -> Said {
        let mut said = Said::default();
        while let Ok(line) = self.said.recv_timeout(crate::yard::DEADLINE) {
            if let Some(id) = line.strip_prefix("well ") {
                said.well.push(id.to_owned());
            } else if let Some(id) = line.strip_prefix("failed ") {
                said.failed.push(id.to_owned());
            } else if line == "ended" {
                said.ended = true;
            }
        }
        said
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(line: &str) {
    // In one write, and at once: what is killed in between has said it or not.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

/// The process itself. Does nothing where it is not started as one.
#[test]
fn drive() {
    let Some(dir) = env::var_os(DRIVE) else {
        return;
    };
    let text = |name: &str| env::var(format!("OP_LISTENER_TEST_{name}")).unwrap();
    let (run, threads, events): (_, usize, usize) = (
        text("RUN"),
        text("THREADS").parse().unwrap(),
        text("EVENTS").parse().unwrap(),
    );
    let _ = op_listener_host::log::subscribe(op_listener_host::log::Settings {
        format: op_listener_host::log::Format::Text,
        filter: "error".parse().unwrap(),
    });
    let config = Config::from_str(&text("CONFIG"), "drive.toml", Path::new(&dir)).unwrap();
    let host = match Host::builder().config(config).build() {
        Ok(host) => host,
        Err(error) => {
            say(&format!("refused {error}"));
            say("ready");
            return;
        }
    };
    say("ready");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (host, run, stop) = (&host, &run, &stop);
            scope.spawn(move || {
                let client = format!("client-{thread}");
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) && (events == 0 || number < events) {
                    let id = format!("{run}-{thread}-{number}");
                    let dispatched = host.dispatch(&event_of(&id, &client));
                    match dispatched.failures {
                        0 => say(&format!("well {id}")),
                        _ => say(&format!("failed {id}")),
                    }
                    number += 1;
                }
            });
        }
        // Until standard input ends.
        let mut rest = String::new();
        while std::io::stdin()
            .read_line(&mut rest)
            .is_ok_and(|read| read > 0)
        {}
        if events == 0 {
            stop.store(true, Ordering::Relaxed);
        }
    });
    host.shutdown();
    say("ended");
}
