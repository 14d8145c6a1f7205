//! How a queue is to work.

use std::time::Duration;

use serde::Serialize;

/// How a queue is to work. What is not set is as the host has it by default; the operator may set it
/// otherwise for each entry of the configuration, under `[listener.queue]`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct QueueOptions {
    #[serde(skip)]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_messages: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_messages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when_full: Option<WhenFull>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_after_ms: Option<u64>,
}

/// What happens to a push at a queue's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It fails, and the listener says so to the host. The default.
    Reject,
    /// The oldest messages are dropped, which the host logs and counts.
    DropOldest,
}

impl QueueOptions {
    /// All as the host has it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the queue from others of the same instance: 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the
    /// first not a dot. An instance with one queue needs none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Messages of one [key](crate::Message::key) are delivered in the order in which they were
    /// pushed: none before the one before it was delivered or has become a dead letter. Of each key at
    /// most one message is in a batch. A message that fails holds back its own key and no other.
    #[must_use]
    pub fn ordered_by_key(mut self) -> Self {
        self.order = Some("key");
        self
    }

    /// As [`QueueOptions::ordered_by_key`], but a batch may hold several messages of one key, in their
    /// order, which is many times as fast where there are few keys. For sinks that keep to that order
    /// themselves: once a message of a key was not delivered, a sink must not deliver the later ones of
    /// that key in the same batch, and answers for them with
    /// [`Outcome::retry`](crate::Outcome::retry).
    #[must_use]
    pub fn ordered_by_key_in_batches(mut self) -> Self {
        self.order = Some("key-in-batches");
        self
    }

    /// The most messages in a batch: 1 to 10,000. Default 100. The operator can lower it.
    #[must_use]
    pub fn batch_messages(mut self, most: u32) -> Self {
        self.batch_messages = Some(most);
        self
    }

    /// The most bytes of payload in a batch; a message that is larger is alone in its batch. Default
    /// 1 MiB. The operator can lower it.
    #[must_use]
    pub fn batch_bytes(mut self, most: u64) -> Self {
        self.batch_bytes = Some(most);
        self
    }

    /// How long a message may wait for others to fill its batch. Default: not at all.
    #[must_use]
    pub fn batch_age(mut self, most: Duration) -> Self {
        self.batch_age_ms = Some(milliseconds(most));
        self
    }

    /// How many calls of the sink may be under way at a time: 1 to 64. Default 1.
    #[must_use]
    pub fn concurrency(mut self, most: u32) -> Self {
        self.concurrency = Some(most);
        self
    }

    /// After how many attempts a message becomes a dead letter. Default 25.
    #[must_use]
    pub fn attempts(mut self, most: u32) -> Self {
        self.attempts = Some(most);
        self
    }

    /// How long a failed message waits: up to `base` after the first failure, twice that after each
    /// further one, `max` at the most, and each time a random part of it. Default 500 ms and 5
    /// minutes.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.backoff_ms = Some(milliseconds(base));
        self.backoff_max_ms = Some(milliseconds(max));
        self
    }

    /// How many messages may wait. Default 1,000,000.
    #[must_use]
    pub fn max_messages(mut self, most: u64) -> Self {
        self.max_messages = Some(most);
        self
    }

    /// How many bytes the waiting messages may have. Default 4 GiB.
    #[must_use]
    pub fn max_bytes(mut self, most: u64) -> Self {
        self.max_bytes = Some(most);
        self
    }

    /// What happens to a push at these bounds.
    #[must_use]
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.when_full = Some(policy);
        self
    }

    /// After so long of nothing but failures the queue pauses itself, and tries one message from time
    /// to time until one is delivered. Default one minute.
    #[must_use]
    pub fn pause_after(mut self, time: Duration) -> Self {
        self.pause_after_ms = Some(milliseconds(time));
        self
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
