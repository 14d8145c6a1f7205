//! A bell for tasks that wait for something to come: one is called at a time, the one that waits
//! longest, so that many do not all look for the same. What is rung while nobody waits is heard by the
//! next who comes; what was called and goes away without having heard it is passed on. Needs no
//! runtime.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A bell.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<Ears>);

#[derive(Debug, Default)]
struct Ears {
    /// It was rung, and nobody has heard it yet.
    rung: bool,
    /// The number of the next who comes.
    next: u64,
    waiting: VecDeque<(u64, Waker)>,
}

/// Waits for the bell.
#[derive(Debug)]
pub(crate) struct Ear<'b> {
    bell: &'b Bell,
    /// Its number, once it waits.
    number: Option<u64>,
}

impl Bell {
    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the one who waits longest; where nobody waits, the next who comes.
    pub(crate) fn ring(&self) {
        let mut ears = self.ears();
        let called = ears.waiting.pop_front();
        ears.rung |= called.is_none();
        drop(ears);
        if let Some((_, waker)) = called {
            waker.wake();
        }
    }

    /// Calls all who wait.
    pub(crate) fn ring_for_all(&self) {
        let called = std::mem::take(&mut self.ears().waiting);
        for (_, waker) in called {
            waker.wake();
        }
    }

    /// Begins to wait with the first poll.
    pub(crate) fn listen(&self) -> Ear<'_> {
        Ear {
            bell: self,
            number: None,
        }
    }
}

impl Future for Ear<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut ears = self.bell.ears();
        let Some(number) = self.number else {
            if std::mem::take(&mut ears.rung) {
                return Poll::Ready(());
            }
            let number = ears.next;
            ears.next += 1;
            ears.waiting.push_back((number, context.waker().clone()));
            drop(ears);
            self.number = Some(number);
            return Poll::Pending;
        };
        let mut waiting = ears.waiting.iter_mut();
        if let Some((_, waker)) = waiting.find(|(it, _)| *it == number) {
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        drop(ears);
        self.number = None;
        Poll::Ready(())
    }
}

impl Drop for Ear<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut ears = self.bell.ears();
        let before = ears.waiting.len();
        ears.waiting.retain(|(it, _)| *it != number);
        let was_called = ears.waiting.len() == before;
        drop(ears);
        if was_called {
            self.bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(ear: &mut Ear<'_>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(ear).poll(&mut context).is_ready()
    }

    #[test]
    fn one_is_called_at_a_time_in_the_order_in_which_they_came() {
        let bell = Bell::default();
        let (mut first, mut second) = (bell.listen(), bell.listen());
        assert!(!hears(&mut first) && !hears(&mut second));
        bell.ring();
        assert!(!hears(&mut second) && hears(&mut first));
        bell.ring();
        assert!(hears(&mut second));
        assert!(!hears(&mut bell.listen()), "both were heard");
    }

    #[test]
    fn what_nobody_has_heard_is_heard_by_the_next() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        assert!(hears(&mut bell.listen()));
        let mut next = bell.listen();
        assert!(!hears(&mut next), "once is enough to look");

        let mut gone = bell.listen();
        assert!(!hears(&mut gone));
        bell.ring();
        bell.ring();
        assert!(hears(&mut next));
        drop(gone);
        assert!(hears(&mut bell.listen()), "passed on");
    }

    #[test]
    fn all_can_be_called_at_once() {
        let bell = Bell::default();
        let mut ears = [bell.listen(), bell.listen(), bell.listen()];
        assert!(!ears.iter_mut().any(hears));
        bell.ring_for_all();
        assert!(ears.iter_mut().all(hears));
    }
}
