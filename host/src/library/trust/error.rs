//! Why a file is not trusted, and why none can be judged.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{Exposure, KeyId, Part, PinsError};
use crate::library::Sha256;

/// Why a file is not trusted. The text goes on from the name of the file: what is wrong, and what to
/// do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Distrust {
    /// Owner and permissions cannot be told.
    Unjudged(String),
    /// Others could have written it.
    Exposed {
        /// Of what this holds.
        part: Part,
        /// How.
        exposure: Exposure,
    },
    /// It is not in the lock file.
    NotPinned {
        /// What would pin it.
        command: Box<PinCommand>,
        /// Whether there is a lock file at all.
        any: bool,
    },
    /// Its name cannot be written in a lock file, so it cannot be pinned.
    NotUnicode,
    /// Other bytes are pinned under its name.
    OtherBytes {
        /// The SHA-256 of its bytes.
        found: Sha256,
        /// The one that is pinned.
        pinned: Sha256,
        /// The plugin that is pinned: id and version.
        plugin: String,
        /// What would pin this one.
        command: Box<PinCommand>,
    },
    /// There is no signature beside it.
    NotSigned(PathBuf),
    /// Its signature cannot be read.
    SignatureUnreadable(PathBuf, io::Error),
    /// What lies in the place of its signature is none.
    NotASignature(PathBuf, &'static str),
    /// Its signature is of the older kind that does not hash first.
    LegacySignature(PathBuf),
    /// It is signed by a key that is not among those of the configuration.
    UnknownKey {
        /// The key of the signature.
        signed: KeyId,
        /// Those of the configuration.
        known: Vec<KeyId>,
    },
    /// The signature is not one of these bytes.
    WrongSignature {
        /// The key that it says it is by.
        key: KeyId,
        /// The signature.
        file: PathBuf,
    },
}

/// The command that pins the files of a directory as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinCommand {
    /// The directory.
    pub dir: PathBuf,
    /// The lock file.
    pub pins: PathBuf,
}

impl fmt::Display for PinCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`op-listener pin {:?} --pins {:?}`", self.dir, self.pins)
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unjudged(why) => write!(f, "who can write to it cannot be told: {why}"),
            Self::Exposed { part, exposure } => write!(f, "{part} {exposure}"),
            Self::NotPinned { command, any: true } => {
                write!(
                    f,
                    "it is not pinned: if it is meant to be here, run {command}"
                )
            }
            Self::NotPinned {
                command,
                any: false,
            } => write!(
                f,
                "it is not pinned, there is no lock file {:?}: run {command}",
                command.pins
            ),
            Self::NotUnicode => f.write_str(
                "it cannot be pinned, since its name is not Unicode: give it another name",
            ),
            Self::OtherBytes {
                found,
                pinned,
                plugin,
                command,
            } => write!(
                f,
                "its sha256 is {}…, and {}… is pinned ({plugin}): if the change is meant, run {command}",
                found.short(),
                pinned.short()
            ),
            Self::NotSigned(file) => write!(
                f,
                "it has no signature: put {file:?} beside it, made with `minisign -S`"
            ),
            Self::SignatureUnreadable(file, error) => {
                write!(f, "its signature {file:?} cannot be read: {error}")
            }
            Self::NotASignature(file, why) => write!(
                f,
                "{file:?} is no minisign signature ({why}): sign it again with `minisign -S`"
            ),
            Self::LegacySignature(file) => write!(
                f,
                "{file:?} is a signature of minisign's legacy kind: sign it again without `-l`, with minisign 0.10 or later"
            ),
            Self::UnknownKey { signed, known } => {
                write!(f, "it is signed by key {signed}, and known are only ")?;
                for (n, key) in known.iter().enumerate() {
                    write!(f, "{}{key}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str(
                    ": use a build that one of them signed, or add the key to `public_keys` under `[plugins]`",
                )
            }
            Self::WrongSignature { key, file } => write!(
                f,
                "{file:?} is not a signature of these bytes by key {key}: one of the two files was changed, or they do not belong together; copy both again"
            ),
        }
    }
}

impl Error for Distrust {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::SignatureUnreadable(_, error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "the file",
            Self::Directory => "its directory",
            Self::TargetDirectory => "the directory that its link leads to",
        })
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(
                f,
                "belongs to user {owner}; it must belong to root or to the host's user: `chown`"
            ),
            Self::Everybody => f.write_str("can be written by everybody: `chmod o-w`"),
            Self::Group(group) => write!(f, "can be written by group {group}: `chmod g-w`"),
            Self::List => f.write_str(
                "can be written by those in its access control list: `setfacl -b`, or `chmod g-w`",
            ),
        }
    }
}

/// Nothing can be judged: what would be judged by cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrustError {
    /// The lock file cannot be used.
    Pins(PinsError),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pins(error) => error.fmt(f),
        }
    }
}

impl Error for TrustError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pins(error) => error.source(),
        }
    }
}
