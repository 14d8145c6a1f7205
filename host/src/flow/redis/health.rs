//! Whether Redis does what it is asked, as the log tells it: once when it stops, once when it goes
//! on, and not for each fact in between.

use super::trouble::{Trouble, TroubleKind};
use crate::log::say;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The same trouble is logged again after this time, if it goes on.
const AGAIN: Duration = Duration::from_mins(1);

pub(super) struct Health {
    name: Box<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// It was heard of.
    known: bool,
    /// A connection broke. Redis may just have closed one that was idle: the next one will tell.
    suspected: bool,
    trouble: Option<Since>,
}

struct Since {
    trouble: Trouble,
    began: Instant,
    said: Instant,
}

impl Health {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            state: Mutex::default(),
        }
    }

    /// Whether it is in no trouble that is known.
    pub(super) fn is_good(&self) -> bool {
        self.lock().trouble.is_none()
    }

    pub(super) fn answered(&self, writes: bool) {
        let mut state = self.lock();
        let name = &self.name;
        // That it can be read says nothing about writing.
        let over = |since: &Since| writes || since.trouble.kind != TroubleKind::NotWritten;
        if state.trouble.as_ref().is_some_and(over)
            && let Some(since) = state.trouble.take()
        {
            let seconds = since.began.elapsed().as_secs_f64();
            say!(
                REDIS_BACK,
                "Redis at {name} does what it is asked again, after {seconds:.1} s"
            );
        } else if !state.known && state.trouble.is_none() {
            say!(
                REDIS_CONNECTED,
                "Pending authorisations are in Redis at {name}"
            );
        }
        state.known = true;
        state.suspected = false;
    }

    pub(super) fn failed(&self, trouble: &Trouble) {
        if !trouble.is_of_redis() {
            return;
        }
        let mut state = self.lock();
        if trouble.kind == TroubleKind::Lost && !std::mem::replace(&mut state.suspected, true) {
            return;
        }
        let now = Instant::now();
        let began = match &mut state.trouble {
            Some(since) => {
                let news = since.trouble.kind != trouble.kind && !since.is_like(trouble);
                if !news && now < since.said + AGAIN {
                    return;
                }
                since.began
            }
            None => now,
        };
        say!(
            REDIS_AWAY,
            "Redis at {} does not do what it is asked: {trouble}; authorisations and exchanges of codes wait or are refused",
            self.name
        );
        state.trouble = Some(Since {
            trouble: trouble.clone(),
            began,
            said: now,
        });
    }

    pub(super) fn lost_data(&self) {
        say!(
            REDIS_LOST_DATA,
            "Redis at {} has lost what it held: the events of authorisations that were pending there will not be dispatched",
            self.name
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Since {
    /// A connection that broke, and that none can be had, are two sides of one thing.
    fn is_like(&self, other: &Trouble) -> bool {
        let gone = |kind| matches!(kind, TroubleKind::Away | TroubleKind::Lost);
        gone(self.trouble.kind) && gone(other.kind)
    }
}
