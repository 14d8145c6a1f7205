//! What is done about a damaged store: it is set aside under another name, and what of it is whole is
//! copied to a new one in its place.
//!
//! The copy is made first, beside the store, and only when it is complete and on disk do the files
//! change places: whatever ends the process in between, the next start finds either the damaged store
//! or the new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, params};
use time::OffsetDateTime;
use time::macros::format_description;

use super::connect::{self, beside};
use super::counts;
use super::error::{StoreError, StoreErrorKind};
use super::message::now_ms;
use super::rows;
use crate::config::Durability;
use crate::log::say;

/// A larger store is not read through when it is opened: damage in it shows when it is met.
const LARGEST_CHECKED: u64 = 256 << 20;
/// No database has fewer bytes.
const SMALLEST: u64 = 512;
/// After so many reads that failed, the rest is given up.
const MOST_FAILURES: u32 = 100_000;
/// So many messages are copied in one transaction.
const AT_ONCE: u32 = 10_000;

/// Opens the store, or a new one in place of one that is damaged.
pub(super) fn open_or_mend(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    finish(path)?;
    match open_checked(path, durability) {
        Err(error) if error.is_damage() => mend(path, durability, &error),
        outcome => outcome,
    }
}

fn open_checked(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    // SQLite would take less than a page for an empty database, and delete the log of one.
    let stub = (1..SMALLEST).contains(&length(path));
    if stub || (path.exists() && length(path) == 0 && length(&beside(path, "-wal")) > 0) {
        return Err(StoreError::new(path, StoreErrorKind::Damaged));
    }
    let connection = connect::writer(path, durability)?;
    if length(path) <= LARGEST_CHECKED {
        let failed = |error| StoreError::sqlite(path, error);
        let verdict: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        if verdict != "ok" {
            return Err(StoreError::new(path, StoreErrorKind::Damaged));
        }
        // On a full disk the store opens as it is: nothing is delivered otherwise than it should be.
        match counts::recount(&connection).map_err(failed) {
            Err(error) if *error.kind() != StoreErrorKind::Full => return Err(error),
            _ => {}
        }
    }
    // The log of a host that was killed: it does not grow from one to the next. What cannot be moved
    // now is as good where it is.
    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    Ok(connection)
}

/// Where the copy is made.
fn copy_of(path: &Path) -> PathBuf {
    beside(path, ".new")
}

/// Finishes or takes back what an earlier process did not come to the end of.
fn finish(path: &Path) -> Result<(), StoreError> {
    let copy = copy_of(path);
    if !copy.exists() {
        return Ok(());
    }
    let done = if path.exists() {
        // It may be half of what it should be; the damaged one is still there.
        remove(&copy)
    } else {
        let aside = unused(path);
        set_log_aside(path, &aside).and_then(|()| fs::rename(&copy, path))
    };
    done.map_err(|error| StoreError::io(path, error))
}

/// Sets the store aside and opens a new one in its place, with all that could be saved.
pub(super) fn mend(
    path: &Path,
    durability: Durability,
    why: &StoreError,
) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::io(path, error);
    let copy = copy_of(path);
    remove(&copy).map_err(failed)?;
    let mut new = connect::writer(&copy, durability)?;
    let mut saved = 0;
    // A log without its database is nothing that could be read.
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
        && let Ok(old) = connect::damaged(path)
    {
        saved = save(&old, &mut new).map_err(|error| StoreError::sqlite(&copy, error))?;
    }
    new.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(|error| StoreError::sqlite(&copy, error))?;
    drop(new);
    for ending in ["-wal", "-shm"] {
        remove_file(&beside(&copy, ending)).map_err(failed)?;
    }
    File::open(&copy)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    let aside = unused(path);
    fs::rename(path, &aside)
        .and_then(|()| set_log_aside(path, &aside))
        .and_then(|()| fs::rename(&copy, path))
        .and_then(|()| sync_dir(path))
        .map_err(failed)?;
    say!(
        STORE_DAMAGED,
        "The queue store was found damaged: {why}. It is set aside as {aside:?}, and a new one is begun at {path:?} with the {saved} messages that could be saved",
    );
    connect::writer(path, durability)
}

fn set_log_aside(path: &Path, aside: &Path) -> std::io::Result<()> {
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        fs::rename(&log, beside(aside, "-wal"))?;
    }
    remove_file(&log)?;
    // Made anew from the log by whoever opens it.
    remove_file(&beside(path, "-shm"))
}

fn sync_dir(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        #[cfg(unix)]
        Some(dir) => File::open(dir)?.sync_all(),
        _ => Ok(()),
    }
}

/// A name for a damaged store that nothing has yet.
fn unused(path: &Path) -> PathBuf {
    let layout = format_description!("[year][month][day]T[hour][minute][second]Z");
    let now = OffsetDateTime::now_utc().format(layout).unwrap_or_default();
    let first = beside(path, &format!(".damaged-{now}"));
    let mut name = first.clone();
    let mut number = 1;
    while name.exists() || beside(&name, "-wal").exists() {
        number += 1;
        name = beside(&first, &format!("-{number}"));
    }
    name
}

/// Removes a database and what belongs to it.
fn remove(path: &Path) -> std::io::Result<()> {
    remove_file(path)?;
    remove_file(&beside(path, "-wal"))?;
    remove_file(&beside(path, "-shm"))
}

