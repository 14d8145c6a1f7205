//! How many events are with listeners, SPI by SPI: a bound for each, so that a listener that does
//! not come back holds up its own SPI alone; and which of them are there on a thread that drives
//! sockets. Who is to be given up, `left` knows.

use std::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use std::time::{Duration, Instant};

use super::left::Stays;
use super::remembered::{Key, KeyCell};
use crate::{Spi, ffi};

/// For so many ticks after a call that took long, events of its SPI stay off the threads that
/// drive sockets; twice as many if it happens again soon after, and so on up to the second.
const WARY: [u32; 2] = [25, 500];

/// Calls of all SPIs.
#[derive(Debug)]
pub(super) struct Calls {
    by_spi: [OfSpi; Spi::ALL.len()],
    /// Who is on a thread that drives sockets.
    pub(super) places: Box<[Place]>,
    /// Who is on a thread of the pool.
    pub(super) stays: Stays,
    /// How many events of one SPI may be with listeners.
    bound: usize,
    /// How many of one SPI may be so on a thread that drives sockets.
    inline: usize,
    begun: Instant,
}

// On cache lines of their own, since all threads write to them.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OfSpi {
    in_flight: AtomicUsize,
    /// Since when there is no more room, in milliseconds from the begin, plus one; 0 for not.
    full_since: AtomicU64,
    /// When an event last came back while there was none, in the same way.
    moved: AtomicU64,
    /// The tick until which the SPI counts as slow, and for how many ticks it does the next time.
    slow_until: AtomicU32,
    wary_for: AtomicU32,
    /// How many were given up and have not come back.
    left: AtomicUsize,
}

/// A place on a thread that drives sockets.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Place {
    /// The tick at which an event came here, times the number of SPIs, plus its own; 0 for none.
    pub(super) taken: AtomicU64,
    /// The thread, or [`NOBODY`].
    pub(super) thread: AtomicUsize,
    /// By which the event is remembered.
    pub(super) key: KeyCell,
}

/// The number of no thread.
const NOBODY: usize = usize::MAX;

impl Place {
    fn free() -> Self {
        Self {
            taken: AtomicU64::new(0),
            thread: AtomicUsize::new(NOBODY),
            key: KeyCell::default(),
        }
    }
}

/// Set in a place that is taken when its event is given up.
pub(super) const GIVEN_UP: u64 = 1 << 63;

const SPIS: u64 = Spi::ALL.len() as u64;

/// The SPI of a place that is taken.
pub(super) fn spi_of(taken: u64) -> Option<Spi> {
    Spi::ALL.into_iter().find(|spi| *spi as u64 == taken % SPIS)
}

/// Events, one after the other, that are with the listeners of an SPI until this is dropped.
pub(super) struct Call<'c> {
    calls: &'c Calls,
    spi: Spi,
    /// How many others there were.
    others: usize,
}

/// A place for them on a thread that drives sockets, until this is dropped.
///
/// To be dropped before the call.
pub(super) struct Inline<'c> {
    calls: &'c Calls,
    spi: Spi,
    place: &'c Place,
}

/// What was found among the inline places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Somebody has one.
    pub(super) any: bool,
    /// Somebody keeps one who might have had the sockets' driver.
    pub(super) stuck: bool,
}

impl Calls {
    /// At most `bound` calls an SPI, `inline` of them on threads that drive sockets; and there at
    /// most `places` of all SPIs.
    pub(super) fn new(bound: usize, inline: usize, places: usize) -> Self {
        Self {
            by_spi: Default::default(),
            places: (0..places).map(|_| Place::free()).collect(),
            stays: Stays::default(),
            bound,
            inline,
            begun: Instant::now(),
        }
    }

