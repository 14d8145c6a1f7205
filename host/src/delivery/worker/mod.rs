//! What a thread of a queue does, over and over: waits for its turn to look (`turn`), looks for messages
//! that are due (`gather`), hands them to the sink, writes down what became of each (`settle`), and
//! draws for the queue what follows from how the batch went (`conclude`).
//!
//! The threads of a queue know of each other through its plan alone, which is [`super::live`]'s.

mod conclude;
mod gather;
mod settle;
mod turn;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rusqlite::Connection;

use self::conclude::Report;
use super::live::{Live, Opening};
use super::message::{Stored, now_ms};
use super::store::Store;
use super::wire;

thread_local! {
    /// The opening whose worker this thread is, or 0.
    static WORKS_FOR: Cell<u64> = const { Cell::new(0) };
}

/// Whether this thread is a worker of that opening.
pub(super) fn is_worker_of(opening: &Opening) -> bool {
    WORKS_FOR.get() == opening.number
}

/// A thread's work, until its shift is over.
pub(super) fn run(store: &Arc<Store>, opening: &Arc<Opening>, shift: u64) {
    WORKS_FOR.set(opening.number);
    let mut worker = Worker {
        store,
        opening,
        queue: &opening.queue,
        shift,
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
    shift: u64,
    /// With the generation of the store that it reads.
    reader: Option<(u64, Connection)>,
}

/// Messages to be delivered.
struct Batch {
    messages: Vec<Stored>,
    /// The queue has paused itself, and this one message is to show whether it can go on.
    is_probe: bool,
}

impl Worker<'_> {
    fn is_over(&self) -> bool {
        self.opening.is_over(self.shift)
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
            .map(|(message, outcome)| {
                settle::settled(message, outcome, options, now, batch.is_probe)
            })
            .collect();
        let report = Report::of(&settled);
        self.settle(settled);
        self.conclude(batch, &report);
    }
}
