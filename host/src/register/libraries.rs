//! The libraries in this process, by their bytes. They are never unmapped, so bytes that come back
//! are not mapped a second time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use op_listener_abi::PluginRef;

use crate::library::{Loaded, Sha256};

/// The libraries that a host has loaded, in all of its life.
#[derive(Default)]
pub(crate) struct Libraries(Mutex<BTreeMap<Sha256, Loaded>>);

impl Libraries {
    /// The library of these bytes, if it was loaded.
    pub(super) fn get(&self, sha256: Sha256) -> Option<Loaded> {
        let libraries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        libraries.get(&sha256).cloned()
    }

    /// Remembers a library that was loaded and started.
    pub(super) fn keep(&self, sha256: Sha256, loaded: Loaded) {
        let mut libraries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        libraries.insert(sha256, loaded);
    }

    /// The tables of all.
    pub(crate) fn tables(&self) -> Vec<PluginRef> {
        let libraries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        libraries.values().map(Loaded::plugin).collect()
    }
}
