//! The subscriber of the `op-listener` command: writes lines to standard error.

use std::io::{self, Write};

use time::OffsetDateTime;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::layout;

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

/// Makes this process log to standard error.
///
/// # Errors
///
/// The process has a subscriber already.
pub fn subscribe(settings: Settings) -> Result<(), SetGlobalDefaultError> {
    let lines = Lines {
        format: settings.format,
    };
    let subscriber = Registry::default().with(lines).with(settings.filter);
    tracing::subscriber::set_global_default(subscriber)
}

struct Lines {
    format: Format,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = OffsetDateTime::now_utc();
        let mut line = String::with_capacity(160);
        let written = match self.format {
            Format::Text => layout::text(&mut line, event, now),
            Format::Json => layout::json(&mut line, event, now),
        };
        if written.is_ok() {
            line.push('\n');
            // One write, so that lines of several threads do not mix. Where nobody reads standard
            // error there is nobody to tell.
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
    }
}
