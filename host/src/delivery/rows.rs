//! The statements that push, find and settle messages. Each works within the caller's transaction, and
//! finds its rows by an index, however many there are.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, Result, Row, Statement, ToSql, params};

use super::counts::{Done, counts};
use super::message::{Content, Outcome, Refusal, Stored, now_ms};

/// The states of messages.
pub(super) mod state {
    /// To be delivered when it is due.
    pub(in super::super) const READY: i64 = 0;
    /// Behind an earlier message of its key.
    pub(in super::super) const BEHIND: i64 = 1;
    /// A dead letter.
    pub(in super::super) const DEAD: i64 = 2;
}

/// So many messages are put into the store by one statement at the most.
pub(super) const AT_ONCE: usize = 16;

/// A message that is to be put into a queue.
pub(super) struct Fresh<'a> {
    pub(super) number: i64,
    pub(super) queue: i64,
    pub(super) state: i64,
    /// The key, where the queue is ordered.
    pub(super) ordered_by: Option<&'a str>,
    pub(super) content: &'a Content,
    pub(super) sum: i64,
    pub(super) pushed_ms: i64,
}

/// Whether a message of that key waits already.
pub(super) fn is_waiting(connection: &Connection, queue: i64, key: &str) -> Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM message WHERE queue = ?1 AND ordered_by = ?2 AND state < 2 LIMIT 1",
        )?
        .exists(params![queue, key])
}

/// Puts messages into their queues, which are to be counted ([`count`]) before long. Several by one
/// statement: what a statement costs beside its rows is half as much as a row.
pub(super) fn insert(connection: &Connection, mut messages: &[Fresh<'_>]) -> Result<()> {
    static STATEMENTS: LazyLock<[(usize, String); 3]> = LazyLock::new(|| {
        [AT_ONCE, 4, 1].map(|rows| {
            let row = "(?,?,?,?,?,?,?,?,?,?,?,?,?)";
            let statement = format!(
                "INSERT INTO message
                    (id, queue, state, due_ms, pushed_ms, key, ordered_by, dedup_id, content_type,
                     headers, payload, size, sum) VALUES {}",
                vec![row; rows].join(",")
            );
            (rows, statement)
        })
    });
    for (rows, statement) in &*STATEMENTS {
        while let Some((some, rest)) = messages.split_at_checked(*rows) {
            let mut statement = connection.prepare_cached(statement)?;
            let mut place = 1;
            for message in some {
                message.bind(&mut statement, &mut place)?;
            }
            statement.raw_execute()?;
            messages = rest;
        }
    }
    Ok(())
}

impl Fresh<'_> {
    fn bind(&self, statement: &mut Statement<'_>, place: &mut usize) -> Result<()> {
        let content = self.content;
        let values: [&dyn ToSql; 13] = [
            &self.number,
            &self.queue,
            &self.state,
            &self.pushed_ms,
            &self.pushed_ms,
            &content.key,
            &self.ordered_by,
            &content.id,
            &content.content_type,
            &content.headers,
            &content.payload,
            &content.size().cast_signed(),
            &self.sum,
        ];
        for value in values {
            statement.raw_bind_parameter(*place, value)?;
            *place += 1;
        }
        Ok(())
    }
}

/// The largest number that was ever given to a message.
pub(super) fn last_number(connection: &Connection) -> Result<i64> {
    connection.query_row(
        "SELECT max((SELECT coalesce(max(id), 0) FROM message),
            (SELECT coalesce(max(last_message), 0) FROM queue))",
        [],
        |row| row.get(0),
    )
}

/// What is to be written down of a message that was tried.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) number: i64,
    pub(super) ordered_by: Option<String>,
    pub(super) outcome: Outcome,
    /// How often it was tried by now.
    pub(super) attempts: u32,
    /// When it is tried next, if it is.
    pub(super) due_ms: i64,
}

/// Writes down what became of messages that were tried, and lets those step forward that were behind
/// them.
pub(super) fn settle(connection: &Connection, queue: i64, all: &[Settled]) -> Result<Done> {
    let mut done = Done::default();
    let mut keys: Vec<&str> = Vec::new();
    for settled in all {
        match &settled.outcome {
            Outcome::Delivered => {
                connection
                    .prepare_cached("DELETE FROM message WHERE id = ?1")?
                    .execute([settled.number])?;
                done.delivered += 1;
            }
            Outcome::Retry(refusal, _) => {
                tried(connection, settled, refusal, None)?;
                done.retried += 1;
            }
            Outcome::Dead(refusal) => {
                tried(connection, settled, refusal, Some(state::DEAD))?;
                done.died += 1;
            }
        }
        if !matches!(settled.outcome, Outcome::Retry(..)) {
            keys.extend(settled.ordered_by.as_deref());
        }
    }
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        step_forward(connection, queue, key)?;
    }
    Ok(done)
}

