//! How libraries and listeners fared on their way into the host, counted over its whole life.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::library::{LoadError, Reason};
use crate::probe::Probed;

/// Counts of one host.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    loaded: AtomicU64,
    refused: AtomicU64,
    not_a_plugin: AtomicU64,
    listeners_refused: AtomicU64,
    passed: AtomicU64,
    failed: AtomicU64,
    remembered: AtomicU64,
    impossible: AtomicU64,
}

impl Loads {
    pub(super) fn loaded(&self) {
        self.loaded.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn not_a_plugin(&self) {
        self.not_a_plugin.fetch_add(1, Relaxed);
    }

    pub(super) fn listener_refused(&self) {
        self.listeners_refused.fetch_add(1, Relaxed);
    }

    /// Notes what a prober said.
    pub(super) fn probed(&self, said: &Result<Probed, LoadError>) {
        let count = match said {
            Ok(probed) if probed.remembered.is_some() => &self.remembered,
            Ok(_) => &self.passed,
            Err(error) => match error.reason() {
                Reason::Probe(failure) if failure.remembered.is_some() => &self.remembered,
                Reason::ProbeImpossible(_) => &self.impossible,
                // Also what was refused when it was about to be loaded there.
                _ => &self.failed,
            },
        };
        count.fetch_add(1, Relaxed);
    }

    /// Files by what became of them.
    pub(crate) fn files(&self) -> [(&'static str, u64); 3] {
        [
            ("loaded", &self.loaded),
            ("refused", &self.refused),
            ("not_a_plugin", &self.not_a_plugin),
        ]
        .map(|(outcome, count)| (outcome, count.load(Relaxed)))
    }

    /// Libraries that had to have come through a probe, by what is known of it.
    pub(crate) fn probes(&self) -> [(&'static str, u64); 4] {
        [
            ("passed", &self.passed),
            ("failed", &self.failed),
            ("remembered", &self.remembered),
            ("impossible", &self.impossible),
        ]
        .map(|(outcome, count)| (outcome, count.load(Relaxed)))
    }

    /// Listeners, and entries of the configuration, that were refused for reasons of their own.
    pub(crate) fn listeners_refused(&self) -> u64 {
        self.listeners_refused.load(Relaxed)
    }
}
