//! Key files on disk: read with a look at who else may, written so that only the owner can read
//! and nothing is overwritten. What the bytes mean is for `jwk` and `pem`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyError, KeyProblem, KeyWarning};

/// No key file is larger; a path to something else (a device, a log) ends here.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// The bytes of a key file, wiped when dropped.
pub(super) struct KeyText {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// That others may read or change it. A warning only if a private key is in it.
    pub(super) open_to_others: Option<KeyWarning>,
}

pub(super) fn read(path: &Path) -> Result<KeyText, KeyError> {
    let unreadable = |source: io::Error| {
        let file = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            KeyError::Missing { file }
        } else {
            KeyError::Unreadable { file, source }
        }
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // Room for the whole at once: a buffer that grows leaves unwiped copies behind.
    let room = metadata.len().min(MAX_BYTES) + 2;
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(room).unwrap_or_default(),
    ));
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(KeyError::Content {
            file: path.to_owned(),
            key: None,
            problem: Box::new(KeyProblem::TooLarge),
        });
    }
    let open_to_others =
        permissions::open_to_others(&metadata).map(|mode| KeyWarning::OpenToOthers {
            file: path.to_owned(),
            mode,
        });
    Ok(KeyText {
        bytes,
        open_to_others,
    })
}

/// Writes a new file that only its owner may read (on Unix: mode 0600; elsewhere what the
/// directory hands down). Never touches a file that exists.
pub(super) fn write_new(path: &Path, text: &[u8]) -> Result<(), KeyError> {
    let unwritable = |source: io::Error| {
        let file = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            KeyError::Exists { file }
        } else {
            KeyError::Unwritable { file, source }
        }
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    permissions::owner_only(&mut options);
    let mut file = options.open(path).map_err(unwritable)?;
    file.write_all(text)
        .and_then(|()| file.sync_all())
        .map_err(|source| {
            // It is ours, just made, and half a key: better none. That the removal may fail too
            // adds nothing to what is reported.
            drop(std::fs::remove_file(path));
            unwritable(source)
        })
}

#[cfg(unix)]
mod permissions {
    use std::fs::{Metadata, OpenOptions};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    /// The permission bits, if users other than owner and group may read or write.
    ///
    /// A group of its own (`root:op-listener`, 0640) is a usual way to hand a key to a service.
    pub(super) fn open_to_others(metadata: &Metadata) -> Option<u32> {
        let mode = metadata.mode() & 0o7777;
        (metadata.is_file() && mode & 0o006 != 0).then_some(mode)
    }

    pub(super) fn owner_only(options: &mut OpenOptions) {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
mod permissions {
    use std::fs::{Metadata, OpenOptions};

    /// Access lists are not judged here.
    pub(super) fn open_to_others(_: &Metadata) -> Option<u32> {
        None
    }

    /// The directory's access list is inherited.
    pub(super) fn owner_only(_: &mut OpenOptions) {}
}
