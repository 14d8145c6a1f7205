//! Whether what is taken is given back.
//!
//! What is in use in the C library's allocator is exact, but a listener may bring an allocator of
//! its own, or map memory by itself; the resident set shows that too, but roughly. Both are looked
//! at, each with a bound of its own. Slow leaks, and what a listener keeps on purpose up to a bound
//! that was not reached, can't be told apart.

use std::time::{Duration, Instant};

use super::super::bench::{Bench, Library, Live};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use super::super::system;
use crate::ffi::raw;

/// Over all listeners together.
const EVENTS: u64 = 100_000;
/// Fewer show nothing.
const FEWEST: u64 = 1_000;

/// In bytes, over the second half of the run: what one byte in a few events comes to, …
const ALLOCATED_BOUND: u64 = 64 << 10;
/// … and what the system's pages and the allocator's own ways may come to.
const RESIDENT_BOUND: u64 = 4 << 20;

/// Memory in use at a moment, in bytes.
struct Use {
    allocated: Option<u64>,
    resident: u64,
}

/// How long a listener's own threads may take to catch up.
const SETTLING: Duration = Duration::from_secs(1);

impl Use {
    /// Waits for threads that work off what they were handed.
    fn settled() -> Result<Self, Outcome> {
        let now = || raw::allocated().or_else(system::resident);
        let mut last = now();
        system::wait_until(SETTLING, || {
            std::thread::sleep(Duration::from_millis(20));
            let this = now();
            std::mem::replace(&mut last, this) == this
        });
        let Some(resident) = system::resident() else {
            return Err(Outcome::skipped(
                "this system does not tell how much memory is in use",
            ));
        };
        Ok(Self {
            allocated: raw::allocated(),
            resident,
        })
    }

    /// How many bytes more are allocated, and resident, than were before.
    fn growth_since(&self, before: &Self) -> (u64, u64) {
        let allocated = self.allocated.zip(before.allocated);
        let allocated = allocated.map_or(0, |(now, before)| now.saturating_sub(before));
        (allocated, self.resident.saturating_sub(before.resident))
    }
}

pub(super) fn of_events(bench: &Bench<'_>) -> Verdict {
    let begin = Instant::now();
    let library = bench.start()?;
    let all = library.enabled()?;
    let half = |until: Duration, first: u64| {
        let mut ignored = Findings::default();
        let mut sent = 0;
        while sent < EVENTS / 2 && begin.elapsed() < until {
            for live in &all {
                let sample = Sample::ordinary(live.spi).numbered(first + sent);
                live.send(&sample.event(), "", &mut ignored);
                sent += 1;
            }
        }
        sent
    };
    let limit = bench.job.limit;
    let first = half(limit.mul_f64(0.4), 0);
    let before = Use::settled()?;
    let second = half(limit.mul_f64(0.8), first);
    let (allocated, resident) = Use::settled()?.growth_since(&before);
    all.into_iter().for_each(Live::end);
    if second < FEWEST {
        return Err(Outcome::skipped(format!(
            "only {second} events could be sent in time: allow more with `--timeout`"
        )));
    }
    if allocated > ALLOCATED_BOUND || resident > RESIDENT_BOUND {
        return Ok(Outcome::warning(format!(
            "after {first} events, {second} more leave {} KiB allocated ({} bytes an event) and the process {} KiB larger",
            allocated >> 10,
            allocated / second,
            resident >> 10,
        )));
    }
    Ok(Outcome::note(format!("{} events", first + second)))
}

/// So many lives in each of so many stretches. What is lost with each life is lost in all of them; an
/// allocator that keeps something for later does so in one or the other.
const LIVES: usize = 50;
const STRETCHES: u32 = 4;
/// So many bytes each life may leave behind.
const LIFE_BOUND: u64 = 64;

pub(super) fn of_instances(bench: &Bench<'_>) -> Verdict {
    let begin = Instant::now();
    let library = bench.start()?;
    drop_all(&library)?;
    let stretch = |until: Duration| -> Result<u64, Outcome> {
        let mut lives = 0;
        for _ in 0..LIVES {
            if begin.elapsed() > until {
                break;
            }
            drop_all(&library)?;
            lives += 1;
        }
        Ok(lives)
    };
    let share = bench.job.limit.mul_f64(0.8) / (STRETCHES + 1);
    stretch(share)?;
    let (mut each, mut resident, mut all) = (u64::MAX, u64::MAX, 0);
    for number in 2..=STRETCHES + 1 {
        let before = Use::settled()?;
        let lives = stretch(share * number)?;
        let (allocated, more) = Use::settled()?.growth_since(&before);
        if lives < 10 {
            return Err(Outcome::skipped(format!(
                "only {lives} instances could be made in time: allow more with `--timeout`"
            )));
        }
        each = each.min(allocated / lives);
        resident = resident.min(more);
        all += lives;
    }
    if each > LIFE_BOUND || resident > RESIDENT_BOUND {
        return Ok(Outcome::warning(format!(
            "each life of an instance leaves {each} bytes allocated ({} KiB more resident after {LIVES}), so every reload costs memory",
            resident >> 10
        )));
    }
    Ok(Outcome::note(format!("{all} lives")))
}

/// A life of each listener, with an event if it wants any.
fn drop_all(library: &Library<'_>) -> Result<(), Outcome> {
    let mut ignored = Findings::default();
    for live in library.instances()? {
        if live.instance.is_enabled().1 != 0 {
            let sample = Sample::ordinary(live.spi);
            live.send(&sample.event(), "", &mut ignored);
        }
        live.end();
    }
    Ok(())
}
