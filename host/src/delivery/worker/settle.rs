//! What is to be written down of each message that was tried: whether it is tried again, and when, or
//! is a dead letter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Worker;
use crate::delivery::backoff;
use crate::delivery::error::StoreErrorKind;
use crate::delivery::message::{Outcome, Refusal, Stored, in_ms};
use crate::delivery::options::{LONGEST_WAIT, Options};
use crate::delivery::rows::Settled;
use crate::delivery::writer::Work;
use crate::log::say;

impl Worker<'_> {
    /// Writes down what became of messages, however long it takes.
    pub(super) fn settle(&self, settled: Vec<Settled>) {
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
                Err(_) if self.is_over() => return,
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
}

/// What is to be written down of a message.
pub(super) fn settled(
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

pub(super) fn brief(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(200)]
}
