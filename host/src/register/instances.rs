//! Makes the instances that the configuration asks for, and those of plugins that it does not
//! mention.
//!
//! What an entry says of its listeners is read in `entries`; what the log is told of those that are
//! made, and of those that are not, stands in `telling`.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::sync::Arc;

use op_listener_abi::{ListenerRef, PluginRef};
use serde_json::Value;

use super::catalogue::{Catalogue, Ready};
use super::entries::Names;
use super::error::LookError;
use super::libraries::Libraries;
use super::loads::Loads;
use super::made::{Made, Origin};
use super::roster::{MissingListener, Roster};
use super::telling::at;
use crate::Spi;
use crate::config::{Config, ListenerConfig, OnFailure};
use crate::dispatch::{Placed, Registered, Retired};
use crate::ffi::{self, FailureKind, HostSide, Instance, Services};
use crate::log::{codes, say};
use crate::probe::Prober;

/// What listeners are made of and for.
pub(crate) struct Job<'a> {
    pub(crate) config: &'a Config,
    pub(crate) services: &'a Arc<Services>,
    pub(crate) libraries: &'a Libraries,
    pub(crate) loads: &'a Arc<Loads>,
    /// With one, only libraries that it vouches for are loaded.
    pub(crate) prober: Option<Prober>,
    /// The listeners in service, which stay where nothing about them has changed, and where their
    /// successors are refused.
    pub(crate) before: &'a [Made],
}

/// Makes listeners in the order in which they are to be called: the entries of the configuration in
/// their order, then plugins without an entry by their files' names; within a plugin in the order
/// of its export.
pub(crate) struct Registrar<'a> {
    pub(super) config: &'a Config,
    services: &'a Arc<Services>,
    libraries: &'a Libraries,
    pub(super) loads: &'a Loads,
    before: &'a [Made],
    pub(super) catalogue: Catalogue,
    made: Vec<Made>,
    /// How many listeners of each SPI there are.
    pub(super) numbers: [u32; Spi::ALL.len()],
    /// How many entries and listeners were refused.
    pub(super) refused: usize,
    /// The first required entry that is missing.
    required: Option<String>,
    /// The entry of which it was said last that nobody fetches.
    not_polled: Option<String>,
}

/// A refusal that was logged.
pub(super) struct Refused {
    /// Whether the entry's own settings are why.
    pub(super) in_config: bool,
}

