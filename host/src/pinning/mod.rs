//! What `op-listener pin` does: looks at a directory without running anything, says how the lock
//! file would change, and writes it when told to.
//!
//! The format of the file is [`Pins`]'s; judging by it is [`crate::library`]'s.

mod change;
mod write;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

pub use change::{Change, Difference};
pub use write::WriteError;

use crate::library::{
    DiscoverError, Distrust, LoadError, Pin, Pins, PinsError, Reason, Sealed, discover, inspect,
};

/// What pinning a directory comes to. Nothing is written yet.
#[derive(Debug)]
pub struct Plan {
    path: PathBuf,
    /// The lock file as it is; `None` if there is none.
    old: Option<Pins>,
    new: Pins,
    refused: Vec<LoadError>,
    passed_over: Vec<LoadError>,
}

/// A directory cannot be pinned.
#[derive(Debug)]
#[non_exhaustive]
pub enum PlanError {
    /// The directory cannot be read.
    Discover(DiscoverError),
    /// The lock file that there is cannot be used.
    Pins(PinsError),
}

impl Plan {
    /// Looks at the plugins of `dir` and at the lock file `path`. No code of any library is run.
    ///
    /// # Errors
    ///
    /// The directory cannot be read, or the lock file is there and cannot be used.
    pub fn make(dir: &Path, path: &Path) -> Result<Self, PlanError> {
        let mut plan = Self {
            path: path.to_owned(),
            old: Pins::read(path).map_err(PlanError::Pins)?,
            new: Pins::default(),
            refused: Vec::new(),
            passed_over: Vec::new(),
        };
        let mut first_of = std::collections::HashMap::new();
        for file in discover(dir).map_err(PlanError::Discover)? {
            let pinned = pin(&file).and_then(|(name, pin)| {
                let first = first_of.entry(pin.plugin.clone()).or_insert(file.clone());
                if *first == file {
                    return Ok((name, pin));
                }
                let reason = Reason::Duplicate {
                    id: pin.plugin,
                    first: first.clone(),
                };
                Err(LoadError::new(&file, reason))
            });
            match pinned {
                Ok((name, pin)) => plan.new.insert(name, pin),
                Err(error) if matches!(error.reason(), Reason::NotAPlugin) => {
                    plan.passed_over.push(error);
                }
                Err(error) => plan.refused.push(error),
            }
        }
        Ok(plan)
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files that the host would refuse whatever is pinned. While there are any, nothing can be
    /// written: what they are to become is not to be pinned away by the way.
    pub fn refused(&self) -> &[LoadError] {
        &self.refused
    }

    /// The libraries that are not plugins. The host passes them over, and so does this.
    pub fn passed_over(&self) -> &[LoadError] {
        &self.passed_over
    }

    /// How the lock file would change.
    pub fn change(&self) -> Change {
        Change::between(self.old.as_ref().unwrap_or(&Pins::default()), &self.new)
    }

    /// Whether the lock file is as it should be.
    pub fn is_in_force(&self) -> bool {
        self.old.as_ref() == Some(&self.new)
    }

    /// Writes the lock file: whole or not at all, also if the machine fails meanwhile. Reads it
    /// back as the host will.
    ///
    /// # Errors
    ///
    /// A file was refused, the lock file was changed since it was read, it cannot be written, or
    /// could not be relied on where it is.
    pub fn write(&self) -> Result<(), WriteError> {
        if !self.refused.is_empty() {
            return Err(WriteError::Refused(self.refused.len()));
        }
        write::write(&self.path, self.old.as_ref(), &self.new)
    }
}

/// What is to be pinned of a file.
fn pin(file: &Path) -> Result<(String, Pin), LoadError> {
    let library = inspect(Sealed::read(file)?)?;
    let Some(name) = file.file_name().unwrap_or_default().to_str() else {
        let reason = Reason::Untrusted(Box::new(Distrust::NotUnicode));
        return Err(LoadError::new(file, reason));
    };
    let metadata = library.metadata();
    let pin = Pin {
        sha256: library.sealed().sha256(),
        plugin: metadata.id.clone(),
        version: metadata.version.clone(),
    };
    Ok((name.to_owned(), pin))
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discover(error) => error.fmt(f),
            Self::Pins(error) => error.fmt(f),
        }
    }
}

impl Error for PlanError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Discover(error) => error.source(),
            Self::Pins(error) => error.source(),
        }
    }
}
