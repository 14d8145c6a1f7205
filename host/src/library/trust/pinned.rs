//! `trust = "pinned"`: the file is the one that the lock file names, byte for byte. Who could write
//! it does not matter then; who could write the lock file does, see [`super::Pins::read`].

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Distrust, Pins, PinsError, Verdict};
use crate::library::read::parent;
use crate::library::trust::error::PinCommand;
use crate::library::{LoadError, Reason, Sealed};

/// The lock file, read.
pub(super) struct Pinned {
    path: PathBuf,
    /// `None` if there is no lock file: then nothing is pinned.
    pins: Option<Pins>,
}

impl Pinned {
    pub(super) fn read(path: &Path) -> Result<Self, PinsError> {
        Ok(Self {
            path: path.to_owned(),
            pins: Pins::read(path)?,
        })
    }

    pub(super) fn judge(&self, sealed: &Sealed) -> Result<Verdict, Distrust> {
        let file = sealed.file();
        let Some(name) = file.file_name().unwrap_or_default().to_str() else {
            return Err(Distrust::NotUnicode);
        };
        let command = || Box::new(self.command(parent(file)));
        let Some(pin) = self.pins.as_ref().and_then(|pins| pins.get(name)) else {
            return Err(Distrust::NotPinned {
                command: command(),
                any: self.pins.is_some(),
            });
        };
        let found = sealed.sha256();
        if found != pin.sha256 {
            return Err(Distrust::OtherBytes {
                found,
                pinned: pin.sha256,
                plugin: format!("{} {}", pin.plugin, pin.version),
                command: command(),
            });
        }
        Ok(Verdict::Pinned)
    }

    /// What is pinned and not among the files of the directory: a listener that silently isn't
    /// there is as bad as one that was exchanged.
    pub(super) fn missing(&self, dir: &Path, files: &[PathBuf]) -> Vec<LoadError> {
        let there: HashSet<_> = files.iter().filter_map(|file| file.file_name()).collect();
        let pins = self.pins.iter().flat_map(Pins::iter);
        let missing = pins.filter(|(name, _)| !there.contains(std::ffi::OsStr::new(name)));
        let missing = missing.map(|(name, pin)| {
            let reason = Reason::Missing {
                plugin: format!("{} {}", pin.plugin, pin.version),
                command: Box::new(self.command(dir)),
            };
            LoadError::new(&dir.join(name), reason)
        });
        missing.collect()
    }

    fn command(&self, dir: &Path) -> PinCommand {
        PinCommand {
            dir: dir.to_owned(),
            pins: self.path.clone(),
        }
    }
}
