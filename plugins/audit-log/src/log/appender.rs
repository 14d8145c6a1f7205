//! Appends records to the current file, one `write` each, and rotates it. There is one appender per
//! log, behind a lock; what it may rely on is that nobody else writes the file, and it notices when
//! somebody does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::disk::{Disk, FileId, LogFile, begun};
use super::recover::recover;
use super::round::Round;
use super::{LogError, Place, lock};
use crate::chain::{Body, Link};
use crate::config::{FileSettings, Fsync};

/// How long to wait after a rotation that failed before it is tried again.
const ROTATION_PAUSE: Duration = Duration::from_mins(1);
/// How often to look whether the path still names the file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Appender {
    place: Place,
    settings: FileSettings,
    disk: Box<dyn Disk>,
    head: Link,
    /// `None` while there is none and it could not be made.
    current: Option<Current>,
    round: Arc<Round>,
    /// Whether there are records that were not forced to disk.
    unsynced: bool,
    no_rotation_before: Option<SystemTime>,
    /// Released when all else is done.
    _lock: File,
}

/// The file that is appended to.
struct Current {
    file: Arc<dyn LogFile>,
    id: FileId,
    /// Up to the end of the last whole record.
    len: u64,
    first_seq: u64,
    since: SystemTime,
    looked: SystemTime,
    /// There may be a part of a record after `len`.
    torn: bool,
}

/// What somebody else did to the file.
enum Meddling {
    Deleted,
    Moved,
    Resized { to: u64 },
}

impl Appender {
    pub(super) fn open(
        place: Place,
        settings: FileSettings,
        disk: Box<dyn Disk>,
        patience: Duration,
    ) -> Result<Self, LogError> {
        let lock = lock::acquire(&place.lock(), patience)?;
        let now = disk.now();
        let recovered = recover(&place, now)?;
        let path = place.path().to_owned();
        let mut appender = Self {
            place,
            settings,
            disk,
            head: recovered.head,
            current: None,
            round: Arc::default(),
            unsynced: false,
            no_rotation_before: None,
            _lock: lock,
        };
        match std::fs::metadata(&path) {
            Ok(metadata) => {
                let since = begun(&metadata).unwrap_or(now);
                let file = appender.disk.open(&path, false);
                let file = file.map_err(|error| LogError::io("open", &path, error))?;
                appender.adopt(file, recovered.first_seq, since, now)?;
            }
            Err(_) => appender.create(now)?,
        }
        appender.prune();
        Ok(appender)
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn adopt(
        &mut self,
        file: Arc<dyn LogFile>,
        first_seq: u64,
        since: SystemTime,
        now: SystemTime,
    ) -> Result<(), LogError> {
        let wrong = |error| LogError::io("look at", self.path(), error);
        let id = file.id().map_err(wrong)?;
        let len = file.stat().map_err(wrong)?.len;
        self.current = Some(Current {
            file,
            id,
            len,
            first_seq,
            since,
            looked: now,
            torn: false,
        });
        Ok(())
    }

    fn create(&mut self, now: SystemTime) -> Result<(), LogError> {
        let file = self.disk.open(self.path(), true);
        let file = file.map_err(|error| LogError::io("make", self.path(), error))?;
        self.adopt(file, self.head.seq + 1, now, now)?;
        self.sync_dir()
    }

    fn sync_dir(&self) -> Result<(), LogError> {
        if self.settings.fsync == Fsync::Never {
            return Ok(());
        }
        let dir = self.place.dir();
        let synced = self.disk.sync_dir(dir);
        synced.map_err(|error| LogError::io("force to disk the directory", dir, error))
    }

    /// Writes a record. The round is the one that will force it to disk.
    pub(super) fn append(&mut self, body: Body<'_>) -> Result<Arc<Round>, LogError> {
        let now = self.disk.now();
        self.look(now)?;
        let (line, head) = body.seal(self.head);
        if self.rotation_is_due(line.len() as u64, now) {
            self.rotate(now)?;
        }
        if self.current.is_none() {
            self.create(now)?;
        }
        let current = self
            .current
            .as_mut()
            .expect("it was made where it was missing");
        let written = write_once(&*current.file, line);
        match written {
            Ok(written) if written == line.len() => {
                current.len += line.len() as u64;
                self.head = head;
                self.unsynced = true;
                Ok(Arc::clone(&self.round))
            }
            failed => {
                current.torn = true;
                // Where this fails too, it is tried again before the next record.
                let _ = current.repair();
                let path = self.path().to_owned();
                Err(match failed {
                    Ok(written) => LogError::Short {
                        path,
                        written,
                        wanted: line.len(),
                    },
                    Err(error) => LogError::io("write to", path, error),
                })
            }
        }
    }

    /// Makes sure that the file is the one that was left, and ends with a whole record.
    fn look(&mut self, now: SystemTime) -> Result<(), LogError> {
        let path = self.place.path();
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let wrong = |error| LogError::io("look at", path, error);
        if current.torn {
            let repaired = current.repair();
            repaired.map_err(|error| LogError::io("cut an unfinished record off", path, error))?;
        }
        let stat = current.file.stat().map_err(wrong)?;
        let meddling = if stat.links == 0 {
            Meddling::Deleted
        } else if stat.len != current.len {
            Meddling::Resized { to: stat.len }
        } else {
            let since = now.duration_since(current.looked);
            if since.is_ok_and(|since| since < LOOK_EVERY) {
                return Ok(());
            }
            current.looked = now;
            if self.disk.id(path).map_err(wrong)? == Some(current.id) {
                return Ok(());
            }
            Meddling::Moved
        };
        self.abandon(&meddling, now)
    }

    /// Leaves a file that somebody else touched as it is, under a rotated file's name if it still
    /// has the log's, so that the next record begins a new one.
    fn abandon(&mut self, meddling: &Meddling, now: SystemTime) -> Result<(), LogError> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        let (what, first_seq) = match meddling {
            Meddling::Deleted => ("was deleted, with the records in it".to_owned(), None),
            Meddling::Moved => ("was moved away or replaced".to_owned(), None),
            Meddling::Resized { to } => (
                format!(
                    "was changed: it should have {} bytes and has {to}",
                    current.len
                ),
                Some(current.first_seq),
            ),
        };
        let path = self.path();
        let there = self.disk.id(path);
        let there = there.map_err(|error| LogError::io("look at", path, error))?;
        let aside = there.map(|_| {
            let first_seq = first_seq.unwrap_or(self.head.seq + 1);
            self.place.rotated(first_seq, now)
        });
        if let Some(aside) = &aside {
            let renamed = self.disk.rename(path, aside);
            renamed.map_err(|error| LogError::io("set aside", path, error))?;
        }
        tracing::error!(
            file = %path.display(),
            aside = aside.map(|aside| aside.display().to_string()),
            last_record = self.head.seq,
            "the audit log {what}, and not by its writer; the chain goes on in a new file",
        );
        self.finish_file();
        Ok(())
    }

