//! Says of what may come seldom or as a flood which of it is logged: the first few in full, and of a
//! flood one now and then, with a count.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many lines may come at once, …
const MOST: u32 = 10;
/// … and one more for each such time that passes.
const REFILL: Duration = Duration::from_secs(10);

/// Counts what was not logged, and remembers the last of it.
#[derive(Debug, Default)]
pub(crate) struct Burst(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Lines that were logged and not yet made up for by the time since.
    used: u32,
    /// Since when the time counts.
    since: Option<Instant>,
    unsaid: u64,
    last: Option<String>,
}

impl State {
    fn refill(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_secs() / REFILL.as_secs();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        if passed >= self.used {
            self.used = 0;
            self.since = Some(now);
        } else {
            self.used -= passed;
            self.since = Some(since + REFILL * passed);
        }
    }
}

impl Burst {
    /// Notes that it happened. When it should be logged, says how often it did since the last line,
    /// this one included; else keeps the words for [`Burst::rest`].
    #[cold]
    pub(crate) fn happened(&self, now: Instant, words: impl FnOnce() -> String) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.refill(now);
        if state.used >= MOST {
            state.unsaid += 1;
            state.last = Some(words());
            return None;
        }
        state.used += 1;
        state.last = None;
        Some(std::mem::take(&mut state.unsaid) + 1)
    }

    /// How often it happened since the last line, and the words for the last time; `None` if all was
    /// logged.
    pub(crate) fn rest(&self) -> Option<(u64, String)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.last.take()?;
        Some((std::mem::take(&mut state.unsaid), last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_logged_and_then_one_in_ten_seconds_with_the_count() {
        let burst = Burst::default();
        let start = Instant::now();
        let at = |ms| {
            let words = || format!("at {ms}");
            burst.happened(start + Duration::from_millis(ms), words)
        };
        for ms in 0..10 {
            assert_eq!(at(ms), Some(1));
        }
        assert_eq!(burst.rest(), None);
        for ms in 10..10_000 {
            assert_eq!(at(ms), None);
        }
        assert_eq!(at(10_000), Some(9991));
        assert_eq!(at(19_999), None);
        assert_eq!(at(20_000), Some(2));
        assert_eq!(burst.rest(), None);
        assert_eq!((at(20_001), at(20_002)), (None, None));
        assert_eq!(burst.rest(), Some((2, "at 20002".to_owned())));
        assert_eq!(burst.rest(), None);
    }

    #[test]
    fn after_a_long_calm_the_first_are_logged_again() {
        let burst = Burst::default();
        let start = Instant::now();
        let happened = |now| burst.happened(now, String::new);
        for _ in 0..15 {
            happened(start);
        }
        let later = start + REFILL * 100;
        assert_eq!(happened(later), Some(6));
        for _ in 1..10 {
            assert_eq!(happened(later), Some(1));
        }
        assert_eq!(happened(later), None);
    }
}
