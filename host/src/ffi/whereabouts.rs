//! Where each thread is: which instance it is calling, if any. Written by the thread itself with a
//! plain store for each call, read by whoever has to know whether an instance can be shut down
//! while some other one does not come back.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use super::services::HostSide;

/// A thread's place to write down what it calls. Never freed: a thread that begins takes over the
/// place of one that has ended.
struct Place {
    /// Its own, from 0.
    number: usize,
    called: AtomicPtr<HostSide>,
    taken: AtomicBool,
}

/// All places.
static PLACES: Mutex<Vec<&'static Place>> = Mutex::new(Vec::new());

thread_local! {
    /// This thread's place. Without a destructor, so that looking it up costs next to nothing.
    static PLACE: Cell<Option<&'static Place>> = const { Cell::new(None) };
    /// Gives the place back at the end of the thread.
    static LEASE: Lease = const { Lease };
}

struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(place) = PLACE.take() {
            place.called.store(std::ptr::null_mut(), Ordering::Relaxed);
            place.taken.store(false, Ordering::Release);
        }
    }
}

/// This thread's place.
#[derive(Clone, Copy)]
pub(super) struct Here(&'static Place);

impl Here {
    #[inline]
    pub(super) fn this_thread() -> Self {
        Self(PLACE.get().unwrap_or_else(take))
    }

    /// This thread's place, if it has called anything yet.
    pub(super) fn if_known() -> Option<Self> {
        PLACE.get().map(Self)
    }

    /// What this thread calls; null for nothing.
    #[inline]
    pub(super) fn called(self) -> *const HostSide {
        self.0.called.load(Ordering::Relaxed)
    }

    /// From now on this thread calls that; null for nothing.
    #[inline]
    pub(super) fn calls(self, side: *const HostSide) {
        // Release: whoever reads that the next one is called, or none, sees what the last call did.
        self.0.called.store(side.cast_mut(), Ordering::Release);
    }

    /// The number of this thread, which no other has while it lives.
    #[cfg(feature = "server")]
    #[inline]
    pub(super) fn number(self) -> usize {
        self.0.number
    }

    /// Whether any thread calls it.
    pub(super) fn of_any_thread(side: &HostSide) -> bool {
        !Self::of_threads(side).is_empty()
    }

    /// The numbers of the threads that call it.
    pub(super) fn of_threads(side: &HostSide) -> Vec<usize> {
        let places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = |place: &&&Place| std::ptr::eq(place.called.load(Ordering::SeqCst), side);
        let calling = places.iter().filter(calls);
        calling.map(|place| place.number).collect()
    }
}

#[cold]
fn take() -> &'static Place {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    let free = places.iter().find(|place| {
        let taken = &place.taken;
        taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    });
    let place = free.copied().unwrap_or_else(|| {
        let place: &'static Place = Box::leak(Box::new(Place {
            number: places.len(),
            called: AtomicPtr::default(),
            taken: AtomicBool::new(true),
        }));
        places.push(place);
        place
    });
    PLACE.set(Some(place));
    // Where the thread is at its end already, nobody gives the place back, and it stays taken.
    let _ = LEASE.try_with(|_| ());
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_takes_over_the_place_of_one_that_ended() {
        let of_a_thread = || {
            let place = std::thread::spawn(|| std::ptr::from_ref(Here::this_thread().0).addr());
            place.join().unwrap()
        };
        let first = of_a_thread();
        // Other tests take places too; but not all of the time.
        assert!((0..1000).any(|_| of_a_thread() == first));
    }
}