impl<'a> Registrar<'a> {
    /// Makes all listeners. What is refused is logged and counted.
    ///
    /// # Errors
    ///
    /// The plugins cannot be looked at; nothing was made then.
    pub(crate) fn make(job: Job<'a>) -> Result<Roster, LookError> {
        let config = job.config;
        let (on, off): (Vec<_>, Vec<_>) = config.listeners.iter().partition(|entry| entry.enabled);
        let on: HashSet<&str> = on.into_iter().map(|entry| &*entry.plugin).collect();
        let off = off.into_iter().map(|entry| entry.plugin.clone());
        let off = off.filter(|id| !on.contains(&**id)).collect();
        let (dir, trust) = (&config.plugins.dir, &config.plugins.trust);
        let catalogue = Catalogue::read(dir, trust, off, job.prober, Arc::clone(job.loads))?;
        let mut registrar = Registrar {
            config,
            services: job.services,
            libraries: job.libraries,
            loads: job.loads,
            before: job.before,
            catalogue,
            made: Vec::new(),
            numbers: [0; Spi::ALL.len()],
            refused: 0,
            required: None,
            not_polled: None,
        };
        registrar.make_all();
        Ok(Roster {
            missing: registrar.missing(),
            made: registrar.made,
            refused: registrar.refused + registrar.catalogue.refused(),
            required: registrar.required,
        })
    }

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
        for entry in self.without_entry() {
            // Refusals are logged and counted.
            let _ = match names.get(&entry) {
                None => self.make_entry(&entry),
                Some(other) => Err(self.refuse_name(&entry, other)),
            };
        }
    }

    /// The entries that are not switched off and came to nothing.
    fn missing(&self) -> Vec<MissingListener> {
        let abort = self.config.plugins.on_failure == OnFailure::Abort;
        let entries = self.config.listeners.iter().filter(|entry| entry.enabled);
        entries
            .filter(|entry| !self.made.iter().any(|made| made.is_of(entry)))
            .map(|entry| MissingListener {
                name: entry.name.clone(),
                plugin: entry.plugin.clone(),
                needed: abort || entry.required,
            })
            .collect()
    }

    /// Entries for the plugins that the configuration does not mention, by the files' names: those
    /// that are there, and those in service whose file was refused.
    fn without_entry(&self) -> Vec<ListenerConfig> {
        let mentioned: HashSet<&str> = self.config.listeners.iter().map(|e| &*e.plugin).collect();
        let mut entries = BTreeMap::<OsString, ListenerConfig>::new();
        let name_of = |file: &std::path::Path| file.file_name().unwrap_or_default().to_owned();
        for id in self.catalogue.ids() {
            if let Some(file) = self.catalogue.file_of(id) {
                entries.insert(name_of(file), ListenerConfig::new(id));
            }
        }
        for made in self.before.iter().filter(|made| made.origin.implicit) {
            let file = &made.origin.file;
            let id = &made.origin.plugin;
            let found = self.catalogue.file_of(id).is_some();
            if !found && self.catalogue.has_refused(file) {
                let entry = || ListenerConfig::new(id);
                entries.entry(name_of(file)).or_insert_with(entry);
            }
        }
        let entries = entries.into_values();
        entries
            .filter(|entry| !mentioned.contains(&*entry.plugin))
            .collect()
    }

    /// Makes the listeners of one entry. Where that fails, those of before stay as they were, all
    /// of them: they belong together.
    fn make_entry(&mut self, entry: &ListenerConfig) -> Result<(), Refused> {
        let before = self.before.iter().filter(|made| made.is_of(entry));
        let before: Vec<Made> = before.cloned().collect();
        let ready = match self
            .catalogue
            .get(&entry.plugin, self.services, self.libraries)
        {
            Some(Ok(ready)) => ready,
            Some(Err(())) => return Err(self.keep(entry, before, Refused { in_config: false })),
            None => return self.without_plugin(entry, before),
        };
        let first = self.made.len();
        let outcome = self.make_of(entry, &ready, &before);
        if before.is_empty() {
            return outcome;
        }
        if let Err(refused) = outcome {
            let new = self.made.split_off(first).into_iter();
            let new = new.filter(|made| !before.iter().any(|other| other.is(made)));
            let new: Vec<Placed> = new.map(|made| made.placed).collect();
            Retired::end_unused(new);
            return Err(self.keep(entry, before, refused));
        }
        for index in first..self.made.len() {
            let made = &self.made[index];
            let is_new = !before.iter().any(|other| other.is(made));
            let listener = Arc::clone(&made.placed.listener);
            self.count(&listener, is_new);
        }
        Ok(())
    }

    /// Leaves the listeners of an entry in service as they are.
    fn keep(&mut self, entry: &ListenerConfig, mut before: Vec<Made>, refused: Refused) -> Refused {
        if !before.is_empty() {
            say!(
                KEPT_AS_IT_WAS,
                listener = entry.name.as_str(),
                "Listener '{}'{} goes on as it was, as what was to replace it is refused",
                entry.name,
                at(entry),
            );
        }
        for made in &mut before {
            self.count(&made.placed.listener, false);
            // How it is treated is for the entry to say all the same.
            made.placed.policy = self.policy(entry);
        }
        self.made.extend(before);
        refused
    }

    /// There is no plugin for an entry, or none any more.
    fn without_plugin(&mut self, entry: &ListenerConfig, before: Vec<Made>) -> Result<(), Refused> {
        let Some(one) = before.first() else {
            return Err(self.refuse_unknown(entry));
        };
        // The refusal of a file is logged and counted by now.
        if self.catalogue.has_refused(&one.origin.file) {
            return Err(self.keep(entry, before, Refused { in_config: false }));
        }
        if entry.required {
            let refused = self.refuse_unknown(entry);
            return Err(self.keep(entry, before, refused));
        }
        say!(
            FILE_GONE,
            listener = entry.name.as_str(),
            "Listener '{}'{} is taken out of service: its plugin's file {:?} is gone",
            entry.name,
            at(entry),
            one.origin.file,
        );
        Ok(())
    }

    /// Makes the instances of one entry: one for each listener that the plugin exports for the
    /// entry's SPIs. What would be the same as before is taken from there.
    fn make_of(
        &mut self,
        entry: &ListenerConfig,
        ready: &Ready,
        before: &[Made],
    ) -> Result<(), Refused> {
        let plugin = &ready.library;
        let mut request = self.init_request(entry);
        let text = Value::from(request.clone()).to_string();
        let wanted = |spi: &Spi| entry.spi.as_ref().is_none_or(|all| all.contains(spi));
        let stays = |made: &Made| {
            wanted(&made.placed.listener.spi())
                && made.is_made_of(ready.sha256, made.origin.index, &text, entry)
        };
        let told = if before.iter().all(stays) {
            text.clone()
        } else {
            request.insert("takes_over".to_owned(), true.into());
            Value::from(request).to_string()
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
            if wanted(&spi) {
                let mut old = before.iter();
                let old = old.find(|made| made.is_made_of(ready.sha256, index, &text, entry));
                let listener = match old {
                    Some(old) => Ok(Arc::clone(&old.placed.listener)),
                    None => self.make_instance(entry, plugin.plugin(), *table, spi, &told),
                };
                let made = listener.map(|listener| {
                    if before.is_empty() {
                        self.count(&listener, true);
                    }
                    let origin = Origin {
                        plugin: entry.plugin.clone(),
                        implicit: self.is_implicit(entry),
                        file: ready.file.clone(),
                        sha256: ready.sha256,
                        index,
                        request: text.clone(),
                        queue: entry.queue.clone(),
                        may_poll: entry.poll.is_some(),
                    };
                    self.made.push(Made {
                        placed: Placed {
                            listener,
                            policy: self.policy(entry),
                        },
                        origin: Arc::new(origin),
                    });
                });
                outcome = outcome.and(made);
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
        request: &str,
    ) -> Result<Arc<Registered>, Refused> {
        let may_poll = entry.poll.is_some();
        let side =
            HostSide::of_instance(&entry.name, self.services, plugin, &entry.queue, may_poll);
        let instance = match Instance::init(table, side, request) {
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
        if enabled && may_poll && !side.is_polled() && self.not_polled.as_ref() != Some(&entry.name)
        {
            self.not_polled = Some(entry.name.clone());
            say!(
                NOT_POLLED,
                listener = entry.name.as_str(),
                "Listener '{}'{} has `[listener.poll]`, and no queue that could be fetched from",
                entry.name,
                at(entry),
            );
        }
        let listener = Registered::new(instance, &entry.name, spi, enabled);
        Ok(Arc::new(listener))
    }

    /// Whether the configuration does not mention the entry.
    fn is_implicit(&self, entry: &ListenerConfig) -> bool {
        let mut entries = self.config.listeners.iter();
        !entries.any(|other| std::ptr::eq(other, entry))
    }
}

fn spi_of(table: ListenerRef) -> Option<Spi> {
    ffi::spi_of(table.spi())
}
