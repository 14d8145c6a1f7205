//! What is written to the store besides messages and their outcomes: queues that are opened, paused or
//! put in order, and space that is given back. Each within the caller's transaction.

use rusqlite::{Connection, params};

/// A queue is there, or is made. Comes back with its number.
pub(super) fn open(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO queue (name) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([name])?;
    let mut number = connection.prepare_cached("SELECT id FROM queue WHERE name = ?1")?;
    number.query_row([name], |row| row.get(0))
}

/// A queue has paused itself, since when and why, or goes on.
pub(super) fn halt(
    connection: &Connection,
    queue: i64,
    halt: Option<&(i64, String)>,
) -> rusqlite::Result<()> {
    let (since, reason) = halt.map(|(since, reason)| (since, reason)).unzip();
    connection
        .prepare_cached("UPDATE queue SET halted_ms = ?2, halted_reason = ?3 WHERE id = ?1")?
        .execute(params![queue, since, reason])?;
    Ok(())
}

/// Makes some of a queue's waiting messages ordered, or not. The last time, when there are none left,
/// the first of each key is made ready.
pub(super) fn reorder(
    connection: &Connection,
    queue: i64,
    ordered: bool,
    after: i64,
) -> rusqlite::Result<i64> {
    let last: Option<i64> = connection.query_row(
        "SELECT max(id) FROM
            (SELECT id FROM message WHERE queue = ?1 AND state < 2 AND id > ?2 ORDER BY id LIMIT 1000)",
        [queue, after],
        |row| row.get(0),
    )?;
    if let Some(last) = last {
        let change = if ordered {
            "UPDATE message SET ordered_by = key, state = 1
             WHERE queue = ?1 AND state < 2 AND id > ?2 AND id <= ?3 AND key IS NOT NULL"
        } else {
            "UPDATE message SET ordered_by = NULL, state = 0
             WHERE queue = ?1 AND state < 2 AND id > ?2 AND id <= ?3"
        };
        connection.execute(change, [queue, after, last])?;
        return Ok(last);
    }
    if ordered {
        connection.execute(
            "UPDATE message SET state = 0 WHERE id IN
                (SELECT min(id) FROM message WHERE queue = ?1 AND state < 2
                    AND ordered_by IS NOT NULL GROUP BY ordered_by)",
            [queue],
        )?;
    }
    connection.execute(
        "UPDATE queue SET ordered = ?2 WHERE id = ?1",
        params![queue, ordered],
    )?;
    Ok(0)
}

/// Gives some of the pages back that nothing needs. Says how many are left over.
pub(super) fn shrink(connection: &Connection) -> rusqlite::Result<i64> {
    {
        let mut step = connection.prepare_cached("PRAGMA incremental_vacuum(256)")?;
        let mut pages = step.query([])?;
        while pages.next()?.is_some() {}
    }
    connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))
}
