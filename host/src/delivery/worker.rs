//! What a thread of a queue does: looks for messages that are due, hands them to the sink, and writes
//! down what became of them.

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::{StoreError, StoreErrorKind};
use super::live::{Call, Live, Opening, Plan};
use super::message::{Outcome, Refusal, Stored, in_ms, now_ms};
use super::options::{LONGEST_WAIT, Options, Order};
use super::rows::{self, Settled};
use super::store::Store;
use super::writer::Work;
use super::{backoff, connect, wire};
use crate::log::say;

/// How long to wait when there is nothing to wait for: clocks may be set.
const LONG: Duration = Duration::from_mins(1);
/// A queue that has paused itself is tried this often at the least.
const SELDOM_PROBED: Duration = Duration::from_secs(30);
/// So many batches in a row may fail before all others are made to wait for it: fewer may be the
/// messages' own fault.
const PATIENCE: u32 = 2;

thread_local! {
    /// The opening whose worker this thread is, or 0.
    static WORKS_FOR: Cell<u64> = const { Cell::new(0) };
}

/// Whether this thread is a worker of that opening.
pub(super) fn is_worker_of(opening: &Opening) -> bool {
    WORKS_FOR.get() == opening.number
}

/// A thread's work, until the opening is stopped.
pub(super) fn run(store: &Arc<Store>, opening: &Arc<Opening>) {
    WORKS_FOR.set(opening.number);
    let mut worker = Worker {
        store,
        opening,
        queue: &opening.queue,
        reader: None,
    };
    while let Some(batch) = worker.next() {
        worker.deliver(&batch);
    }
    let plan = opening.queue.plan();
    opening.workers.fetch_sub(1, Relaxed);
    drop(plan);
    opening.queue.changed.notify_all();
}

struct Worker<'a> {
    store: &'a Arc<Store>,
    opening: &'a Arc<Opening>,
    queue: &'a Arc<Live>,
    /// With the generation of the store that it reads.
    reader: Option<(u64, Connection)>,
}

/// Messages to be delivered.
struct Batch {
    messages: Vec<Stored>,
    /// The queue has paused itself, and this one message is to show whether it can go on.
    is_probe: bool,
}

/// What was found.
enum Gathered {
    Messages(Vec<Stored>),
    /// Nothing for now; something at that time, perhaps.
    Nothing(Option<i64>),
}

