//! What an operator changes: in short transactions, however much it is, so that nobody waits for it.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Admin, QueueState, Selection};
use crate::delivery::error::StoreError;
use crate::delivery::message::now_ms;
use crate::delivery::rows;

/// So many messages are changed in one transaction.
const AT_ONCE: usize = 500;
/// So long others get their turn in between.
const PAUSE: Duration = Duration::from_millis(2);

impl Admin {
    /// Has messages tried again, now, though the queue may be waiting after failures: dead letters from
    /// their first attempt on, those that wait for their next attempt at once. Says how many, and
    /// meanwhile how far it has come.
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
