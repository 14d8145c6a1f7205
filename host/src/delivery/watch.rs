//! What is done for the store from time to time: operators' changes are noticed, the log is moved to
//! the database, space is given back, and calls of sinks that do not come back are told of.

use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::connect::{self, beside};
use super::error::StoreError;
use super::live::Live;
use super::store::Store;
use super::writer::{Work, Writer};
use crate::log::say;

/// How often it is looked whether somebody else has written.
const OFTEN: Duration = Duration::from_millis(200);
/// How often the log is moved at the most, unless it is longer than it ever was, …
const MOVE_EVERY: Duration = Duration::from_secs(1);
/// … and a log of less, in bytes, is left alone.
const SMALL_LOG: u64 = 4 << 20;
/// With a log of more, in pages, writers are made to wait until it can begin anew.
const LONG_LOG: i64 = 32_768;
/// After so long a call of a sink is taken for one that hangs.
const HANGS: Duration = Duration::from_mins(1);
/// So many free pages are no matter.
const FEW_PAGES: i64 = 1024;

/// Works until the store is closed.
pub(super) fn run(store: &Store) {
    let mut watch = Watch {
        store,
        connection: None,
        seen: -1,
        moved: Instant::now(),
        longest: 0,
    };
    while !store.closing.load(Relaxed) {
        thread::park_timeout(OFTEN);
        if let Err(error) = watch.look()
            && error.is_damage()
        {
            let generation = store.writer.generation();
            // Logged there.
            let _ = store.writer.write(Work::Mend(generation));
        }
        for queue in store.queues() {
            tell_of_hanging(&queue);
        }
    }
}

struct Watch<'a> {
    store: &'a Store,
    /// With the generation of the store.
    connection: Option<(u64, Connection)>,
    /// The version of what is in the store.
    seen: i64,
    moved: Instant,
    /// How long the log has been, in bytes: its file does not become shorter.
    longest: u64,
}

impl Watch<'_> {
    fn look(&mut self) -> Result<(), StoreError> {
        let writer = &self.store.writer;
        let path = writer.path();
        let generation = writer.generation();
        if self
            .connection
            .as_ref()
            .is_none_or(|(of, _)| *of != generation)
        {
            self.connection = Some((generation, connect::aside(path)?));
            self.seen = -1;
        }
        let Some((_, connection)) = &self.connection else {
            return Ok(());
        };
        let failed = |error| StoreError::sqlite(path, error);
        let version: i64 = connection
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(failed)?;
        if version == self.seen {
            return self.give_back(connection);
        }
        self.seen = version;
        // By way of the writer, so that nothing older takes the place of something newer.
        writer.write(Work::Look(self.store.queues()))?;
        let log = fs::metadata(beside(path, "-wal")).map_or(0, |log| log.len());
        let longer = log > self.longest;
        if log > SMALL_LOG && (longer || self.moved.elapsed() > MOVE_EVERY) {
            self.longest = log;
            move_log(connection, writer)?;
            self.moved = Instant::now();
        }
        Ok(())
    }

    /// Gives free pages back, where a large backlog was delivered and nothing happens now.
    fn give_back(&self, connection: &Connection) -> Result<(), StoreError> {
        let number = |pragma: &str| -> Result<i64, StoreError> {
            let number = connection.query_row(pragma, [], |row| row.get(0));
            number.map_err(|error| StoreError::sqlite(self.store.writer.path(), error))
        };
        let free = number("PRAGMA freelist_count")?;
        if free <= FEW_PAGES || free < number("PRAGMA page_count")? / 4 {
            return Ok(());
        }
        for _ in 0..16 {
            if self.store.writer.write(Work::Shrink)? <= FEW_PAGES {
                break;
            }
        }
        Ok(())
    }
}

/// Moves the log to the database, and lets it begin anew: overwriting is faster than growing.
fn move_log(connection: &Connection, writer: &Writer) -> Result<(), StoreError> {
    let path = writer.path();
    let checkpoint = |how: &str| {
        let pragma = format!("PRAGMA wal_checkpoint({how})");
        connection
            .query_row(&pragma, [], |row| {
                Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
            .map_err(|error| StoreError::sqlite(path, error))
    };
    // Nobody waits for this, which is most of the work, …
    checkpoint("PASSIVE")?;
    // … and for this only those who come to write in the meantime.
    writer.write(Work::MoveLog)?;
    let (pages, moved) = checkpoint("PASSIVE")?;
    if pages > LONG_LOG && moved < pages {
        checkpoint("RESTART")?;
    }
    Ok(())
}

fn tell_of_hanging(queue: &Live) {
    let mut plan = queue.plan();
    let mut hanging = 0;
    for call in &mut plan.calls {
        if !call.said && call.begin.elapsed() > HANGS {
            call.said = true;
            hanging += 1;
        }
    }
    drop(plan);
    for _ in 0..hanging {
        say!(
            DELIVERY_HANGS,
            listener = queue.name.as_str(),
            "A call of the sink of the queue '{}' has not come back for {HANGS:?}: its messages wait for it",
            queue.name,
        );
    }
}
