//! How long calls take.

use std::time::{Duration, Instant};

use super::super::bench::{Bench, Live};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use super::super::system;
use crate::config::Config;

/// In each round.
const CALLS: u64 = 5_000;
/// What else goes on on the machine adds to the times and never takes away: the best round counts.
const ROUNDS: u32 = 3;

pub(super) fn per_call(bench: &Bench<'_>) -> Verdict {
    let budget = Config::default().dispatch.budget;
    let library = bench.start()?;
    let all = library.enabled()?;
    // A share of the time for each, and some for the rest.
    let rounds = u32::try_from(all.len()).unwrap_or(u32::MAX) * ROUNDS;
    let share = bench.job.limit.mul_f64(0.7) / rounds;
    let mut over = Findings::default();
    let mut told = Vec::new();
    for live in &all {
        let rounds = (0..ROUNDS).map(|_| round(live, share));
        let best = rounds.min_by_key(|times| quantile(times, 99));
        let times = best.unwrap_or_default();
        let most = quantile(&times, 99);
        let figures = format!(
            "{}: p50 {}, p99 {}, longest {} of {} calls",
            live.spi,
            micros(quantile(&times, 50)),
            micros(most),
            micros(quantile(&times, 100)),
            times.len(),
        );
        if most > budget {
            over.warn(format!(
                "{figures}, and the budget is {}: the provider's answer waits meanwhile, so hand work to a thread",
                micros(budget)
            ));
        }
        told.push(figures);
    }
    all.into_iter().for_each(Live::end);
    Ok(over.or(Outcome::note(told.join("; "))))
}

/// The times of calls, in order of length, for as long as there is time.
fn round(live: &Live, limit: Duration) -> Vec<Duration> {
    let begin = Instant::now();
    // The listener's errors are the matter of other checks.
    let mut ignored = Findings::default();
    let mut times = Vec::new();
    for call in 0..CALLS {
        let sample = Sample::ordinary(live.spi).numbered(call);
        let event = sample.event();
        let call_timer = Timer::start();
        live.send(&event, "", &mut ignored);
        times.push(call_timer.stop());
        if begin.elapsed() > limit {
            break;
        }
    }
    times.sort_unstable();
    times
}

/// Measures time as it passes, but for what others had of the processors.
pub(super) struct Timer {
    held_up: Duration,
    begin: Instant,
}

impl Timer {
    pub(super) fn start() -> Self {
        Self {
            held_up: system::held_up(),
            begin: Instant::now(),
        }
    }

    pub(super) fn stop(self) -> Duration {
        let passed = self.begin.elapsed();
        passed.saturating_sub(system::held_up().saturating_sub(self.held_up))
    }
}

/// The value that so many of a hundred are not above.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn micros(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 {
        format!("{micros:.1} µs")
    } else {
        format!("{:.1} ms", micros / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 50), Duration::from_millis(100));
        assert_eq!(quantile(&times, 99), Duration::from_millis(198));
        assert_eq!(quantile(&times, 100), Duration::from_millis(200));
        assert_eq!(quantile(&times[..1], 50), Duration::from_millis(1));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
    }
}
