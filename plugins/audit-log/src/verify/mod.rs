//! Verification: proves that the records of a log are those that were written, all of them and in
//! their order, or names the first one that is not. What that cannot prove is said in the package's
//! README.

mod files;
mod lines;
mod walk;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::chain::{Hash, Link};
pub use files::{FileSet, find};
pub use walk::verify;

/// What was found out about one log.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The log's path, or that of the first file where files were named one by one.
    pub log: PathBuf,
    /// Its files, in the order of the chain.
    pub files: Vec<PathBuf>,
    /// Whether nothing was found to be wrong.
    pub intact: bool,
    /// How many records were read before something wrong was found, or the end.
    pub records: u64,
    /// The first of them.
    pub first: Option<LinkReport>,
    /// The last of them.
    pub head: Option<LinkReport>,
    /// What is worth knowing although nothing is wrong with it.
    pub notes: Vec<String>,
    /// The first thing that is wrong.
    pub finding: Option<Finding>,
}

/// A link of the chain in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// The record's number.
    pub seq: u64,
    /// Its hash.
    #[serde(serialize_with = "as_text")]
    pub hash: Hash,
}

fn as_text<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}

impl From<Link> for LinkReport {
    fn from(Link { seq, hash }: Link) -> Self {
        Self { seq, hash }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What happened.
    pub kind: FindingKind,
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1: that of the record, or, if it was removed, the line where it should
    /// have been.
    pub line: u64,
    /// The record's number, as far as it is known.
    pub seq: Option<u64>,
    /// All of it in words.
    pub message: String,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// It is not what was written.
    Changed,
    /// It, and maybe others after it, is gone.
    Removed,
    /// It was not written there.
    Inserted,
    /// It stands in another place than it was written to.
    Reordered,
    /// Its line does not end, although others come after it.
    Unfinished,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, message, .. } = self;
        write!(f, "{}:{line}: {message}", self.file.display())
    }
}

/// Why nothing can be said.
#[derive(Debug)]
pub enum VerifyError {
    /// A file or directory cannot be read.
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// There is no log.
    NothingThere(PathBuf),
    /// The logs that there are have no record, and so nothing that could be verified.
    NoRecords(Vec<PathBuf>),
}

impl VerifyError {
    fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            Self::NothingThere(path) => write!(
                f,
                "there is no audit log at {}: name its file, its directory, or all its files",
                path.display()
            ),
            Self::NoRecords(logs) => {
                for (number, log) in logs.iter().enumerate() {
                    let comma = if number > 0 { ", " } else { "" };
                    write!(f, "{comma}{} is empty", log.display())?;
                }
                f.write_str(
                    ": nothing was written yet, or it was emptied; a record that was noted earlier \
                     tells which: name the log and give it with `--expect`",
                )
            }
        }
    }
}

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::NothingThere(_) | Self::NoRecords(_) => None,
        }
    }
}
