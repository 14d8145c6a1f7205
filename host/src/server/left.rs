//! Events whose listener was left behind at a reload: they are given up. Their places are free for
//! others again, who sent them is told so where a thread of the pool has them, and their ids may
//! come again. The threads stay where they are, so there is a bound on how many they may be.
//!
//! Who is in which listener, the host knows by the numbers of threads. Here stands which of these
//! threads have an event of this intake.

use std::collections::HashMap;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::calls::{Call, Calls, GIVEN_UP, spi_of};
use super::remembered::{Key, KeyCell};
use super::shared::Shared;
use crate::log::say;
use crate::{Spi, ffi};

/// The events that are with listeners on threads of the pool, by the numbers of the threads.
#[derive(Debug, Default)]
pub(super) struct Stays(Mutex<HashMap<usize, Stay>>);

#[derive(Debug)]
struct Stay {
    spi: Spi,
    /// By which the event is remembered.
    key: Arc<KeyCell>,
    sender: Arc<Notify>,
    given_up: bool,
}

/// Events, one after the other, that are with the listeners of an SPI on this thread, which is one
/// of the pool, until this is dropped. To be dropped before the call.
pub(super) struct InPool<'c> {
    calls: &'c Calls,
    thread: usize,
    spi: Spi,
    /// Shared with what the others see, so that no lock is taken for each event.
    key: Arc<KeyCell>,
}

impl<'c> InPool<'c> {
    /// Whoever waits for the answer is told by `sender` if the events are given up.
    pub(super) fn begin(calls: &'c Calls, call: &Call<'_>, sender: &Arc<Notify>) -> Self {
        let (thread, spi) = (ffi::this_thread(), call.spi());
        let key = Arc::new(KeyCell::default());
        let stay = Stay {
            spi,
            key: Arc::clone(&key),
            sender: Arc::clone(sender),
            given_up: false,
        };
        calls.stays.lock().insert(thread, stay);
        Self {
            calls,
            thread,
            spi,
            key,
        }
    }

    /// Which event it is now.
    pub(super) fn has(&self, key: Option<Key>) {
        self.key.set(key);
    }
}

impl Drop for InPool<'_> {
    fn drop(&mut self) {
        let stay = self.calls.stays.lock().remove(&self.thread);
        if stay.is_some_and(|stay| stay.given_up) {
            self.calls.takes_back(self.spi);
        }
    }
}

impl Stays {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Stay>> {
        // A map is whole whatever panics while it is looked at.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of giving up.
#[derive(Debug, Default, PartialEq, Eq)]
struct GivenUp {
    /// How many, by SPI.
    events: [usize; Spi::ALL.len()],
    /// How many were not, since there are too many.
    refused: [usize; Spi::ALL.len()],
}

impl Calls {
    /// Gives up the events of threads that do not come back. What they are remembered by is to be
    /// forgotten before their senders are told.
    fn give_up(
        &self,
        threads: impl FnOnce() -> Vec<usize>,
        mut forget: impl FnMut(Key),
    ) -> GivenUp {
        let mut given_up = GivenUp::default();
        // One at a time: whoever comes second finds all of it done.
        let mut stays = self.stays.lock();
        // Only now: while this one waited, some may have come back and gone on to other events.
        let threads = threads();
        for place in &self.places {
            let taken = place.taken.load(Acquire);
            let spi = spi_of(taken).filter(|_| taken != 0 && taken & GIVEN_UP == 0);
            if let Some(spi) = spi
                && threads.contains(&place.thread.load(Relaxed))
            {
                // In this order: who comes back finds itself given up, and is counted as such.
                let marked = || {
                    let (old, new) = (taken, taken | GIVEN_UP);
                    let place = &place.taken;
                    place.compare_exchange(old, new, AcqRel, Relaxed).is_ok()
                };
                let key = place.key.get();
                if given_up.one(self.gives_up(spi), spi, || marked() || self.regret(spi)) {
                    key.into_iter().for_each(&mut forget);
                }
            }
        }
        for (thread, stay) in &mut *stays {
            if !stay.given_up && threads.contains(thread) {
                let is_so = || {
                    stay.given_up = true;
                    true
                };
                if given_up.one(self.gives_up(stay.spi), stay.spi, is_so) {
                    stay.key.get().into_iter().for_each(&mut forget);
                    stay.sender.notify_one();
                }
            }
        }
        given_up
    }

