//! Ends listeners that are in service no more: waits until no call of them is under way, shuts them
//! down one by one, each within a limit, and leaves behind what does not come back.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::dispatcher::{get_default, with_default};

use super::table::{Placed, Table};
use crate::log::say;

/// What became of listeners that were to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// How many failed to shut down.
    pub(crate) failures: usize,
    /// How many did not come back, from a call or from their shutdown, and were left behind.
    pub(crate) left: usize,
}

/// Listeners out of service that some thread may still come back to.
#[derive(Default)]
pub(crate) struct Retired {
    listeners: Mutex<Vec<Placed>>,
    /// Whether a thread was in a call of one of them when it was left behind.
    called: AtomicBool,
}

/// Long enough for a plain store to show on all processors, and for a thread that was just being
/// interrupted to come to its next instruction.
const SHOWS_EVERYWHERE: Duration = Duration::from_millis(50);

impl Retired {
    /// Ends the listeners of `old`, which was taken out of service, but for those that `now` has
    /// too, in the reverse order of loading. Calls under way are waited for so long, and no longer.
    pub(crate) fn end(&self, old: Arc<Table>, now: &Table, patience: Duration) -> Ended {
        let mut ended = self.end_those_that_came_back();
        let stays = |placed: &&Placed| {
            let mut now = now.all().iter();
            now.any(|other| Arc::ptr_eq(&other.listener, &placed.listener))
        };
        let going: Vec<Placed> = old.all().iter().filter(|p| !stays(p)).cloned().collect();
        // From here on it belongs to those who walk through it.
        drop(old);
        if !wait_for_calls(&going, patience) {
            for placed in &going {
                placed.listener.withdraw();
            }
            thread::sleep(SHOWS_EVERYWHERE);
        }
        // All at once, so that their sinks are waited for together.
        for placed in &going {
            placed.listener.leave_queues();
        }
        for placed in going.into_iter().rev() {
            self.end_one(placed, &mut ended);
        }
        ended
    }

    /// Ends listeners that were made and never put into service, in the reverse order.
    pub(crate) fn end_unused(listeners: Vec<Placed>) -> Ended {
        let none = Self::default();
        let mut ended = Ended::default();
        for placed in listeners.into_iter().rev() {
            none.end_one(placed, &mut ended);
        }
        ended
    }

    /// Ends what was left behind and is in nobody's hands any more.
    pub(crate) fn end_those_that_came_back(&self) -> Ended {
        let left = std::mem::take(
            &mut *self
                .listeners
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let mut ended = Ended::default();
        for placed in left {
            if Arc::strong_count(&placed.listener) == 1 {
                self.end_one(placed, &mut ended);
            } else {
                self.leave(placed);
            }
        }
        ended
    }

    /// The numbers of the threads that are in a call of a listener that was left behind.
    #[cfg(feature = "server")]
    pub(crate) fn callers(&self) -> Vec<usize> {
        if !self.called.load(Relaxed) {
            return Vec::new();
        }
        let listeners = self.listeners.lock();
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        let listeners = listeners.iter();
        listeners
            .flat_map(|placed| placed.listener.callers())
            .collect()
    }

    fn leave(&self, placed: Placed) {
        let mut left = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        left.push(placed);
    }

    fn end_one(&self, placed: Placed, ended: &mut Ended) {
        let Placed { listener, policy } = placed;
        let limit = policy.shutdown;
        listener.close_queues();
        let (name, title) = (listener.name().to_owned(), listener.spi().title());
        let outcome = match Arc::try_unwrap(listener) {
            Ok(listener) => within(limit, move || listener.end()),
            Err(listener) => {
                let outcome = if listener.is_being_called() {
                    say!(
                        LEFT_BEHIND,
                        listener = name.as_str(),
                        "Listener '{name}' ({title}) does not come back from a call, and is left behind without being shut down",
                    );
                    ended.left += 1;
                    self.called.store(true, Relaxed);
                    Some(true)
                } else {
                    // Somebody holds a table with it and is in the call of another one. Its memory
                    // stays until that is over.
                    let listener = Arc::clone(&listener);
                    within(limit, move || listener.shut_down())
                };
                self.leave(Placed { listener, policy });
                outcome
            }
        };
        match outcome {
            Some(true) => {}
            Some(false) => ended.failures += 1,
            None => {
                ended.left += 1;
                say!(
                    LEFT_BEHIND,
                    listener = name.as_str(),
                    "Listener '{name}' ({title}) has not shut down within {} ms, and is left behind",
                    limit.as_millis(),
                );
            }
        }
    }
}

/// Waits until nobody else holds any of these listeners. Says whether that came to be in time.
fn wait_for_calls(listeners: &[Placed], patience: Duration) -> bool {
    const SHORTEST: Duration = Duration::from_micros(50);
    const LONGEST: Duration = Duration::from_millis(2);

    let begun = Instant::now();
    let mut pause = SHORTEST;
    let in_hands = |placed: &Placed| Arc::strong_count(&placed.listener) > 1;
    while listeners.iter().any(in_hands) {
        if begun.elapsed() >= patience {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
    true
}

/// Does work on a thread of its own. `None` if that takes longer than it may: then the thread is
/// left to itself.
fn within(limit: Duration, work: impl FnOnce() -> bool + Send + 'static) -> Option<bool> {
    let (sender, receiver) = channel();
    let subscriber = get_default(Clone::clone);
    let (hand_over, take) = channel();
    let thread = thread::Builder::new().name("shutdown".to_owned());
    let thread = thread.spawn(move || {
        if let Ok(work) = take.recv() {
            let well = with_default(&subscriber, work);
            // Nobody waits for it any more where this fails.
            let _ = sender.send(well);
        }
    });
    match thread {
        Ok(_) => {
            // The thread waits for nothing else.
            let _ = hand_over.send(work);
        }
        // Without a thread there is no limit either; but there is an end.
        Err(_) => return Some(work()),
    }
    match receiver.recv_timeout(limit) {
        Ok(well) => Some(well),
        Err(RecvTimeoutError::Timeout) => None,
        // It panicked, which is told by whoever panicked.
        Err(RecvTimeoutError::Disconnected) => Some(false),
    }
}
