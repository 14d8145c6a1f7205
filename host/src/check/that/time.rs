//! How long calls take.

use std::time::{Duration, Instant};

use super::super::bench::{Bench, Live};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use crate::config::Config;

const CALLS: u64 = 10_000;
/// The first calls fill caches and make buffers.
const WARMING: u64 = 100;

pub(super) fn per_call(bench: &Bench<'_>) -> Verdict {
    let budget = Config::default().dispatch.budget;
    let library = bench.start()?;
    let begin = Instant::now();
    let all = library.enabled()?;
    // The listener's errors are the matter of other checks.
    let mut ignored = Findings::default();
    let mut over = Findings::default();
    let mut told = Vec::new();
    // A share of the time for each, and some for the rest.
    let share = bench.job.limit.mul_f64(0.7) / u32::try_from(all.len()).unwrap_or(u32::MAX);
    for (live, number) in all.iter().zip(1..) {
        let mut times = Vec::new();
        for call in 0..CALLS {
            let sample = Sample::ordinary(live.spi).numbered(call);
            let event = sample.event();
            let called = Instant::now();
            live.send(&event, "", &mut ignored);
            let time = called.elapsed();
            if call >= WARMING || time > budget {
                times.push(time);
            }
            if begin.elapsed() > share * number {
                break;
            }
        }
        times.sort_unstable();
        let (half, most) = (quantile(&times, 50), quantile(&times, 99));
        let figures = format!(
            "{}: p50 {}, p99 {}, longest {} of {} calls",
            live.spi,
            micros(half),
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
