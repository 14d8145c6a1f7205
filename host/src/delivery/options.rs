//! How one queue works: what its listener asks for, and what its operator says to that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{QueueSettings, WhenFull};

/// Whether messages are delivered in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// They are not.
    #[default]
    None,
    /// Those of one key are, one in a batch at the most.
    Key,
    /// Those of one key are, and a batch may hold several.
    KeyInBatches,
}

/// What a listener asks for. Members that a later interface adds are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Requested {
    order: Order,
    batch_messages: Option<u32>,
    batch_bytes: Option<u64>,
    batch_age_ms: Option<u64>,
    concurrency: Option<u32>,
    attempts: Option<u32>,
    backoff_ms: Option<u64>,
    backoff_max_ms: Option<u64>,
    max_messages: Option<u64>,
    max_bytes: Option<u64>,
    when_full: Option<WhenFull>,
    pause_after_ms: Option<u64>,
}

/// How a queue works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Options {
    pub(crate) order: Order,
    pub(crate) batch_messages: usize,
    pub(crate) batch_bytes: u64,
    #[serde(rename = "batch_age_ms", serialize_with = "milliseconds")]
    pub(crate) batch_age: Duration,
    pub(crate) concurrency: u32,
    pub(crate) attempts: u32,
    #[serde(rename = "backoff_ms", serialize_with = "milliseconds")]
    pub(crate) backoff: Duration,
    #[serde(rename = "backoff_max_ms", serialize_with = "milliseconds")]
    pub(crate) backoff_max: Duration,
    pub(crate) max_messages: u64,
    pub(crate) max_bytes: u64,
    pub(crate) when_full: WhenFull,
    /// `None` for never.
    #[serde(rename = "pause_after_ms", serialize_with = "perhaps_milliseconds")]
    pub(crate) pause_after: Option<Duration>,
}

/// The most messages that a batch may have, …
pub(crate) const MOST_IN_BATCH: u32 = 10_000;
/// … the most calls of a sink at a time, …
pub(crate) const MOST_AT_ONCE: u32 = 64;
/// … and the longest time that anything waits.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(24);

impl Options {
    /// What is in force. The operator decides, but that a batch holds no more than the listener says it
    /// can take. What is out of bounds is brought inside.
    pub(crate) fn new(asked: &Requested, set: &QueueSettings) -> Self {
        let millis = |asked: Option<u64>| asked.map(Duration::from_millis);
        let batch_messages = asked.batch_messages.unwrap_or(100);
        let batch_messages = set
            .batch_messages
            .map_or(batch_messages, |set| set.min(batch_messages));
        let batch_bytes = asked.batch_bytes.unwrap_or(1 << 20);
        let batch_bytes = set
            .batch_bytes
            .map_or(batch_bytes, |set| set.min(batch_bytes));
        let backoff = set.backoff.or(millis(asked.backoff_ms));
        let backoff = backoff.unwrap_or(Duration::from_millis(500));
        let backoff = backoff.clamp(Duration::from_millis(1), LONGEST_WAIT);
        let backoff_max = set.backoff_max.or(millis(asked.backoff_max_ms));
        let backoff_max = backoff_max.unwrap_or(Duration::from_mins(5));
        let pause_after = set.pause_after.or(millis(asked.pause_after_ms));
        let pause_after = pause_after.unwrap_or(Duration::from_mins(1));
        Self {
            order: asked.order,
            batch_messages: batch_messages.clamp(1, MOST_IN_BATCH) as usize,
            batch_bytes: batch_bytes.max(1),
            batch_age: (set.batch_age.or(millis(asked.batch_age_ms)))
                .unwrap_or_default()
                .min(LONGEST_WAIT),
            concurrency: (set.concurrency.or(asked.concurrency))
                .unwrap_or(1)
                .clamp(1, MOST_AT_ONCE),
            attempts: set.attempts.or(asked.attempts).unwrap_or(25).max(1),
            backoff,
            backoff_max: backoff_max.clamp(backoff, LONGEST_WAIT),
            max_messages: (set.max_messages.or(asked.max_messages))
                .unwrap_or(1_000_000)
                .max(1),
            max_bytes: (set.max_bytes.or(asked.max_bytes))
                .unwrap_or(4 << 30)
                .max(1),
            when_full: set.when_full.or(asked.when_full).unwrap_or_default(),
            pause_after: (!pause_after.is_zero()).then_some(pause_after),
        }
    }

    pub(crate) fn is_ordered(&self) -> bool {
        self.order != Order::None
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::ref_option, reason = "what serde calls")]
fn perhaps_milliseconds<S: serde::Serializer>(
    time: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    milliseconds(&time.unwrap_or_default(), to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_decides_but_cannot_make_a_batch_larger() {
        let asked = r#"{"batch_messages":10,"attempts":3,"order":"key","later":1}"#;
        let asked: Requested = serde_json::from_str(asked).unwrap();
        let set = QueueSettings {
            batch_messages: Some(100),
            attempts: Some(7),
            pause_after: Some(Duration::ZERO),
            ..QueueSettings::default()
        };
        let options = Options::new(&asked, &set);
        assert_eq!((options.batch_messages, options.attempts), (10, 7));
        assert!(options.is_ordered() && options.pause_after.is_none());
        let set = QueueSettings {
            batch_messages: Some(5),
            ..QueueSettings::default()
        };
        assert_eq!(Options::new(&asked, &set).batch_messages, 5);
    }
}
