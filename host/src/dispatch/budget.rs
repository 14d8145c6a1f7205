//! How long a listener may take, and how often it is told off.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// A breach is logged once in this time at the most.
const QUIET: Duration = Duration::from_secs(10);

/// A listener's time budget.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) limit: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Budget {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Notes a breach. When it should be logged, says how many there were since the last time,
    /// this one included.
    #[cold]
    pub(super) fn breached(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unsaid += 1;
        if state
            .last
            .is_some_and(|last| now.duration_since(last) < QUIET)
        {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_breaches_is_said_once_with_its_count() {
        let budget = Budget::new(Duration::from_millis(5));
        let start = Instant::now();
        assert_eq!(budget.breached(start), Some(1));
        for second in 1..10 {
            assert_eq!(budget.breached(start + Duration::from_secs(second)), None);
        }
        assert_eq!(budget.breached(start + QUIET), Some(10));
    }
}
