//! What is counted of each listener.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const BUCKETS: usize = 16;

/// The upper bounds of the buckets of [`StatsSnapshot::durations`]: 1 µs and on in steps of four,
/// the last without a bound.
pub const DURATION_BOUNDS: [Duration; BUCKETS - 1] = {
    let mut bounds = [Duration::ZERO; BUCKETS - 1];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = Duration::from_nanos(1000 << (2 * index));
        index += 1;
    }
    bounds
};

/// Counts calls of one listener. Written by all threads without a lock.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Stats {
    pub(super) errors: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) over_budget: AtomicU64,
    nanoseconds: AtomicU64,
    durations: [AtomicU64; BUCKETS],
}

/// The counts of one listener at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsSnapshot {
    /// Calls measured, however they ended. Counted only while the host measures.
    pub calls: u64,
    /// Calls that returned an error.
    pub errors: u64,
    /// Calls that panicked.
    pub panics: u64,
    /// Calls that took longer than the budget.
    pub over_budget: u64,
    /// Time spent in all calls together.
    pub total: Duration,
    /// Calls by how long they took: those up to each of [`DURATION_BOUNDS`] (and above the one
    /// before), then those above all.
    pub durations: [u64; BUCKETS],
}

impl Stats {
    #[inline]
    pub(super) fn took(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
        self.durations[bucket(nanoseconds)].fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self) -> StatsSnapshot {
        let durations = std::array::from_fn(|index| self.durations[index].load(Relaxed));
        StatsSnapshot {
            calls: durations.iter().sum(),
            errors: self.errors.load(Relaxed),
            panics: self.panics.load(Relaxed),
            over_budget: self.over_budget.load(Relaxed),
            total: Duration::from_nanos(self.nanoseconds.load(Relaxed)),
            durations,
        }
    }
}

/// The bucket of a duration: the first whose bound is not below it.
fn bucket(nanoseconds: u64) -> usize {
    // Bounds are 1000 * 4^index; the number of bits of the quotient, halved and rounded up.
    let quotient = nanoseconds.saturating_sub(1) / 1000;
    let bits = u64::BITS - quotient.leading_zeros();
    (bits.div_ceil(2) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        for (index, bound) in DURATION_BOUNDS.iter().enumerate() {
            let bound = u64::try_from(bound.as_nanos()).unwrap();
            assert_eq!(bucket(bound), index);
            assert_eq!(bucket(bound + 1), index + 1);
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn what_is_counted_is_what_is_shown() {
        let stats = Stats::default();
        stats.took(Duration::from_nanos(900));
        stats.took(Duration::from_millis(3));
        let shown = stats.snapshot();
        assert_eq!(shown.calls, 2);
        assert_eq!(shown.durations[0], 1);
        assert_eq!(shown.total, Duration::from_nanos(3_000_900));
    }
}
