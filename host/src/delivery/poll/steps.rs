//! What is written down of polls, each step within the caller's transaction.

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::delivery::counts::Done;
use crate::delivery::message::{Refusal, now_ms};
use crate::delivery::rows;

/// What is written down of polls.
pub(in crate::delivery) enum Step {
    /// The queue is fetched from now on, or no longer is: all that waits is due.
    Mode(bool),
    /// A receiver has asked.
    Seen,
    /// These are in its hands until then.
    HandOut { numbers: Vec<i64>, until_ms: i64 },
    /// It has said this of what it had.
    Receipt {
        taken: Vec<String>,
        refused: Vec<(String, Refusal)>,
        most_dead: u64,
    },
}

/// Writes a step down. Comes back with the number of the last message that died of it, or 0.
pub(in crate::delivery) fn apply(
    connection: &Connection,
    queue: i64,
    step: &Step,
) -> Result<(Done, i64)> {
    let mut done = Done::default();
    let mut last_dead = 0;
    let now = now_ms();
    match step {
        Step::Mode(polled) => {
            // What a queue of the other kind has learnt of its way to the receiver says nothing here.
            connection.execute(
                "UPDATE queue SET polled = ?2, halted_ms = NULL, halted_reason = NULL,
                    nudges = nudges + 1 WHERE id = ?1",
                params![queue, polled],
            )?;
            connection.execute(
                "UPDATE message SET due_ms = ?2 WHERE queue = ?1 AND state = 0 AND due_ms > ?2",
                params![queue, now],
            )?;
            return Ok((done, 0));
        }
        Step::Seen => {}
        Step::HandOut { numbers, until_ms } => {
            let mut hand_out = connection.prepare_cached(
                "UPDATE message SET attempts = attempts + 1, due_ms = ?2, tried_ms = ?3
                 WHERE id = ?1 AND state = 0 RETURNING attempts",
            )?;
            for number in numbers {
                let attempts = hand_out
                    .query_row(params![number, until_ms, now], |row| row.get::<_, i64>(0))
                    .optional()?;
                done.retried += u64::from(attempts.is_some_and(|attempts| attempts > 1));
            }
        }
        Step::Receipt {
            taken,
            refused,
            most_dead,
        } => {
            let mut keys = Vec::new();
            take_back(connection, queue, taken, &mut keys, &mut done)?;
            last_dead = bury(connection, queue, refused, &mut keys, &mut done)?;
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                rows::step_forward(connection, queue, &key)?;
            }
            if done.died > 0 {
                done.dropped += rows::bury(connection, queue, *most_dead)?;
            }
        }
    }
    connection
        .prepare_cached("UPDATE queue SET polled = 1, polled_ms = ?2 WHERE id = ?1")?
        .execute(params![queue, now])?;
    Ok((done, last_dead))
}

/// Deletes what was acknowledged, of that which was handed out.
fn take_back(
    connection: &Connection,
    queue: i64,
    ids: &[String],
    keys: &mut Vec<String>,
    done: &mut Done,
) -> Result<()> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM message WHERE queue = ?1 AND dedup_id = ?2 AND state < 2 AND attempts > 0
         RETURNING ordered_by",
    )?;
    for id in ids {
        let mut rows = delete.query(params![queue, id])?;
        while let Some(row) = rows.next()? {
            done.delivered += 1;
            keys.extend(row.get::<_, Option<String>>(0)?);
        }
    }
    Ok(())
}

/// Makes dead letters of what was refused, of that which was handed out.
fn bury(
    connection: &Connection,
    queue: i64,
    refused: &[(String, Refusal)],
    keys: &mut Vec<String>,
    done: &mut Done,
) -> Result<i64> {
    let mut last = 0;
    let mut refuse = connection.prepare_cached(
        "UPDATE message SET state = 2, reason = ?3, status = NULL, answer = ?4
         WHERE queue = ?1 AND dedup_id = ?2 AND state < 2 AND attempts > 0
         RETURNING id, ordered_by",
    )?;
    for (id, why) in refused {
        let mut rows = refuse.query(params![queue, id, why.reason, why.answer])?;
        while let Some(row) = rows.next()? {
            done.died += 1;
            last = row.get(0)?;
            keys.extend(row.get::<_, Option<String>>(1)?);
        }
    }
    Ok(last)
}
