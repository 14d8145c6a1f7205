//! Makes the instances that the configuration asks for, and those of plugins that it does not
//! mention.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use op_listener_abi::{ListenerRef, PluginRef};
use serde_json::json;

use super::StartError;
use super::catalogue::Catalogue;
use crate::Spi;
use crate::config::{Config, ListenerConfig, OnFailure};
use crate::dispatch::{Policy, Registered};
use crate::ffi::{self, FailureKind, HostSide, Instance, Services};
use crate::library::THIS_INTERFACE;
use crate::log::{Code, codes, emit, say};
use crate::probe::Prober;

/// Makes all listeners, in the order in which they are to be called: the entries of the
/// configuration in their order, then plugins without an entry by their files' names; within a
/// plugin in the order of its export. With a prober, only libraries that it vouches for are loaded.
pub(crate) fn register(
    config: &Config,
    services: &Arc<Services>,
    prober: Option<Prober>,
) -> Result<(Vec<Registered>, Vec<PluginRef>), StartError> {
    let (on, off): (Vec<_>, Vec<_>) = config.listeners.iter().partition(|entry| entry.enabled);
    let on: HashSet<&str> = on.into_iter().map(|entry| &*entry.plugin).collect();
    let off = off.into_iter().map(|entry| entry.plugin.clone());
    let off = off.filter(|id| !on.contains(&**id)).collect();
    let catalogue = Catalogue::read(&config.plugins.dir, &config.plugins.trust, off, prober)?;
    let mut registrar = Registrar {
        config,
        services,
        catalogue,
        listeners: Vec::new(),
        numbers: [0; Spi::ALL.len()],
        refused: 0,
        required: None,
    };
    registrar.make_all();
    registrar.finish()
}

struct Registrar<'a> {
    config: &'a Config,
    services: &'a Arc<Services>,
    catalogue: Catalogue,
    listeners: Vec<Registered>,
    /// How many listeners of each SPI there are.
    numbers: [u32; Spi::ALL.len()],
    /// How many entries and listeners were refused.
    refused: usize,
    /// The first required entry that is missing.
    required: Option<String>,
}

/// A refusal that was logged.
struct Refused {
    /// Whether the entry's own settings are why.
    in_config: bool,
}

/// The names of instances, each with the entry that has it. They are also those of directories,
/// and some file systems take upper and lower case for the same.
#[derive(Default)]
struct Names<'a>(HashMap<String, &'a ListenerConfig>);

impl<'a> Names<'a> {
    /// The entry that has the name.
    fn get(&self, entry: &ListenerConfig) -> Option<&'a ListenerConfig> {
        self.0.get(&entry.name.to_ascii_lowercase()).copied()
    }

    /// Gives the entry its name, unless another has it already.
    fn take(&mut self, entry: &'a ListenerConfig) -> Option<&'a ListenerConfig> {
        let taken = self.get(entry);
        if taken.is_none() {
            self.0.insert(entry.name.to_ascii_lowercase(), entry);
        }
        taken
    }
}

