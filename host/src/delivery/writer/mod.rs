//! The one place that writes: group commit.
//!
//! Whoever has something to write joins the line (`line`). Who finds nobody at its head leads: takes
//! all that stands in line, commits it in one transaction on its own thread (`transaction`), tells the
//! others how it went, and hands the lead to the first who came meanwhile. So a lone caller pays for
//! its commit and nothing else, and callers that come together share one.

mod line;
mod tally;
#[cfg(test)]
mod tests;
mod transaction;
mod upkeep;

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::params;

use self::line::{Line, Ticket, Turn};
use self::transaction::{Committed, Open};
use super::connect;
use super::counts::Done;
use super::damage;
use super::error::{StoreError, StoreErrorKind};
use super::live::{Live, Push};
use super::poll;
use super::rows::Settled;
use super::stats::Commits;
use crate::config::Durability;
use crate::log::{Seldom, say};

/// Something to write.
pub(super) enum Work {
    /// What was pushed, all of it or nothing.
    Push(Vec<Push>),
    /// What became of messages, and how many dead letters may stay.
    Settle(Arc<Live>, Arc<Vec<Settled>>, u64),
    /// A queue is to be there. Comes back with its number.
    Open(String),
    /// Some of a queue's messages, those behind that one, are to be made ordered, or not. Comes back
    /// with the last of them, or with 0 when there are no more.
    Reorder(i64, bool, i64),
    /// A queue has paused itself, or goes on.
    Halt(Arc<Live>, Option<(i64, String)>),
    /// What polls do with a queue. Comes back with the last message that died of it, or with 0.
    Poll(Arc<Live>, poll::Step),
    /// Somebody else has written: the counts are to be read again.
    Look(Vec<Arc<Live>>),
    /// Damage was found by a reader of the store of that generation.
    Mend(u64),
    /// The log is to be moved to the database, what is left of it, and begun anew.
    MoveLog,
    /// Space that is not needed is to be given back, some of it. Comes back with how many pages are
    /// left over.
    Shrink,
}

/// Writes to the store.
pub(super) struct Writer {
    path: PathBuf,
    durability: Durability,
    line: Line,
    /// Held by whoever leads; `None` when it is closed.
    open: Mutex<Option<Open>>,
    /// Counted up when another file takes the store's place.
    generation: AtomicU64,
    /// The queues that were opened: they are to be in whatever takes the store's place.
    known: Mutex<Vec<(i64, String)>>,
    pub(super) commits: Commits,
    failures: Seldom,
}

/// Hands the lead over when it is dropped, whatever becomes of the leader.
struct HandingOver<'l>(&'l Line);

