//! What there is in a store, as operators are told of it.

use serde::Serialize;

/// A queue of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueState {
    /// The queue's name: that of the listener's instance, and perhaps another after a slash.
    pub name: String,
    /// Whether it delivers.
    pub state: Activity,
    /// Since when it has paused itself, in milliseconds since the Unix epoch, …
    pub halted_since_ms: Option<i64>,
    /// … and why.
    pub halted_reason: Option<String>,
    /// Whether messages of one key are delivered in order.
    pub ordered: bool,
    /// How many messages wait.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// When the first of them was pushed, in milliseconds since the Unix epoch.
    pub oldest_ms: Option<i64>,
    /// How many dead letters there are.
    pub dead: u64,
    /// Their bytes.
    pub dead_bytes: u64,
    /// Messages pushed since the store was made, …
    pub pushed: u64,
    /// … delivered, …
    pub delivered: u64,
    /// … attempts that failed and were followed by another, …
    pub retried: u64,
    /// … messages that became dead letters, …
    pub died: u64,
    /// … and messages dropped at a bound.
    pub dropped: u64,
    /// Whether its messages are fetched, in place of being handed to a sink.
    pub polled: bool,
    /// When somebody fetched last, in milliseconds since the Unix epoch: as of the last minute.
    pub polled_ms: Option<i64>,
    #[serde(skip)]
    pub(super) number: i64,
}

/// Who delivers from a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No host has it.
    Nobody,
    /// A host has it that does not say which process it is.
    Somebody,
    /// The host of that process has it.
    Process(u32),
}

/// Whether a queue delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// It does, when a host runs that has a listener for it.
    Active,
    /// An operator has paused it.
    Paused,
    /// It has paused itself, since nothing but failures came.
    Halted,
}

/// A message of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageState {
    /// Its number.
    pub number: i64,
    /// Its state.
    pub state: Place,
    /// When it was pushed, in milliseconds since the Unix epoch.
    pub pushed_ms: i64,
    /// When it is tried next, or at the earliest.
    pub due_ms: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last.
    pub tried_ms: Option<i64>,
    /// What it is ordered by.
    pub key: Option<String>,
    /// By what its receiver tells that it has seen it before.
    pub id: Option<String>,
    /// The payload's media type.
    pub content_type: Option<String>,
    /// A JSON object of strings.
    pub headers: Option<String>,
    /// The payload.
    pub payload: Vec<u8>,
    /// Why the last attempt failed, …
    pub reason: Option<String>,
    /// … with what status, …
    pub status: Option<u32>,
    /// … and what the receiver answered.
    pub answer: Option<String>,
    /// Whether it is as it was pushed.
    pub whole: bool,
}

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// It waits for its delivery.
    Pending,
    /// It waits until its queue, which is paused or has paused itself, goes on.
    Held,
    /// It is a dead letter.
    Dead,
}

/// Which messages of a queue are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those that wait.
    Waiting,
    /// The dead letters.
    Dead,
    /// Those of these numbers, in whatever state.
    Numbers(Vec<i64>),
}
