//! Reads a file once, and with it, from the same open descriptors, who may write there. Whatever
//! stands under the names by then makes no difference to either.
//!
//! What is to be thought of those permissions is left to [`super::trust`].

use std::io;
use std::path::Path;

use super::bytes::Bytes;

/// A file as it was when it was read.
pub(super) struct Contents {
    pub(super) bytes: Bytes,
    /// An error where it could not be told: that is for whoever asks.
    pub(super) access: io::Result<Access>,
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The system says why.
    Io(io::Error),
    /// A directory, FIFO, socket or device.
    NotAFile,
    /// It has more bytes than the limit: so many, or more.
    TooLong(u64),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Who may write to a file, and exchange it for another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "never made there"))]
pub(super) struct Access {
    /// The file itself.
    pub(super) file: Permissions,
    /// The directory in which its name stands.
    pub(super) dir: Permissions,
    /// If its name is a link: the directory in which the file itself stands.
    pub(super) target_dir: Option<Permissions>,
}

/// Owner, group and mode of a file or directory, as POSIX has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "never made there"))]
pub(super) struct Permissions {
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: u32,
    /// Whether an access control list may let more than the group write. Known only where the mode
    /// lets the group write: otherwise no entry of a list can.
    pub(super) list: bool,
}

/// Reads a regular file, `limit` bytes at the most. Never waits, not for the writer of a FIFO
/// either.
pub(super) fn read(path: &Path, limit: u64) -> Result<Contents, ReadError> {
    let opened = platform::open(path)?;
    let metadata = opened.file.metadata()?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    if metadata.len() > limit {
        return Err(ReadError::TooLong(metadata.len()));
    }
    let bytes = Bytes::read(&opened.file, metadata.len(), limit)?;
    let length = bytes.len() as u64;
    if length > limit {
        return Err(ReadError::TooLong(length));
    }
    Ok(Contents {
        bytes,
        access: opened.access(path),
    })
}

/// The directory in which a name stands.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
mod platform {
    use std::fs::{self, File};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};

    use super::{Access, Permissions, parent};

    /// A file, and the directory in which its name stands.
    pub(super) struct Opened {
        pub(super) file: File,
        dir: File,
    }

    /// Needs no permission to list the directory, where the system makes a difference.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const LOOK_UP: OFlags = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const LOOK_UP: OFlags = OFlags::RDONLY;

    pub(super) fn open(path: &Path) -> io::Result<Opened> {
        let Some(name) = path.file_name() else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let dir = open_dir(parent(path))?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&dir, name, flags, Mode::empty())?.into();
        Ok(Opened { file, dir })
    }

    fn open_dir(path: &Path) -> io::Result<File> {
        let flags = LOOK_UP | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(CWD, path, flags, Mode::empty())?.into())
    }

    impl Opened {
        pub(super) fn access(&self, path: &Path) -> io::Result<Access> {
            let name = path.file_name().unwrap_or_default();
            let named = statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let is_link = FileType::from_raw_mode(named.st_mode) == FileType::Symlink;
            Ok(Access {
                file: permissions(&self.file, list_of(&self.file))?,
                dir: of_dir(&self.dir)?,
                target_dir: is_link.then(|| self.target_dir(path)).transpose()?,
            })
        }

        /// The directory in which the file stands that a link leads to.
        fn target_dir(&self, link: &Path) -> io::Result<Permissions> {
            let target = fs::canonicalize(link)?;
            let dir = open_dir(parent(&target))?;
            let name = target.file_name().unwrap_or_default();
            let flags = LOOK_UP | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let there = File::from(openat(&dir, name, flags, Mode::empty())?).metadata()?;
            let read = self.file.metadata()?;
            if (there.dev(), there.ino()) != (read.dev(), read.ino()) {
                return Err(io::Error::other("the link led elsewhere a moment ago"));
            }
            of_dir(&dir)
        }
    }

    fn of_dir(dir: &File) -> io::Result<Permissions> {
        permissions(dir, || {
            // Lists are not shown of what is open for looking things up alone.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let readable = openat(dir, ".", flags, Mode::empty())?;
            list_of(&File::from(readable))()
        })
    }

    /// The permissions of an open file, `list` being asked where it makes a difference: what
    /// entries of a list allow is bounded by its mask, and the mask is what the mode shows as the
    /// group's permissions (IEEE 1003.1e draft 17, section 23.1.5).
    fn permissions(
        file: &File,
        list: impl FnOnce() -> io::Result<bool>,
    ) -> io::Result<Permissions> {
        let metadata = file.metadata()?;
        let group_writes = metadata.mode() & 0o020 != 0;
        Ok(Permissions {
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode(),
            list: group_writes && list()?,
        })
    }

    /// Whether a file has an access control list.
    #[cfg(target_os = "linux")]
    fn list_of(file: &File) -> impl FnOnce() -> io::Result<bool> {
        use rustix::io::Errno;

        move || {
            let size = rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut [0; 0]);
            match size {
                Ok(_) => Ok(true),
                Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }
    }

    /// Lists of other systems are not read; the documentation says so.
    #[cfg(not(target_os = "linux"))]
    fn list_of(_: &File) -> impl FnOnce() -> io::Result<bool> {
        || Ok(false)
    }
}

#[cfg(not(unix))]
mod platform {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use super::Access;

    pub(super) struct Opened {
        pub(super) file: File,
    }

    pub(super) fn open(path: &Path) -> io::Result<Opened> {
        let file = File::open(path)?;
        Ok(Opened { file })
    }

    impl Opened {
        /// Access control lists are not judged on this platform yet.
        pub(super) fn access(&self, _: &Path) -> io::Result<Access> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