impl Drop for HandingOver<'_> {
    fn drop(&mut self) {
        self.0.hand_over();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// Opens the store, made if need be. What is damaged is set aside.
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        let open = Open::new(path, damage::open_or_mend(path, durability)?)?;
        Ok(Self {
            path: path.to_owned(),
            durability,
            line: Line::default(),
            open: Mutex::new(Some(open)),
            generation: AtomicU64::new(1),
            known: Mutex::default(),
            commits: Commits::default(),
            failures: Seldom::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Which file it is: a reader of another one has to open it anew.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Writes, and comes back when it is durable, or will not be.
    pub(super) fn write(&self, work: Work) -> Result<i64, StoreError> {
        let (ticket, turn) = self.line.join(work);
        match turn {
            Turn::Served(outcome) => outcome,
            Turn::Lead => self.lead(&ticket),
        }
    }

    /// Serves all that stand in line. Comes back with what became of the leader's own work.
    fn lead(&self, own: &Arc<Ticket>) -> Result<i64, StoreError> {
        let group = self.line.take();
        let internal = || StoreError::new(&self.path, StoreErrorKind::Internal);
        let handing_over = HandingOver(&self.line);
        let committed = panic::catch_unwind(AssertUnwindSafe(|| self.commit(&group)));
        let committed = committed.unwrap_or_else(|_| Err(internal()));
        let mut own_outcome = Err(internal());
        let mut tell = |ticket: &Arc<Ticket>, outcome| {
            // Nobody waits there: that one would be woken for nothing.
            if Arc::ptr_eq(ticket, own) {
                own_outcome = outcome;
            } else {
                ticket.serve(outcome);
            }
        };
        match &committed {
            Ok(Committed { outcomes, .. }) => {
                for (ticket, outcome) in group.iter().zip(outcomes) {
                    tell(ticket, Ok(*outcome));
                }
            }
            Err(error) => {
                self.commits.failed();
                for ticket in &group {
                    if let Work::Push(pushes) = &ticket.work {
                        for push in pushes {
                            push.queue().rejected();
                        }
                    }
                    tell(ticket, Err(error.clone()));
                }
            }
        }
        drop(handing_over);
        // Last, since nobody knows what a subscriber does.
        match &committed {
            Ok(Committed { touched, .. }) => {
                for touched in touched {
                    touched.queue.say_dropped(touched.done.dropped);
                }
            }
            Err(error) => self.say_failed(&group, error),
        }
        own_outcome
    }

    fn say_failed(&self, group: &[Arc<Ticket>], error: &StoreError) {
        if *error.kind() == StoreErrorKind::Closed {
            return;
        }
        let pushes = group.iter().map(|ticket| match &ticket.work {
            Work::Push(pushes) => pushes.len() as u64,
            _ => 0,
        });
        if let Some(pushes) = self.failures.happened_often(pushes.sum(), Instant::now()) {
            say!(
                STORE_FAILED,
                "Nothing can be written: {error} ({pushes} pushes were refused since the last such line)",
            );
        }
    }

    /// Commits a group in one transaction, and lets its queues know.
    fn commit(&self, group: &[Arc<Ticket>]) -> Result<Committed, StoreError> {
        let mut slot = lock(&self.open);
        let begin = Instant::now();
        let mut committed = self.transact(&mut slot, group);
        if let Err(error) = &committed
            && error.is_damage()
        {
            let mended = self.mend(&mut slot, error);
            committed = mended.and_then(|()| self.transact(&mut slot, group));
        }
        let committed = committed?;
        let touched = &committed.touched;
        if let Some(open) = &*slot
            && group.iter().any(|it| matches!(it.work, Work::MoveLog))
        {
            // What is left to be moved after the watch has done its part is little.
            open.move_log("PASSIVE");
        }
        drop(slot);
        if touched.iter().any(|it| it.done != Done::default()) {
            let pushed = touched.iter().map(|touched| touched.done.pushed).sum();
            self.commits.committed(begin.elapsed(), pushed);
        }
        for ticket in group {
            if let Work::Push(pushes) = &ticket.work {
                pushes.iter().for_each(Push::committed);
            }
        }
        for touched in touched {
            touched.queue.committed(&touched.counts, &touched.done);
        }
        Ok(committed)
    }

    fn transact(
        &self,
        slot: &mut Option<Open>,
        group: &[Arc<Ticket>],
    ) -> Result<Committed, StoreError> {
        let Some(open) = slot else {
            return Err(StoreError::new(&self.path, StoreErrorKind::Closed));
        };
        let generation = self.generation();
        let is_damaged =
            |it: &Arc<Ticket>| matches!(it.work, Work::Mend(found) if found == generation);
        if group.iter().any(is_damaged) {
            return Err(StoreError::new(&self.path, StoreErrorKind::Damaged));
        }
        let committed = open.transact(group);
        committed.map_err(|error| StoreError::sqlite(&self.path, error))
    }

    /// Sets the damaged file aside and goes on with a new one.
    fn mend(&self, slot: &mut Option<Open>, why: &StoreError) -> Result<(), StoreError> {
        // Closed, so that nothing of it is written any more.
        *slot = None;
        let mended = damage::mend(&self.path, self.durability, why);
        let reopened = match mended {
            Ok(connection) => Ok(connection),
            // The disk may be full: then what is there stays in its place until another time.
            Err(error) => connect::writer(&self.path, self.durability).map_err(|_| error),
        };
        let connection = reopened?;
        for (number, name) in &*lock(&self.known) {
            let made = connection.execute(
                "INSERT INTO queue (id, name) VALUES (?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                params![number, name],
            );
            made.map_err(|error| StoreError::sqlite(&self.path, error))?;
        }
        *slot = Some(Open::new(&self.path, connection)?);
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// A queue is there, or is made. Comes back with its number.
    pub(super) fn open_queue(&self, name: &str) -> Result<i64, StoreError> {
        let number = self.write(Work::Open(name.to_owned()))?;
        lock(&self.known).push((number, name.to_owned()));
        Ok(number)
    }

    /// Closes the store in good order: what is in the log is moved to the database.
    pub(super) fn close(&self) {
        if let Some(open) = lock(&self.open).take() {
            open.move_log("TRUNCATE");
        }
    }
}
