//! Looks into the store, and changes nothing.

use rusqlite::{OptionalExtension, Row};

use super::{Activity, Admin, MessageState, Place, QueueState, Selection};
use crate::delivery::error::StoreError;
use crate::delivery::message::Content;
use crate::delivery::rows::{self, unsigned};
use crate::delivery::schema;

impl Admin {
    /// All queues, by name.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn queues(&self) -> Result<Vec<QueueState>, StoreError> {
        let all = || -> rusqlite::Result<Vec<QueueState>> {
            // A store of before that no host has opened since.
            let polls = if self.version < 2 {
                "0, NULL"
            } else {
                "polled, polled_ms"
            };
            let counted = schema::counted(&self.connection)?;
            let mut queues = self.connection.prepare_cached(&format!(
                "SELECT queue.id, queue.name, queue.ordered, queue.paused, queue.halted_ms,
                    queue.halted_reason, now.waiting, now.waiting_bytes,
                    (SELECT pushed_ms FROM message WHERE queue = queue.id AND state < 2 ORDER BY id LIMIT 1),
                    queue.dead, queue.dead_bytes, now.pushed, queue.delivered, queue.retried,
                    queue.died, queue.dropped, {polls}
                 FROM queue JOIN {counted} AS now ON now.id = queue.id ORDER BY queue.name",
            ))?;
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
    pub(super) fn numbers(
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
        polled: row.get(16)?,
        polled_ms: row.get(17)?,
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
