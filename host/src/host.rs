//! The host: listeners ready to be called.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use op_listener_abi::PluginRef;

use crate::Spi;
use crate::config::{Config, ListenerConfig};
use crate::delivery::Delivery;
#[cfg(feature = "delivery")]
use crate::delivery::DeliverySnapshot;
use crate::dispatch::{Dispatched, Dispatcher, StatsSnapshot, Table};
use crate::event::Event;
use crate::ffi::{Queues, Services, set_log_level};
use crate::library::Trust;
use crate::log::{bridge, say};
use crate::probe::Prober;
use crate::register::{StartError, register};
use crate::signing::Signer;

/// Listeners, loaded and ready. Made by [`Host::builder`]; shared by reference (or in an [`Arc`])
/// between any number of threads.
///
/// Dropping a host shuts its listeners down, as [`Host::shutdown`] does.
///
/// ```no_run
/// use op_listener_host::Host;
/// use op_listener_host::event::Event;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let host = Host::builder().plugin_dir("/usr/lib/op-listener").build()?;
/// let event = Event::id_token_issue("alice", "000123", r#"{"sub":"alice","iat":1523304728}"#)
///     .issuer("https://op.example.com")
///     .build()?;
/// host.dispatch(&event);
/// host.shutdown();
/// # Ok(())
/// # }
/// ```
pub struct Host {
    dispatcher: Dispatcher,
    services: Arc<Services>,
    delivery: Arc<Delivery>,
    /// The libraries that were loaded.
    plugins: Vec<PluginRef>,
    ended: AtomicBool,
}

/// Makes a [`Host`].
#[derive(Clone, Debug, Default)]
pub struct HostBuilder {
    config: Config,
    prober: Option<PathBuf>,
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
            signer: Arc::new(signer(&self.config)?),
            queues: Queues::Delivery(Arc::clone(&delivery)),
        });
        let prober = self.prober.filter(|_| self.config.plugins.probe.enabled);
        let prober = prober.map(|program| Prober::new(&self.config, program));
        let registered = register(&self.config, &services, prober);
        let (listeners, plugins) = registered.inspect_err(|_| {
            // Listeners that were made until then may have opened queues.
            delivery.stop();
            delivery.end();
        })?;
        let enabled = listeners
            .iter()
            .filter(|listener| listener.enabled())
            .count();
        if enabled == 0 {
            say!(
                NO_LISTENERS,
                "No listener is enabled, so events go nowhere (plugins are looked for in {:?})",
                self.config.plugins.dir,
            );
        }
        say!(
            STARTED,
            "op-listener {} is ready: {} listeners, {enabled} enabled",
            env!("CARGO_PKG_VERSION"),
            listeners.len(),
        );
        let table = Table::new(listeners.into_iter().map(Arc::new).collect());
        Ok(Host {
            dispatcher: Dispatcher::new(table, self.config.dispatch.measure),
            services,
            delivery,
            plugins,
            ended: AtomicBool::new(false),
        })
    }
}

fn signer(config: &Config) -> Result<Signer, StartError> {
    let signing = &config.signing;
    let Some(keys) = &signing.keys else {
        say!(
            EPHEMERAL_KEY,
            "No signing key is configured: signing with an {} key that lives until the host stops",
            signing.algorithm,
        );
        return Ok(Signer::ephemeral(signing.algorithm)?);
    };
    let (signer, warnings) = Signer::from_file(keys, signing.algorithm, signing.kid.as_deref())?;
    for warning in warnings {
        say!(KEY_FILE_EXPOSED, "{warning}");
    }
    Ok(signer)
}

/// What is known of a listener, and what was counted of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// The name of the instance.
    pub name: String,
    /// Its SPI.
    pub spi: Spi,
    /// The full path of its type.
    pub class: String,
    /// Whether it said that it wants events.
    pub enabled: bool,
    /// Whether it gets events at present: not if it was switched off after panics.
    pub active: bool,
    /// What was counted.
    pub stats: StatsSnapshot,
}

impl Host {
    /// Begins a host with the default configuration.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Hands an event to each enabled listener of its SPI, in order, on this thread, and comes back
    /// when the last one is done. Errors and panics of listeners are caught, logged and counted.
    ///
    /// May be called from any number of threads at a time; takes no lock and allocates nothing.
    pub fn dispatch(&self, event: &Event<'_>) -> Dispatched {
        self.dispatcher.dispatch(event)
    }

    /// The listeners in the order of loading, with their counts. Empty after
    /// [`Host::shutdown`].
    pub fn listeners(&self) -> Vec<ListenerInfo> {
        let table = self.dispatcher.table();
        let listeners = table.all().iter();
        listeners
            .map(|listener| ListenerInfo {
                name: listener.name().to_owned(),
                spi: listener.spi(),
                class: listener.class().to_owned(),
                enabled: listener.enabled(),
                active: listener.active(),
                stats: listener.stats(),
            })
            .collect()
    }

    /// The public part of the signing keys as a JWK set (RFC 7517 section 5), for whoever verifies
    /// what listeners sign.
    pub fn jwk_set(&self) -> &str {
        self.services.signer.jwk_set()
    }

    /// Tells the listeners that this process's `tracing` subscriber keeps other levels than before:
    /// to be called after a subscriber was installed or its filter changed while the host runs.
    /// Listeners do not hand over what was not kept when they were loaded, until they are told.
    pub fn log_level_changed(&self) {
        let level = bridge::most_verbose();
        for plugin in &self.plugins {
            set_log_level(*plugin, level);
        }
    }

    /// What is known of the delivery queues.
    #[cfg(feature = "delivery")]
    pub fn delivery(&self) -> DeliverySnapshot {
        self.delivery.snapshot()
    }

    /// Waits until no call is under way, then shuts the listeners down in the reverse order of
    /// loading. Events that are dispatched later reach nobody. Does nothing the second time. Says
    /// how many listeners failed to shut down; each is logged by then.
    pub fn shutdown(&self) -> usize {
        if self.ended.swap(true, Ordering::AcqRel) {
            return 0;
        }
        self.delivery.stop();
        let failures = self.dispatcher.end();
        self.delivery.end();
        failures
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("listeners", &self.listeners())
            .finish_non_exhaustive()
    }
}
