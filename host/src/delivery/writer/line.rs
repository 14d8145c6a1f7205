//! The line of those who have something to write, and who of them leads.
//!
//! What is written, and how, is no matter here. A leader takes all that stand in line, and when their
//! work is done it wakes them before it lets the next one lead. For whoever was served is often back at
//! once with the next piece of work: the other way round callers fall into two parts that take turns,
//! with twice as many commits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Work;
use crate::delivery::error::StoreError;

/// Those who wait.
#[derive(Default)]
pub(super) struct Line {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: Vec<Arc<Ticket>>,
    led: bool,
}

/// Somebody in line.
pub(super) struct Ticket {
    pub(super) work: Work,
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting,
    /// It is this one's turn to lead.
    Leads,
    Done(Result<i64, StoreError>),
}

/// What comes of standing in line.
pub(super) enum Turn {
    /// To lead: all those in line, oneself among them, are to be served.
    Lead,
    /// Somebody else has done it.
    Served(Result<i64, StoreError>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    /// Joins the line, and waits for one's turn or for the outcome.
    pub(super) fn join(&self, work: Work) -> (Arc<Ticket>, Turn) {
        let ticket = Arc::new(Ticket {
            work,
            state: Mutex::new(State::Waiting),
            changed: Condvar::new(),
        });
        let mut line = lock(&self.inner);
        line.waiting.push(Arc::clone(&ticket));
        let leads = !std::mem::replace(&mut line.led, true);
        drop(line);
        let turn = if leads { Turn::Lead } else { ticket.wait() };
        (ticket, turn)
    }

    /// For the leader: all that stand in line.
    pub(super) fn take(&self) -> Vec<Arc<Ticket>> {
        std::mem::take(&mut lock(&self.inner).waiting)
    }

    /// For the leader, when its group is served: the next one leads, if there is one.
    pub(super) fn hand_over(&self) {
        let mut line = lock(&self.inner);
        let next = line.waiting.first().cloned();
        line.led = next.is_some();
        drop(line);
        // It stays in line until it takes all that do.
        if let Some(next) = next {
            next.tell(State::Leads);
        }
    }
}

impl Ticket {
    fn wait(&self) -> Turn {
        let mut state = lock(&self.state);
        loop {
            match std::mem::replace(&mut *state, State::Waiting) {
                State::Done(outcome) => return Turn::Served(outcome),
                State::Leads => return Turn::Lead,
                State::Waiting => {}
            }
            state = (self.changed.wait(state)).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells the one who waits how it went.
    pub(super) fn serve(&self, outcome: Result<i64, StoreError>) {
        self.tell(State::Done(outcome));
    }

    fn tell(&self, state: State) {
        *lock(&self.state) = state;
        self.changed.notify_one();
    }
}
