//! How long to wait after failures.

use std::time::Duration;

/// How long to wait after so many failures in a row: a random part (full jitter) of the base doubled
/// with each, and of `max` at the most.
pub(super) fn wait(base: Duration, max: Duration, failures: u32) -> Duration {
    most(base, max, failures).mul_f64(fraction())
}

fn most(base: Duration, max: Duration, failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
    let most = doubled.and_then(|times| base.checked_mul(times));
    most.map_or(max, |most| most.min(max))
}

/// A random number from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are plenty for a wait")]
fn fraction() -> f64 {
    let mut bytes = [0; 8];
    // Without randomness all wait for as long as they may.
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes) as f64 / u64::MAX as f64,
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most() {
        let (base, max) = (Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<_> = (0..7).map(|n| most(base, max, n).as_millis()).collect();
        assert_eq!(waits, [100, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(most(base, max, 4_000_000_000), max);
        let mean = (0..1000).map(|_| wait(base, max, 1)).sum::<Duration>() / 1000;
        assert!((30..70).contains(&mean.as_millis()), "{mean:?}");
    }
}
