//! A listener that was made, and what it was made of: by that it is known at the next reload
//! whether it can stay.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{ListenerConfig, QueueSettings};
use crate::dispatch::{Placed, Table};
use crate::library::Sha256;

/// A listener that was made.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) placed: Placed,
    pub(super) origin: Arc<Origin>,
}

/// What a listener was made of.
pub(crate) struct Origin {
    /// The plugin's id.
    pub(super) plugin: String,
    /// Whether no entry of the configuration mentioned the plugin.
    pub(super) implicit: bool,
    /// The file that its library came from; the latest one where the bytes have moved since.
    pub(super) file: PathBuf,
    pub(super) sha256: Sha256,
    /// Its place in the library's export.
    pub(super) index: usize,
    /// All that it was told in `init`, but for whether it takes over.
    pub(super) request: String,
    /// What the operator has set of its queues.
    pub(super) queue: QueueSettings,
    /// Whether somebody may fetch from them.
    pub(super) may_poll: bool,
}

impl Made {
    /// The listeners of a table, with what each was made of.
    pub(crate) fn all(table: &Table, origins: &[Arc<Origin>]) -> Vec<Self> {
        let listeners = table.all().iter().zip(origins);
        listeners
            .map(|(placed, origin)| Self {
                placed: placed.clone(),
                origin: Arc::clone(origin),
            })
            .collect()
    }

    /// Whether it stands for that entry of the configuration.
    pub(super) fn is_of(&self, entry: &ListenerConfig) -> bool {
        let name = self.placed.listener.name();
        name.eq_ignore_ascii_case(&entry.name)
    }

    /// Whether it is what would be made anew of the same.
    pub(super) fn is_made_of(
        &self,
        sha256: Sha256,
        index: usize,
        request: &str,
        entry: &ListenerConfig,
    ) -> bool {
        let origin = &self.origin;
        (origin.sha256, origin.index, &*origin.request) == (sha256, index, request)
            && origin.queue == entry.queue
            && origin.may_poll == entry.poll.is_some()
    }

    /// Whether both are the same listener.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.placed.listener, &other.placed.listener)
    }

    /// Whether one takes the other one's place in what it does: by name and SPI.
    pub(super) fn stands_for(&self, other: &Self) -> bool {
        let (this, other) = (&self.placed.listener, &other.placed.listener);
        this.spi() == other.spi() && this.name().eq_ignore_ascii_case(other.name())
    }
}
