//! Says in the log what somebody has to mend: once when it begins, now and then as long as it lasts,
//! and once when it is over; never more than that, however the receiver wavers. What passes by itself
//! is the queue's to count.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::Mend;

/// How often the same is said again.
const AGAIN: Duration = Duration::from_mins(10);

/// What was said.
#[derive(Debug)]
pub(super) struct Reports {
    endpoint: String,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// Of each kind when it was said last, and how often it came since.
    kinds: HashMap<u16, (Instant, u64)>,
    /// Something was said, and not yet that it is over.
    unfinished: bool,
}

impl Reports {
    pub(super) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            said: Mutex::default(),
        }
    }

    /// A SET was not received, and it will not get better by itself.
    pub(super) fn to_mend(&self, mend: &Mend) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match said.kinds.get_mut(&mend.kind) {
            Some((when, count)) => {
                *count += 1;
                if when.elapsed() < AGAIN {
                    return;
                }
                *count
            }
            None => 0,
        };
        said.kinds.insert(mend.kind, (Instant::now(), 0));
        said.unfinished = true;
        drop(said);
        let (endpoint, text) = (&self.endpoint, &mend.text);
        if before > 1 {
            tracing::warn!(
                "{endpoint} does not receive SETs: {text} ({before} times since this was last said)"
            );
        } else {
            tracing::warn!("{endpoint} does not receive SETs: {text}");
        }
    }

    /// A SET was received.
    pub(super) fn received(&self) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let over = std::mem::take(&mut said.unfinished);
        drop(said);
        if over {
            tracing::info!("{} receives SETs again", self.endpoint);
        }
    }
}
