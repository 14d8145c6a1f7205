//! Who could have written a file.

use super::{LoadError, Reason, Sealed};

/// How far the files of the plugin directory are trusted. Whoever can write a plugin runs code in
/// the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// File and directory belong to root or to the host's user, and nobody else can write to them.
    #[default]
    Permissions,
    /// Every file is loaded.
    Off,
}

/// A file's permissions were judged and found good (or are not asked for).
#[derive(Clone, Copy, Debug)]
pub struct Verdict(());

impl Trust {
    /// Judges a file, by the descriptor through which it was read: what stands in the directory
    /// under its name may be another one by now.
    ///
    /// # Errors
    ///
    /// Others could have written it, or that cannot be told.
    pub fn judge(self, sealed: &Sealed) -> Result<Verdict, LoadError> {
        let verdict = match self {
            Self::Permissions => platform::permissions(sealed),
            Self::Off => Ok(()),
        };
        match verdict {
            Ok(()) => Ok(Verdict(())),
            Err(why) => Err(LoadError::new(sealed.file(), Reason::Untrusted(why))),
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::fs::{self, Metadata};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::Sealed;

    pub(super) fn permissions(sealed: &Sealed) -> Result<(), String> {
        let cannot_tell =
            |error: std::io::Error| format!("its permissions cannot be read: {error}");
        let metadata = sealed.opened().metadata().map_err(cannot_tell)?;
        check("the file", &metadata)?;
        // Where the name is a link, the directory that counts is the one that the link is in.
        let dir = sealed.file().parent().filter(|dir| *dir != Path::new(""));
        let dir = fs::metadata(dir.unwrap_or(Path::new("."))).map_err(cannot_tell)?;
        check("its directory", &dir)
    }

    /// Write permission for the group and for others.
    const GROUP_WRITES: u32 = 0o020;
    const OTHERS_WRITE: u32 = 0o002;

    fn check(what: &str, metadata: &Metadata) -> Result<(), String> {
        let user = rustix::process::geteuid().as_raw();
        let owner = metadata.uid();
        if owner != 0 && owner != user {
            return Err(format!(
                "{what} belongs to user {owner}; it must belong to root or to the host's user: `chown`"
            ));
        }
        let mode = metadata.mode();
        if mode & OTHERS_WRITE != 0 {
            return Err(format!("{what} can be written by everybody: `chmod o-w`"));
        }
        // With a umask of 002, which many systems have, a user's files are writable by a group that
        // is the user's alone.
        let own_group = rustix::process::getegid().as_raw();
        if mode & GROUP_WRITES != 0 && metadata.gid() != own_group {
            return Err(format!(
                "{what} can be written by group {}: `chmod g-w`",
                metadata.gid()
            ));
        }
        Ok(())
    }
}

#[cfg(not(unix))]
mod platform {
    use super::Sealed;

    /// Access control lists are not judged on this platform yet: say so, by refusing.
    pub(super) fn permissions(_: &Sealed) -> Result<(), String> {
        Err("permissions cannot be judged on this platform yet: set `trust = \"off\"` under `[plugins]` if nobody else can write to the directory".to_owned())
    }
}
