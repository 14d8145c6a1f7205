//! Logs with small records, and a disk whose faults the test decides.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses its part"
)]

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use op_listener_api::JsonObject;
use op_listener_audit_log::chain::{Body, Link};
use op_listener_audit_log::claims::ClaimsFilter;
use op_listener_audit_log::config::{FileSettings, Fsync};
use op_listener_audit_log::log::{Disk, FileId, Log, LogError, LogFile, Place, RealDisk, Stat};
use op_listener_audit_log::record::{Entry, Filter, Format, Kind};
use op_listener_audit_log::verify::{self, Report};

pub fn settings() -> FileSettings {
    FileSettings {
        format: Format::Native,
        max_size: None,
        max_age: None,
        keep: None,
        fsync: Fsync::Never,
    }
}

pub fn open(path: &Path, settings: &FileSettings) -> Result<Log, LogError> {
    open_on(path, settings, Box::new(RealDisk))
}

pub fn open_on(path: &Path, settings: &FileSettings, disk: Box<dyn Disk>) -> Result<Log, LogError> {
    Log::open(Place::new(path)?, settings.clone(), disk, None)
}

/// The body of a record with an id and claims.
pub fn body(format: Format, id: &str, claims: &str) -> Vec<u8> {
    let claims = JsonObject::parse(claims).unwrap();
    let none = JsonObject::parse("{}").unwrap();
    let entry = Entry {
        kind: Kind::IdTokenIssue,
        id,
        txn: None,
        time_micros: 1_795_291_073_677_000,
        issuer: "https://op.example.com",
        client_id: "000123",
        client_name: None,
        subject: Some("alice"),
        claims: Some(&claims),
        more: &none,
        set: None,
    };
    let all = ClaimsFilter::new(None, None).unwrap();
    let mut out = Vec::new();
    let filter = Filter {
        claims: &all,
        members: None,
    };
    entry.write(format, &filter, &mut out);
    out
}

pub fn append(log: &Log, id: &str) -> Result<(), LogError> {
    let format = log.settings().format;
    log.append(Body::new(
        &mut body(format, id, r#"{"sub":"alice"}"#),
        format,
    ))
}

/// Verifies the log at `path` with all its files.
pub fn report(path: &Path, expected: &[Link]) -> Report {
    let sets = verify::find(&[path.to_owned()]).unwrap();
    let [set] = &*sets else {
        panic!("one log, not {}", sets.len());
    };
    verify::verify(set, expected).unwrap()
}

#[track_caller]
pub fn assert_intact(path: &Path, records: u64) {
    let report = report(path, &[]);
    assert_eq!(report.finding, None);
    assert_eq!(report.records, records);
}

/// The ids of the records of a log, in order.
pub fn ids(path: &Path) -> Vec<String> {
    let sets = verify::find(&[path.to_owned()]).unwrap();
    let files = sets[0]
        .files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap());
    let text: String = files.collect();
    let id = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["event"]["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

pub fn files_in(dir: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(name).collect();
    names.retain(|name| !name.contains(".lock"));
    names.sort();
    names
}

/// What the next write does.
#[derive(Clone, Copy, Debug)]
pub enum Write {
    Whole,
    /// Only so many bytes are taken.
    Short(usize),
    /// So many bytes are taken, and then it is an error all the same.
    Fails(usize, io::ErrorKind),
    Panics,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub struct Faults {
    pub writes: VecDeque<Write>,
    pub set_len_fails: bool,
    pub open_fails: bool,
    pub rename_fails: bool,
    pub sync_fails: bool,
    pub syncs: usize,
    pub sync_takes: Duration,
    pub now: SystemTime,
}

#[derive(Clone)]
pub struct FaultyDisk(Arc<Mutex<Faults>>);

impl FaultyDisk {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Faults {
            writes: VecDeque::new(),
            set_len_fails: false,
            open_fails: false,
            rename_fails: false,
            sync_fails: false,
            syncs: 0,
            sync_takes: Duration::ZERO,
            // After the time of any file of the test.
            now: UNIX_EPOCH + Duration::from_secs(4_000_000_000),
        })))
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn fail_if(fails: bool) -> io::Result<()> {
        if fails {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, new: bool) -> io::Result<Arc<dyn LogFile>> {
        Self::fail_if(self.faults().open_fails)?;
        let file = RealDisk.open(path, new)?;
        let disk = self.clone();
        Ok(Arc::new(FaultyFile { file, disk }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Self::fail_if(self.faults().rename_fails)?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        RealDisk.id(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn now(&self) -> SystemTime {
        self.faults().now
    }
}

struct FaultyFile {
    file: Arc<dyn LogFile>,
    disk: FaultyDisk,
}

impl LogFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let fault = self
            .disk
            .faults()
            .writes
            .pop_front()
            .unwrap_or(Write::Whole);
        match fault {
            Write::Whole => self.file.append(bytes),
            Write::Short(taken) => self.file.append(&bytes[..taken]),
            Write::Fails(taken, kind) => {
                self.file.append(&bytes[..taken])?;
                Err(kind.into())
            }
            Write::Panics => panic!("as the test wants it"),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        FaultyDisk::fail_if(self.disk.faults().set_len_fails)?;
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let (fails, takes) = {
            let mut faults = self.disk.faults();
            faults.syncs += 1;
            (faults.sync_fails, faults.sync_takes)
        };
        std::thread::sleep(takes);
        FaultyDisk::fail_if(fails)?;
        self.file.sync()
    }

    fn stat(&self) -> io::Result<Stat> {
        self.file.stat()
    }

    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }
}

pub fn rotated(path: &Path) -> Vec<PathBuf> {
    Place::new(path).unwrap().list_rotated().unwrap()
}