impl Worker<'_> {
    /// Waits for messages. `None` when there is no more to be done.
    fn next(&mut self) -> Option<Batch> {
        let queue = self.queue;
        let mut plan = queue.plan();
        loop {
            if self.opening.is_stopped() {
                return None;
            }
            let mut wait = LONG;
            if let Some(left) = may_look(&plan) {
                wait = left;
            }
            if wait.is_zero() {
                plan.gathering = true;
                let (news, is_probe) = (plan.news, plan.halted.is_some());
                let avoid = plan.in_flight.keys().copied().collect();
                drop(plan);
                let gathered = self.gather(&avoid, is_probe);
                plan = queue.plan();
                plan.gathering = false;
                wait = match gathered {
                    Ok(Gathered::Messages(messages)) if !self.opening.is_stopped() => {
                        self.take(&mut plan, &messages);
                        drop(plan);
                        // The next worker's turn to look.
                        queue.changed.notify_all();
                        return Some(Batch { messages, is_probe });
                    }
                    Ok(_) if plan.news != news => continue,
                    Ok(Gathered::Messages(_)) => continue,
                    Ok(Gathered::Nothing(due)) => due.map_or(LONG, until),
                    Err(error) => {
                        drop(plan);
                        self.cannot_read(&error);
                        plan = queue.plan();
                        Duration::from_secs(1)
                    }
                };
            }
            let waited = queue.changed.wait_timeout(plan, wait);
            plan = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take(&self, plan: &mut Plan, messages: &[Stored]) {
        let taken = messages.iter().map(|it| (it.number, self.opening.number));
        plan.in_flight.extend(taken);
        plan.calls.push(Call {
            opening: self.opening.number,
            begin: Instant::now(),
            said: false,
        });
    }

    fn cannot_read(&mut self, error: &StoreError) {
        self.reader = None;
        if error.is_damage() {
            let generation = self.store.writer.generation();
            // Logged there.
            let _ = self.store.writer.write(Work::Mend(generation));
        } else if *error.kind() != StoreErrorKind::Closed
            && let Some(count) = self.queue.trouble.happened(Instant::now())
        {
            say!(
                STORE_FAILED,
                "The queue '{}' cannot be read: {error} ({count} times since the last such line)",
                self.queue.name,
            );
        }
    }

    /// Looks for messages that are due and in nobody's hands.
    fn gather(&mut self, avoid: &HashSet<i64>, is_probe: bool) -> Result<Gathered, StoreError> {
        let path = self.store.writer.path();
        let generation = self.store.writer.generation();
        if self.reader.as_ref().is_none_or(|(of, _)| *of != generation) {
            self.reader = Some((generation, connect::reader(path)?));
        }
        let Some((_, reader)) = &self.reader else {
            return Ok(Gathered::Nothing(None));
        };
        let gather = Gather {
            reader,
            queue: self.queue.number,
            options: &self.opening.options,
            avoid,
            is_probe,
            now: now_ms(),
        };
        let (gathered, broken) = (gather.run()).map_err(|error| StoreError::sqlite(path, error))?;
        if !broken.is_empty() {
            self.settle(broken);
        }
        Ok(gathered)
    }

    fn deliver(&self, batch: &Batch) {
        let courier = &self.opening.courier;
        let frame = wire::batch(courier.sink(), &batch.messages);
        let answer = panic::catch_unwind(AssertUnwindSafe(|| courier.deliver(&frame)));
        drop(frame);
        let answer = answer.unwrap_or_else(|_| Err("the host failed inside".to_owned()));
        let outcomes = wire::outcomes(answer, batch.messages.len());
        let options = &self.opening.options;
        let now = now_ms();
        let messages = batch.messages.iter().zip(outcomes);
        let settled: Vec<_> = messages
            .map(|(message, outcome)| settled(message, outcome, options, now, batch.is_probe))
            .collect();
        let report = Report::of(&settled);
        self.settle(settled);
        self.conclude(batch, &report);
    }

    /// Writes down what became of messages, however long it takes.
    fn settle(&self, settled: Vec<Settled>) {
        let died: Vec<_> = settled.iter().filter_map(died).collect();
        if let (Some((number, why)), Some(count)) = (
            died.last(),
            (!died.is_empty())
                .then(|| {
                    self.queue
                        .deaths
                        .happened_often(died.len() as u64, Instant::now())
                })
                .flatten(),
        ) {
            say!(
                DEAD_LETTERS,
                "The queue '{}' has {count} new dead letters since the last such line, the last of them message {number}: {}",
                self.queue.name,
                why,
            );
        }
        let settled = Arc::new(settled);
        loop {
            let most_dead = self.store.config.dead_letters;
            let work = Work::Settle(Arc::clone(self.queue), Arc::clone(&settled), most_dead);
            match self.store.writer.write(work) {
                Ok(_) => return,
                // What was delivered is delivered again, when the store is opened next.
                Err(error) if *error.kind() == StoreErrorKind::Closed => return,
                Err(_) if self.opening.is_stopped() => return,
                Err(_) => {}
            }
            let plan = self.queue.plan();
            let waited = self
                .queue
                .changed
                .wait_timeout(plan, Duration::from_secs(1));
            drop(waited);
        }
    }

    /// Takes the batch out of the sink's hands, and draws what follows from how it went.
    fn conclude(&self, batch: &Batch, report: &Report) {
        let options = &self.opening.options;
        let now = Instant::now();
        let mut plan = self.queue.plan();
        for message in &batch.messages {
            if plan.in_flight.get(&message.number) == Some(&self.opening.number) {
                plan.in_flight.remove(&message.number);
            }
        }
        let mut calls = plan.calls.iter();
        if let Some(call) = calls.position(|call| call.opening == self.opening.number) {
            plan.calls.swap_remove(call);
        }
        plan.news += 1;
        let halted = plan.halted.clone();
        let mut halt = None;
        if report.delivered > 0 {
            plan.failures = 0;
            plan.failing_since = None;
            plan.calm_until = None;
            if halted.is_some() {
                halt = Some(None);
            }
        } else {
            plan.failures = plan.failures.saturating_add(1);
            let since = *plan.failing_since.get_or_insert(now);
            let wait = calm(plan.failures, halted.is_some(), options);
            let wait = wait.max(report.leave_alone.unwrap_or_default());
            plan.calm_until = (!wait.is_zero()).then(|| now + wait);
            let long = options
                .pause_after
                .is_some_and(|after| now.duration_since(since) >= after);
            if halted.is_none() && long {
                halt = Some(Some((now_ms(), report.reason.clone())));
            }
        }
        drop(plan);
        self.queue.changed.notify_all();
        if let Some(halt) = halt {
            self.halt(halted, halt);
        }
    }

    /// Lets the queue pause itself, or go on.
    fn halt(&self, before: Option<(i64, String)>, halt: Option<(i64, String)>) {
        let name = &self.queue.name;
        let work = Work::Halt(Arc::clone(self.queue), halt.clone());
        // What cannot be written down is so again with the next batch.
        if self.store.writer.write(work).is_err() {
            return;
        }
        match (before, halt) {
            (_, Some((_, reason))) => say!(
                QUEUE_HALTED,
                "The queue '{name}' pauses: nothing but failures came for {:?}, the last being: {}. One message is tried from time to time",
                self.opening.options.pause_after.unwrap_or_default(),
                brief(&reason),
            ),
            (Some((since, _)), None) => say!(
                QUEUE_RESUMED,
                "The queue '{name}' goes on after {} s: a message was delivered",
                (now_ms() - since).max(0) / 1000,
            ),
            (None, None) => {}
        }
    }
}

/// Whether a worker may look for messages: zero if so, else how long to wait; `None` for until
/// something changes.
fn may_look(plan: &Plan) -> Option<Duration> {
    let probing = plan.halted.is_some() && !plan.in_flight.is_empty();
    if plan.paused || plan.gathering || probing {
        return None;
    }
    let calm = plan
        .calm_until
        .map(|until| until.saturating_duration_since(Instant::now()));
    Some(calm.unwrap_or_default())
}

/// How long all messages wait after so many batches in a row that came to nothing.
fn calm(failures: u32, halted: bool, options: &Options) -> Duration {
    let most = options.backoff_max.min(SELDOM_PROBED);
    let base = options.backoff.min(most);
    if halted {
        return backoff::wait(base, most, failures).max(Duration::from_millis(1));
    }
    if failures <= PATIENCE {
        return Duration::ZERO;
    }
    backoff::wait(base, most, failures - PATIENCE)
}

fn until(due_ms: i64) -> Duration {
    let left = u64::try_from(due_ms.saturating_sub(now_ms())).unwrap_or(0);
    Duration::from_millis(left.max(1)).min(LONG)
}

/// What is to be written down of a message.
fn settled(
    message: &Stored,
    outcome: Outcome,
    options: &Options,
    now: i64,
    is_probe: bool,
) -> Settled {
    // A probe is the host's doing, and no use of the message's attempts.
    let attempts = message.attempts.saturating_add(u32::from(!is_probe));
    let mut due_ms = now;
    let outcome = match outcome {
        Outcome::Retry(refusal, _) if attempts >= options.attempts && !is_probe => {
            Outcome::Dead(Refusal {
                reason: format!("tried {attempts} times, the last time: {}", refusal.reason),
                ..refusal
            })
        }
        Outcome::Retry(refusal, after) => {
            let asked = Duration::from_millis(after.unwrap_or(0)).min(LONGEST_WAIT);
            let wait = backoff::wait(options.backoff, options.backoff_max, attempts);
            due_ms = now.saturating_add(in_ms(wait.max(asked)));
            Outcome::Retry(refusal, after)
        }
        outcome => outcome,
    };
    Settled {
        number: message.number,
        ordered_by: message.ordered_by.clone(),
        outcome,
        attempts,
        due_ms,
    }
}

fn died(settled: &Settled) -> Option<(i64, String)> {
    match &settled.outcome {
        Outcome::Dead(refusal) => {
            let status = refusal.status.map(|status| format!(" (status {status})"));
            let why = format!("{}{}", brief(&refusal.reason), status.unwrap_or_default());
            Some((settled.number, why))
        }
        _ => None,
    }
}

fn brief(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(200)]
}

