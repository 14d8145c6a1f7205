//! What the writer knows of the counts of each queue without asking the store.
//!
//! A push changes no row but its own: the counts of its queue would be one more page to write with each
//! commit. So the store counts what was pushed behind the message up to which a queue is counted
//! (`schema`) when it has to, and the writer remembers what it has read, and adds what it has pushed
//! since. When another connection has written, an operator's say, it forgets all.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::delivery::counts::{self, Counts, Done};

/// So many messages may be behind the one up to which their queue is counted: whoever wants to know
/// how many there are has to look at each of them.
const MOST_UNCOUNTED: u64 = 1000;

/// What is known.
#[derive(Default)]
pub(super) struct Tally {
    /// What was in the store when this was known: see `PRAGMA data_version`.
    version: i64,
    queues: HashMap<i64, Known>,
}

struct Known {
    counts: Counts,
    uncounted: u64,
}

impl Tally {
    /// A transaction begins.
    pub(super) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if std::mem::replace(&mut self.version, version) != version {
            self.forget();
        }
        Ok(())
    }

    /// A transaction has failed, or somebody else has written.
    pub(super) fn forget(&mut self) {
        self.queues.clear();
    }

    /// The counts of a queue to which messages were pushed, and nothing else was done. `None` where
    /// they are not known, or it is time to count.
    pub(super) fn pushed(&mut self, queue: i64, done: &Done) -> Option<&Counts> {
        let known = self.queues.get_mut(&queue)?;
        known.uncounted += done.pushed;
        known.counts.waiting += done.pushed;
        known.counts.waiting_bytes += done.pushed_bytes;
        (known.uncounted < MOST_UNCOUNTED).then_some(&known.counts)
    }

    /// The counts of a queue to which nothing was done. Nothing is written, so that it can be known
    /// on a full disk too.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        queue: i64,
    ) -> rusqlite::Result<&Counts> {
        let (counts, uncounted) = counts::counts_now(connection, queue)?;
        Ok(self.know(queue, Known { counts, uncounted }))
    }

    /// Counts a queue, and comes back with what is so known of it.
    pub(super) fn count(
        &mut self,
        connection: &Connection,
        queue: i64,
        done: &Done,
    ) -> rusqlite::Result<&Counts> {
        counts::count(connection, queue, done)?;
        let known = Known {
            counts: counts::counts(connection, queue)?,
            uncounted: 0,
        };
        Ok(self.know(queue, known))
    }

    fn know(&mut self, queue: i64, known: Known) -> &Counts {
        let entry = self.queues.entry(queue).insert_entry(known);
        &entry.into_mut().counts
    }
}
