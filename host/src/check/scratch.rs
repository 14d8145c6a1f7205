//! A directory that is there for the length of a check.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A new directory for this user alone, removed with all that is in it when it is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        // Links in the path would make what listeners open look like other files.
        let place = fs::canonicalize(std::env::temp_dir())?;
        let dir = place.join(format!("op-listener-check-{}", uuid::Uuid::now_v7()));
        #[cfg_attr(not(unix), allow(unused_mut, reason = "the mode is Unix's"))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir)?;
        Ok(Self(dir))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The system clears its temporary files in time.
        let _ = fs::remove_dir_all(&self.0);
    }
}
