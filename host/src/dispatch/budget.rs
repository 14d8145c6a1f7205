//! How often a listener is told off that takes longer than it may.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// A breach is logged once in this time at the most.
const QUIET: Duration = Duration::from_secs(10);

/// A listener's breaches of its time budget.
#[derive(Debug, Default)]
pub(super) struct Breaches {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Breaches {
    /// Notes a breach. When it should be logged, says how many there were since the last time,
    /// this one included.
    #[cold]
    pub(super) fn note(&self, now: Instant) -> Option<u64> {
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
        let breaches = Breaches::default();
        let start = Instant::now();
        assert_eq!(breaches.note(start), Some(1));
        for second in 1..10 {
            assert_eq!(breaches.note(start + Duration::from_secs(second)), None);
        }
        assert_eq!(breaches.note(start + QUIET), Some(10));
    }
}
