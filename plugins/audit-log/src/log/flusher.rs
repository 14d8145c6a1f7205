//! The thread that forces records to disk from time to time.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Runs until it is dropped, which waits for it to end.
pub(super) struct Flusher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    wanted: Mutex<bool>,
    changed: Condvar,
}

impl Flusher {
    /// Calls `flush` every `interval`.
    pub(super) fn start(interval: Duration, flush: impl Fn() + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let seen = Arc::clone(&stop);
        let work = move || {
            while !seen.wait(interval) {
                flush();
            }
        };
        let thread = thread::Builder::new().name("audit-log-fsync".to_owned());
        Ok(Self {
            stop,
            thread: Some(thread.spawn(work)?),
        })
    }
}

impl Stop {
    /// Whether to stop, asked after `interval` or as soon as it is so.
    fn wait(&self, interval: Duration) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self
            .changed
            .wait_timeout_while(wanted, interval, |wanted| !*wanted);
        let (wanted, _) = outcome.unwrap_or_else(PoisonError::into_inner);
        *wanted
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        *self
            .stop
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends in whatever way; a panic in it has been reported already.
            let _ = thread.join();
        }
    }
}