fn tried(
    connection: &Connection,
    settled: &Settled,
    refusal: &Refusal,
    state: Option<i64>,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET attempts = ?2, due_ms = ?3, tried_ms = ?4, reason = ?5, status = ?6,
                answer = ?7, state = coalesce(?8, state) WHERE id = ?1 AND state < 2",
        )?
        .execute(params![
            settled.number,
            settled.attempts,
            settled.due_ms,
            now_ms(),
            refusal.reason,
            refusal.status,
            refusal.answer,
            state,
        ])?;
    Ok(())
}

/// Makes the first waiting message of a key one that is ready.
pub(super) fn step_forward(connection: &Connection, queue: i64, key: &str) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE message SET state = 0 WHERE state = 1 AND id =
                (SELECT min(id) FROM message WHERE queue = ?1 AND ordered_by = ?2 AND state < 2)",
        )?
        .execute(params![queue, key])?;
    Ok(())
}

/// Takes the oldest waiting messages away until the queue, which was counted, is within its bounds. Says
/// how many.
pub(super) fn make_room(
    connection: &Connection,
    queue: i64,
    max_messages: u64,
    max_bytes: u64,
) -> Result<u64> {
    let mut dropped = 0;
    let mut keys: Vec<String> = Vec::new();
    loop {
        let counts = counts(connection, queue)?;
        let above = counts.waiting.saturating_sub(max_messages);
        if above == 0 && (counts.waiting_bytes <= max_bytes || counts.waiting <= 1) {
            break;
        }
        let mut oldest = connection.prepare_cached(
            "DELETE FROM message WHERE id IN
                (SELECT id FROM message WHERE queue = ?1 AND state < 2 ORDER BY id LIMIT ?2)
             RETURNING ordered_by",
        )?;
        let at_once = above.clamp(1, 1000).cast_signed();
        let mut rows = oldest.query(params![queue, at_once])?;
        let mut some = false;
        while let Some(row) = rows.next()? {
            some = true;
            dropped += 1;
            keys.extend(row.get::<_, Option<String>>(0)?);
        }
        if !some {
            break;
        }
    }
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        step_forward(connection, queue, &key)?;
    }
    Ok(dropped)
}

/// Takes the oldest dead letters away that are more than so many. Says how many.
pub(super) fn bury(connection: &Connection, queue: i64, most: u64) -> Result<u64> {
    let above = counts(connection, queue)?.dead.saturating_sub(most);
    if above == 0 {
        return Ok(0);
    }
    let mut oldest = connection.prepare_cached(
        "DELETE FROM message WHERE id IN
            (SELECT id FROM message WHERE queue = ?1 AND state = 2 ORDER BY id LIMIT ?2)",
    )?;
    Ok(oldest.execute(params![queue, above.min(1000).cast_signed()])? as u64)
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column)
        .map(|number| u64::try_from(number).unwrap_or(0))
}

/// The first messages that are ready, the one that is due first at the front.
pub(super) fn ready(
    connection: &Connection,
    queue: i64,
    most: usize,
    mut take: impl FnMut(i64, i64) -> bool,
) -> Result<()> {
    let mut ready = connection.prepare_cached(
        "SELECT id, due_ms FROM message WHERE queue = ?1 AND state = 0 ORDER BY due_ms, id LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = ready.query(params![queue, most])?;
    while let Some(row) = rows.next()? {
        if !take(row.get(0)?, row.get(1)?) {
            break;
        }
    }
    Ok(())
}

/// The messages of a key that come right after one, as far as they are due.
pub(super) fn behind(
    connection: &Connection,
    queue: i64,
    key: &str,
    after: i64,
    now: i64,
    most: usize,
) -> Result<Vec<i64>> {
    let mut behind = connection.prepare_cached(
        "SELECT id, due_ms FROM message
         WHERE queue = ?1 AND ordered_by = ?2 AND state < 2 AND id > ?3 ORDER BY id LIMIT ?4",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = behind.query(params![queue, key, after, most])?;
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? > now {
            break;
        }
        numbers.push(row.get(0)?);
    }
    Ok(numbers)
}

/// A waiting message.
pub(super) fn read(connection: &Connection, number: i64) -> Result<Option<Stored>> {
    let mut message = connection.prepare_cached(
        "SELECT id, key, ordered_by, dedup_id, content_type, headers, payload, sum, pushed_ms, attempts,
            queue FROM message WHERE id = ?1 AND state < 2",
    )?;
    message.query_row([number], stored).optional()
}

pub(super) fn stored(row: &Row<'_>) -> Result<Stored> {
    Ok(Stored {
        number: row.get(0)?,
        ordered_by: row.get(2)?,
        content: Content {
            key: row.get(1)?,
            id: row.get(3)?,
            content_type: row.get(4)?,
            headers: row.get(5)?,
            payload: row.get(6)?,
        },
        sum: row.get(7)?,
        pushed_ms: row.get(8)?,
        attempts: u32::try_from(row.get::<_, i64>(9)?).unwrap_or(0),
        queue: row.get(10)?,
    })
}
