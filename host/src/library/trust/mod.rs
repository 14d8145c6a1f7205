//! Whether a file may be loaded: whoever can choose the bytes of a plugin runs code in the host.
//!
//! A room for each way: [`permissions`], [`pinned`], [`signed`], [`off`]. A [`Judge`] is made once,
//! with all that judging needs, and only through it does a library become [`Trusted`], which is
//! what can be loaded. What cannot be told counts as not trusted.

mod error;
mod keys;
mod off;
mod permissions;
mod pinned;
mod pins;
mod signed;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use error::{Distrust, PinCommand, TrustError};
pub use keys::{KeyId, PublicKey, PublicKeyError, PublicKeys};
pub use permissions::{Exposure, Part};
pub use pins::{Pin, Pins, PinsError};

use super::{Inspected, LoadError, Reason, Sealed};

/// By what the files of the plugin directory are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// File and directory belong to root or to the host's user, and nobody else can write to them.
    #[default]
    Permissions,
    /// The file's bytes are those that a lock file names.
    Pinned {
        /// The lock file.
        pins: PathBuf,
    },
    /// The file has a signature by one of these keys.
    Signed {
        /// The keys.
        keys: PublicKeys,
    },
    /// Every file is loaded.
    Off,
}

/// Why a file is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nobody but root and the host's user could have written it.
    Permissions,
    /// Its bytes are pinned.
    Pinned,
    /// It is signed.
    Signed {
        /// By which key.
        key: KeyId,
        /// What the signer says of it, covered by the signature; minisign's own is time and name.
        comment: String,
    },
    /// Nobody asked.
    Off,
}

impl fmt::Display for Verdict {
    /// In one line: `permissions`, `pinned`, `signed by key …` or `off`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permissions => f.write_str("permissions"),
            Self::Pinned => f.write_str("pinned"),
            // `Debug` of a text escapes what could forge a log line.
            Self::Signed { key, comment } => write!(f, "signed by key {key} ({comment:?})"),
            Self::Off => f.write_str("off"),
        }
    }
}

/// A library that may be loaded: inspected, judged and found good.
pub struct Trusted {
    library: Inspected,
    verdict: Verdict,
}

impl Trusted {
    /// The library.
    pub fn library(&self) -> &Inspected {
        &self.library
    }

    /// Why it is trusted.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// Judges files, all of a directory by the same.
pub struct Judge(Way);

enum Way {
    Permissions,
    Pinned(pinned::Pinned),
    Signed(PublicKeys),
    Off,
}

impl Trust {
    /// Reads what judging needs.
    ///
    /// # Errors
    ///
    /// It cannot be used; then nothing can be judged.
    pub fn judge(&self) -> Result<Judge, TrustError> {
        Ok(Judge(match self {
            Self::Permissions => Way::Permissions,
            Self::Pinned { pins } => {
                Way::Pinned(pinned::Pinned::read(pins).map_err(TrustError::Pins)?)
            }
            Self::Signed { keys } => Way::Signed(keys.clone()),
            Self::Off => Way::Off,
        }))
    }
}

impl Judge {
    /// Judges the bytes of a file, or who could write it when they were read. What stands in the
    /// directory under its name may be another one by now.
    ///
    /// # Errors
    ///
    /// It is not trusted.
    pub fn verdict(&self, sealed: &Sealed) -> Result<Verdict, Distrust> {
        match &self.0 {
            Way::Permissions => {
                let access = sealed.access().map_err(unjudged)?;
                permissions::judge(access, permissions::Identity::current())?;
                Ok(Verdict::Permissions)
            }
            Way::Pinned(pinned) => pinned.judge(sealed),
            Way::Signed(keys) => signed::judge(keys, sealed),
            Way::Off => Ok(off::judge()),
        }
    }

    /// Judges a library.
    ///
    /// # Errors
    ///
    /// It is not trusted.
    pub fn admit(&self, library: Inspected) -> Result<Trusted, LoadError> {
        match self.verdict(library.sealed()) {
            Ok(verdict) => Ok(Trusted { library, verdict }),
            Err(why) => {
                let file = library.sealed().file();
                Err(LoadError::new(file, Reason::Untrusted(Box::new(why))))
            }
        }
    }

    /// What should be in the directory and is not, `files` being those that are.
    pub fn missing(&self, dir: &Path, files: &[PathBuf]) -> Vec<LoadError> {
        match &self.0 {
            Way::Pinned(pinned) => pinned.missing(dir, files),
            Way::Permissions | Way::Signed(_) | Way::Off => Vec::new(),
        }
    }
}

fn unjudged(error: &io::Error) -> Distrust {
    Distrust::Unjudged(if error.kind() == io::ErrorKind::Unsupported {
        "permissions are not judged on this platform yet; set `trust = \"pinned\"` or `\"signed\"` under `[plugins]`".to_owned()
    } else {
        error.to_string()
    })
}
