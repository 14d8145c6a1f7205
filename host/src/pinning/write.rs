//! Writes a lock file so that there is always a whole one: the old or the new.

use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::library::{Pins, PinsError};

/// A lock file was not written, or is of no use where it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// So many files were refused, so nothing may be pinned.
    Refused(usize),
    /// The lock file is not what it was when the change was shown.
    Outrun(PathBuf),
    /// The system says why it cannot be written.
    Io(PathBuf, io::Error),
    /// It was written, but the host will not read it.
    Useless(PinsError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(count) => write!(
                f,
                "{count} refused, so nothing was written: mend or remove what is named above"
            ),
            Self::Outrun(path) => write!(
                f,
                "somebody else changed {path:?} meanwhile, so nothing was written: look at the change again"
            ),
            Self::Io(path, error) => write!(f, "{path:?} cannot be written: {error}"),
            Self::Useless(error) => write!(f, "the lock file is written, but: {error}"),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Useless(error) => error.source(),
            Self::Refused(_) | Self::Outrun(_) => None,
        }
    }
}

/// Writes `new` in place of `old`.
pub(super) fn write(path: &Path, old: Option<&Pins>, new: &Pins) -> Result<(), WriteError> {
    let failed = |error| WriteError::Io(path.to_owned(), error);
    // Where the name is a link, it stays one.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let beside = Temporary::write(&target, new.to_string().as_bytes()).map_err(failed)?;
    // As late as can be. Two that come at the very same moment both show what they do; one of
    // them is the last.
    if Pins::read(path).ok().as_ref() != Some(&old.cloned()) {
        return Err(WriteError::Outrun(path.to_owned()));
    }
    beside.take_the_place_of(&target).map_err(failed)?;
    match Pins::read(path) {
        Ok(Some(written)) if written == *new => Ok(()),
        Ok(_) => Err(WriteError::Outrun(path.to_owned())),
        Err(error) => Err(WriteError::Useless(error)),
    }
}

/// A whole file beside the one that it is to replace. Removed if it does not come to that.
struct Temporary {
    path: PathBuf,
    placed: bool,
}

impl Temporary {
    fn write(target: &Path, bytes: &[u8]) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.tmp", Uuid::now_v7()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Whatever the umask: a lock file that a group can write is of no use.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        let mut file = options.open(&path)?;
        let temporary = Self {
            path,
            placed: false,
        };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }

    fn take_the_place_of(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.placed = true;
        sync_dir(target)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // What is left behind is hidden and does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the name last, too.
#[cfg(unix)]
fn sync_dir(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(dir) if dir != Path::new("") => File::open(dir)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Directories cannot be opened everywhere.
#[cfg(not(unix))]
fn sync_dir(file: &Path) -> io::Result<()> {
    File::open(file).map(drop)
}
