//! The `[delivery]` section, and what an entry says of its listener's queues: `[listener.queue]`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::choice::Choice;
use super::keys::{DELIVERY, QUEUE};
use super::show::{Text, path, word};
use super::walk::{Table, Value, Walk};

/// The `[delivery]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryConfig {
    /// The file of the queues' store, if it is not `queue.db` in the data directory.
    pub path: Option<PathBuf>,
    /// What a message that was pushed survives.
    pub durability: Durability,
    /// The members of payloads whose values `op-listener queue show` hides; `*` for all of each
    /// payload.
    pub mask: Vec<String>,
    /// How long the host's end waits for calls of sinks.
    pub stop_timeout: Duration,
    /// How many dead letters each queue keeps: beyond, the oldest are dropped.
    pub dead_letters: u64,
}

/// What a message that was pushed survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process and of the machine, at any moment.
    Disk,
    /// The end of the process at any moment. What was pushed in the seconds before the machine ends may
    /// be lost.
    Process,
}

/// What happens to a push at the bound of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It fails.
    #[default]
    Reject,
    /// The oldest messages are dropped for it.
    DropOldest,
}

/// What an operator sets of a listener's queues; what is not set is as the listener wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// The most messages in a batch, if that is fewer than the listener wants.
    pub batch_messages: Option<u32>,
    /// The most bytes in a batch, if that is fewer than the listener wants.
    pub batch_bytes: Option<u64>,
    /// How long a message may wait for others to fill its batch.
    pub batch_age: Option<Duration>,
    /// How many calls of the sink may be under way at a time.
    pub concurrency: Option<u32>,
    /// After how many attempts a message becomes a dead letter.
    pub attempts: Option<u32>,
    /// How long a message waits after its first failure, at the most.
    pub backoff: Option<Duration>,
    /// How long it waits after any, at the most.
    pub backoff_max: Option<Duration>,
    /// How many messages may wait.
    pub max_messages: Option<u64>,
    /// How many bytes they may have.
    pub max_bytes: Option<u64>,
    /// What happens at these bounds.
    pub when_full: Option<WhenFull>,
    /// After how long of nothing but failures the queue pauses itself; zero for never.
    pub pause_after: Option<Duration>,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            path: None,
            durability: Durability::Disk,
            mask: Vec::new(),
            stop_timeout: Duration::from_secs(10),
            dead_letters: 100_000,
        }
    }
}

impl Choice for Durability {
    const WORDS: &'static [(&'static str, Self)] =
        &[("disk", Self::Disk), ("process", Self::Process)];
}

impl Choice for WhenFull {
    const WORDS: &'static [(&'static str, Self)] =
        &[("reject", Self::Reject), ("drop-oldest", Self::DropOldest)];
}

pub(super) fn read(walk: &Walk<'_>, top: &Table<'_>, into: &mut DeliveryConfig) {
    let Some(delivery) = top.section(walk, "delivery", &DELIVERY) else {
        return;
    };
    delivery.read("path", &mut into.path, |what, v| {
        walk.path(what, v).map(Some)
    });
    delivery.read("durability", &mut into.durability, |what, v| {
        walk.choice(what, v)
    });
    delivery.read("mask", &mut into.mask, |what, v| {
        let name = |what: &str, v: &Value<'_>| walk.text(what, v).map(ToOwned::to_owned);
        walk.list(what, v, name)
    });
    delivery.read("stop_timeout", &mut into.stop_timeout, |what, v| {
        let seconds = walk.integer(what, v, 0..=3600)?;
        Some(Duration::from_secs(seconds.into()))
    });
    delivery.read("dead_letters", &mut into.dead_letters, |what, v| {
        walk.integer(what, v, 1..=1_000_000_000).map(u64::from)
    });
}

