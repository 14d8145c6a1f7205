//! Makes a host: the keys, the queues, the listeners, and what the log is told of them at the start.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::{Host, Life, Present};
use crate::config::{Config, ListenerConfig};
use crate::delivery::Delivery;
use crate::dispatch::{Dispatcher, Retired, Table};
use crate::ffi::{Queues, Services};
use crate::library::Trust;
use crate::log::say;
use crate::probe::Prober;
use crate::register::{Job, Libraries, Registrar, StartError};
use crate::signing::{KeyError, KeyRing, Signer};

/// Makes a [`Host`].
#[derive(Clone, Debug, Default)]
pub struct HostBuilder {
    config: Config,
    prober: Option<PathBuf>,
    /// Whether somebody else says when all is ready.
    quiet: bool,
}

impl HostBuilder {
    /// Takes over a whole configuration, such as one that was read from a file. Of its parts
    /// `log` is not the host's to apply ([`crate::log::subscribe`] does), nor are `issuer`,
    /// `clients`, `intake` and `flow` ([`crate::intake`] does).
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the directory in which plugins are looked for.
    #[must_use]
    pub fn plugin_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.plugins.dir = dir.into();
        self
    }

    /// Sets by what the files in it are judged.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.config.plugins.trust = trust;
        self
    }

    /// Adds a `[[listener]]` entry.
    #[must_use]
    pub fn listener(mut self, listener: ListenerConfig) -> Self {
        self.config.listeners.push(listener);
        self
    }

    /// Names an `op-listener` command, of this same version, that tries libraries in a process of
    /// their own before they are loaded into this one (see [`crate::probe`]).
    ///
    /// Without one nothing is probed, whatever the configuration says: a program that embeds the
    /// host has no such process to start, unless it is told of one. Then a library that crashes
    /// when it is loaded takes the program with it.
    #[must_use]
    pub fn prober(mut self, program: impl Into<PathBuf>) -> Self {
        self.prober = Some(program.into());
        self
    }

    /// Sets whether the time of each call is measured (the default) or not.
    #[must_use]
    pub fn measure(mut self, measure: bool) -> Self {
        self.config.dispatch.measure = measure;
        self
    }

    /// Leaves it to the caller to say that the host is ready ([`Host::say_ready`], `OPL0001` in the
    /// log), once all else is that events come by.
    #[must_use]
    pub fn ready_later(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Loads the signing keys and all listeners. Every listener that is refused is logged; whether
    /// the host starts without it is a matter of the policy `on_failure` and of `required`.
    ///
    /// Libraries are never unmapped, so each host that is built maps its plugins anew: build one and
    /// keep it, rather than one for each task.
    ///
    /// # Errors
    ///
    /// The signing keys, the plugin directory or the lock file cannot be read, or a listener was
    /// refused that the policy does not let be missing. What was loaded until then was shut down again.
    pub fn build(self) -> Result<Host, StartError> {
        let delivery = Arc::new(Delivery::new(&self.config));
        let services = Arc::new(Services {
            keys: KeyRing::new(signer(&self.config)?),
            queues: Queues::Delivery(Arc::clone(&delivery)),
        });
        let (libraries, loads) = (Libraries::default(), Arc::default());
        let roster = Registrar::make(Job {
            config: &self.config,
            services: &services,
            libraries: &libraries,
            loads: &loads,
            prober: prober(&self.config, self.prober.as_ref()),
            before: &[],
        });
        let roster = roster.map_err(StartError::from);
        let mut roster = roster
            .and_then(|roster| roster.or_abandon(self.config.plugins.on_failure))
            .inspect_err(|_| {
                // Listeners that were made until then may have opened queues.
                delivery.stop();
                delivery.end();
            })?;
        let table = roster.table(self.config.dispatch.measure);
        warn_if_idle(&table, &self.config);
        let host = Host {
            dispatcher: Dispatcher::new(table),
            services,
            delivery,
            libraries,
            loads,
            retired: Retired::default(),
            prober: self.prober,
            missing: ArcSwap::from_pointee(roster.take_missing()),
            life: Mutex::new(Life {
                ended: false,
                drain: self.config.shutdown.drain,
            }),
            present: Mutex::new(Present {
                config: self.config,
                origins: roster.into_origins(),
            }),
        };
        if !self.quiet {
            host.say_ready();
        }
        Ok(host)
    }
}

/// What tries libraries before they are loaded, where that is wanted and there is a program for it.
pub(super) fn prober(config: &Config, program: Option<&PathBuf>) -> Option<Prober> {
    let program = program.filter(|_| config.plugins.probe.enabled);
    program.map(|program| Prober::new(config, program))
}

/// How many listeners are enabled.
pub(super) fn enabled(table: &Table) -> usize {
    let listeners = table.all().iter();
    listeners.filter(|placed| placed.listener.enabled()).count()
}

/// Warns if no listener is enabled.
pub(super) fn warn_if_idle(table: &Table, config: &Config) {
    if enabled(table) == 0 {
        say!(
            NO_LISTENERS,
            "No listener is enabled, so events go nowhere (plugins are looked for in {:?})",
            config.plugins.dir,
        );
    }
}

/// The keys that are configured, or one for as long as the host runs.
pub(super) fn signer(config: &Config) -> Result<Signer, KeyError> {
    let signing = &config.signing;
    let Some(keys) = &signing.keys else {
        say!(
            EPHEMERAL_KEY,
            "No signing key is configured: signing with an {} key that lives until the host stops",
            signing.algorithm,
        );
        return Signer::ephemeral(signing.algorithm);
    };
    let (signer, warnings) = Signer::from_file(keys, signing.algorithm, signing.kid.as_deref())?;
    for warning in warnings {
        say!(KEY_FILE_EXPOSED, "{warning}");
    }
    Ok(signer)
}
