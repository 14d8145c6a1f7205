//! Why a key or a token could not be had, each as one sentence that says where, what, and what to
//! do. What can be wrong inside a key file is in `problem`.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::algorithm::Algorithm;
use super::problem::KeyProblem;

/// Why a key could not be read, made or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such file.
    Missing {
        /// The path that was tried.
        file: PathBuf,
    },
    /// The file is there but could not be read.
    Unreadable {
        /// The path that was tried.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file was read; its content does not serve.
    Content {
        /// The file.
        file: PathBuf,
        /// The key in it, where it is one key's fault.
        key: Option<KeyName>,
        /// What is wrong.
        problem: Box<KeyProblem>,
    },
    /// A new key file was to be written where there is a file already.
    Exists {
        /// The file that was left as it is.
        file: PathBuf,
    },
    /// A new key file could not be written.
    Unwritable {
        /// The path that was tried.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A size was given for a key that has only one.
    SizeWithoutRsa {
        /// The algorithm that the key was wanted for.
        algorithm: Algorithm,
    },
    /// The cryptographic library could not make a key.
    Generation,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file } => write!(
                f,
                "key file {} does not exist: correct the path, or make a key with `op-listener keys generate`",
                file.display()
            ),
            Self::Unreadable { file, source } => write!(
                f,
                "key file {} cannot be read ({source}): give the host's user the right to read it, or correct the path",
                file.display()
            ),
            Self::Content {
                file,
                key: Some(key),
                problem,
            } => write!(f, "key file {}, {key}: {problem}", file.display()),
            Self::Content {
                file,
                key: None,
                problem,
            } => write!(f, "key file {}: {problem}", file.display()),
            Self::Exists { file } => write!(
                f,
                "key file {} exists already and was left as it is: choose another name, or move the old file away",
                file.display()
            ),
            Self::Unwritable { file, source } => write!(
                f,
                "key file {} cannot be written ({source}): choose a directory that exists and may be written to",
                file.display()
            ),
            Self::SizeWithoutRsa { algorithm } => write!(
                f,
                "a key for {algorithm} has only one size: leave the size out, or choose RS256 or PS256"
            ),
            Self::Generation => f.write_str(
                "the cryptographic library could not make a key: try again, and look at the system's source of randomness if it stays so",
            ),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } | Self::Unwritable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Where a key stands in its file, and its `kid` if it states one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    place: String,
    kid: Option<String>,
}

impl KeyName {
    pub(super) fn in_set(index: usize) -> Self {
        Self {
            place: format!("key {}", index + 1),
            kid: None,
        }
    }

    pub(super) fn in_pem(index: usize, label: &str) -> Self {
        Self {
            place: format!("PEM block {} ({})", index + 1, label.escape_debug()),
            kid: None,
        }
    }

    pub(super) fn with_kid(mut self, kid: Option<&str>) -> Self {
        self.kid = kid.map(Into::into);
        self
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        // Escaped: the text comes from a file and goes to logs.
        self.kid
            .as_ref()
            .map_or(Ok(()), |kid| write!(f, " (kid '{}')", kid.escape_debug()))
    }
}

/// What is doubtful about a key file that was taken all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyWarning {
    /// Every user of the machine may read or change the file (Unix permissions).
    OpenToOthers {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenToOthers { file, mode } => write!(
                f,
                "key file {0} may be read or changed by every user of the machine (mode {mode:04o}): run `chmod o= {0}`, and think of a new key",
                file.display()
            ),
        }
    }
}

/// Why a claims set was not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The text is not a JSON object (RFC 7519 section 4).
    NotAnObject,
    /// The text is not JSON; line and column count from 1.
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A claim stands twice, which RFC 7519 section 4 forbids.
    RepeatedClaim {
        /// Its name.
        name: String,
    },
    /// `typ` is not a media type (RFC 7515 section 4.1.9).
    Typ {
        /// What was given.
        typ: String,
    },
    /// The cryptographic library could not sign.
    Signature,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => {
                f.write_str("the claims are not one JSON object: hand over an object, `{…}`")
            }
            Self::Json { line, column } => write!(
                f,
                "the claims are not valid JSON at line {line}, column {column}: correct them there"
            ),
            Self::RepeatedClaim { name } => write!(
                f,
                "the claim '{}' stands twice, which RFC 7519 section 4 forbids: leave one of the two out",
                name.escape_debug()
            ),
            Self::Typ { typ } => write!(
                f,
                "the typ '{}' is not a media type such as 'JWT' or 'secevent+jwt' (RFC 7515 section 4.1.9): correct it",
                typ.escape_debug()
            ),
            Self::Signature => {
                f.write_str("the cryptographic library could not sign: check the signing key")
            }
        }
    }
}

impl std::error::Error for SignError {}
