//! Whether files have changed since they were read.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::SystemTime;

/// What tells that files are others than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamps(Vec<Option<Stamp>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamps {
    /// Of these files as they are now. To be taken before they are read, so that a change in between
    /// is found later.
    pub(super) fn of<'p>(files: impl Iterator<Item = &'p Path>) -> Self {
        let stamp = |metadata: Metadata| Stamp {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: inode(&metadata),
        };
        Self(
            files
                .map(|file| fs::metadata(file).ok().map(stamp))
                .collect(),
        )
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Elsewhere time and length have to do.
#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}
