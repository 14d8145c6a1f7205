//! What earlier probes found out, kept in a file: for bytes, a host version and an interface, that
//! the library came through, or what it did.
//!
//! The file is this host's own. It is replaced as a whole and never written in place, and hosts
//! that start at the same time take turns, so that none loses what another has learnt. It holds
//! nothing that could not be found out again: a damaged one is reported and begun anew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ProbeFailure;
use crate::library::THIS_INTERFACE;
use crate::log::say;

/// The file's name in the data directory.
const FILE: &str = "probes.json";
/// The lock that writers take turns with.
const LOCK: &str = "probes.lock";
/// The version of the format.
const FORMAT: u32 = 1;
/// How many verdicts are kept: the latest.
const MOST: usize = 1000;
/// More than the file can hold, in bytes.
const LARGEST: u64 = 16 << 20;
/// How long writers wait for each other, who need a few milliseconds each.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found out about a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finding {
    /// It came through.
    Passed,
    /// It did what it must not do.
    Failed(ProbeFailure),
}

/// An entry of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verdict {
    /// The SHA-256 of the library's bytes, in hexadecimal.
    sha256: String,
    /// The host's version.
    host: String,
    /// Its interface.
    interface: String,
    /// The file's name, for people.
    file: String,
    /// When it was found out (RFC 3339, UTC).
    pub(super) time: String,
    pub(super) finding: Finding,
}

impl Verdict {
    /// A verdict of this host's.
    pub(super) fn new(sha256: &str, file: &Path, time: String, finding: Finding) -> Self {
        let file = file.file_name().unwrap_or_default();
        Self {
            sha256: sha256.to_owned(),
            host: env!("CARGO_PKG_VERSION").to_owned(),
            interface: THIS_INTERFACE.to_string(),
            file: file.to_string_lossy().into_owned(),
            time,
            finding,
        }
    }

    /// Whether it is one of this host's on those bytes.
    fn is_on(&self, sha256: &str) -> bool {
        self.sha256 == sha256
            && self.host == env!("CARGO_PKG_VERSION")
            && self.interface == THIS_INTERFACE.to_string()
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    op_listener_probes: u32,
    verdicts: Vec<Verdict>,
}

/// The file of verdicts in a data directory.
pub(super) struct Verdicts {
    dir: PathBuf,
    /// What stood in it when it was read.
    known: Vec<Verdict>,
}

impl Verdicts {
    /// Reads the file, if there is one. A damaged one is reported, and is as good as none.
    pub(super) fn read(dir: &Path) -> Self {
        let known = read(dir).unwrap_or_else(|error| {
            let file = dir.join(FILE);
            say!(
                PROBES_DAMAGED,
                "What earlier probes found out is lost: {file:?} {error}; it will be made anew"
            );
            Vec::new()
        });
        Self {
            dir: dir.to_owned(),
            known,
        }
    }

    /// What is known of those bytes.
    pub(super) fn on(&self, sha256: &str) -> Option<&Verdict> {
        self.known.iter().rev().find(|known| known.is_on(sha256))
    }

    /// Keeps a verdict in place of an earlier one on the same bytes.
    pub(super) fn keep(&mut self, verdict: &Verdict) {
        self.replace(&verdict.sha256, Some(verdict));
    }

    /// Forgets what is known of those bytes.
    pub(super) fn forget(&mut self, sha256: &str) {
        if self.on(sha256).is_some() {
            self.replace(sha256, None);
        }
    }

    fn replace(&mut self, sha256: &str, with: Option<&Verdict>) {
        let apply = |verdicts: &mut Vec<Verdict>| {
            verdicts.retain(|known| !known.is_on(sha256));
            verdicts.extend(with.cloned());
            let surplus = verdicts.len().saturating_sub(MOST);
            verdicts.drain(..surplus);
        };
        apply(&mut self.known);
        if let Err(error) = update(&self.dir, apply) {
            let file = self.dir.join(FILE);
            say!(
                PROBES_NOT_KEPT,
                "What a probe found out cannot be kept in {file:?}: {error}; the next start finds it out again"
            );
        }
    }
}

/// What stands in the file; nothing where there is none.
fn read(dir: &Path) -> Result<Vec<Verdict>, String> {
    let path = dir.join(FILE);
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err("is no file".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(error)),
    }
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(cannot)?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(cannot)?;
    let contents: Contents =
        serde_json::from_slice(&bytes).map_err(|error| format!("is damaged: {error}"))?;
    if contents.op_listener_probes != FORMAT {
        let found = contents.op_listener_probes;
        return Err(format!("has format {found}, and this host knows {FORMAT}"));
    }
    Ok(contents.verdicts)
}

