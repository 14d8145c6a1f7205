//! What the log asks of the file system, as a trait, so that tests can have disks that fail. What
//! differs between platforms stands here and nowhere else.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Which file it is, for as long as it exists: device and inode where there are such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u64, u64);

/// What is known of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its length in bytes.
    pub len: u64,
    /// How many names it has; none once it was deleted.
    pub links: u64,
}

/// A file that is open for appending.
pub trait LogFile: Send + Sync {
    /// Writes at the end, once; says how many bytes were taken.
    ///
    /// # Errors
    ///
    /// As `write(2)`.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file off.
    ///
    /// # Errors
    ///
    /// As `ftruncate(2)`.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Forces what was written to disk.
    ///
    /// # Errors
    ///
    /// As `fdatasync(2)`.
    fn sync(&self) -> io::Result<()>;
    /// What is known of it now. Asked before each record.
    ///
    /// # Errors
    ///
    /// As `fstat(2)`.
    fn stat(&self) -> io::Result<Stat>;
    /// Which file it is.
    ///
    /// # Errors
    ///
    /// As `fstat(2)`.
    fn id(&self) -> io::Result<FileId>;
}

/// Where log files are.
pub trait Disk: Send {
    /// Opens a file for appending, for its owner alone; `new` if it must not be there yet.
    ///
    /// # Errors
    ///
    /// As `open(2)`.
    fn open(&self, path: &Path, new: bool) -> io::Result<Arc<dyn LogFile>>;
    /// Renames a file.
    ///
    /// # Errors
    ///
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Deletes a file.
    ///
    /// # Errors
    ///
    /// As `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Which file a path names; `None` if none.
    ///
    /// # Errors
    ///
    /// As `stat(2)`.
    fn id(&self, path: &Path) -> io::Result<Option<FileId>>;
    /// Forces a directory's entries to disk.
    ///
    /// # Errors
    ///
    /// As `fsync(2)`.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// What the clock says.
    fn now(&self) -> SystemTime;
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, new: bool) -> io::Result<Arc<dyn LogFile>> {
        let mut options = OpenOptions::new();
        platform::appending(&mut options);
        platform::owner_only(&mut options);
        options.create(true).create_new(new);
        Ok(Arc::new(options.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(platform::id(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        platform::sync_dir(dir)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl LogFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        platform::append(self, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn stat(&self) -> io::Result<Stat> {
        platform::stat(self)
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(platform::id(&self.metadata()?))
    }
}

/// When a file was begun, as well as the file system knows.
pub(super) fn begun(metadata: &Metadata) -> Option<SystemTime> {
    metadata.created().or_else(|_| metadata.modified()).ok()
}

/// Makes files that their owner alone may read and write.
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    platform::owner_only(options);
    options
}

#[cfg(unix)]
mod platform {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io::{self, Write as _};
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    use std::path::Path;

    use super::{FileId, Stat};

    pub(super) fn owner_only(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    pub(super) fn appending(options: &mut OpenOptions) {
        options.append(true);
    }

    pub(super) fn append(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Asks for no more than is needed: whoever asks for the time of the last change makes the next
    /// write more expensive, for the file system then has to note a new one.
    #[cfg(target_os = "linux")]
    pub(super) fn stat(file: &File) -> io::Result<Stat> {
        use rustix::fs::{AtFlags, StatxFlags, statx};

        let wanted = StatxFlags::SIZE | StatxFlags::NLINK;
        match statx(file, "", AtFlags::EMPTY_PATH, wanted) {
            Ok(stat) => Ok(Stat {
                len: stat.stx_size,
                links: stat.stx_nlink.into(),
            }),
            // Not in this kernel, or this sandbox.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => any_stat(file),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn stat(file: &File) -> io::Result<Stat> {
        any_stat(file)
    }

    fn any_stat(file: &File) -> io::Result<Stat> {
        let metadata = file.metadata()?;
        Ok(Stat {
            len: metadata.len(),
            links: metadata.nlink(),
        })
    }

    pub(super) fn id(metadata: &Metadata) -> FileId {
        FileId(metadata.dev(), metadata.ino())
    }

    pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// Files get the access rights of their directory, a file that is open keeps its name, and
/// directory entries are written through. Where a file is open for appending alone it cannot be cut
/// off (so it is on Windows), so it is open for writing.
#[cfg(not(unix))]
mod platform {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io::{self, Seek as _, SeekFrom, Write as _};
    use std::path::Path;

    use super::{FileId, Stat};

    pub(super) fn owner_only(_: &mut OpenOptions) {}

    pub(super) fn appending(options: &mut OpenOptions) {
        options.write(true);
    }

    pub(super) fn append(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.seek(SeekFrom::End(0))?;
        file.write(bytes)
    }

    pub(super) fn stat(file: &File) -> io::Result<Stat> {
        Ok(Stat {
            len: file.metadata()?.len(),
            links: 1,
        })
    }

    pub(super) fn id(_: &Metadata) -> FileId {
        FileId(0, 0)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the twin can fail")]
    pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
        Ok(())
    }
}
