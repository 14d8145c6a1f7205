//! `log.level`: a level for everything, or levels for parts of the host.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::excerpt::quoted;
use super::keys::nearest;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// What is logged: `info`, or directives such as `info,op_listener_sqs=debug`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl LogFilter {
    /// The filter as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The filter for a subscriber.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
}

impl Default for LogFilter {
    /// Everything from level info on.
    fn default() -> Self {
        Self {
            text: "info".to_owned(),
            targets: Targets::new().with_default(LevelFilter::INFO),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is wrong with a filter, and what may have been meant.
pub(super) struct FilterError {
    /// The part that is at fault, if it is a part.
    pub(super) part: String,
    pub(super) message: String,
    pub(super) help: String,
}

impl LogFilter {
    /// Stricter than [`Targets`], which takes a misspelt level (`inof`) for the name of a target
    /// and thereby silences all others.
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut directives = Vec::new();
        for directive in text.split(',') {
            let (target, level) = match directive.split_once('=') {
                None => (None, directive.trim()),
                Some((target, level)) => (Some(target.trim()), level.trim()),
            };
            check_level(level)?;
            directives.push(match target {
                None => level.to_owned(),
                Some(target) => {
                    check_target(target)?;
                    format!("{target}={level}")
                }
            });
        }
        let targets = Targets::from_str(&directives.join(",")).map_err(|error| FilterError {
            part: String::new(),
            message: format!("not a log filter: {error}"),
            help: "write a level, or directives such as `info,op_listener_host=debug`".to_owned(),
        })?;
        Ok(Self {
            text: text.to_owned(),
            targets,
        })
    }
}

fn check_level(level: &str) -> Result<(), FilterError> {
    if LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
        return Ok(());
    }
    let help = match nearest(level, LEVELS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "levels: {}; for one part of the host write `part=level`",
            LEVELS.map(|level| format!("`{level}`")).join(", ")
        ),
    };
    Err(FilterError {
        part: level.to_owned(),
        message: format!("{} is not a log level", quoted(level)),
        help,
    })
}

fn check_target(target: &str) -> Result<(), FilterError> {
    let path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    if !target.is_empty() && target.chars().all(path) {
        return Ok(());
    }
    Err(FilterError {
        part: target.to_owned(),
        message: format!("{} is not the name of a log target", quoted(target)),
        help: "targets are module paths such as `op_listener_host::flow`".to_owned(),
    })
}