/// How a batch went.
struct Report {
    delivered: usize,
    reason: String,
    /// How long the receiver asks to be left alone, where it says so of all messages.
    leave_alone: Option<Duration>,
}

impl Report {
    fn of(settled: &[Settled]) -> Self {
        let mut report = Self {
            delivered: 0,
            reason: String::new(),
            leave_alone: None,
        };
        let mut asked = true;
        for settled in settled {
            match &settled.outcome {
                Outcome::Delivered => report.delivered += 1,
                Outcome::Dead(refusal) => {
                    refusal.reason.clone_into(&mut report.reason);
                    asked = false;
                }
                Outcome::Retry(refusal, after) => {
                    refusal.reason.clone_into(&mut report.reason);
                    let after = after.map(|after| Duration::from_millis(after).min(LONGEST_WAIT));
                    asked &= after.is_some();
                    report.leave_alone = report.leave_alone.max(after);
                }
            }
        }
        if !asked {
            report.leave_alone = None;
        }
        report
    }
}

struct Gather<'a> {
    reader: &'a Connection,
    queue: i64,
    options: &'a Options,
    avoid: &'a HashSet<i64>,
    is_probe: bool,
    now: i64,
}

impl Gather<'_> {
    /// What there is for a batch, and what of it is damaged.
    fn run(&self) -> rusqlite::Result<(Gathered, Vec<Settled>)> {
        let most = if self.is_probe {
            1
        } else {
            self.options.batch_messages
        };
        let (mut heads, mut oldest, mut later) = (Vec::new(), None, None);
        let rows = most.saturating_add(self.avoid.len()).saturating_add(1);
        rows::ready(self.reader, self.queue, rows, |number, due_ms| {
            if self.avoid.contains(&number) {
                return true;
            }
            if due_ms > self.now && !self.is_probe {
                later = Some(due_ms);
                return false;
            }
            oldest.get_or_insert(due_ms);
            heads.push(number);
            heads.len() < most
        })?;
        let mut filling = Filling {
            most,
            most_bytes: self.options.batch_bytes,
            bytes: 0,
            full: false,
            messages: Vec::new(),
            broken: Vec::new(),
        };
        for head in heads {
            let Added::OrderedBy(key) = filling.add(self.reader, head)? else {
                if filling.full {
                    break;
                }
                continue;
            };
            if self.options.order == Order::KeyInBatches && !self.is_probe {
                let room = most - filling.messages.len();
                let behind = match &key {
                    Some(key) => rows::behind(self.reader, self.queue, key, head, self.now, room)?,
                    None => Vec::new(),
                };
                for number in behind {
                    if let Added::Not = filling.add(self.reader, number)? {
                        break;
                    }
                }
            }
            if filling.full {
                break;
            }
        }
        let Filling {
            full,
            messages,
            broken,
            ..
        } = filling;
        // What waits for others to fill its batch waits no longer than it may.
        let ripe = oldest.map(|oldest| oldest.saturating_add(in_ms(self.options.batch_age)));
        let unripe = ripe.filter(|ripe| *ripe > self.now && !full && !self.is_probe);
        let gathered = match (messages.is_empty(), unripe) {
            (true, _) => Gathered::Nothing(if broken.is_empty() {
                later
            } else {
                Some(self.now)
            }),
            (false, Some(ripe)) => {
                Gathered::Nothing(Some(later.map_or(ripe, |later| later.min(ripe))))
            }
            (false, None) => Gathered::Messages(messages),
        };
        Ok((gathered, broken))
    }
}

