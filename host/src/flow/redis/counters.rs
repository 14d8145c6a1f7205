//! Counts what Redis was asked, from many threads.

use crate::flow::stats::{STORE_DURATION_BOUNDS, StoreStats};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Counters {
    commands: AtomicU64,
    failures: AtomicU64,
    connections: AtomicU64,
    undecided: AtomicU64,
    taken_over: AtomicU64,
    unmarked: AtomicU64,
    data_losses: AtomicU64,
    durations: [AtomicU64; 12],
    nanoseconds: AtomicU64,
}

impl Counters {
    pub(super) fn command(&self, took: Duration, well: bool) {
        self.commands.fetch_add(1, Relaxed);
        if !well {
            self.failure();
        }
        let seconds = took.as_secs_f64();
        let bucket = STORE_DURATION_BOUNDS.partition_point(|bound| *bound < seconds);
        self.durations[bucket].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    pub(super) fn failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn undecided(&self) {
        self.undecided.fetch_add(1, Relaxed);
    }

    pub(super) fn taken_over(&self) {
        self.taken_over.fetch_add(1, Relaxed);
    }

    pub(super) fn unmarked(&self) {
        self.unmarked.fetch_add(1, Relaxed);
    }

    pub(super) fn data_loss(&self) {
        self.data_losses.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self, answers: bool) -> StoreStats {
        StoreStats {
            answers,
            commands: self.commands.load(Relaxed),
            failures: self.failures.load(Relaxed),
            connections: self.connections.load(Relaxed),
            undecided: self.undecided.load(Relaxed),
            taken_over: self.taken_over.load(Relaxed),
            unmarked: self.unmarked.load(Relaxed),
            data_losses: self.data_losses.load(Relaxed),
            durations: std::array::from_fn(|bucket| self.durations[bucket].load(Relaxed)),
            duration_sum: Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64(),
        }
    }
}
