//! The directory for what a library writes in its probe. The host names it, the supervisor makes
//! and removes it; where the supervisor was ended, the host removes it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A name that no other probe has.
pub(super) fn new_name() -> PathBuf {
    let name = format!("op-listener-probe-{}", uuid::Uuid::now_v7().simple());
    env::temp_dir().join(name)
}

/// Such a directory. Removed with the drop.
pub(super) struct Scratch<'a> {
    path: &'a Path,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(path: &'a Path) -> io::Result<Self> {
        #[cfg_attr(not(unix), allow(unused_mut, reason = "the mode is Unix's"))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        self.path
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        remove(self.path);
    }
}

/// Removes it, if it is there.
pub(super) fn remove(path: &Path) {
    // What cannot be removed is left to the system, as other temporary files are.
    let _ = fs::remove_dir_all(path);
}
