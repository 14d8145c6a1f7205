//! What waits in the delivery queues, and what became of the rest.

use std::time::Duration;

use super::families as of;
use super::{Buckets, Page, Value};
use crate::delivery::{
    COMMIT_BOUNDS, CommitsSnapshot, DeliverySnapshot, GROUP_BOUNDS, QueueSnapshot,
};

pub(super) fn tell(delivery: &DeliverySnapshot, page: &mut Page) {
    for queue in &delivery.queues {
        tell_queue(queue, page);
    }
    if !delivery.queues.is_empty() {
        tell_commits(&delivery.commits, page);
    }
}

fn tell_queue(queue: &QueueSnapshot, page: &mut Page) {
    let label = &[&*queue.name];
    page.level(of::QUEUE_MESSAGES, &[&queue.name, "waiting"], queue.waiting);
    page.level(of::QUEUE_MESSAGES, &[&queue.name, "dead"], queue.dead);
    page.level(
        of::QUEUE_BYTES,
        &[&queue.name, "waiting"],
        queue.waiting_bytes,
    );
    page.level(of::QUEUE_BYTES, &[&queue.name, "dead"], queue.dead_bytes);
    let oldest = queue.oldest.unwrap_or(Duration::ZERO);
    page.put(of::QUEUE_OLDEST, label, Value::Level(oldest.as_secs_f64()));
    page.level(of::QUEUE_PAUSED, label, queue.paused.into());
    page.level(of::QUEUE_HALTED, label, queue.halted.into());
    page.level(of::QUEUE_OPEN, label, queue.open.into());
    page.count(of::QUEUE_PUSHED, label, queue.pushed);
    page.count(of::QUEUE_REJECTED, label, queue.rejected);
    for (outcome, count) in [
        ("delivered", queue.delivered),
        ("retried", queue.retried),
        ("died", queue.died),
        ("dropped", queue.dropped),
    ] {
        page.count(of::QUEUE_OUTCOMES, &[&queue.name, outcome], count);
    }
    if let Some(polls) = &queue.polls {
        page.count(of::QUEUE_POLLS, label, polls.requests);
        page.count(of::QUEUE_HANDED_OUT, label, polls.handed_out);
    }
}

fn tell_commits(commits: &CommitsSnapshot, page: &mut Page) {
    page.count(of::STORE_COMMIT_FAILURES, &[], commits.failures);
    let bounds = COMMIT_BOUNDS.iter().map(Duration::as_secs_f64);
    let latency = Buckets {
        sum: commits.total.as_secs_f64(),
        counts: bounds.chain([f64::INFINITY]).zip(commits.latency).collect(),
    };
    page.put(of::STORE_COMMIT_DURATION, &[], Value::Times(latency));
    #[expect(clippy::cast_precision_loss, reason = "bounds of some dozens")]
    let bounds = GROUP_BOUNDS.iter().map(|bound| *bound as f64);
    #[expect(
        clippy::cast_precision_loss,
        reason = "below 2^52 in any life of a host"
    )]
    let groups = Buckets {
        sum: commits.messages as f64,
        counts: bounds.chain([f64::INFINITY]).zip(commits.groups).collect(),
    };
    page.put(of::STORE_COMMIT_MESSAGES, &[], Value::Times(groups));
}
