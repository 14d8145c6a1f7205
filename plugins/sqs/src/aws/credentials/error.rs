//! Why there are no credentials.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::aws::profiles::ProfilesError;
use crate::aws::{Refusal, WebError};

#[derive(Debug)]
pub(crate) enum CredentialsError {
    /// No place has any; why the last one, the metadata of an EC2 instance, has none.
    Nowhere(String),
    /// One key of a pair without the other: where, and which is missing.
    Half(&'static str, &'static str),
    /// A variable that is configured, and not set.
    Unset(String),
    File(PathBuf, io::Error),
    /// A file that is empty.
    EmptyFile(PathBuf),
    Profiles(ProfilesError),
    /// Neither shared file has the profile.
    NoProfile(String),
    /// A profile that has no credentials, or not so that they can be used: its name, and why.
    Profile(String, &'static str),
    /// Profiles that refer to each other in a ring: one of them.
    Ring(String),
    /// The program of `credential_process` failed: how.
    Process(String),
    /// A place that may not be asked: its URL without the path.
    Forbidden(String),
    Web(WebError),
    /// A place that said no: which one.
    Refused(&'static str, Refusal),
    /// An answer that holds no credentials: of which place, and why.
    NotUnderstood(&'static str, String),
    /// What was to be had has ended already.
    Ended,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere(imds) => write!(
                f,
                "there are none in the environment, in the shared files, from a web identity or a \
                 container, nor of an EC2 instance ({imds})"
            ),
            Self::Half(place, missing) => write!(f, "{place} lacks {missing}"),
            Self::Unset(variable) => write!(f, "the environment variable {variable} is not set"),
            Self::File(file, error) => write!(f, "{} cannot be read: {error}", file.display()),
            Self::EmptyFile(file) => write!(f, "{} is empty", file.display()),
            Self::Profiles(error) => error.fmt(f),
            Self::NoProfile(name) => write!(
                f,
                "there is no profile {name:?} in the shared files: correct the name, or add it"
            ),
            Self::Profile(name, why) => write!(f, "the profile {name:?} {why}"),
            Self::Ring(name) => write!(
                f,
                "the profile {name:?} comes back to itself through `source_profile`"
            ),
            Self::Process(why) => write!(f, "the program of `credential_process` {why}"),
            Self::Forbidden(url) => write!(
                f,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is of {url}: over http only the machine itself and \
                 the addresses of ECS and EKS may be asked"
            ),
            Self::Web(error) => error.fmt(f),
            Self::Refused(place, refusal) => write!(f, "{place}: {refusal}"),
            Self::NotUnderstood(place, why) => {
                write!(f, "the answer of {place} holds no credentials: {why}")
            }
            Self::Ended => f.write_str(
                "those that were to be had have ended already: is this machine's clock right?",
            ),
        }
    }
}

impl std::error::Error for CredentialsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            Self::Profiles(error) => Some(error),
            Self::Web(error) => Some(error),
            _ => None,
        }
    }
}

impl From<WebError> for CredentialsError {
    fn from(error: WebError) -> Self {
        Self::Web(error)
    }
}

impl From<ProfilesError> for CredentialsError {
    fn from(error: ProfilesError) -> Self {
        Self::Profiles(error)
    }
}
