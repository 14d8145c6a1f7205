//! One transaction: what a group has to write, all of it or nothing.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::line::Ticket;
use super::tally::Tally;
use super::{Work, upkeep};
use crate::delivery::counts::{self, Counts, Done};
use crate::delivery::error::StoreError;
use crate::delivery::live::{Live, Push};
use crate::delivery::message::now_ms;
use crate::delivery::poll;
use crate::delivery::rows::{self, Fresh};

/// The store, open.
pub(super) struct Open {
    pub(super) connection: Connection,
    /// The number of the last message that was pushed.
    last: i64,
    tally: Tally,
}

/// What a transaction has done.
pub(super) struct Committed {
    /// What each of the group is told.
    pub(super) outcomes: Vec<i64>,
    pub(super) touched: Vec<Touched>,
}

/// A queue that a transaction has changed, or was to look at.
pub(super) struct Touched {
    pub(super) queue: Arc<Live>,
    pub(super) done: Done,
    /// How the queue is by now.
    pub(super) counts: Counts,
    /// Nothing but pushes came to it.
    pushes_alone: bool,
    /// The bounds for which its oldest messages make room.
    bounds: Option<(u64, u64)>,
}

impl Open {
    pub(super) fn new(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        let last = rows::last_number(&connection);
        let last = last.map_err(|error| StoreError::sqlite(path, error))?;
        Ok(Self {
            connection,
            last,
            tally: Tally::default(),
        })
    }

    /// Writes what a group has to write.
    pub(super) fn transact(&mut self, group: &[Arc<Ticket>]) -> rusqlite::Result<Committed> {
        let Self {
            connection,
            last,
            tally,
        } = self;
        let done = run(connection, "BEGIN IMMEDIATE").and_then(|()| {
            tally.begin(connection)?;
            let committed = apply(connection, tally, group, last)?;
            run(connection, "COMMIT").map(|()| committed)
        });
        if done.is_err() {
            tally.forget();
            // Fails where the failure has rolled it back already.
            let _ = connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Moves what is in the log to the database, as far as nobody reads it: when that is all, the log
    /// is begun anew in place of growing.
    pub(super) fn move_log(&self, how: &str) {
        let checkpoint = format!("PRAGMA wal_checkpoint({how})");
        // What fails is done another time: what stays in the log is as good there.
        let _ = self.connection.query_row(&checkpoint, [], |_| Ok(()));
    }
}

fn run(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}

fn apply(
    connection: &Connection,
    tally: &mut Tally,
    group: &[Arc<Ticket>],
    last: &mut i64,
) -> rusqlite::Result<Committed> {
    let mut applied = Applied {
        connection,
        // A number that was given is not given again, whatever comes of it.
        last,
        now: now_ms(),
        fresh: Vec::with_capacity(rows::AT_ONCE),
        touched: Vec::new(),
    };
    let outcomes = group.iter().map(|ticket| applied.apply(&ticket.work));
    let outcomes = outcomes.collect::<rusqlite::Result<_>>()?;
    applied.insert()?;
    let mut touched = applied.touched;
    for touched in &mut touched {
        touched.count(connection, tally)?;
    }
    Ok(Committed { outcomes, touched })
}

impl Touched {
    /// Finds out how the queue is by now, and makes room where it is above its bounds.
    fn count(&mut self, connection: &Connection, tally: &mut Tally) -> rusqlite::Result<()> {
        let queue = self.queue.number;
        if self.done == Done::default() {
            self.counts = tally.look(connection, queue)?.clone();
            return Ok(());
        }
        let known = if self.pushes_alone {
            tally.pushed(queue, &self.done)
        } else {
            None
        };
        let mut counts = match known {
            Some(counts) => counts,
            None => tally.count(connection, queue, &self.done)?,
        };
        if let Some((messages, bytes)) = self.bounds
            && (counts.waiting > messages || counts.waiting_bytes > bytes)
        {
            counts::count(connection, queue, &Done::default())?;
            let dropped = rows::make_room(connection, queue, messages, bytes)?;
            let done = Done {
                dropped,
                ..Done::default()
            };
            counts = tally.count(connection, queue, &done)?;
            self.done.dropped += dropped;
        }
        self.counts = counts.clone();
        Ok(())
    }
}

/// A transaction on its way.
struct Applied<'a> {
    connection: &'a Connection,
    /// The number of the last message that was pushed.
    last: &'a mut i64,
    now: i64,
    /// Messages that were pushed and are yet to be put into the store.
    fresh: Vec<Fresh<'a>>,
    touched: Vec<Touched>,
}

impl<'a> Applied<'a> {
    fn apply(&mut self, work: &'a Work) -> rusqlite::Result<i64> {
        if let Work::Push(pushes) = work {
            for push in pushes {
                self.push(push)?;
            }
            return Ok(0);
        }
        // In the order in which they stand in line.
        self.insert()?;
        let connection = self.connection;
        match work {
            Work::Push(_) | Work::Mend(_) | Work::MoveLog => {}
            Work::Settle(queue, settled, most_dead) => {
                let done = rows::settle(connection, queue.number, settled)?;
                let dropped = if done.died > 0 {
                    rows::bury(connection, queue.number, *most_dead)?
                } else {
                    0
                };
                let sum = &mut self.change(queue).done;
                sum.delivered += done.delivered;
                sum.retried += done.retried;
                sum.died += done.died;
                sum.dropped += dropped;
            }
            Work::Open(name) => return upkeep::open(connection, name),
            Work::Reorder(queue, ordered, after) => {
                return upkeep::reorder(connection, *queue, *ordered, *after);
            }
            Work::Halt(queue, halt) => {
                upkeep::halt(connection, queue.number, halt.as_ref())?;
                self.change(queue);
            }
            Work::Poll(queue, step) => {
                let (done, last_dead) = poll::apply(connection, queue.number, step)?;
                let sum = &mut self.change(queue).done;
                sum.delivered += done.delivered;
                sum.retried += done.retried;
                sum.died += done.died;
                sum.dropped += done.dropped;
                return Ok(last_dead);
            }
            Work::Look(queues) => {
                for queue in queues {
                    self.change(queue);
                }
            }
            Work::Shrink => return upkeep::shrink(connection),
        }
        Ok(0)
    }

