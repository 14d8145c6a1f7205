//! Why the store of the queues fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{error, fmt};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// Why the store fails. Cheap to clone: one failure may be that of many pushes.
#[derive(Clone, Debug)]
pub struct StoreError(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    kind: StoreErrorKind,
    source: Option<Source>,
}

#[derive(Debug)]
enum Source {
    Sqlite(rusqlite::Error),
    Io(std::io::Error),
}

/// In what way the store fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no store yet.
    Missing,
    /// Another host delivers from it. With that host's process, where it is known.
    InUse(Option<u32>),
    /// It was made by a later version of the host: its schema and the one known here.
    Newer(i64, i64),
    /// It is a database, and none of this host's.
    Foreign,
    /// It is damaged.
    Damaged,
    /// There is no room left.
    Full,
    /// It was busy for too long.
    Busy,
    /// The system cannot read or write it.
    Io,
    /// It is closed.
    Closed,
    /// Something failed inside.
    Internal,
}

impl StoreError {
    pub(super) fn new(path: &Path, kind: StoreErrorKind) -> Self {
        Self::with(path, kind, None)
    }

    pub(super) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            // Without a code: a row that is not what the schema says.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
                StoreErrorKind::Damaged
            }
            Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
            // The index of the log, which is made anew with each start, finds no room.
            Some(ErrorCode::SystemIoFailure)
                if error
                    .sqlite_error()
                    .is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) =>
            {
                StoreErrorKind::Full
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Busy,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed,
            ) => StoreErrorKind::Io,
            Some(_) => StoreErrorKind::Internal,
        };
        Self::with(path, kind, Some(Source::Sqlite(error)))
    }

    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::with(path, StoreErrorKind::Io, Some(Source::Io(error)))
    }

    fn with(path: &Path, kind: StoreErrorKind, source: Option<Source>) -> Self {
        Self(Arc::new(Inner {
            path: path.to_owned(),
            kind,
            source,
        }))
    }

    /// In what way.
    pub fn kind(&self) -> &StoreErrorKind {
        &self.0.kind
    }

    pub(super) fn is_damage(&self) -> bool {
        self.0.kind == StoreErrorKind::Damaged
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the queue store {:?} ", self.0.path)?;
        match &self.0.kind {
            StoreErrorKind::Missing => f.write_str(
                "is not there: no listener has opened a queue yet, or `path` under `[delivery]` names another place",
            ),
            StoreErrorKind::InUse(process) => {
                f.write_str("belongs to another running host")?;
                if let Some(process) = process {
                    write!(f, " (process {process})")?;
                }
                f.write_str(": stop that one, or give this one a `path` of its own under `[delivery]`")
            }
            StoreErrorKind::Newer(found, known) => write!(
                f,
                "has schema {found}, and this host knows {known}: update the host, or name another `path` under `[delivery]`"
            ),
            StoreErrorKind::Foreign => f.write_str(
                "is a database of something else: name another `path` under `[delivery]`",
            ),
            StoreErrorKind::Damaged => f.write_str("is damaged"),
            StoreErrorKind::Full => f.write_str("cannot grow, the disk is full: make room"),
            StoreErrorKind::Busy => f.write_str(
                "is locked by another program, such as an sqlite3 shell in the middle of a transaction: end it",
            ),
            StoreErrorKind::Io => f.write_str("cannot be read or written"),
            StoreErrorKind::Closed => f.write_str("is closed: the host is stopping"),
            StoreErrorKind::Internal => f.write_str("failed"),
        }?;
        match &self.0.source {
            Some(Source::Sqlite(error)) => write!(f, " ({error})"),
            Some(Source::Io(error)) => write!(f, " ({error})"),
            None => Ok(()),
        }
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0.source {
            Some(Source::Sqlite(error)) => Some(error),
            Some(Source::Io(error)) => Some(error),
            None => None,
        }
    }
}