/// Changes what stands in the file by now, which may be more than was read from it.
fn update(dir: &Path, change: impl FnOnce(&mut Vec<Verdict>)) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    let _lock = lock(&dir.join(LOCK))?;
    // Damage was reported when the file was first read.
    let mut verdicts = read(dir).unwrap_or_default();
    change(&mut verdicts);
    let mut json = serde_json::to_vec_pretty(&Contents {
        op_listener_probes: FORMAT,
        verdicts,
    })?;
    json.push(b'\n');
    // Whoever holds the lock is the only one who writes to it, and what a dead host left goes.
    let new = dir.join(format!("{FILE}.new"));
    let mut file = File::create(&new)?;
    file.write_all(&json)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, dir.join(FILE))
}

/// Takes the lock. Freed with the drop, and by the system when the process dies.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let lock = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(io::Error::other(format!("another process holds {path:?}")));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(sha256: &str) -> Verdict {
        let time = "2026-11-21T19:00:00Z".to_owned();
        Verdict::new(sha256, Path::new("/p/libx.so"), time, Finding::Passed)
    }

    #[test]
    fn verdicts_are_found_again_by_bytes_and_version() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("made/when/needed");
        let mut verdicts = Verdicts::read(&data);
        assert!(!data.exists(), "nothing to keep, nothing made");
        verdicts.keep(&passed("aa"));
        let mut foreign = passed("bb");
        foreign.host = "0.0.1".to_owned();
        verdicts.keep(&foreign);
        let mut again = Verdicts::read(&data);
        assert_eq!(again.on("aa"), Some(&passed("aa")));
        assert_eq!(
            again.on("bb"),
            None,
            "another host's word is not this one's"
        );
        again.forget("aa");
        assert_eq!(again.on("aa"), None);
        assert_eq!(Verdicts::read(&data).known, [foreign]);
    }

    #[test]
    fn damage_costs_what_was_known_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        for damaged in ["", "{", "[]", "{\"op_listener_probes\":2,\"verdicts\":[]}"] {
            fs::write(&file, damaged).unwrap();
            assert!(read(dir.path()).is_err(), "{damaged:?}");
            let mut verdicts = Verdicts::read(dir.path());
            assert_eq!(verdicts.known, []);
            verdicts.keep(&passed("aa"));
            assert_eq!(Verdicts::read(dir.path()).known, [passed("aa")]);
        }
    }

    #[test]
    fn hosts_that_start_together_lose_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        thread::scope(|scope| {
            for host in 0..8 {
                let dir = dir.path();
                scope.spawn(move || {
                    let mut verdicts = Verdicts::read(dir);
                    for n in 0..5 {
                        verdicts.keep(&passed(&format!("{host}-{n}")));
                    }
                });
            }
        });
        assert_eq!(Verdicts::read(dir.path()).known.len(), 40);
    }

    #[test]
    fn the_latest_verdicts_are_kept_and_no_more_than_that() {
        let dir = tempfile::tempdir().unwrap();
        update(dir.path(), |verdicts| {
            verdicts.extend((0..MOST).map(|n| passed(&n.to_string())));
        })
        .unwrap();
        let mut verdicts = Verdicts::read(dir.path());
        verdicts.keep(&passed("new"));
        let verdicts = Verdicts::read(dir.path());
        assert_eq!(verdicts.known.len(), MOST);
        assert!(verdicts.on("0").is_none() && verdicts.on("1").is_some());
        assert!(verdicts.on("new").is_some());
    }
}
