//! Which files of a directory may be plugins. Nothing is opened here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// The directory could not be read.
#[derive(Debug)]
pub struct DiscoverError {
    dir: PathBuf,
    source: io::Error,
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the plugin directory {:?} cannot be read: {}; make it, or name another with `--plugins` or `dir` under `[plugins]`",
            self.dir, self.source
        )
    }
}

impl std::error::Error for DiscoverError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The files of `dir` (not of directories in it) that have the suffix of this platform's shared
/// libraries, in the order of their names. Hidden files, temporary files and whatever is not a
/// regular file, or a link to one, are passed over; a link that leads nowhere is not.
///
/// # Errors
///
/// The directory cannot be read.
pub fn discover(dir: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let failed = |source| DiscoverError {
        dir: dir.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !is_library_name(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        let is_file = match fs::metadata(&path) {
            Ok(metadata) => metadata.is_file(),
            // A link that leads nowhere, say: a plugin that should be there, and whoever reads it
            // will say why it is not. But for an entry that vanished meanwhile.
            Err(_) => fs::symlink_metadata(&path).is_ok(),
        };
        if is_file {
            files.push(path);
        }
    }
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(files)
}

/// Editors and copying programs write to names like `.x.so.abc`, `~x.so`, `x.so~` and `x.so.tmp`
/// until a file is whole; all but the first two fail the suffix already.
pub(crate) fn is_library_name(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.ends_with(std::env::consts::DLL_SUFFIX.as_bytes())
        && bytes.len() > std::env::consts::DLL_SUFFIX.len()
        && !bytes.starts_with(b".")
        && !bytes.starts_with(b"~")
        && !bytes.starts_with(b"#")
}