    fn rotation_is_due(&self, adding: u64, now: SystemTime) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        if current.len == 0 || self.no_rotation_before.is_some_and(|until| now < until) {
            return false;
        }
        let full = |max| current.len + adding > max;
        let old = |max| {
            now.duration_since(current.since)
                .is_ok_and(|age| age >= max)
        };
        self.settings.max_size.is_some_and(full) || self.settings.max_age.is_some_and(old)
    }

    /// Gives the current file a rotated file's name and makes a new one. Where the renaming fails,
    /// the current file goes on: a file that is too large is better than a record that is lost.
    fn rotate(&mut self, now: SystemTime) -> Result<(), LogError> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        let rotated = self.place.rotated(current.first_seq, now);
        if let Err(error) = self.disk.rename(self.path(), &rotated) {
            tracing::error!(
                file = %self.path().display(),
                to = %rotated.display(),
                %error,
                "the audit log cannot be rotated; it goes on in the same file",
            );
            self.no_rotation_before = now.checked_add(ROTATION_PAUSE);
            return Ok(());
        }
        self.no_rotation_before = None;
        self.finish_file();
        self.create(now)?;
        self.prune();
        Ok(())
    }

    /// Lets go of the current file, with what was written to it on disk.
    fn finish_file(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        if self.unsynced
            && self.settings.fsync != Fsync::Never
            && let Err(error) = current.file.sync()
        {
            let failed = Err(LogError::io("force to disk", self.path(), error));
            std::mem::take(&mut self.round).end(failed);
        }
        self.unsynced = false;
    }

    /// Deletes the oldest rotated files beyond the bound.
    fn prune(&self) {
        let Some(keep) = self.settings.keep else {
            return;
        };
        let pruned = self.place.list_rotated().and_then(|rotated| {
            let surplus = rotated.len().saturating_sub(keep);
            rotated[..surplus]
                .iter()
                .try_for_each(|path| self.disk.remove(path))
        });
        if let Err(error) = pruned {
            tracing::warn!(
                dir = %self.place.dir().display(),
                %error,
                "old audit files cannot be deleted; tried again with the next rotation",
            );
        }
    }

    /// Closes the open round: the round, and the file to be forced to disk for it, if any.
    pub(super) fn close_round(&mut self) -> (Arc<Round>, Option<Arc<dyn LogFile>>) {
        let file = self.current.as_ref().filter(|_| self.unsynced);
        let file = file.map(|current| Arc::clone(&current.file));
        self.unsynced = false;
        (std::mem::take(&mut self.round), file)
    }

    pub(super) fn head(&self) -> Link {
        self.head
    }
}

impl Current {
    /// Cuts off what a write that failed may have left after the last whole record.
    fn repair(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.torn = false;
        Ok(())
    }
}

fn write_once(file: &dyn LogFile, line: &[u8]) -> io::Result<usize> {
    loop {
        match file.append(line) {
            // Nothing was written yet.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
