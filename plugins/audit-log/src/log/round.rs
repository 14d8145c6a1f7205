//! A round of writers who wait for the same call that forces their records to disk.

use std::sync::OnceLock;

use super::LogError;

/// Writers join the round that is open while they write. One of them leads: it closes the round,
/// forces the file to disk and says how that went, and the others take its word.
#[derive(Debug, Default)]
pub(super) struct Round(OnceLock<Result<(), LogError>>);

impl Round {
    /// How it went, once it is over.
    pub(super) fn result(&self) -> Option<Result<(), LogError>> {
        self.0.get().cloned()
    }

    /// Ends it. The first word counts.
    pub(super) fn end(&self, result: Result<(), LogError>) {
        let _ = self.0.set(result);
    }
}
