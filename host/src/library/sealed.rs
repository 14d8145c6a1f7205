//! A file's bytes, read once into memory of our own.
//!
//! A library that is still being copied, or is overwritten in place while it is mapped, takes the
//! process down with it. So nothing is ever mapped from the plugin directory: the bytes are read
//! once, and what is inspected, judged and hashed is what is loaded. On Linux they go to a sealed
//! memory file, elsewhere to a private copy.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::bytes::Bytes;
use super::read::{Access, ReadError, read};
use super::{LoadError, Reason, Sha256};

/// Larger than any plugin should be.
const LARGEST: u64 = 512 << 20;

/// The bytes of a file as they were when it was read, and who could write there. Keeps nothing
/// open: a directory may hold more files than a process may have open.
pub struct Sealed {
    file: PathBuf,
    bytes: Bytes,
    access: io::Result<Access>,
    sha256: OnceLock<Sha256>,
}

impl Sealed {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no regular file, or is larger than any plugin should be.
    pub fn read(file: &Path) -> Result<Self, LoadError> {
        let contents = read(file, LARGEST).map_err(|error| {
            let reason = match error {
                ReadError::Io(error) => Reason::Read(error),
                ReadError::NotAFile => Reason::Format("not a regular file".to_owned()),
                ReadError::TooLong(length) => Reason::TooLarge(length),
            };
            LoadError::new(file, reason)
        })?;
        Ok(Self {
            file: file.to_owned(),
            bytes: contents.bytes,
            access: contents.access,
            sha256: OnceLock::new(),
        })
    }

    /// Where the bytes came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 of the bytes, computed when first asked for.
    pub fn sha256(&self) -> Sha256 {
        *self.sha256.get_or_init(|| Sha256::of(&self.bytes))
    }

    /// Who could write the file when it was read.
    pub(super) fn access(&self) -> Result<&Access, &io::Error> {
        self.access.as_ref()
    }

    /// Puts the bytes where the system's loader can map them and nobody can change them.
    pub(crate) fn stage(&self) -> std::io::Result<Staged> {
        platform::stage(self)
    }
}

/// Bytes ready to be mapped.
pub(crate) struct Staged {
    path: PathBuf,
    /// Keeps the path valid until the library is mapped.
    file: File,
}

impl Staged {
    /// Bytes that another process has made ready, `file` being open for as long as `path` is to
    /// be valid.
    pub(crate) fn new(path: PathBuf, file: File) -> Self {
        Self { path, file }
    }

    /// What the system's loader opens.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same, open.
    #[cfg(target_os = "linux")]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Removes bytes that were not mapped, or not by a process that still runs.
    pub(crate) fn discard(self) {
        platform::discard(self);
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs::File;
    use std::io::{self, Write};
    use std::os::fd::{AsRawFd, RawFd};
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    use super::{Sealed, Staged};

    pub(super) fn stage(sealed: &Sealed) -> io::Result<Staged> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // The name shows up in the process's memory map. The kernel takes 249 bytes at the most.
        let name = sealed.file.file_name().unwrap_or_default();
        let name: String = name.to_string_lossy().chars().take(60).collect();
        let name = name.replace('\0', "");
        let mut file = File::from(memfd_create(&*name, flags)?);
        file.write_all(&sealed.bytes)?;
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&file, seals)?;
        let path = path_of_its_own(file.as_raw_fd());
        Ok(Staged::new(path.into(), file))
    }

    /// The memory goes with the last descriptor.
    pub(super) fn discard(staged: Staged) {
        drop(staged);
    }

    static STAGED: AtomicU32 = AtomicU32::new(0);

    /// A path to a descriptor that no other staged file has or had. The system's loader takes a
    /// path that it has seen for the library that it loaded then, and descriptors are numbered
    /// anew once they are closed. So each path spells its way to the same directory differently:
    /// a bit of a counter is one more `/`, or one more `/.`.
    fn path_of_its_own(descriptor: RawFd) -> String {
        let number = STAGED.fetch_add(1, Ordering::Relaxed);
        let bits = (0..u32::BITS - number.leading_zeros()).map(|bit| number >> bit & 1);
        let way: String = bits.map(|bit| if bit == 0 { "/" } else { "/." }).collect();
        format!("/proc/self/fd{way}/{descriptor}")
    }

    #[cfg(test)]
    mod tests {
        use std::collections::HashSet;
        use std::os::fd::AsRawFd as _;

        use super::path_of_its_own;

        #[test]
        fn no_path_comes_twice_though_descriptors_do() {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut seen = HashSet::new();
            for _ in 0..1000 {
                let path = path_of_its_own(file.as_raw_fd());
                assert_eq!(std::fs::canonicalize(&path).unwrap(), file.path(), "{path}");
                assert!(seen.insert(path));
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, Write};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Sealed, Staged};

    static NEXT: AtomicU64 = AtomicU64::new(0);

    /// Copies the bytes to a directory of this process alone. Mapped libraries cannot be deleted
    /// everywhere, so the copy stays until the system clears its temporary files.
    pub(super) fn stage(sealed: &Sealed) -> io::Result<Staged> {
        let dir = std::env::temp_dir().join(format!(
            "op-listener-{}-{}",
            std::process::id(),
            uuid::Uuid::now_v7()
        ));
        #[cfg_attr(not(unix), allow(unused_mut, reason = "the mode is Unix's"))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = sealed.file.file_name().unwrap_or_default();
        let path = dir.join(format!("{number}-{}", name.to_string_lossy()));
        let mut copy = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        copy.write_all(&sealed.bytes)?;
        drop(copy);
        let file = File::open(&path)?;
        Ok(Staged::new(path, file))
    }

    /// What cannot be removed is left to the system.
    pub(super) fn discard(staged: Staged) {
        let Staged { path, file } = staged;
        drop(file);
        let _ = fs::remove_file(&path);
        if let Some(dir) = path.parent() {
            let _ = fs::remove_dir(dir);
        }
    }
}
