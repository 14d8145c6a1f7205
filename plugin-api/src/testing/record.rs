//! What listeners logged.

use op_listener_abi::{LogRecord, level};
use serde_json::{Map, Value};

use super::wire;

/// The level of a record, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `tracing::error!`
    Error,
    /// `tracing::warn!`
    Warn,
    /// `tracing::info!`
    Info,
    /// `tracing::debug!`
    Debug,
    /// `tracing::trace!`
    Trace,
}

/// A record that reached the host's log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The name of the instance that spoke; empty where the host cannot tell.
    pub instance: String,
    /// The level.
    pub level: Level,
    /// Which part of the listener spoke: its module path, unless set otherwise. `panic` for a
    /// panic on a thread of the listener's own.
    pub target: String,
    /// The message.
    pub message: String,
    /// The fields, those of the spans around it included.
    pub fields: Map<String, Value>,
    /// The source file, where known.
    pub file: Option<String>,
    /// The line in it, where known.
    pub line: Option<u32>,
}

impl Record {
    pub(super) fn new(instance: &str, record: &LogRecord<'_>) -> Self {
        let text = |text: op_listener_abi::Text<'_>| {
            String::from_utf8_lossy(text.bytes().unwrap_or_default()).into_owned()
        };
        Self {
            instance: instance.to_owned(),
            level: match record.level {
                level::ERROR => Level::Error,
                level::WARN => Level::Warn,
                level::INFO => Level::Info,
                level::DEBUG => Level::Debug,
                _ => Level::Trace,
            },
            target: text(record.target),
            message: text(record.message),
            fields: serde_json::from_str(&text(record.fields)).unwrap_or_default(),
            file: record.file.bytes().map(|_| text(record.file)),
            line: (record.line != 0).then_some(record.line),
        }
    }
}

/// The last records (at most 1,000) that belong to no instance: those logged outside the calls of a
/// [`Host`](super::Host), on a thread that has not said in whose name it speaks. A listener's own
/// threads do that with [`Logger::scope`](crate::Logger::scope). All hosts of the process share
/// them.
pub fn unattributed_records() -> Vec<Record> {
    wire::unattributed_records()
}
