//! Reads everything anew, without a restart: the configuration, the plugins, the keys, and whatever
//! other files the parts of a host are made of.
//!
//! A [`Reloader`] does it, in one order and one at a time; a [`Watch`] has it done when somebody
//! asks for it, and when files have changed. How each part takes over its new settings is the
//! part's own matter: [`Host::reload`], and [`Part`] for all others.

mod snapshot;
mod watch;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::config::{Config, ConfigErrors};
use crate::feed::Feed;
use crate::log::{Subscription, say};
use crate::{Host, Reloaded};

pub use watch::{Seen, Stage, Watch};

/// A part of a running host, beside its listeners and keys, that can take over other settings.
pub trait Part: Send + Sync {
    /// What it is called in the log, for the middle of a sentence: `the client registry`.
    fn name(&self) -> &'static str;

    /// Takes over the settings of another configuration, and reads its files anew. (Which files are
    /// watched, [`Config::files`] says.)
    ///
    /// # Errors
    ///
    /// They cannot be used. Then it goes on as before; the caller logs why.
    fn reload(&self, config: &Config) -> Result<(), Box<dyn Error + Send + Sync>>;
}

type Read = dyn Fn() -> Result<Config, ConfigErrors> + Send + Sync;

/// Reads everything anew.
pub struct Reloader {
    host: Arc<Host>,
    file: Option<PathBuf>,
    read: Box<Read>,
    parts: Vec<Arc<dyn Part>>,
    /// In effect.
    running: ArcSwap<Config>,
    /// Held by a reload from its beginning to its end.
    turn: Mutex<()>,
}

impl Reloader {
    /// Reloads a host that runs with that configuration. `read` reads the configuration anew, with
    /// whatever a command line has changed about it; `file` is where it stands, if it does in one.
    pub fn new(
        host: Arc<Host>,
        running: Config,
        file: Option<PathBuf>,
        read: impl Fn() -> Result<Config, ConfigErrors> + Send + Sync + 'static,
    ) -> Self {
        Self {
            host,
            file,
            read: Box::new(read),
            parts: Vec::new(),
            running: ArcSwap::from_pointee(running),
            turn: Mutex::default(),
        }
    }

    /// Has this part reloaded too, after the host and the parts before it.
    #[must_use]
    pub fn with_part(mut self, part: Arc<dyn Part>) -> Self {
        self.parts.push(part);
        self
    }

    /// Reads everything anew. What has changed of the listeners; `None` where all stays as it was,
    /// because the configuration has errors or the plugins cannot be looked at. All is logged.
    pub fn reload(&self) -> Option<Reloaded> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = match (self.read)() {
            Ok(config) => config,
            Err(errors) => {
                for error in &errors {
                    // What follows the first line shows the place to people at a terminal.
                    let text = error.to_string();
                    let what = text.lines().next().unwrap_or_default();
                    match error.help() {
                        Some(help) => nothing_changes(&format_args!("{what}: {help}")),
                        None => nothing_changes(&what),
                    }
                }
                return None;
            }
        };
        let kept = config.keep_until_restart(&self.running.load());
        let reloaded = match self.host.change(config.clone()) {
            Ok(reloaded) => reloaded,
            Err(error) => {
                nothing_changes(&error);
                return None;
            }
        };
        for part in &self.parts {
            if let Err(error) = part.reload(&config) {
                say!(
                    KEPT_PART,
                    "Not reloaded, but as it was before: {}: {error}",
                    part.name()
                );
            }
        }
        // The log is a part as well.
        self.host.log_level_changed();
        if !kept.is_empty() {
            say!(
                NEEDS_RESTART,
                "Only a restart changes what the configuration now says of: {}",
                kept.join(", "),
            );
        }
        self.running.store(Arc::new(config));
        // Whoever reads it may count on all of the new settings.
        Host::say_reloaded(&reloaded);
        Some(reloaded)
    }

    /// The configuration in effect. Does not wait for a reload under way.
    pub fn config(&self) -> Arc<Config> {
        self.running.load_full()
    }

    /// The plugin directory, and all files whose change is a reason to reload.
    fn sources(&self) -> (PathBuf, Vec<PathBuf>) {
        let config = self.config();
        let files = files_of(&config, self.file.as_deref());
        (config.plugins.dir.clone(), files)
    }
}

/// The files that a host is made of, beside those in the plugin directory.
fn files_of(config: &Config, file: Option<&Path>) -> Vec<PathBuf> {
    let file = file.map(Path::to_owned).into_iter();
    file.chain(config.files()).collect()
}

fn nothing_changes(why: &dyn fmt::Display) {
    say!(RELOAD_FAILED, "The reload changes nothing: {why}");
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader")
            .field("file", &self.file)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Part for Feed {
    fn name(&self) -> &'static str {
        "the client registry (and with it `issuer`, `intake` and `flow`)"
    }

    fn reload(&self, config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.reload(config)?)
    }
}

impl Part for Subscription {
    fn name(&self) -> &'static str {
        "the log"
    }

    fn reload(&self, config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.change((&config.log).into());
        Ok(())
    }
}
