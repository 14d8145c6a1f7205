//! How often each code was said in this process. Counted where a line is made, so also where the
//! subscriber leaves it out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::codes::{self, Code};

static SAID: [AtomicU64; codes::ALL.len()] = [const { AtomicU64::new(0) }; codes::ALL.len()];

/// Notes that a line is made.
pub(super) fn note(code: Code) {
    let place = codes::ALL.iter().position(|known| known.id == code.id);
    if let Some(place) = place {
        SAID[place].fetch_add(1, Relaxed);
    }
}

/// The codes, each with how often it was said in this process, by whichever host.
pub fn said() -> impl Iterator<Item = (&'static Code, u64)> {
    let counts = SAID.iter().map(|count| count.load(Relaxed));
    codes::ALL.iter().zip(counts)
}
