//! Numbers by chance, which a test that has failed can have once more.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers that look random, and are the same each time for the same seed.
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one, below a bound.
    pub const fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % below
    }
}

/// Another seed each time, which the output of a test that fails tells.
#[allow(clippy::missing_panics_doc, reason = "a seed is a number")]
pub fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    let seed = env::var("OP_LISTENER_KILL_SEED");
    let seed = seed.map_or(now, |seed| seed.parse().expect("a seed is a number"));
    println!("again with OP_LISTENER_KILL_SEED={seed}");
    seed
}
