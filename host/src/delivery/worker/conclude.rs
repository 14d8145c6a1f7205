//! What follows for the whole queue from how a batch went: after failures all of it waits, pauses itself
//! in the end, and goes on when something was delivered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::settle::brief;
use super::{Batch, Worker};
use crate::delivery::backoff;
use crate::delivery::message::{Outcome, now_ms};
use crate::delivery::options::{LONGEST_WAIT, Options};
use crate::delivery::rows::Settled;
use crate::delivery::writer::Work;
use crate::log::say;

/// A queue that has paused itself is tried this often at the least.
const SELDOM_PROBED: Duration = Duration::from_secs(30);
/// So many batches in a row may fail before all others are made to wait for it: fewer may be the
/// messages' own fault.
const PATIENCE: u32 = 2;

/// How a batch went.
pub(super) struct Report {
    delivered: usize,
    reason: String,
    /// How long the receiver asks to be left alone, where it says so of all messages.
    leave_alone: Option<Duration>,
}

impl Report {
    pub(super) fn of(settled: &[Settled]) -> Self {
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

impl Worker<'_> {
    /// Takes the batch out of the sink's hands, and draws what follows from how it went.
    pub(super) fn conclude(&self, batch: &Batch, report: &Report) {
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