    /// Takes an event in, unless its SPI has its bound of them.
    pub(super) fn enter(&self, spi: Spi) -> Option<Call<'_>> {
        let of = &self.by_spi[spi as usize];
        let others = of.in_flight.fetch_add(1, AcqRel);
        if others >= self.bound {
            of.in_flight.fetch_sub(1, AcqRel);
            self.note_full(of);
            return None;
        }
        if others + 1 == self.bound {
            self.note_full(of);
        }
        Some(Call {
            calls: self,
            spi,
            others,
        })
    }

    /// From now on the SPI's calls count as slow, for a time.
    fn be_wary(&self, spi: Spi, tick: u32) {
        let of = &self.by_spi[spi as usize];
        let [shortest, longest] = WARY;
        let last = of.wary_for.load(Relaxed);
        let again = tick.saturating_sub(of.slow_until.load(Relaxed)) < last;
        let ticks = if again {
            (2 * last).min(longest)
        } else {
            shortest
        };
        of.wary_for.store(ticks, Relaxed);
        of.slow_until.store(tick.saturating_add(ticks), Relaxed);
    }

    /// Looks at the inline places: whoever was there for two ticks makes the SPI slow.
    pub(super) fn look(&self, tick: u32) -> Found {
        let mut found = Found::default();
        for place in &self.places {
            let taken = place.taken.load(Relaxed);
            // Who was given up is not waited for.
            if taken == 0 || taken & GIVEN_UP != 0 {
                continue;
            }
            found.any = true;
            let age = u64::from(tick).saturating_sub(taken / SPIS);
            if age == 2
                && let Some(spi) = spi_of(taken)
            {
                self.be_wary(spi, tick);
            }
            // Once would do, if nothing went wrong.
            found.stuck |= age == 2 || (age > 2 && age.is_multiple_of(64));
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

    /// An event of the SPI came back whose call goes on with another one.
    #[inline]
    pub(super) fn moves(&self, spi: Spi) {
        let of = &self.by_spi[spi as usize];
        // Nobody asks while there is room.
        if of.full_since.load(Relaxed) != 0 {
            of.moved.store(self.now() + 1, Relaxed);
        }
    }

    /// Whether the SPI has had no room for so long, and nothing of it came back.
    pub(super) fn is_still_for(&self, spi: Spi, time: Duration) -> bool {
        let moved = self.by_spi[spi as usize].moved.load(Relaxed);
        let since = Duration::from_millis(self.now().saturating_sub(moved.saturating_sub(1)));
        self.full_for(spi)
            .is_some_and(|full| full.min(since) >= time)
    }

    fn goes(&self, spi: Spi) {
        let of = &self.by_spi[spi as usize];
        // More than the bound is there for a moment while somebody is turned away.
        if of.in_flight.fetch_sub(1, AcqRel) >= self.bound {
            of.full_since.store(0, Relaxed);
        }
    }

    /// An event is given up: its place is free again. Not if there are as many of its SPI as it has
    /// places: a thread is in each.
    pub(super) fn gives_up(&self, spi: Spi) -> bool {
        let left = &self.by_spi[spi as usize].left;
        let one_more = |left| (left < self.bound).then_some(left + 1);
        let may = left.fetch_update(AcqRel, Acquire, one_more).is_ok();
        if may {
            self.goes(spi);
        }
        may
    }

    /// One that was given up comes back after all, and is about to go as any other.
    #[cold]
    pub(super) fn takes_back(&self, spi: Spi) {
        let of = &self.by_spi[spi as usize];
        of.in_flight.fetch_add(1, AcqRel);
        of.left.fetch_sub(1, AcqRel);
    }

    /// How many were given up and have not come back, by SPI.
    pub(super) fn left(&self) -> [usize; Spi::ALL.len()] {
        self.by_spi.each_ref().map(|of| of.left.load(Acquire))
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

impl<'c> Call<'c> {
    /// The SPI.
    pub(super) fn spi(&self) -> Spi {
        self.spi
    }

    /// A place on this thread, which drives sockets, from this tick on: not if they are taken, if
    /// enough of the SPI were there already, or if its calls have taken long of late.
    pub(super) fn inline(&self, tick: u32) -> Option<Inline<'c>> {
        let calls = self.calls;
        let slow_until = calls.by_spi[self.spi as usize].slow_until.load(Relaxed);
        if self.others >= calls.inline || slow_until > tick {
            return None;
        }
        let taken = u64::from(tick) * SPIS + self.spi as u64;
        let free = |place: &&Place| {
            let place = &place.taken;
            place.load(Relaxed) == 0 && place.compare_exchange(0, taken, Acquire, Relaxed).is_ok()
        };
        let place = calls.places.iter().find(free)?;
        place.thread.store(ffi::this_thread(), Relaxed);
        Some(Inline {
            calls,
            spi: self.spi,
            place,
        })
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.goes(self.spi);
    }
}

impl Inline<'_> {
    /// Which event it is now.
    #[inline]
    pub(super) fn has(&self, key: Option<Key>) {
        self.place.key.set(key);
    }
}

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        // Whoever comes next is not to be taken for this thread.
        self.place.thread.store(NOBODY, Relaxed);
        if self.place.taken.swap(0, AcqRel) & GIVEN_UP != 0 {
            self.calls.takes_back(self.spi);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPI: Spi = Spi::IdTokenIssue;
    const OTHER: Spi = Spi::AccessTokenIssue;

    #[test]
    fn each_spi_has_its_own_bound() {
        let calls = Calls::new(2, 1, 3);
        let both = [calls.enter(SPI).unwrap(), calls.enter(SPI).unwrap()];
        assert!(calls.enter(SPI).is_none());
        assert!(calls.enter(OTHER).is_some());
        assert_eq!(calls.in_flight(), [2, 0, 0]);
        assert!(calls.full_for(SPI).is_some());
        drop(both);
        assert_eq!(calls.full_for(SPI), None);
        assert!(calls.enter(SPI).is_some());
    }

    #[test]
    fn an_spi_without_room_stands_still_unless_something_of_it_comes_back() {
        let calls = Calls::new(1, 1, 3);
        let time = Duration::from_millis(20);
        assert!(!calls.is_still_for(SPI, Duration::ZERO));
        let call = calls.enter(SPI).unwrap();
        std::thread::sleep(time);
        assert!(calls.is_still_for(SPI, time));
        calls.moves(SPI);
        assert!(!calls.is_still_for(SPI, Duration::from_mins(1)));
        assert!(
            calls.full_for(SPI).unwrap() >= time,
            "it has no room all the same"
        );
        std::thread::sleep(time);
        assert!(calls.is_still_for(SPI, time));
        drop(call);
        assert!(!calls.is_still_for(SPI, Duration::ZERO));
    }

    #[test]
    fn whoever_keeps_an_inline_place_makes_its_spi_slow_for_longer_each_time() {
        let calls = Calls::new(10, 2, 3);
        let found = |any, stuck| Found { any, stuck };
        let [mut wary, most] = WARY;
        let mut tick = 5;
        for _ in 0..10 {
            let call = calls.enter(SPI).unwrap();
            let place = call.inline(tick).unwrap();
            assert_eq!(calls.look(tick + 1), found(true, false));
            assert_eq!(calls.look(tick + 2), found(true, true));
            assert_eq!(calls.look(tick + 3), found(true, false));
            assert!(calls.enter(OTHER).unwrap().inline(tick + 3).is_some());
            drop(place);
            assert_eq!(calls.look(tick + 3), Found::default());
            assert!(call.inline(tick + 1 + wary).is_none());
            tick += 2 + wary;
            assert!(call.inline(tick).is_some());
            wary = (2 * wary).min(most);
        }
    }

    #[test]
    fn inline_places_are_few_for_an_spi_and_for_all() {
        let calls = Calls::new(10, 2, 3);
        let first = calls.enter(SPI).unwrap();
        let second = calls.enter(SPI).unwrap();
        let _places = [first.inline(1).unwrap(), second.inline(1).unwrap()];
        assert!(calls.enter(SPI).unwrap().inline(1).is_none());
        let other = calls.enter(OTHER).unwrap();
        let third = other.inline(1).unwrap();
        assert!(calls.enter(OTHER).unwrap().inline(1).is_none());
        drop(third);
        assert!(calls.enter(OTHER).unwrap().inline(1).is_some());
    }
}
