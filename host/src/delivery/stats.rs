//! What is counted of the store and of each queue.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How many buckets [`CommitsSnapshot::latency`] has, the last without a bound.
const LATENCIES: usize = 14;
/// How many buckets [`CommitsSnapshot::groups`] has, the last without a bound.
const GROUPS: usize = 9;

/// The upper bounds of the buckets of [`CommitsSnapshot::latency`]: 50 µs and on in steps of two, the
/// last without a bound.
pub const COMMIT_BOUNDS: [Duration; LATENCIES - 1] = {
    let mut bounds = [Duration::ZERO; LATENCIES - 1];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = Duration::from_micros(50 << index);
        index += 1;
    }
    bounds
};

/// The upper bounds of the buckets of [`CommitsSnapshot::groups`], in messages: 1 and on in steps of
/// two, the last without a bound.
pub const GROUP_BOUNDS: [u64; GROUPS - 1] = [1, 2, 4, 8, 16, 32, 64, 128];

/// Counts commits.
#[derive(Debug, Default)]
pub(super) struct Commits {
    nanoseconds: AtomicU64,
    latency: [AtomicU64; LATENCIES],
    messages: AtomicU64,
    groups: [AtomicU64; GROUPS],
    failures: AtomicU64,
}

/// What was counted of the store's transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitsSnapshot {
    /// Transactions that were committed.
    pub commits: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// Time that the commits took, all together.
    pub total: Duration,
    /// Commits by how long they took: those up to each of [`COMMIT_BOUNDS`] (and above the one before),
    /// then those above all.
    pub latency: [u64; LATENCIES],
    /// Messages pushed.
    pub messages: u64,
    /// Commits in which something was pushed, by how many messages: those up to each of
    /// [`GROUP_BOUNDS`] (and above the one before), then those above all.
    pub groups: [u64; GROUPS],
}

impl Commits {
    pub(super) fn committed(&self, took: Duration, messages: u64) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
        let bucket = COMMIT_BOUNDS.partition_point(|bound| *bound < took);
        self.latency[bucket].fetch_add(1, Relaxed);
        if messages > 0 {
            self.messages.fetch_add(messages, Relaxed);
            let bucket = GROUP_BOUNDS.partition_point(|bound| *bound < messages);
            self.groups[bucket].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self) -> CommitsSnapshot {
        let load = |counts: &AtomicU64| counts.load(Relaxed);
        let latency = self.latency.each_ref().map(load);
        CommitsSnapshot {
            commits: latency.iter().sum(),
            failures: load(&self.failures),
            total: Duration::from_nanos(load(&self.nanoseconds)),
            latency,
            messages: load(&self.messages),
            groups: self.groups.each_ref().map(load),
        }
    }
}

/// What is known of a queue, and what was counted of it since the host was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueSnapshot {
    /// The queue's name.
    pub name: String,
    /// Messages that wait, those in the hands of the sink included.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// How long the one that was pushed first has been waiting.
    pub oldest: Option<Duration>,
    /// Dead letters.
    pub dead: u64,
    /// Their bytes.
    pub dead_bytes: u64,
    /// Whether an operator has paused it: what waits is held.
    pub paused: bool,
    /// Whether it has paused itself, since nothing but failures came.
    pub halted: bool,
    /// Whether a listener has it open: not where the listener was removed.
    pub open: bool,
    /// Messages pushed.
    pub pushed: u64,
    /// Pushes refused because the queue was full, or the store failed.
    pub rejected: u64,
    /// Messages dropped because the queue was full.
    pub dropped: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Attempts that failed and are followed by another.
    pub retried: u64,
    /// Messages that became dead letters.
    pub died: u64,
    /// What was counted of those who fetch its messages, if they are fetched, in place of being handed
    /// to a sink.
    pub polls: Option<PollsSnapshot>,
}

/// What was counted of those who fetch from a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollsSnapshot {
    /// Their requests.
    pub requests: u64,
    /// Messages in the answers to them, again and again where they are not acknowledged.
    pub handed_out: u64,
}

/// What is known of delivery as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliverySnapshot {
    /// The queues that were opened since the host was started, by name.
    pub queues: Vec<QueueSnapshot>,
    /// The store's transactions.
    pub commits: CommitsSnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_is_shown() {
        let commits = Commits::default();
        commits.committed(Duration::from_micros(50), 1);
        commits.committed(Duration::from_micros(51), 0);
        commits.committed(Duration::from_secs(100), 1000);
        let shown = commits.snapshot();
        assert_eq!((shown.commits, shown.messages), (3, 1001));
        assert_eq!((shown.latency[0], shown.latency[1]), (1, 1));
        assert_eq!(shown.latency[LATENCIES - 1], 1);
        assert_eq!((shown.groups[0], shown.groups[GROUPS - 1]), (1, 1));
    }
}
