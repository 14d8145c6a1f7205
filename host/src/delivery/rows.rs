//! The statements that push, find and settle messages. Each works within the caller's transaction, and
//! finds its rows by an index, however many there are.

use std::sync::LazyLock;

use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Result, Row, Statement, ToSql, params,
};

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

/// What was done to the messages of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) pushed: u64,
    pub(super) pushed_bytes: u64,
    pub(super) delivered: u64,
    pub(super) retried: u64,
    pub(super) died: u64,
    pub(super) dropped: u64,
}

/// Counts for a queue what was done to its messages. What was pushed is counted by what there is.
pub(super) fn count(connection: &Connection, queue: i64, done: &Done) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE queue SET (pushed, waiting, waiting_bytes, last_message) =
                (SELECT queue.pushed + count(*), queue.waiting + count(*),
                    queue.waiting_bytes + sum(message.size), max(message.id)
                 FROM message WHERE message.queue = queue.id AND message.state < 2
                    AND message.id > queue.last_message)
             WHERE id = ?1 AND EXISTS
                (SELECT 1 FROM message WHERE message.queue = queue.id AND message.state < 2
                    AND message.id > queue.last_message)",
        )?
        .execute([queue])?;
    let Done {
        delivered,
        retried,
        died,
        dropped,
        ..
    } = done;
    if delivered + retried + died + dropped == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE queue SET delivered = delivered + ?2, retried = retried + ?3,
                died = died + ?4, dropped = dropped + ?5 WHERE id = ?1",
        )?
        .execute(params![
            queue,
            delivered.cast_signed(),
            retried.cast_signed(),
            died.cast_signed(),
            dropped.cast_signed(),
        ])?;
    Ok(())
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

/// What the store knows of a queue that was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) waiting_bytes: u64,
    pub(crate) dead: u64,
    pub(crate) dead_bytes: u64,
    /// Paused by an operator.
    pub(crate) paused: bool,
    /// Has paused itself, since when and why.
    pub(crate) halted: Option<(i64, String)>,
    /// How often an operator has said that it is not to wait any more.
    pub(crate) nudges: i64,
}

/// How a queue stands that is counted.
pub(super) fn counts(connection: &Connection, queue: i64) -> Result<Counts> {
    let row = connection.prepare_cached(
        "SELECT waiting, waiting_bytes, dead, dead_bytes, paused, halted_ms, halted_reason,
            nudges, 0 FROM queue WHERE id = ?1",
    );
    read_counts(row?, queue).map(|(counts, _)| counts)
}

/// How a queue stands with what was pushed since it was counted, and how many messages that is.
pub(super) fn counts_now(connection: &Connection, queue: i64) -> Result<(Counts, u64)> {
    let row = connection.prepare_cached(
        "SELECT waiting + behind.messages, waiting_bytes + behind.bytes, dead, dead_bytes, paused,
            halted_ms, halted_reason, nudges, behind.messages
         FROM queue,
            (SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes FROM message
             WHERE queue = ?1 AND state < 2
                AND id > (SELECT last_message FROM queue WHERE id = ?1)) AS behind
         WHERE queue.id = ?1",
    );
    read_counts(row?, queue)
}

fn read_counts(mut row: CachedStatement<'_>, queue: i64) -> Result<(Counts, u64)> {
    let counts = row.query_row([queue], |row| {
        let halted: Option<i64> = row.get(5)?;
        let reason: Option<String> = row.get(6)?;
        let counts = Counts {
            waiting: unsigned(row, 0)?,
            waiting_bytes: unsigned(row, 1)?,
            dead: unsigned(row, 2)?,
            dead_bytes: unsigned(row, 3)?,
            paused: row.get(4)?,
            halted: halted.map(|since| (since, reason.unwrap_or_default())),
            nudges: row.get(7)?,
        };
        Ok((counts, unsigned(row, 8)?))
    });
    Ok(counts.optional()?.unwrap_or_default())
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

/// Puts the counts of queues right where they are not: nobody but damage makes them wrong, and then
/// everything else may be whole.
pub(super) fn recount(connection: &Connection) -> Result<()> {
    let done = connection.execute_batch(
        "BEGIN IMMEDIATE;
         CREATE TEMP TABLE counted AS
            SELECT queue.id AS queue,
                count(message.id) FILTER (WHERE state < 2) AS waiting,
                coalesce(sum(size) FILTER (WHERE state < 2), 0) AS waiting_bytes,
                count(message.id) FILTER (WHERE state = 2) AS dead,
                coalesce(sum(size) FILTER (WHERE state = 2), 0) AS dead_bytes,
                queue.pushed + count(message.id) FILTER (WHERE message.id > last_message) AS pushed,
                max(last_message, coalesce(max(message.id), 0)) AS last_message
            FROM queue LEFT JOIN message ON message.queue = queue.id GROUP BY queue.id;
         UPDATE queue SET (waiting, waiting_bytes, dead, dead_bytes, pushed, last_message) =
                (counted.waiting, counted.waiting_bytes, counted.dead, counted.dead_bytes,
                 counted.pushed, counted.last_message)
            FROM counted WHERE counted.queue = queue.id
                AND (queue.waiting, queue.waiting_bytes, queue.dead, queue.dead_bytes,
                     queue.pushed, queue.last_message) IS NOT
                    (counted.waiting, counted.waiting_bytes, counted.dead, counted.dead_bytes,
                     counted.pushed, counted.last_message);
         DROP TABLE counted;
         COMMIT;",
    );
    if done.is_err() {
        // Fails where the failure has rolled it back already.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}