fn remove_file(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies what is whole. Fails only where the new store does; says how many messages there were.
fn save(old: &Connection, new: &mut Connection) -> rusqlite::Result<u64> {
    save_queues(old, new)?;
    let mut saved = 0;
    let mut failures = 0;
    let mut ranges = vec![(1, last_number(old))];
    let mut transaction = new.unchecked_transaction()?;
    let mut open = 0;
    while let Some((first, last)) = ranges.pop() {
        let mut next = first;
        let copied = each_message(old, first, last, |message| {
            next = message.number() + 1;
            if message.is_whole() {
                message.put(&transaction)?;
                saved += 1;
                open += 1;
            }
            Ok(())
        });
        match copied {
            Ok(()) => {}
            Err(Failed::New(error)) => return Err(error),
            // What cannot be read lies between here and the end of the range: looked for by halves.
            Err(Failed::Old) if next > last => {}
            Err(Failed::Old) => {
                failures += 1;
                if failures > MOST_FAILURES {
                    break;
                }
                if next < last {
                    let middle = next + (last - next) / 2;
                    ranges.push((middle + 1, last));
                    ranges.push((next, middle));
                }
            }
        }
        if open >= AT_ONCE {
            transaction.commit()?;
            transaction = new.unchecked_transaction()?;
            open = 0;
        }
    }
    // Those that were behind what is lost step forward, and what belongs to no queue gets one.
    transaction.execute_batch(
        "UPDATE message SET state = 0 WHERE id IN
            (SELECT min(id) FROM message WHERE state < 2 AND ordered_by IS NOT NULL
             GROUP BY queue, ordered_by);",
    )?;
    transaction.commit()?;
    counts::recount(new)?;
    Ok(saved)
}

fn save_queues(old: &Connection, new: &Connection) -> rusqlite::Result<()> {
    let Ok(mut queues) = old.prepare(
        "SELECT id, name, ordered, paused, pushed, delivered, retried, died, dropped, last_message
         FROM queue",
    ) else {
        return Ok(());
    };
    let Ok(mut rows) = queues.query([]) else {
        return Ok(());
    };
    while let Ok(Some(row)) = rows.next() {
        let Ok(name) = row.get::<_, String>(1) else {
            continue;
        };
        let number = |column| row.get::<_, i64>(column).unwrap_or(0);
        new.execute(
            "INSERT OR IGNORE INTO queue
                (id, name, ordered, paused, pushed, delivered, retried, died, dropped, last_message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                number(0),
                name,
                number(2),
                number(3),
                number(4),
                number(5),
                number(6),
                number(7),
                number(8),
                number(9),
            ],
        )?;
    }
    Ok(())
}

/// Messages of so many numbers may be behind the last that any queue is counted up to: far more than
/// there are, and few halves.
const UNCOUNTED: i64 = 1 << 20;

/// The largest number that a message may have.
fn last_number(old: &Connection) -> i64 {
    let ask = |asked| old.query_row(asked, [], |row| row.get::<_, Option<i64>>(0));
    let counted = ask("SELECT max(last_message) FROM queue").ok().flatten();
    let known = match ask("SELECT max(id) FROM message") {
        Ok(last) => last.max(counted),
        // The end of the messages cannot be read, which does not say that there are none before it.
        Err(_) => counted.map(|counted| counted.saturating_add(UNCOUNTED)),
    };
    // Far more than there can be, and few halves.
    known.unwrap_or(1 << 32).clamp(1, 1 << 48)
}

enum Failed {
    /// The damaged store cannot be read any further.
    Old,
    /// The new one cannot be written.
    New(rusqlite::Error),
}

/// A row of the damaged store.
struct Saved<'r> {
    row: &'r Row<'r>,
    message: super::message::Stored,
}

fn each_message(
    old: &Connection,
    first: i64,
    last: i64,
    mut with: impl FnMut(&Saved<'_>) -> rusqlite::Result<()>,
) -> Result<(), Failed> {
    let old_failed = |_| Failed::Old;
    let mut messages = old
        .prepare_cached(
            "SELECT id, key, ordered_by, dedup_id, content_type, headers, payload, sum, pushed_ms,
                attempts, queue, state, due_ms, tried_ms, reason, status, answer
             FROM message NOT INDEXED WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )
        .map_err(old_failed)?;
    let mut rows = messages.query([first, last]).map_err(old_failed)?;
    while let Some(row) = rows.next().map_err(old_failed)? {
        let message = rows::stored(row).map_err(old_failed)?;
        with(&Saved { row, message }).map_err(Failed::New)?;
    }
    Ok(())
}

impl Saved<'_> {
    fn number(&self) -> i64 {
        self.message.number
    }

    fn is_whole(&self) -> bool {
        self.message.is_whole()
    }

    fn put(&self, new: &Connection) -> rusqlite::Result<()> {
        let message = &self.message;
        let content = &message.content;
        let number = |column| self.row.get::<_, i64>(column).ok();
        let text = |column| self.row.get::<_, String>(column).ok();
        let queue = message.queue;
        // What a payload's sum does not tell is taken for what does no harm.
        let state = number(11).filter(|state| (0..=2).contains(state));
        let state = state.unwrap_or(rows::state::READY);
        // The name is put right by whoever opens the queue under that number.
        new.prepare_cached("INSERT OR IGNORE INTO queue (id, name) VALUES (?1, 'lost-' || ?1)")?
            .execute([queue])?;
        new.prepare_cached(
            "INSERT OR IGNORE INTO message
                (id, queue, state, due_ms, key, ordered_by, dedup_id, content_type, headers, payload,
                 size, sum, pushed_ms, attempts, tried_ms, reason, status, answer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            message.number,
            queue,
            state,
            now_ms(),
            content.key,
            message.ordered_by,
            content.id,
            content.content_type,
            content.headers,
            content.payload,
            content.size().cast_signed(),
            message.sum,
            message.pushed_ms,
            message.attempts,
            number(13),
            text(14),
            number(15),
            text(16),
        ])?;
        Ok(())
    }
}
