//! When a worker looks for messages: one of a queue's at a time, and none while the queue is paused or
//! waits after failures.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::gather::Gathered;
use super::{Batch, Worker};
use crate::delivery::live::{Call, Plan};
use crate::delivery::message::{Stored, now_ms};

/// How long to wait when there is nothing to wait for: clocks may be set.
const LONG: Duration = Duration::from_mins(1);

impl Worker<'_> {
    /// Waits for messages. `None` when there is no more to be done.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let queue = self.queue;
        let mut plan = queue.plan();
        loop {
            if self.is_over() {
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
                    Ok(Gathered::Messages(messages)) if !self.is_over() => {
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
                if self.is_over() {
                    // It was said while nobody waited for it.
                    return None;
                }
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

fn until(due_ms: i64) -> Duration {
    let left = u64::try_from(due_ms.saturating_sub(now_ms())).unwrap_or(0);
    Duration::from_millis(left.max(1)).min(LONG)
}
