//! The host: listeners ready to be called, until they are replaced at a reload or shut down. How one is
//! made is `build`'s.

mod build;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::Spi;
use crate::config::{Config, SigningConfig};
use crate::delivery::Delivery;
#[cfg(feature = "delivery")]
use crate::delivery::DeliverySnapshot;
use crate::dispatch::{Dispatched, Dispatcher, Placed, Retired, StatsSnapshot, Table};
use crate::event::Event;
use crate::ffi::{Services, set_log_level};
use crate::log::{bridge, say};
use crate::register::{
    Job, Libraries, Loads, Made, MissingListener, Origin, Registrar, ReloadError, Reloaded,
};

pub use self::build::HostBuilder;
use self::build::{enabled, prober, signer, warn_if_idle};

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
    libraries: Libraries,
    loads: Arc<Loads>,
    retired: Retired,
    prober: Option<PathBuf>,
    /// Held by a reload from its beginning to its end.
    present: Mutex<Present>,
    /// Held for a moment by whoever puts a table into service.
    life: Mutex<Life>,
    missing: ArcSwap<Vec<MissingListener>>,
}

/// What the table in service was made of.
struct Present {
    config: Config,
    /// In the order of the table.
    origins: Vec<Arc<Origin>>,
}

/// Whether the host has been shut down, and how patient it is to be then.
struct Life {
    ended: bool,
    drain: Duration,
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
    /// How long a call may take before it counts as over budget.
    pub budget: Duration,
    /// What was counted.
    pub stats: StatsSnapshot,
}

/// What became of the listeners when a host was shut down. Each that did not end well is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// How many failed to shut down.
    pub failures: usize,
    /// How many did not come back, from a call or from their shutdown. A thread is still in them:
    /// whoever ends the process should do it without running what libraries have left to be run at
    /// its end (`_exit`).
    pub left_behind: usize,
}

impl Host {
    /// Begins a host with the default configuration.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Says in the log that the host is ready: after [`HostBuilder::ready_later`].
    pub fn say_ready(&self) {
        let table = self.dispatcher.table();
        say!(
            STARTED,
            "op-listener {} is ready: {} listeners, {} enabled",
            env!("CARGO_PKG_VERSION"),
            table.all().len(),
            enabled(&table),
        );
    }

