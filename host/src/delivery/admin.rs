//! What an operator does with the store: looks into it, tries messages again, drops them, pauses and
//! resumes queues. Works on the file alone, whether a host has it or not; a host that runs notices
//! within a fraction of a second.
//!
//! Long work is done in short transactions, so that nobody waits for it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::error::{StoreError, StoreErrorKind};
use super::message::{Content, now_ms};
use super::rows::{self, unsigned};
use super::schema::{self, Found};
use super::{connect, store};

/// So many messages are changed in one transaction.
const AT_ONCE: usize = 500;
/// So long others get their turn in between.
const PAUSE: Duration = Duration::from_millis(2);

/// The store, as an operator has it.
#[derive(Debug)]
pub struct Admin {
    path: PathBuf,
    connection: Connection,
}

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
    #[serde(skip)]
    number: i64,
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

impl Admin {
    /// Opens the store at that path.
    ///
    /// # Errors
    ///
    /// There is none, it is none of this version, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::new(path, StoreErrorKind::Missing));
        }
        let connection = connect::aside(path)?;
        match schema::look(&connection, path)? {
            Found::Store(_) => Ok(Self {
                path: path.to_owned(),
                connection,
            }),
            Found::Empty => Err(StoreError::new(path, StoreErrorKind::Missing)),
        }
    }

    /// Who delivers from the store.
    pub fn holder(&self) -> Holder {
        store::holder(&self.path)
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }

    /// All queues, by name.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn queues(&self) -> Result<Vec<QueueState>, StoreError> {
        let all = || -> rusqlite::Result<Vec<QueueState>> {
            let mut queues = self.connection.prepare_cached(
                "SELECT id, name, ordered, paused, halted_ms, halted_reason, waiting, waiting_bytes,
                    (SELECT pushed_ms FROM message WHERE queue = queue.id AND state < 2 ORDER BY id LIMIT 1),
                    dead, dead_bytes, pushed, delivered, retried, died, dropped
                 FROM queue ORDER BY name",
            )?;
            let queues = queues.query_map([], queue)?;
            queues.collect()
        };
        all().map_err(|error| self.failed(error))
    }

    /// The queue of that name.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn queue(&self, name: &str) -> Result<Option<QueueState>, StoreError> {
        let mut queues = self.queues()?.into_iter();
        Ok(queues.find(|queue| queue.name == name))
    }

    /// Some of a queue's messages, the one pushed first at the front: at most so many, and only those
    /// with larger numbers than that.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn messages(
        &self,
        queue: &QueueState,
        which: &Selection,
        after: i64,
        most: usize,
    ) -> Result<Vec<MessageState>, StoreError> {
        let held = queue.state != Activity::Active;
        let read = |number: i64| {
            let mut message = self.connection.prepare_cached(
                "SELECT id, key, ordered_by, dedup_id, content_type, headers, payload, sum, pushed_ms,
                    attempts, queue, state, due_ms, tried_ms, reason, status, answer
                 FROM message WHERE id = ?1 AND queue = ?2",
            )?;
            let message = message.query_row([number, queue.number], |row| message_of(row, held));
            message.optional()
        };
        let numbers = self.numbers(queue, which, after, most)?.into_iter();
        let messages: rusqlite::Result<Vec<_>> = numbers.map(read).collect();
        let messages = messages.map_err(|error| self.failed(error))?;
        Ok(messages.into_iter().flatten().collect())
    }

    /// The numbers of some of the messages meant, in order.
    fn numbers(
        &self,
        queue: &QueueState,
        which: &Selection,
        after: i64,
        most: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let select = match which {
            Selection::Numbers(numbers) => {
                let mut numbers: Vec<_> =
                    numbers.iter().copied().filter(|it| *it > after).collect();
                numbers.sort_unstable();
                numbers.dedup();
                numbers.truncate(most);
                return Ok(numbers);
            }
            Selection::Waiting => {
                "SELECT id FROM message WHERE queue = ?1 AND state < 2 AND id > ?2 ORDER BY id LIMIT ?3"
            }
            Selection::Dead => {
                "SELECT id FROM message WHERE queue = ?1 AND state = 2 AND id > ?2 ORDER BY id LIMIT ?3"
            }
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let numbers = || -> rusqlite::Result<Vec<i64>> {
            let mut numbers = self.connection.prepare_cached(select)?;
            let numbers = numbers.query_map([queue.number, after, most], |row| row.get(0))?;
            numbers.collect()
        };
        numbers().map_err(|error| self.failed(error))
    }

    /// Has messages tried again, now, though the queue may be waiting after failures: dead letters from their first attempt on, those that wait for
    /// their next attempt at once. Says how many, and meanwhile how far it has come; ends there if it is
    /// told to.
    ///
    /// # Errors
    ///
    /// The store cannot be written. What was done before stays done.
    pub fn retry(
        &self,
        queue: &QueueState,
        which: &Selection,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<u64, StoreError> {
        let done = self.each(queue, which, progress, |connection, number| {
            let ordered = queue.ordered;
            let mut again = connection.prepare_cached(
                "UPDATE message SET due_ms = ?3,
                    attempts   = CASE state WHEN 2 THEN 0 ELSE attempts END,
                    ordered_by = CASE state WHEN 2 THEN iif(?4, key, NULL) ELSE ordered_by END,
                    state      = CASE state WHEN 2 THEN iif(?4 AND key IS NOT NULL, 1, 0) ELSE state END
                 WHERE id = ?1 AND queue = ?2 RETURNING ordered_by",
            )?;
            let changed = again
                .query_row(params![number, queue.number, now_ms(), ordered], |row| {
                    row.get::<_, Option<String>>(0)
                })
                .optional()?;
            let Some(key) = changed else {
                return Ok(false);
            };
            if let Some(key) = key {
                // It may come before the one that was the first of its key.
                connection
                    .prepare_cached(
                        "UPDATE message SET state = 1 WHERE queue = ?1 AND ordered_by = ?2
                            AND state = 0 AND id > ?3",
                    )?
                    .execute(params![queue.number, key, number])?;
                rows::step_forward(connection, queue.number, &key)?;
            }
            Ok(true)
        })?;
        self.set(queue, "UPDATE queue SET nudges = nudges + 1 WHERE id = ?1")?;
        Ok(done)
    }

    /// Drops messages for good. Says how many, and meanwhile how far it has come; ends there if it is
    /// told to. What a sink has in hand at the moment may be delivered all the same.
    ///
    /// # Errors
    ///
    /// The store cannot be written. What was done before stays done.
    pub fn purge(
        &self,
        queue: &QueueState,
        which: &Selection,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<u64, StoreError> {
        self.each(queue, which, progress, |connection, number| {
            let mut drop = connection.prepare_cached(
                "DELETE FROM message WHERE id = ?1 AND queue = ?2 RETURNING ordered_by",
            )?;
            let dropped = drop
                .query_row(params![number, queue.number], |row| {
                    row.get::<_, Option<String>>(0)
                })
                .optional()?;
            if let Some(Some(key)) = &dropped {
                rows::step_forward(connection, queue.number, key)?;
            }
            Ok(dropped.is_some())
        })
    }

    fn each(
        &self,
        queue: &QueueState,
        which: &Selection,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
        change: impl Fn(&Connection, i64) -> rusqlite::Result<bool>,
    ) -> Result<u64, StoreError> {
        let (mut after, mut done) = (0, 0);
        // Dead letters that come meanwhile are not meant.
        let last = self.last()?;
        loop {
            let numbers = self.numbers(queue, which, after, AT_ONCE)?;
            let Some(to) = numbers.last().copied() else {
                return Ok(done);
            };
            let step = || {
                let transaction = rusqlite::Transaction::new_unchecked(
                    &self.connection,
                    rusqlite::TransactionBehavior::Immediate,
                )?;
                let mut changed = 0;
                for number in numbers.iter().filter(|number| **number <= last) {
                    changed += u64::from(change(&transaction, *number)?);
                }
                transaction.commit().map(|()| changed)
            };
            done += step().map_err(|error| self.failed(error))?;
            let on = progress(done);
            after = to;
            if to >= last || on.is_break() {
                return Ok(done);
            }
            thread::sleep(PAUSE);
        }
    }

    /// The largest number of a message.
    fn last(&self) -> Result<i64, StoreError> {
        let last = "SELECT coalesce(max(id), 0) FROM message";
        let last = self.connection.query_row(last, [], |row| row.get(0));
        last.map_err(|error| self.failed(error))
    }

    /// Holds what waits in a queue, until [`Admin::resume`].
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn pause(&self, queue: &QueueState) -> Result<(), StoreError> {
        self.set(queue, "UPDATE queue SET paused = 1 WHERE id = ?1")
    }

    /// Lets a queue go on, whoever has paused it.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn resume(&self, queue: &QueueState) -> Result<(), StoreError> {
        self.set(
            queue,
            "UPDATE queue SET paused = 0, halted_ms = NULL, halted_reason = NULL,
                nudges = nudges + 1 WHERE id = ?1",
        )
    }

    fn set(&self, queue: &QueueState, change: &str) -> Result<(), StoreError> {
        let changed = self.connection.execute(change, [queue.number]);
        changed.map(drop).map_err(|error| self.failed(error))
    }
}

fn queue(row: &Row<'_>) -> rusqlite::Result<QueueState> {
    let paused: bool = row.get(3)?;
    let halted_since_ms: Option<i64> = row.get(4)?;
    Ok(QueueState {
        number: row.get(0)?,
        name: row.get(1)?,
        ordered: row.get(2)?,
        state: match (paused, halted_since_ms) {
            (true, _) => Activity::Paused,
            (false, Some(_)) => Activity::Halted,
            (false, None) => Activity::Active,
        },
        halted_since_ms,
        halted_reason: row.get(5)?,
        waiting: unsigned(row, 6)?,
        waiting_bytes: unsigned(row, 7)?,
        oldest_ms: row.get(8)?,
        dead: unsigned(row, 9)?,
        dead_bytes: unsigned(row, 10)?,
        pushed: unsigned(row, 11)?,
        delivered: unsigned(row, 12)?,
        retried: unsigned(row, 13)?,
        died: unsigned(row, 14)?,
        dropped: unsigned(row, 15)?,
    })
}

fn message_of(row: &Row<'_>, held: bool) -> rusqlite::Result<MessageState> {
    let stored = rows::stored(row)?;
    let whole = stored.is_whole();
    let state = match row.get::<_, i64>(11)? {
        rows::state::DEAD => Place::Dead,
        _ if held => Place::Held,
        _ => Place::Pending,
    };
    let Content {
        key,
        id,
        content_type,
        headers,
        payload,
    } = stored.content;
    Ok(MessageState {
        number: stored.number,
        state,
        pushed_ms: stored.pushed_ms,
        due_ms: row.get(12)?,
        attempts: stored.attempts,
        tried_ms: row.get(13)?,
        key,
        id,
        content_type,
        headers,
        payload,
        reason: row.get(14)?,
        status: row.get(15)?,
        answer: row.get(16)?,
        whole,
    })
}