/// Reads the table `queue` of a `[[listener]]` entry.
pub(super) fn read_queue(walk: &Walk<'_>, entry: &Table<'_>, into: &mut QueueSettings) {
    const LONGEST: u32 = 86_400_000;

    let Some(queue) = entry.section(walk, "queue", &QUEUE) else {
        return;
    };
    let milliseconds = |what: &str, v: &Value<'_>, least: u32| {
        let milliseconds = walk.integer(what, v, least..=LONGEST)?;
        Some(Some(Duration::from_millis(milliseconds.into())))
    };
    let long = |what: &str, v: &Value<'_>, times: u64| {
        let number = walk.integer(what, v, 1..=1_000_000_000)?;
        Some(Some(u64::from(number) * times))
    };
    queue.read("batch_messages", &mut into.batch_messages, |what, v| {
        walk.integer(what, v, 1..=10_000).map(Some)
    });
    queue.read("batch_bytes", &mut into.batch_bytes, |what, v| {
        long(what, v, 1)
    });
    queue.read("batch_age_ms", &mut into.batch_age, |what, v| {
        milliseconds(what, v, 0)
    });
    queue.read("concurrency", &mut into.concurrency, |what, v| {
        walk.integer(what, v, 1..=64).map(Some)
    });
    queue.read("attempts", &mut into.attempts, |what, v| {
        walk.integer(what, v, 1..=u32::MAX).map(Some)
    });
    queue.read("backoff_ms", &mut into.backoff, |what, v| {
        milliseconds(what, v, 1)
    });
    queue.read("backoff_max_ms", &mut into.backoff_max, |what, v| {
        milliseconds(what, v, 1)
    });
    queue.read("max_messages", &mut into.max_messages, |what, v| {
        long(what, v, 1)
    });
    queue.read("max_mb", &mut into.max_bytes, |what, v| {
        long(what, v, 1 << 20)
    });
    queue.read("when_full", &mut into.when_full, |what, v| {
        walk.choice(what, v).map(Some)
    });
    queue.read("pause_after_ms", &mut into.pause_after, |what, v| {
        milliseconds(what, v, 0)
    });
}

pub(super) fn show(out: &mut fmt::Formatter<'_>, delivery: &DeliveryConfig) -> fmt::Result {
    writeln!(out, "\n[delivery]")?;
    match &delivery.path {
        Some(file) => writeln!(out, "path = {}", path(file))?,
        None => writeln!(out, "# path: not set, queue.db in the data directory")?,
    }
    writeln!(out, "durability = {}", word(delivery.durability))?;
    if !delivery.mask.is_empty() {
        let names: Vec<_> = delivery
            .mask
            .iter()
            .map(|name| Text(name).to_string())
            .collect();
        writeln!(out, "mask = [{}]", names.join(", "))?;
    }
    writeln!(out, "stop_timeout = {}", delivery.stop_timeout.as_secs())?;
    writeln!(out, "dead_letters = {}", delivery.dead_letters)
}

pub(super) fn show_queue(out: &mut fmt::Formatter<'_>, set: &QueueSettings) -> fmt::Result {
    if *set == QueueSettings::default() {
        return Ok(());
    }
    writeln!(out, "[listener.queue]")?;
    let millis = |time: Option<Duration>| time.map(|time| time.as_millis().to_string());
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    for (key, value) in [
        ("batch_messages", number(set.batch_messages.map(u64::from))),
        ("batch_bytes", number(set.batch_bytes)),
        ("batch_age_ms", millis(set.batch_age)),
        ("concurrency", number(set.concurrency.map(u64::from))),
        ("attempts", number(set.attempts.map(u64::from))),
        ("backoff_ms", millis(set.backoff)),
        ("backoff_max_ms", millis(set.backoff_max)),
        ("max_messages", number(set.max_messages)),
        ("max_mb", number(set.max_bytes.map(|bytes| bytes >> 20))),
        (
            "when_full",
            set.when_full.map(|policy| word(policy).to_string()),
        ),
        ("pause_after_ms", millis(set.pause_after)),
    ] {
        if let Some(value) = value {
            writeln!(out, "{key} = {value}")?;
        }
    }
    Ok(())
}