impl Registrar<'_> {
    fn make_all(&mut self) {
        let config = self.config;
        let mut names = Names::default();
        for entry in &config.listeners {
            let taken = names.take(entry);
            if !entry.enabled {
                say!(
                    SWITCHED_OFF_BY_OPERATOR,
                    listener = entry.name.as_str(),
                    "Listener '{}' is switched off by `enabled = false`{}",
                    entry.name,
                    at(entry),
                );
                continue;
            }
            let made = match taken {
                None => self.make_entry(entry),
                Some(other) => Err(self.refuse_name(entry, other)),
            };
            if made.is_err() && entry.required {
                self.required.get_or_insert_with(|| entry.name.clone());
            }
        }
        let mentioned: HashSet<&str> = config.listeners.iter().map(|e| &*e.plugin).collect();
        let ids = self.catalogue.ids().to_vec().into_iter();
        let without_entry = ids.filter(|id| !mentioned.contains(&**id));
        for entry in without_entry.map(ListenerConfig::new) {
            // Refusals are logged and counted.
            let _ = match names.get(&entry) {
                None => self.make_entry(&entry),
                Some(other) => Err(self.refuse_name(&entry, other)),
            };
        }
    }

    fn finish(mut self) -> Result<(Vec<Registered>, Vec<PluginRef>), StartError> {
        let count = self.refused + self.catalogue.refused();
        let abandon = match self.config.plugins.on_failure {
            OnFailure::Abort => count > 0,
            OnFailure::Skip => self.required.is_some(),
        };
        if !abandon {
            return Ok((self.listeners, self.catalogue.loaded()));
        }
        while let Some(listener) = self.listeners.pop() {
            listener.end();
        }
        Err(StartError::Refused {
            count,
            required: match self.config.plugins.on_failure {
                OnFailure::Abort => None,
                OnFailure::Skip => self.required,
            },
        })
    }

    /// Makes the instances of one entry: one for each listener that the plugin exports for the
    /// entry's SPIs.
    fn make_entry(&mut self, entry: &ListenerConfig) -> Result<(), Refused> {
        let plugin = match self.catalogue.get(&entry.plugin, self.services) {
            Some(Ok(plugin)) => plugin,
            Some(Err(())) => return Err(Refused { in_config: false }),
            None => return Err(self.refuse_unknown(entry)),
        };
        let mut outcome = Ok(());
        for spi in entry.spi.iter().flatten() {
            let exported = plugin.listeners().iter();
            if !exported
                .into_iter()
                .any(|table| spi_of(*table) == Some(*spi))
            {
                outcome = Err(self.refuse(
                    codes::LISTENER_REFUSED,
                    entry,
                    &format!("plugin '{}' exports no {spi} listener", entry.plugin),
                ));
            }
        }
        for (index, table) in plugin.listeners().iter().enumerate() {
            let Some(spi) = spi_of(*table) else {
                let exported = plugin.metadata().listeners.get(index);
                say!(
                    UNKNOWN_SPI,
                    listener = entry.name.as_str(),
                    "Plugin '{}' exports a listener for the SPI {:?}, which this host does not know: update the host to use it",
                    entry.plugin,
                    exported.map_or("?", |exported| exported.spi.as_str()),
                );
                continue;
            };
            if entry
                .spi
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&spi))
            {
                outcome = outcome.and(self.make_instance(entry, plugin.plugin(), *table, spi));
                if matches!(outcome, Err(Refused { in_config: true })) {
                    // The others have the same settings, and would say the same of them.
                    break;
                }
            }
        }
        outcome
    }

    fn make_instance(
        &mut self,
        entry: &ListenerConfig,
        plugin: PluginRef,
        table: ListenerRef,
        spi: Spi,
    ) -> Result<(), Refused> {
        let side = HostSide::of_instance(&entry.name, self.services, plugin, &entry.queue);
        let request = self.init_request(entry);
        let instance = match Instance::init(table, side, &request) {
            Ok(instance) => instance,
            Err(failure) => {
                let place = match failure.kind {
                    FailureKind::Config => entry.config_place(),
                    _ => None,
                };
                let place = place.map_or(String::new(), |place| format!(" (see {place})"));
                let what = format!("its `init` for {spi} failed: {failure}{place}");
                self.refuse(codes::LISTENER_REFUSED, entry, &what);
                return Err(Refused {
                    in_config: failure.kind == FailureKind::Config,
                });
            }
        };
        let enabled = match instance.is_enabled() {
            Ok(enabled) => enabled,
            Err(failure) => {
                // Whatever ending it comes to is no matter after this.
                let _ = instance.shutdown();
                let what = format!("its `is_enabled` for {spi} failed: {failure}");
                return Err(self.refuse(codes::IS_ENABLED_FAILED, entry, &what));
            }
        };
        let policy = Policy {
            clients: entry
                .clients
                .as_ref()
                .map(|clients| clients.iter().cloned().collect()),
            budget: entry.budget.unwrap_or(self.config.dispatch.budget),
            switch_off_after: entry.switch_off_after_panics,
        };
        let listener = Registered::new(instance, &entry.name, spi, enabled, policy);
        self.announce(&listener);
        self.listeners.push(listener);
        Ok(())
    }

    /// The request to `init`, as the interface describes it.
    fn init_request(&self, entry: &ListenerConfig) -> String {
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
        request.to_string()
    }

    /// Writes the line that tells of a listener.
    fn announce(&mut self, listener: &Registered) {
        let spi = listener.spi();
        let number = &mut self.numbers[spi as usize];
        *number += 1;
        let code = match spi {
            Spi::IdTokenIssue => codes::LOADED_ID_TOKEN_ISSUE,
            Spi::AccessTokenIssue => codes::LOADED_ACCESS_TOKEN_ISSUE,
            Spi::SubjectAuthAndConsent => codes::LOADED_SUBJECT_AUTH_AND_CONSENT,
        };
        emit(
            code,
            Some(listener.name()),
            format_args!(
                "Loaded {} event listener [{number}]: class={} enabled={}",
                spi.title(),
                listener.class(),
                listener.enabled(),
            ),
        );
    }

    fn refuse(&mut self, code: Code, entry: &ListenerConfig, what: &str) -> Refused {
        self.refused += 1;
        let name = entry.name.as_str();
        emit(
            code,
            Some(name),
            format_args!("Listener '{name}'{} is refused: {what}", at(entry)),
        );
        Refused { in_config: false }
    }

    fn refuse_name(&mut self, entry: &ListenerConfig, other: &ListenerConfig) -> Refused {
        let what = format!(
            "an entry for plugin '{}'{} has that name: give one of them another `name`",
            other.plugin,
            at(other),
        );
        self.refuse(codes::LISTENER_REFUSED, entry, &what)
    }

    fn refuse_unknown(&mut self, entry: &ListenerConfig) -> Refused {
        let ids = self.catalogue.ids();
        let near = ids
            .iter()
            .map(|id| (strsim::jaro_winkler(id, &entry.plugin), id))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let hint = match near {
            Some((_, id)) => format!("did you mean '{id}'?"),
            None if ids.is_empty() => "there are no plugins at all".to_owned(),
            None => format!("there are: {}", ids.join(", ")),
        };
        let what = format!(
            "there is no plugin '{}' in {:?}; {hint}",
            entry.plugin, self.config.plugins.dir
        );
        self.refuse(codes::LISTENER_REFUSED, entry, &what)
    }
}

fn spi_of(table: ListenerRef) -> Option<Spi> {
    ffi::spi_of(table.spi())
}

/// Where an entry stands, for the middle of a sentence.
fn at(entry: &ListenerConfig) -> String {
    entry
        .place()
        .map_or(String::new(), |place| format!(" ({place})"))
}
