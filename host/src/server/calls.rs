//! How many events are with listeners, SPI by SPI: a bound for each, so that a listener that does
//! not come back holds up its own SPI alone; and which of them are there on a thread that drives
//! sockets.

use std::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use crate::Spi;

/// For so many ticks after a call that took long, events of its SPI stay off the threads that
/// drive sockets.
const WARY: u32 = 500;

/// Calls of all SPIs.
#[derive(Debug)]
pub(super) struct Calls {
    by_spi: [OfSpi; Spi::ALL.len()],
    /// How many events of one SPI may be with listeners.
    bound: usize,
    begun: Instant,
}

// On cache lines of their own, since all threads write to them.
#[derive(Debug)]
#[repr(align(128))]
struct OfSpi {
    in_flight: AtomicUsize,
    /// Since when there is no more room, in milliseconds from the begin, plus one; 0 for not.
    full_since: AtomicU64,
    /// The tick until which the SPI counts as slow.
    slow_until: AtomicU32,
    /// For each event that is dispatched on a thread that drives sockets, the tick at which it
    /// began; 0 for none.
    places: Box<[Place]>,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Place(AtomicU32);

/// An event that is with its listeners until this is dropped.
pub(super) struct Call<'c> {
    calls: &'c Calls,
    of: &'c OfSpi,
}

/// A place for one on a thread that drives sockets, until this is dropped.
pub(super) struct Inline<'c>(&'c Place);

/// What was found among the inline places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Somebody has one.
    pub(super) any: bool,
    /// Somebody keeps one who might have had the sockets' driver.
    pub(super) stuck: bool,
}

impl Calls {
    /// At most `bound` calls an SPI, `inline` of them on threads that drive sockets.
    pub(super) fn new(bound: usize, inline: usize) -> Self {
        let places = || (0..inline).map(|_| Place::default()).collect();
        Self {
            by_spi: std::array::from_fn(|_| OfSpi {
                in_flight: AtomicUsize::new(0),
                full_since: AtomicU64::new(0),
                slow_until: AtomicU32::new(0),
                places: places(),
            }),
            bound,
            begun: Instant::now(),
        }
    }

    /// Takes an event in, unless its SPI has its bound of them.
    pub(super) fn enter(&self, spi: Spi) -> Option<Call<'_>> {
        let of = &self.by_spi[spi as usize];
        let before = of.in_flight.fetch_add(1, AcqRel);
        if before >= self.bound {
            of.in_flight.fetch_sub(1, AcqRel);
            self.note_full(of);
            return None;
        }
        if before + 1 == self.bound {
            self.note_full(of);
        }
        Some(Call { calls: self, of })
    }

    /// Whether the SPI has no room at the moment.
    pub(super) fn is_full(&self, spi: Spi) -> bool {
        self.by_spi[spi as usize].in_flight.load(Relaxed) >= self.bound
    }

    /// A place on a thread that drives sockets, at this tick: not if they are taken, or calls of
    /// the SPI have taken long of late.
    pub(super) fn inline(&self, spi: Spi, tick: u32) -> Option<Inline<'_>> {
        let of = &self.by_spi[spi as usize];
        if of.slow_until.load(Relaxed) > tick {
            return None;
        }
        let free = |place: &&Place| {
            place.0.load(Relaxed) == 0
                && place.0.compare_exchange(0, tick, Acquire, Relaxed).is_ok()
        };
        of.places.iter().find(free).map(Inline)
    }

    /// From now on the SPI's calls count as slow, for a time.
    pub(super) fn be_wary(&self, spi: Spi, tick: u32) {
        let of = &self.by_spi[spi as usize];
        of.slow_until.store(tick.saturating_add(WARY), Relaxed);
    }

    /// Looks at the inline places: whoever was there for two ticks makes the SPI slow.
    pub(super) fn look(&self, tick: u32) -> Found {
        let mut found = Found::default();
        for spi in Spi::ALL {
            for place in &self.by_spi[spi as usize].places {
                let began = place.0.load(Relaxed);
                if began == 0 {
                    continue;
                }
                found.any = true;
                let age = tick.saturating_sub(began);
                if age == 2 {
                    self.be_wary(spi, tick);
                }
                // Once would do, if nothing went wrong.
                found.stuck |= age == 2 || (age > 2 && age.is_multiple_of(64));
            }
        }
        found
    }

    /// Ends the time in which SPIs count as slow: nothing has happened for long enough.
    pub(super) fn be_trusting(&self) {
        for of in &self.by_spi {
            of.slow_until.store(0, Relaxed);
        }
    }

    /// How many events are with listeners, by SPI.
    pub(super) fn in_flight(&self) -> [usize; Spi::ALL.len()] {
        let of = |of: &OfSpi| of.in_flight.load(Acquire).min(self.bound);
        self.by_spi.each_ref().map(of)
    }

    /// For how long the SPI has had no room; `None` if it has some.
    pub(super) fn full_for(&self, spi: Spi) -> Option<Duration> {
        let of = &self.by_spi[spi as usize];
        if of.in_flight.load(Acquire) < self.bound {
            return None;
        }
        self.note_full(of);
        let since = of.full_since.load(Relaxed).saturating_sub(1);
        Some(Duration::from_millis(self.now().saturating_sub(since)))
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    #[cold]
    fn note_full(&self, of: &OfSpi) {
        let now = self.now() + 1;
        // Whoever noted it first was right.
        let _ = of.full_since.compare_exchange(0, now, Relaxed, Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // More than the bound is there for a moment while somebody is turned away.
        if self.of.in_flight.fetch_sub(1, AcqRel) >= self.calls.bound {
            self.of.full_since.store(0, Relaxed);
        }
    }
}

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPI: Spi = Spi::IdTokenIssue;

    #[test]
    fn each_spi_has_its_own_bound() {
        let calls = Calls::new(2, 1);
        let both = [calls.enter(SPI).unwrap(), calls.enter(SPI).unwrap()];
        assert!(calls.enter(SPI).is_none() && calls.is_full(SPI));
        assert!(calls.enter(Spi::AccessTokenIssue).is_some());
        assert_eq!(calls.in_flight(), [2, 0, 0]);
        assert!(calls.full_for(SPI).is_some());
        drop(both);
        assert_eq!(calls.full_for(SPI), None);
        assert!(calls.enter(SPI).is_some());
    }

    #[test]
    fn whoever_keeps_an_inline_place_makes_its_spi_slow_for_a_time() {
        let calls = Calls::new(10, 2);
        let place = calls.inline(SPI, 5).unwrap();
        let found = |any, stuck| Found { any, stuck };
        assert_eq!(calls.look(6), found(true, false));
        assert_eq!(calls.look(7), found(true, true));
        assert_eq!(calls.look(8), found(true, false));
        assert!(calls.inline(SPI, 8).is_none(), "slow");
        assert!(calls.inline(Spi::AccessTokenIssue, 8).is_some());
        drop(place);
        assert_eq!(calls.look(9), Found::default());
        assert!(calls.inline(SPI, 7 + WARY).is_some());
    }

    #[test]
    fn inline_places_are_few() {
        let calls = Calls::new(10, 2);
        let _first = calls.inline(SPI, 1).unwrap();
        let second = calls.inline(SPI, 1).unwrap();
        assert!(calls.inline(SPI, 1).is_none());
        drop(second);
        assert!(calls.inline(SPI, 1).is_some());
    }
}
