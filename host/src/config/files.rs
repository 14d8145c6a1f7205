//! The files that a configuration names: what has changed when one of them has.

use std::path::PathBuf;

use super::settings::Config;
use crate::library::Trust;

impl Config {
    /// The files that are read at the start and at a reload, beside the plugins. Some may not exist.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        files.extend(self.clients.clone());
        if let Trust::Pinned { pins } = &self.plugins.trust {
            files.push(pins.clone());
        }
        files.extend(self.signing.keys.clone());
        let on = self.listeners.iter().filter(|listener| listener.enabled);
        let polls = on.filter_map(|listener| listener.poll.as_ref());
        files.extend(polls.map(|poll| poll.token_file.clone()));
        let listen = &self.intake.listen;
        files.extend(listen.token_file.clone());
        if let Some(tls) = &listen.tls {
            files.extend([tls.certificate.clone(), tls.key.clone()]);
            files.extend(tls.client_ca.clone());
        }
        files
    }
}
