//! What a call that did not go well comes back as.

use std::fmt;

/// How a listener failed, as its host is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It returned an [`Error`](crate::Error), of this message.
    Error(String),
    /// It returned an error that lies in its configuration: see
    /// [`Error::config`](crate::Error::config).
    Config(String),
    /// It panicked; the message and the place.
    Panicked(String),
}

impl Failure {
    /// The message, whichever it is.
    pub fn message(&self) -> &str {
        match self {
            Self::Error(message) | Self::Config(message) | Self::Panicked(message) => message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(message) => write!(f, "the listener failed: {message}"),
            Self::Config(message) => write!(f, "the listener's configuration: {message}"),
            Self::Panicked(message) => write!(f, "the listener panicked: {message}"),
        }
    }
}

impl std::error::Error for Failure {}
