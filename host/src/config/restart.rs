//! Settings that only a restart changes.

use super::settings::Config;

impl Config {
    /// Puts what a running host cannot change back to what it runs with, and names the keys of what
    /// was different.
    pub(crate) fn keep_until_restart(&mut self, running: &Self) -> Vec<&'static str> {
        let mut kept = Vec::new();
        if self.data_dir != running.data_dir {
            kept.push("data_dir");
            self.data_dir.clone_from(&running.data_dir);
        }
        if self.flow.max_pending != running.flow.max_pending {
            kept.push("flow.max_pending");
            self.flow.max_pending = running.flow.max_pending;
        }
        kept
    }
}
