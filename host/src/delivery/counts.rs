//! The counts of queues: how many messages there are, and what became of those that are gone. What was
//! pushed of late the store counts when it has to: see `schema`.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, params};

use super::rows::unsigned;

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
