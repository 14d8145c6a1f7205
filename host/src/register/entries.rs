//! What an entry of the configuration says of its listeners: their name, what they are told at `init`,
//! how they are treated.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::instances::Registrar;
use crate::config::ListenerConfig;
use crate::dispatch::Policy;
use crate::library::THIS_INTERFACE;

/// The names of instances, each with the entry that has it. They are also those of directories,
/// and some file systems take upper and lower case for the same.
#[derive(Default)]
pub(super) struct Names<'a>(HashMap<String, &'a ListenerConfig>);

impl<'a> Names<'a> {
    /// The entry that has the name.
    pub(super) fn get(&self, entry: &ListenerConfig) -> Option<&'a ListenerConfig> {
        self.0.get(&entry.name.to_ascii_lowercase()).copied()
    }

    /// Gives the entry its name, unless another has it already.
    pub(super) fn take(&mut self, entry: &'a ListenerConfig) -> Option<&'a ListenerConfig> {
        let taken = self.get(entry);
        if taken.is_none() {
            self.0.insert(entry.name.to_ascii_lowercase(), entry);
        }
        taken
    }
}

impl Registrar<'_> {
    /// How the listeners of an entry are to be treated.
    pub(super) fn policy(&self, entry: &ListenerConfig) -> Policy {
        let clients = entry.clients.as_ref();
        Policy {
            clients: clients.map(|clients| Arc::new(clients.iter().cloned().collect())),
            budget: entry.budget.unwrap_or(self.config.dispatch.budget),
            switch_off_after: entry.switch_off_after_panics,
            shutdown: entry.shutdown.unwrap_or(self.config.shutdown.listener),
        }
    }

    /// The request to `init`, as the interface describes it.
    pub(super) fn init_request(&self, entry: &ListenerConfig) -> Map<String, Value> {
        let request = json!({
            "name": entry.name,
            "config": entry.config,
            "data_dir": self.config.instance_dir(&entry.name),
            "base_dir": self.config.base_dir,
            "host": {
                "version": env!("CARGO_PKG_VERSION"),
                "interface": THIS_INTERFACE.to_string(),
            },
        });
        match request {
            Value::Object(request) => request,
            _ => Map::new(),
        }
    }
}
