//! The subscriber of the `op-listener` command: writes lines to standard error.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use time::OffsetDateTime;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layered, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

use super::layout;
use crate::config::LogConfig;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How lines look.
    pub format: Format,
    /// Which are kept.
    pub filter: Targets,
}

impl From<&LogConfig> for Settings {
    fn from(config: &LogConfig) -> Self {
        Self {
            format: config.format,
            filter: config.level.targets().clone(),
        }
    }
}

/// The log of this process, whose settings can be changed while it is in use.
#[derive(Clone, Debug)]
pub struct Subscription {
    json: Arc<AtomicBool>,
    filter: reload::Handle<Targets, Layered<Lines, Registry>>,
}

/// Makes this process log to standard error.
///
/// # Errors
///
/// The process has a subscriber already.
pub fn subscribe(settings: Settings) -> Result<Subscription, SetGlobalDefaultError> {
    let json = Arc::new(AtomicBool::new(settings.format == Format::Json));
    let lines = Lines {
        json: Arc::clone(&json),
    };
    let (filter, handle) = reload::Layer::new(settings.filter);
    let subscriber = Registry::default().with(lines).with(filter);
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(Subscription {
        json,
        filter: handle,
    })
}

impl Subscription {
    /// From now on logs like that. Listeners have to be told of it, see
    /// [`Host::log_level_changed`](crate::Host::log_level_changed).
    pub fn change(&self, settings: Settings) {
        let json = settings.format == Format::Json;
        self.json.store(json, Ordering::Relaxed);
        // Fails where the subscriber is gone, and this one is for the whole life of the process.
        let _ = self.filter.reload(settings.filter);
    }
}

#[derive(Debug)]
struct Lines {
    json: Arc<AtomicBool>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = OffsetDateTime::now_utc();
        let mut line = String::with_capacity(160);
        let written = if self.json.load(Ordering::Relaxed) {
            layout::json(&mut line, event, now)
        } else {
            layout::text(&mut line, event, now)
        };
        if written.is_ok() {
            line.push('\n');
            // One write, so that lines of several threads do not mix. Where nobody reads standard
            // error there is nobody to tell.
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
    }
}
