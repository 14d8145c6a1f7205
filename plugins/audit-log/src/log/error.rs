//! What can go wrong with the file.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the log could not be opened, or a record not be written.
#[derive(Clone, Debug)]
pub enum LogError {
    /// The operating system refused: what was being done, with which file, and its answer.
    Io {
        /// What was being done, such as `write to`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The answer.
        source: Arc<io::Error>,
    },
    /// Only a part of a record could be written; it was taken back.
    Short {
        /// The file.
        path: PathBuf,
        /// How many bytes were written.
        written: usize,
        /// How many it should have been.
        wanted: usize,
    },
    /// The path names something else than a regular file.
    NotAFile(PathBuf),
    /// The file holds something else than audit records.
    NotALog(PathBuf),
    /// Someone else writes the file.
    Held {
        /// The lock file.
        lock: PathBuf,
        /// The process that says it holds the lock.
        pid: Option<u32>,
    },
    /// The instance that this one replaces has not let go of the file.
    NotHandedOver(PathBuf),
    /// The listener has been shut down.
    Closed(PathBuf),
    /// Another instance writes the file, with other settings.
    OtherSettings(PathBuf),
    /// The thread that forces records to disk cannot be started.
    Thread(Arc<io::Error>),
}

impl LogError {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.into(),
            source: Arc::new(source),
        }
    }

    /// Whether it is the configuration that should be changed: a path that cannot be used, or
    /// settings that contradict those of another instance.
    pub fn is_config(&self) -> bool {
        use io::ErrorKind::{
            InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
            ReadOnlyFilesystem,
        };
        match self {
            Self::NotAFile(_) | Self::NotALog(_) | Self::Held { .. } | Self::OtherSettings(_) => {
                true
            }
            Self::Io { source, .. } => matches!(
                source.kind(),
                NotFound
                    | PermissionDenied
                    | ReadOnlyFilesystem
                    | IsADirectory
                    | NotADirectory
                    | InvalidFilename
                    | InvalidInput
            ),
            Self::Short { .. } | Self::Thread(_) | Self::NotHandedOver(_) | Self::Closed(_) => {
                false
            }
        }
    }

    /// Whether the file is free as soon as another instance in this process has ended: one of this
    /// library, or of another copy of it.
    pub(super) fn is_of_this_process(&self) -> bool {
        match self {
            Self::OtherSettings(_) => true,
            Self::Held { pid, .. } => *pid == Some(std::process::id()),
            _ => false,
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                doing,
                path,
                source,
            } => {
                // The answer comes last, where those who print sources too look for it.
                let advice = match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        " (make space there)"
                    }
                    io::ErrorKind::NotFound => {
                        " (the directory must exist: make it, or change `path`)"
                    }
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        " (the host's user must be able to write the file and its directory)"
                    }
                    _ => "",
                };
                write!(f, "cannot {doing} {}{advice}: {source}", path.display())
            }
            Self::Short {
                path,
                written,
                wanted,
            } => write!(
                f,
                "only {written} of a record's {wanted} bytes could be written to {}, so it was \
                 taken back: is the disk full?",
                path.display()
            ),
            Self::NotAFile(path) => write!(
                f,
                "{} is no regular file: an audit log must be one, change `path`",
                path.display()
            ),
            Self::NotALog(path) => write!(
                f,
                "{} does not end with an audit record, so it is left alone: move it away, or \
                 change `path`",
                path.display()
            ),
            Self::Held { lock, pid } => {
                match pid {
                    Some(pid) if *pid == std::process::id() => {
                        f.write_str("another copy of this plugin in the same process")?;
                    }
                    Some(pid) => write!(f, "process {pid}")?,
                    None => f.write_str("another process")?,
                }
                write!(
                    f,
                    " writes this audit log (it holds {}): give each its own `path`",
                    lock.display()
                )
            }
            Self::NotHandedOver(path) => write!(
                f,
                "the instance that was replaced still writes {}: it, or another listener, does not \
                 come back; if that goes on, restart the host",
                path.display()
            ),
            Self::Closed(path) => write!(
                f,
                "the listener was shut down, and has closed {}",
                path.display()
            ),
            Self::OtherSettings(path) => write!(
                f,
                "another listener writes {} with other settings: instances that share a file need \
                 the same `format`, `rotate`, `keep`, `fsync` and `fsync_interval`; else give each \
                 its own `path`",
                path.display()
            ),
            Self::Thread(source) => write!(
                f,
                "cannot start the thread that forces records to disk: {source}"
            ),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Thread(source) => Some(&**source),
            _ => None,
        }
    }
}
