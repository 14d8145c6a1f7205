//! The one place that writes: group commit.
//!
//! Whoever has something to write joins the line. Who finds nobody at its head leads: takes all that
//! stands in line, commits it in one transaction on its own thread, hands the lead to the first who
//! came meanwhile, and tells the others how it went. So a lone caller pays for its commit and nothing
//! else, and callers that come together share one.

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::{Connection, params};

use super::connect;
use super::damage;
use super::error::{StoreError, StoreErrorKind};
use super::live::{Live, Push};
use super::poll;
use super::rows::{self, Counts, Done, Settled};
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

/// Somebody in line.
struct Ticket {
    work: Work,
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting,
    /// It is this one's turn to lead.
    Leads,
    Done(Result<i64, StoreError>),
}

#[derive(Default)]
struct Line {
    waiting: Vec<Arc<Ticket>>,
    led: bool,
}

/// The store, open.
struct Open {
    connection: Connection,
    /// The number of the last message that was pushed.
    last: i64,
}

impl Open {
    fn new(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        let last = rows::last_number(&connection);
        let last = last.map_err(|error| StoreError::sqlite(path, error))?;
        Ok(Self { connection, last })
    }
}

/// Writes to the store.
pub(super) struct Writer {
    path: PathBuf,
    durability: Durability,
    line: Mutex<Line>,
    /// Held by whoever leads; `None` when it is closed.
    connection: Mutex<Option<Open>>,
    /// Counted up when another file takes the store's place.
    generation: AtomicU64,
    /// The queues that were opened: they are to be in whatever takes the store's place.
    known: Mutex<Vec<(i64, String)>>,
    pub(super) commits: Commits,
    failures: Seldom,
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
            line: Mutex::default(),
            connection: Mutex::new(Some(open)),
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
        let ticket = Arc::new(Ticket {
            work,
            state: Mutex::new(State::Waiting),
            changed: Condvar::new(),
        });
        let mut line = lock(&self.line);
        line.waiting.push(Arc::clone(&ticket));
        let leads = !std::mem::replace(&mut line.led, true);
        drop(line);
        if !leads && let Some(outcome) = ticket.wait() {
            return outcome;
        }
        self.lead();
        match std::mem::replace(&mut *lock(&ticket.state), State::Waiting) {
            State::Done(outcome) => outcome,
            // A leader serves itself first of all.
            State::Waiting | State::Leads => {
                Err(StoreError::new(&self.path, StoreErrorKind::Internal))
            }
        }
    }

    fn lead(&self) {
        let group = std::mem::take(&mut lock(&self.line).waiting);
        let outcomes = panic::catch_unwind(AssertUnwindSafe(|| self.commit(&group)));
        let outcomes =
            outcomes.unwrap_or_else(|_| Err(StoreError::new(&self.path, StoreErrorKind::Internal)));
        // The next one begins before those of this group are woken.
        let mut line = lock(&self.line);
        match line.waiting.first() {
            Some(next) => next.tell(State::Leads),
            None => line.led = false,
        }
        drop(line);
        match outcomes {
            Ok(outcomes) => {
                for (ticket, outcome) in group.iter().zip(outcomes) {
                    ticket.tell(State::Done(Ok(outcome)));
                }
            }
            Err(error) => {
                self.commits.failed();
                self.say_failed(&group, &error);
                for ticket in &group {
                    ticket.tell(State::Done(Err(error.clone())));
                }
            }
        }
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

    /// Commits a group in one transaction.
    fn commit(&self, group: &[Arc<Ticket>]) -> Result<Vec<i64>, StoreError> {
        let mut slot = lock(&self.connection);
        let Some(open) = slot.as_mut() else {
            return Err(StoreError::new(&self.path, StoreErrorKind::Closed));
        };
        let begin = Instant::now();
        let damaged = group.iter().any(
            |ticket| matches!(ticket.work, Work::Mend(generation) if generation == self.generation()),
        );
        let mut outcome = if damaged {
            Err(StoreError::new(&self.path, StoreErrorKind::Damaged))
        } else {
            self.transact(open, group)
        };
        if let Err(error) = &outcome
            && error.is_damage()
        {
            outcome = self
                .mend(&mut slot, error)
                .and_then(|()| match slot.as_mut() {
                    Some(open) => self.transact(open, group),
                    None => Err(StoreError::new(&self.path, StoreErrorKind::Closed)),
                });
        }
        let (outcomes, touched) = outcome?;
        let moves = |ticket: &Arc<Ticket>| matches!(ticket.work, Work::MoveLog);
        if let Some(open) = slot.as_ref()
            && group.iter().any(moves)
        {
            // What is left to be moved after the watch has done its part is little; when all of it
            // is, the log is begun anew in place of growing. What fails is done another time.
            let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
            let _ = open.connection.query_row(checkpoint, [], |_| Ok(()));
        }
        drop(slot);
        if touched
            .iter()
            .any(|touched| touched.done != Done::default())
        {
            let pushed = touched.iter().map(|touched| touched.done.pushed).sum();
            self.commits.committed(begin.elapsed(), pushed);
        }
        for ticket in group {
            if let Work::Push(pushes) = &ticket.work {
                pushes.iter().for_each(Push::committed);
            }
        }
        for touched in touched {
            touched
                .queue
                .committed(&touched.counts.unwrap_or_default(), &touched.done);
        }
        Ok(outcomes)
    }

    fn transact(
        &self,
        open: &mut Open,
        group: &[Arc<Ticket>],
    ) -> Result<(Vec<i64>, Vec<Touched>), StoreError> {
        let connection = &open.connection;
        let mut last = open.last;
        let done = begin(connection)
            .and_then(|()| apply(connection, group, &mut last))
            .and_then(|done| commit(connection).map(|()| done));
        // A number that was given is not given again, whatever came of it.
        open.last = last;
        done.map_err(|error| {
            // Fails where the failure has rolled it back already.
            let _ = connection.execute_batch("ROLLBACK");
            StoreError::sqlite(&self.path, error)
        })
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
        if let Some(open) = lock(&self.connection).take() {
            // What cannot be moved stays in the log, which is as good.
            let _ = open
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

impl Ticket {
    /// Waits for the outcome; `None` if this one is to lead.
    fn wait(&self) -> Option<Result<i64, StoreError>> {
        let mut state = lock(&self.state);
        loop {
            match std::mem::replace(&mut *state, State::Waiting) {
                State::Done(outcome) => return Some(outcome),
                State::Leads => return None,
                State::Waiting => {}
            }
            state = (self.changed.wait(state)).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tell(&self, state: State) {
        *lock(&self.state) = state;
        self.changed.notify_one();
    }
}

/// A queue that a transaction has changed.
struct Touched {
    queue: Arc<Live>,
    done: Done,
    counts: Option<Counts>,
}

fn touch<'t>(touched: &'t mut Vec<Touched>, queue: &Arc<Live>) -> &'t mut Done {
    let place = touched
        .iter()
        .position(|it| it.queue.number == queue.number);
    let place = place.unwrap_or_else(|| {
        touched.push(Touched {
            queue: Arc::clone(queue),
            done: Done::default(),
            counts: None,
        });
        touched.len() - 1
    });
    &mut touched[place].done
}

fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(())
}

fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

fn apply(
    connection: &Connection,
    group: &[Arc<Ticket>],
    last: &mut i64,
) -> rusqlite::Result<(Vec<i64>, Vec<Touched>)> {
    let mut applied = Applied {
        connection,
        last,
        touched: Vec::new(),
        full: Vec::new(),
    };
    let outcomes = group.iter().map(|ticket| applied.apply(&ticket.work));
    let outcomes = outcomes.collect::<rusqlite::Result<_>>()?;
    let Applied {
        mut touched, full, ..
    } = applied;
    for touched in &touched {
        if touched.done != Done::default() {
            rows::count(connection, touched.queue.number, &touched.done)?;
        }
    }
    for (queue, max_messages, max_bytes) in full {
        let dropped = rows::make_room(connection, queue, max_messages, max_bytes)?;
        if dropped > 0 {
            let done = Done {
                dropped,
                ..Done::default()
            };
            rows::count(connection, queue, &done)?;
        }
        if let Some(touched) = touched.iter_mut().find(|it| it.queue.number == queue) {
            touched.done.dropped += dropped;
        }
    }
    for touched in &mut touched {
        touched.counts = Some(rows::counts(connection, touched.queue.number)?);
    }
    Ok((outcomes, touched))
}

/// A transaction on its way.
struct Applied<'a> {
    connection: &'a Connection,
    /// The number of the last message that was pushed.
    last: &'a mut i64,
    touched: Vec<Touched>,
    /// Queues whose oldest messages make room for new ones, and their bounds.
    full: Vec<(i64, u64, u64)>,
}

impl Applied<'_> {
    fn apply(&mut self, work: &Work) -> rusqlite::Result<i64> {
        let connection = self.connection;
        match work {
            Work::Push(pushes) => {
                for push in pushes {
                    let queue = push.queue();
                    *self.last += 1;
                    rows::push(
                        connection,
                        *self.last,
                        queue.number,
                        push.ordered,
                        &push.content,
                        push.sum,
                    )?;
                    let done = touch(&mut self.touched, queue);
                    done.pushed += 1;
                    done.pushed_bytes += push.content.size();
                    done.last = *self.last;
                    if let Some((messages, bytes)) = push.make_room
                        && !self.full.iter().any(|(number, ..)| *number == queue.number)
                    {
                        self.full.push((queue.number, messages, bytes));
                    }
                }
            }
            Work::Settle(queue, settled, most_dead) => {
                let done = rows::settle(connection, queue.number, settled)?;
                let dropped = if done.died > 0 {
                    rows::bury(connection, queue.number, *most_dead)?
                } else {
                    0
                };
                let sum = touch(&mut self.touched, queue);
                sum.delivered += done.delivered;
                sum.retried += done.retried;
                sum.died += done.died;
                sum.dropped += dropped;
            }
            Work::Open(name) => {
                connection
                    .prepare_cached("INSERT INTO queue (name) VALUES (?1) ON CONFLICT DO NOTHING")?
                    .execute([name])?;
                let mut number =
                    connection.prepare_cached("SELECT id FROM queue WHERE name = ?1")?;
                return number.query_row([name], |row| row.get(0));
            }
            Work::Reorder(queue, ordered, after) => {
                return reorder(connection, *queue, *ordered, *after);
            }
            Work::Halt(queue, halt) => {
                let (since, reason) = halt.as_ref().map(|(since, reason)| (since, reason)).unzip();
                connection
                    .prepare_cached(
                        "UPDATE queue SET halted_ms = ?2, halted_reason = ?3 WHERE id = ?1",
                    )?
                    .execute(params![queue.number, since, reason])?;
                touch(&mut self.touched, queue);
            }
            Work::Poll(queue, step) => {
                let (done, last_dead) = poll::apply(connection, queue.number, step)?;
                let sum = touch(&mut self.touched, queue);
                sum.delivered += done.delivered;
                sum.retried += done.retried;
                sum.died += done.died;
                sum.dropped += done.dropped;
                return Ok(last_dead);
            }
            Work::Look(queues) => {
                for queue in queues {
                    touch(&mut self.touched, queue);
                }
            }
            Work::Mend(_) | Work::MoveLog => {}
            Work::Shrink => return shrink(connection),
        }
        Ok(0)
    }
}

/// Makes some of a queue's waiting messages ordered, or not. The last time, when there are none left,
/// the first of each key is made ready.
fn reorder(
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

fn shrink(connection: &Connection) -> rusqlite::Result<i64> {
    {
        let mut step = connection.prepare_cached("PRAGMA incremental_vacuum(256)")?;
        let mut pages = step.query([])?;
        while pages.next()?.is_some() {}
    }
    connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))
}