    /// Hands an event to each enabled listener of its SPI, in order, on this thread, and comes back
    /// when the last one is done: it blocks for as long as they take, so asynchronous code calls it by
    /// way of its runtime's `spawn_blocking`. Errors and panics of listeners are caught, logged and counted.
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
            .map(|Placed { listener, policy }| ListenerInfo {
                name: listener.name().to_owned(),
                spi: listener.spi(),
                class: listener.class().to_owned(),
                enabled: listener.enabled(),
                active: listener.active(),
                budget: policy.budget,
                stats: listener.stats(),
            })
            .collect()
    }

    /// The entries of the configuration that are not switched off, and of which nothing is in
    /// service since the start or the last reload. Does not wait for a reload under way.
    pub fn missing_listeners(&self) -> Arc<Vec<MissingListener>> {
        self.missing.load_full()
    }

    /// Whether the time of each call is measured.
    pub(crate) fn measures(&self) -> bool {
        self.dispatcher.table().measure
    }

    /// How libraries and listeners fared when they were loaded.
    pub(crate) fn loads(&self) -> &Loads {
        &self.loads
    }

    /// The numbers of the threads that are in a call of a listener that a reload has left behind:
    /// see [`crate::ffi::this_thread`].
    #[cfg(feature = "server")]
    pub(crate) fn left_behind(&self) -> Vec<usize> {
        self.retired.callers()
    }

    /// The public part of the signing keys as a JWK set (RFC 7517 section 5), for whoever verifies
    /// what listeners sign; with those that were retired at a reload and are still to be known.
    pub fn jwk_set(&self) -> String {
        self.services.keys.jwk_set()
    }

    /// Tells the listeners that this process's `tracing` subscriber keeps other levels than before:
    /// to be called after a subscriber was installed or its filter changed while the host runs.
    /// Listeners do not hand over what was not kept when they were loaded, until they are told.
    pub fn log_level_changed(&self) {
        let level = bridge::most_verbose();
        for plugin in self.libraries.tables() {
            set_log_level(plugin, level);
        }
    }

    /// What is known of the delivery queues.
    #[cfg(feature = "delivery")]
    pub fn delivery(&self) -> DeliverySnapshot {
        self.delivery.snapshot()
    }

    /// The queue of that name, if it is one to fetch from. May wait for the disk.
    #[cfg(all(feature = "delivery", feature = "server"))]
    pub(crate) fn stream(&self, name: &str) -> Option<crate::delivery::Stream> {
        self.delivery.stream(name)
    }

    /// Reads the plugin directory and the signing keys anew, and puts into service what another
    /// configuration makes of them. Listeners of which nothing has changed, neither a byte of their
    /// library nor their own settings, stay as they are, with their state; others are made first,
    /// then put into service all at once, and when no call is under way any more in those that go,
    /// these are shut down. No event is lost by that, and none comes twice to one listener: each
    /// sees the listeners of before or those of after.
    ///
    /// What is refused is logged, and what was in service in its place stays. That also goes for a
    /// file that cannot be used any more: damaged, half copied, not trusted; only a file that is
    /// gone takes its listeners with it, unless it is pinned or its entry is `required`. The
    /// policy `on_failure` does not matter here. Signing goes over to new keys; the public ones of
    /// before stay in [`Host::jwk_set`] for a while. The data directory stays that of the start.
    ///
    /// Blocks until all that is done (asynchronous code calls it by way of `spawn_blocking`).
    /// May be called from any thread; a second call waits for the first. [`Host::dispatch`] never
    /// waits for it, nor does [`Host::shutdown`]. Must not be called from within a call of a
    /// listener: it would wait for itself.
    ///
    /// # Errors
    ///
    /// The plugin directory or the lock file cannot be read, or the host was shut down. Nothing has
    /// changed then.
    pub fn reload(&self, config: Config) -> Result<Reloaded, ReloadError> {
        let changes = self.change(config)?;
        Self::say_reloaded(&changes);
        Ok(changes)
    }

    /// Says that all was reloaded, where there is more than the host to reload.
    pub(crate) fn say_reloaded(changes: &Reloaded) {
        say!(RELOADED, "Reloaded: {changes}");
    }

    /// As [`Host::reload`], and leaves it to the caller to say so.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn change(&self, mut config: Config) -> Result<Reloaded, ReloadError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if self.life().ended {
            return Err(ReloadError::ShutDown);
        }
        let before = Made::all(&self.dispatcher.table(), &present.origins);
        // What listeners have put there is theirs, and must not be lost to them.
        config.data_dir.clone_from(&present.config.data_dir);
        let mut roster = Registrar::make(Job {
            config: &config,
            services: &self.services,
            libraries: &self.libraries,
            loads: &self.loads,
            prober: prober(&config, self.prober.as_ref()),
            before: &before,
        })?;
        self.change_keys(&present.config, &mut config);
        let table = roster.table(config.dispatch.measure);
        let (old, new) = {
            let mut life = self.life();
            if life.ended {
                drop(life);
                roster.abandon(&before);
                return Err(ReloadError::ShutDown);
            }
            life.drain = config.shutdown.drain;
            let old = self.dispatcher.swap(table);
            (old, self.dispatcher.table())
        };
        self.missing.store(Arc::new(roster.take_missing()));
        warn_if_idle(&new, &config);
        let mut changes = roster.changes_since(&before);
        // Whoever holds a listener is waited for.
        drop(before);
        let patience = config.shutdown.drain;
        *present = Present {
            config,
            origins: roster.into_origins(),
        };
        changes.left_behind = self.retired.end(old, &new, patience).left;
        Ok(changes)
    }

    /// Goes over to the configured keys. Where they cannot be used, the configuration keeps those
    /// that are in use.
    fn change_keys(&self, present: &Config, config: &mut Config) {
        let same = |one: &SigningConfig, other: &SigningConfig| {
            (&one.keys, one.algorithm) == (&other.keys, other.algorithm)
        };
        if config.signing.keys.is_none() && same(&present.signing, &config.signing) {
            // The key that was made at the start lives on.
            return;
        }
        match signer(config) {
            Ok(signer) => {
                let kid = signer.kid().to_owned();
                let retire_after = config.signing.retire_after;
                if self.services.keys.change(signer, retire_after) {
                    say!(
                        KEYS_CHANGED,
                        "The signing keys have changed: signing with key {kid:?} from now on; public keys that are gone stay known for {} s",
                        retire_after.as_secs(),
                    );
                }
            }
            Err(error) => {
                say!(
                    KEPT_PART,
                    "Not reloaded, but as they were before: the signing keys: {error}"
                );
                config.signing.clone_from(&present.signing);
            }
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all listeners out of service, waits until no call is under way, and shuts them down in
    /// the reverse order of loading. Events that are dispatched later reach nobody. Does nothing the
    /// second time. Says how many listeners failed to shut down, or did not come back; each is
    /// logged by then.
    ///
    /// Waits for calls no longer than `drain_ms` under `[shutdown]`, and for the shutdown of a
    /// listener no longer than `listener_ms`. A listener that does not come back is left behind, and
    /// the next one is shut down all the same.
    pub fn shutdown(&self) -> usize {
        let drain = self.life().drain;
        let stopped = self.shutdown_within(drain);
        stopped.failures + stopped.left_behind
    }

    /// As [`Host::shutdown`], waiting no longer for calls than that.
    pub fn shutdown_within(&self, drain: Duration) -> Stopped {
        let old = {
            let mut life = self.life();
            if std::mem::replace(&mut life.ended, true) {
                return Stopped::default();
            }
            self.dispatcher.swap(Table::default())
        };
        self.delivery.stop();
        let ended = self.retired.end(old, &Table::default(), drain);
        self.delivery.end();
        Stopped {
            failures: ended.failures,
            left_behind: ended.left,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shutdown();
        // Nobody is in a call any more who was in one then.
        self.retired.end_those_that_came_back();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("listeners", &self.listeners())
            .finish_non_exhaustive()
    }
}
