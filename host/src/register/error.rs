//! Why a host does not start, and why a reload changes nothing.

use std::{error, fmt};

use crate::library::{DiscoverError, TrustError};
use crate::signing::KeyError;

/// Why a host does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The signing keys cannot be used.
    Keys(KeyError),
    /// The plugin directory cannot be read.
    Discover(DiscoverError),
    /// What plugins are to be judged by cannot be used.
    Trust(TrustError),
    /// Listeners were refused, each logged by then, and the policy does not let them be missing.
    Refused {
        /// How many libraries and listeners were refused.
        count: usize,
        /// The entry that is `required`, if the policy is to skip but for that.
        required: Option<String>,
    },
}

impl From<KeyError> for StartError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(error) => error.fmt(f),
            Self::Discover(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::Refused {
                count,
                required: None,
            } => write!(
                f,
                "{count} refused, and the policy is `on_failure = \"abort\"`: mend what is named above, or set `on_failure = \"skip\"` under `[plugins]`"
            ),
            Self::Refused {
                required: Some(name),
                ..
            } => write!(
                f,
                "the listener '{name}' is required and could not be loaded: mend what is named above"
            ),
        }
    }
}

impl error::Error for StartError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Keys(error) => error.source(),
            Self::Discover(error) => error.source(),
            Self::Trust(error) => error.source(),
            Self::Refused { .. } => None,
        }
    }
}

/// Why a reload changes nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// The plugin directory cannot be read.
    Discover(DiscoverError),
    /// What plugins are to be judged by cannot be used.
    Trust(TrustError),
    /// The host has been shut down.
    ShutDown,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discover(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::ShutDown => f.write_str("the host has been shut down: build another one"),
        }
    }
}

impl error::Error for ReloadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Discover(error) => error.source(),
            Self::Trust(error) => error.source(),
            Self::ShutDown => None,
        }
    }
}

/// Why the plugins cannot be looked at.
#[derive(Debug)]
pub(crate) enum LookError {
    Discover(DiscoverError),
    Trust(TrustError),
}

impl From<LookError> for StartError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Discover(error) => Self::Discover(error),
            LookError::Trust(error) => Self::Trust(error),
        }
    }
}

impl From<LookError> for ReloadError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Discover(error) => Self::Discover(error),
            LookError::Trust(error) => Self::Trust(error),
        }
    }
}