    fn push(&mut self, push: &'a Push) -> rusqlite::Result<()> {
        let queue = push.queue();
        *self.last += 1;
        let ordered_by = push.content.key.as_deref().filter(|_| push.ordered);
        let mut state = rows::state::READY;
        if let Some(key) = ordered_by {
            let comes_before =
                |it: &Fresh<'_>| it.queue == queue.number && it.ordered_by == Some(key);
            if self.fresh.iter().any(comes_before)
                || rows::is_waiting(self.connection, queue.number, key)?
            {
                state = rows::state::BEHIND;
            }
        }
        self.fresh.push(Fresh {
            number: *self.last,
            queue: queue.number,
            state,
            ordered_by,
            content: &push.content,
            sum: push.sum,
            pushed_ms: self.now,
        });
        let touched = self.touch(queue);
        touched.done.pushed += 1;
        touched.done.pushed_bytes += push.content.size();
        touched.bounds = touched.bounds.or(push.make_room);
        if self.fresh.len() >= rows::AT_ONCE {
            self.insert()?;
        }
        Ok(())
    }

    /// Puts what was pushed into the store.
    fn insert(&mut self) -> rusqlite::Result<()> {
        rows::insert(self.connection, &self.fresh)?;
        self.fresh.clear();
        Ok(())
    }

    fn touch(&mut self, queue: &Arc<Live>) -> &mut Touched {
        let known = |it: &Touched| it.queue.number == queue.number;
        let place = self.touched.iter().position(known);
        let place = place.unwrap_or_else(|| {
            self.touched.push(Touched {
                queue: Arc::clone(queue),
                done: Done::default(),
                counts: Counts::default(),
                pushes_alone: true,
                bounds: None,
            });
            self.touched.len() - 1
        });
        &mut self.touched[place]
    }

    /// As [`Applied::touch`], where more than a push comes to the queue.
    fn change(&mut self, queue: &Arc<Live>) -> &mut Touched {
        let touched = self.touch(queue);
        touched.pushes_alone = false;
        touched
    }
}