    /// It came back in the meantime.
    fn regret(&self, spi: Spi) -> bool {
        self.takes_back(spi);
        false
    }
}

impl GivenUp {
    /// Counts one that may be given up, or not; and whether it is.
    fn one(&mut self, may: bool, spi: Spi, is_so: impl FnOnce() -> bool) -> bool {
        if !may {
            self.refused[spi as usize] += 1;
            return false;
        }
        let is_so = is_so();
        self.events[spi as usize] += usize::from(is_so);
        is_so
    }
}

impl Shared {
    /// Gives up the events of this intake that are with listeners which a reload has left behind.
    /// Says whether there may be room where there was none: also what somebody else has given up since
    /// makes some. Costs little where nothing was left behind.
    #[cold]
    pub(super) fn give_up_left_behind(&self) -> bool {
        if self.host.left_behind().is_empty() {
            return false;
        }
        let forget = |key| self.remembered.give_up(key);
        let GivenUp { events, refused } = self.calls.give_up(|| self.host.left_behind(), forget);
        let left = self.calls.left();
        for spi in Spi::ALL {
            let (given_up, left) = (events[spi as usize], left[spi as usize]);
            if given_up > 0 {
                say!(
                    EVENTS_GIVEN_UP,
                    "Gave up {given_up} events of {spi}, which are with a listener that a reload has \
                     left behind: others have their places now, and {left} threads stay with it",
                );
            }
            let refused = refused[spi as usize];
            if refused > 0 && !self.full_of_left[spi as usize].swap(true, Relaxed) {
                say!(
                    NO_MORE_GIVEN_UP,
                    "{left} events of {spi} were given up, which is as many as `concurrency` allows, \
                     and {refused} more keep their places: restart the host",
                );
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPI: Spi = Spi::IdTokenIssue;

    #[test]
    fn places_are_given_back_once_whether_their_threads_come_back_or_not() {
        let calls = Calls::new(2, 1, 3);
        let (first, second) = (calls.enter(SPI).unwrap(), calls.enter(SPI).unwrap());
        let inline = first.inline(1).unwrap();
        let sender = Arc::new(Notify::new());
        let in_pool = InPool::begin(&calls, &second, &sender);
        inline.has(Some([7, u64::MAX]));
        in_pool.has(Some([0, 3]));
        assert!(calls.enter(SPI).is_none());
        let mut keys = Vec::new();
        let mut give_up =
            |threads: &[usize]| calls.give_up(|| threads.to_vec(), |key| keys.push(key));
        assert_eq!(give_up(&[usize::MAX]), GivenUp::default());
        let here = [ffi::this_thread()];
        assert_eq!(give_up(&here).events, [2, 0, 0]);
        assert_eq!(give_up(&here), GivenUp::default(), "once");
        assert_eq!(keys, [[7, u64::MAX], [0, 3]]);
        assert_eq!((calls.in_flight(), calls.left()), ([0; 3], [2, 0, 0]));
        assert_eq!(calls.full_for(SPI), None);

        // As many threads as there are places may stay away; no more.
        let others = [calls.enter(SPI).unwrap(), calls.enter(SPI).unwrap()];
        drop(in_pool);
        let in_pool = InPool::begin(&calls, &others[1], &sender);
        drop(second);
        assert_eq!((calls.in_flight(), calls.left()), ([2, 0, 0], [1, 0, 0]));
        assert_eq!(calls.give_up(|| here.to_vec(), drop).events, [1, 0, 0]);
        let third = calls.enter(SPI).unwrap();
        drop(in_pool);
        drop((inline, first, others, third));
        assert_eq!((calls.in_flight(), calls.left()), ([0; 3], [0; 3]));
    }

    #[test]
    fn there_is_a_bound_on_threads_that_stay_away() {
        let calls = Calls::new(1, 1, 3);
        let here = [ffi::this_thread()];
        let first = calls.enter(SPI).unwrap();
        let _inline = first.inline(1).unwrap();
        assert_eq!(calls.give_up(|| here.to_vec(), drop).events, [1, 0, 0]);
        let second = calls.enter(SPI).unwrap();
        let _in_pool = InPool::begin(&calls, &second, &Arc::default());
        let GivenUp { events, refused } = calls.give_up(|| here.to_vec(), drop);
        assert_eq!((events, refused), ([0; 3], [1, 0, 0]));
        assert!(calls.enter(SPI).is_none());
    }
}
