//! A directory for the length of a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A new, empty directory, removed when this is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// # Panics
    ///
    /// The system's directory for temporary files cannot be written to.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let parent = std::env::temp_dir();
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("op-listener-{}-{number}", std::process::id()));
            match builder.create(&path) {
                Ok(()) => return Self(path),
                // Left behind by a process that was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!(
                    "the directory {} cannot be made: {error}; set TMPDIR to one that can be \
                     written to",
                    path.display()
                ),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
