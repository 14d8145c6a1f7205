//! Why a library was refused.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use super::{Distrust, InterfaceVersion, PinCommand, THIS_INTERFACE};
use crate::probe::ProbeFailure;

/// A library was refused. The text is one line that names the file, what is wrong with it, and
/// what to do.
#[derive(Debug)]
pub struct LoadError {
    file: PathBuf,
    reason: Reason,
}

/// What is wrong with a library.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The file cannot be read.
    Read(io::Error),
    /// The file is larger than any plugin should be, in bytes.
    TooLarge(u64),
    /// No shared library of any known format, or a damaged one.
    Format(String),
    /// A library of another kind of machine or operating system.
    Foreign(String),
    /// Part of the file is missing.
    Incomplete(String),
    /// A sound library, but with no metadata: not a plugin.
    NotAPlugin,
    /// The metadata cannot be understood.
    Metadata(String),
    /// The plugin says that it ends the process on panic.
    PanicAbort {
        /// The plugin's id.
        id: String,
        /// Its version.
        version: String,
    },
    /// The plugin needs an interface that this host does not serve.
    Interface {
        /// The plugin's id.
        id: String,
        /// Its version.
        version: String,
        /// The interface that it needs.
        needed: InterfaceVersion,
    },
    /// The file is not trusted.
    Untrusted(Box<Distrust>),
    /// The file is pinned and not in the directory.
    Missing {
        /// The plugin that is pinned: id and version.
        plugin: String,
        /// What would do without it.
        command: Box<PinCommand>,
    },
    /// The library did in a probe what it must not do in the host.
    Probe(Box<ProbeFailure>),
    /// The library could not be probed, for a reason that does not lie in it.
    ProbeImpossible(String),
    /// The system's loader refused the library.
    Loader(String),
    /// The library has metadata but no table to go with it.
    NoTable,
    /// The table is not what this interface has.
    Layout {
        /// In one line.
        summary: String,
        /// In all detail.
        detail: String,
    },
    /// The table does not go with the metadata.
    Exports(String),
    /// The library failed when it was first called.
    Start(String),
    /// There is another library with this plugin id.
    Duplicate {
        /// The plugin's id.
        id: String,
        /// The file that has it too.
        first: PathBuf,
    },
}

impl LoadError {
    pub(crate) fn new(file: &Path, reason: Reason) -> Self {
        Self {
            file: file.to_owned(),
            reason,
        }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    pub(crate) fn into_reason(self) -> Reason {
        self.reason
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Debug` of a path escapes what could forge a log line.
        write!(f, "{:?}: {}", self.file, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::TooLarge(size) => write!(
                f,
                "is {size} bytes long, more than any plugin should be: remove it"
            ),
            Self::Format(what) => write!(
                f,
                "is no shared library, or a damaged one ({what}): copy it again"
            ),
            Self::Foreign(what) => write!(
                f,
                "is built for another machine ({what}): use a build for {}",
                this_machine()
            ),
            Self::Incomplete(what) => {
                write!(f, "is incomplete ({what}): copy it again")
            }
            Self::NotAPlugin => f.write_str("is a library but not a plugin: passed over"),
            Self::Metadata(what) => write!(
                f,
                "has metadata that cannot be understood ({what}): rebuild it, or update the host"
            ),
            Self::PanicAbort { id, version } => write!(
                f,
                "listener '{id}' {version} is built with `panic = \"abort\"`, and one panic in it would end the host: rebuild it with `panic = \"unwind\"`"
            ),
            Self::Interface {
                id,
                version,
                needed,
            } => {
                write!(
                    f,
                    "listener '{id}' {version} needs interface {needed}, this host has {THIS_INTERFACE}: "
                )?;
                f.write_str(if *needed > THIS_INTERFACE {
                    "update the host, or use an older listener"
                } else {
                    "use a newer listener, or an older host"
                })
            }
            Self::Untrusted(why) => write!(f, "is not trusted: {why}"),
            Self::Missing { plugin, command } => write!(
                f,
                "is pinned ({plugin}) but not there: put it back, or, if it is meant to be gone, run {command}"
            ),
            Self::Probe(failure) => failure.fmt(f),
            Self::ProbeImpossible(what) => write!(
                f,
                "could not be probed before loading ({what}): mend that, or set `probe = false` under `[plugins]`"
            ),
            Self::Loader(what) => write!(f, "cannot be loaded: {what}"),
            Self::NoTable => f.write_str(
                "has metadata but exports no listener table: link it as a `cdylib` and keep the symbols that `export!` makes",
            ),
            Self::Layout { summary, .. } => write!(
                f,
                "was built against a different interface {THIS_INTERFACE} ({summary}): rebuild it with a released op-listener-api"
            ),
            Self::Exports(what) => write!(f, "exports other listeners than its metadata says ({what}): rebuild it"),
            Self::Start(what) => write!(f, "failed to start: {what}"),
            Self::Duplicate { id, first } => write!(
                f,
                "has the plugin id '{id}', which {first:?} has too: remove one of them"
            ),
        }
    }
}

fn this_machine() -> String {
    format!("{} {}", std::env::consts::ARCH, std::env::consts::OS)
}

impl error::Error for LoadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.reason {
            Reason::Read(error) => Some(error),
            Reason::Untrusted(why) => Some(&**why),
            Reason::Probe(failure) => Some(&**failure),
            _ => None,
        }
    }
}
