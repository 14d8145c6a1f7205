//! Says in the log what somebody has to mend: once when it begins, once in a while as long as it
//! lasts, and once when it is over. What passes by itself is the queue's to count.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::Mend;
use crate::client::TlsError;

/// How often the same is said again.
const AGAIN: Duration = Duration::from_mins(10);

/// What was said.
#[derive(Debug)]
pub(super) struct Reports {
    endpoint: String,
    /// The kind that was said last, when, and how often it came since.
    last: Mutex<Option<(u16, Instant, u64)>>,
}

impl Reports {
    pub(super) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            last: Mutex::default(),
        }
    }

    /// A SET was not received, and it will not get better by itself.
    pub(super) fn to_mend(&self, mend: &Mend) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = 0;
        if let Some((kind, when, count)) = &mut *last
            && *kind == mend.kind
        {
            *count += 1;
            if when.elapsed() < AGAIN {
                return;
            }
            before = *count;
        }
        *last = Some((mend.kind, Instant::now(), 0));
        drop(last);
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
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let said = last.take();
        drop(last);
        if said.is_some() {
            tracing::info!("{} receives SETs again", self.endpoint);
        }
    }

    /// Files have changed, and cannot be used as they are now.
    pub(super) fn keeps(&self, error: &TlsError) {
        tracing::warn!("{error}; what was read before stays in use");
    }
}
