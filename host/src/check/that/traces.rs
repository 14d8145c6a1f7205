//! What a listener changes around itself: files, the process, the standard streams.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::super::bench::{Bench, Live};
use super::super::job;
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use super::super::system;
use super::ends::live;

/// The files below a directory as they are at a moment.
pub(super) struct Snapshot(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Snapshot {
    /// Looks at all but what is below `except`, and what the check itself writes.
    pub(super) fn take(home: &Path, except: &[PathBuf]) -> Self {
        let mut files = BTreeMap::new();
        for dir in [job::CWD, job::HOME, job::TMP, job::BASE, job::DATA] {
            walk(&home.join(dir), except, &mut files);
        }
        Self(files)
    }

    /// What is new or was changed.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<&Path> {
        let changed = self
            .0
            .iter()
            .filter(|(path, seen)| before.0.get(*path) != Some(seen));
        changed.map(|(path, _)| path.as_path()).collect()
    }
}

fn walk(dir: &Path, except: &[PathBuf], files: &mut BTreeMap<PathBuf, (u64, Option<SystemTime>)>) {
    // What has just been removed is no trace.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if except.iter().any(|allowed| path.starts_with(allowed)) {
            continue;
        }
        if metadata.is_dir() {
            walk(&path, except, files);
        }
        // That of a directory changes with what is allowed in it.
        let time = (!metadata.is_dir())
            .then(|| metadata.modified().ok())
            .flatten();
        let length = if metadata.is_dir() { 0 } else { metadata.len() };
        files.insert(path, (length, time));
    }
}

/// The directories of what the configuration names: a file's neighbours, such as its lock and its
/// older versions, are part of what was asked for.
fn named(value: &Value, base: &Path, places: &mut Vec<PathBuf>) {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains("://") => {
            let path = base.join(text);
            places.extend(path.parent().map(Path::to_owned));
        }
        Value::Array(values) => values.iter().for_each(|value| named(value, base, places)),
        Value::Object(values) => values.values().for_each(|value| named(value, base, places)),
        _ => {}
    }
}

pub(super) fn writes_outside(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let home = &bench.job.home;
    let mut allowed = vec![bench.job.dir(job::DATA).join("check")];
    for value in library.config().values() {
        named(value, &bench.job.dir(job::BASE), &mut allowed);
    }
    let before = Snapshot::take(home, &allowed);
    let open_before = system::descriptors().unwrap_or_default();
    let mut findings = Findings::default();
    let all = library.instances()?;
    let mut enabled = 0;
    for live in &all {
        if live.instance.is_enabled().1 != 0 {
            enabled += 1;
            let sample = Sample::ordinary(live.spi);
            live.send(&sample.event(), "", &mut Findings::default());
        }
    }
    // What is written elsewhere on the machine shows as long as it is open.
    for (number, file) in system::descriptors().unwrap_or_default() {
        let known = open_before.contains_key(&number)
            || allowed.iter().any(|allowed| file.starts_with(allowed));
        // Pipes, sockets and memory files have no place in the file system; devices keep nothing.
        let is_file =
            file.is_absolute() && !file.starts_with("/dev") && !file.starts_with("/memfd:");
        if !known && is_file && !file.starts_with(home) && system::writable(number) {
            findings.fail(format!("{file:?} is open for writing"));
        }
    }
    for live in all {
        live.end();
    }
    for path in Snapshot::take(home, &allowed).changed_since(&before) {
        // The data directory itself may come to be.
        if path != bench.job.dir(job::DATA).join("check") {
            findings.fail(format!("{:?} is written", named_below(path, home)));
        }
    }
    Ok(findings.or(if enabled == 0 {
        Outcome::note("no listener is enabled, so this is about `init` alone")
    } else {
        Outcome::success()
    }))
}

/// The author knows the directories by what they stand for.
fn named_below(path: &Path, home: &Path) -> PathBuf {
    const STAND_FOR: [(&str, &str); 4] = [
        (job::CWD, "(the current directory)"),
        (job::HOME, "$HOME"),
        (job::TMP, "$TMPDIR"),
        (job::BASE, "(the configuration's directory)"),
    ];
    for (dir, name) in STAND_FOR {
        if let Ok(below) = path.strip_prefix(home.join(dir)) {
            return Path::new(name).join(below);
        }
    }
    path.to_owned()
}

/// What belongs to the process and not to a listener.
#[derive(PartialEq, Eq)]
struct ProcessState {
    cwd: Option<PathBuf>,
    environment: BTreeMap<std::ffi::OsString, std::ffi::OsString>,
    /// From `/proc/thread-self/status`, by name.
    kernel: Vec<(&'static str, Option<String>)>,
}

impl ProcessState {
    fn take() -> Self {
        const SIGNALS: [(&str, &str); 3] = [
            ("signals that are caught", "SigCgt:"),
            ("signals that are ignored", "SigIgn:"),
            ("signals that are blocked", "SigBlk:"),
        ];
        let signals = |(name, line)| (name, system::status(line).map(|set| without_own(&set)));
        let mut kernel = SIGNALS.map(signals).to_vec();
        kernel.push(("umask", system::status("Umask:")));
        Self {
            cwd: std::env::current_dir().ok(),
            environment: std::env::vars_os().collect(),
            kernel,
        }
    }

    fn differences(&self, before: &Self, findings: &mut Findings) {
        if self.cwd != before.cwd {
            findings.fail("the current directory is changed");
        }
        let changed = self
            .environment
            .iter()
            .filter(|(name, value)| before.environment.get(*name) != Some(value));
        let gone = before
            .environment
            .keys()
            .filter(|name| !self.environment.contains_key(*name));
        for name in changed.map(|(name, _)| name).chain(gone) {
            findings.fail(format!(
                "the environment variable {} is changed",
                name.display()
            ));
        }
        for ((name, now), (_, before)) in self.kernel.iter().zip(&before.kernel) {
            if now != before {
                findings.fail(format!(
                    "{name}: {} before, {} after",
                    before.as_deref().unwrap_or("?"),
                    now.as_deref().unwrap_or("?")
                ));
            }
        }
    }
}

/// A set of signals as the kernel prints it, without the three that C libraries keep for themselves
/// (32 to 34), and set when the first thread is started.
fn without_own(set: &str) -> String {
    match u64::from_str_radix(set, 16) {
        Ok(set) => format!("{:016x}", set & !(0b111 << 31)),
        Err(_) => set.to_owned(),
    }
}

pub(super) fn process_state(bench: &Bench<'_>) -> Verdict {
    let before = ProcessState::take();
    let library = bench.start()?;
    let mut findings = Findings::default();
    ProcessState::take().differences(&before, &mut findings);
    let all = library.instances()?;
    ProcessState::take().differences(&before, &mut findings);
    all.into_iter().for_each(Live::end);
    live(&library)?;
    ProcessState::take().differences(&before, &mut findings);
    Ok(findings.or(Outcome::success()))
}

pub(super) fn standard_streams(bench: &Bench<'_>) -> Verdict {
    let length = |stream| {
        let metadata = bench.job.dir(stream).metadata();
        metadata.map_or(0, |metadata| metadata.len())
    };
    let library = bench.start()?;
    live(&library)?;
    let mut findings = Findings::default();
    if length(job::STDOUT) > 0 {
        findings.warn(
            "it writes to standard output, where other programs expect the host's results: use `tracing`",
        );
    }
    if length(job::STDERR) > 0 {
        findings.warn("it writes to standard error, past the host's log: use `tracing`");
    }
    Ok(findings.or(Outcome::success()))
}