/// Whether a message was added to a batch.
enum Added {
    Not,
    /// It was; with its key, where the queue is ordered.
    OrderedBy(Option<String>),
}

/// A batch that is being filled.
struct Filling {
    most: usize,
    most_bytes: u64,
    bytes: u64,
    full: bool,
    messages: Vec<Stored>,
    broken: Vec<Settled>,
}

impl Filling {
    /// Adds a message, if it is still there, whole, and fits. Says whether it
    /// was added.
    fn add(&mut self, reader: &Connection, number: i64) -> rusqlite::Result<Added> {
        if self.full {
            return Ok(Added::Not);
        }
        let Some(message) = rows::read(reader, number)? else {
            return Ok(Added::Not);
        };
        if !message.is_whole() {
            self.broken.push(Settled {
                number,
                ordered_by: message.ordered_by,
                outcome: Outcome::Dead(Refusal {
                    reason: "it was damaged in the store".to_owned(),
                    ..Refusal::default()
                }),
                attempts: message.attempts,
                due_ms: now_ms(),
            });
            return Ok(Added::Not);
        }
        let bytes = self.bytes + message.content.payload.len() as u64;
        if bytes > self.most_bytes && !self.messages.is_empty() {
            self.full = true;
            return Ok(Added::Not);
        }
        self.bytes = bytes;
        let key = message.ordered_by.clone();
        self.messages.push(message);
        self.full = self.messages.len() >= self.most || self.bytes >= self.most_bytes;
        Ok(Added::OrderedBy(key))
    }
}
