//! Delivery: listeners push messages into queues, and the host hands them to the listeners' sinks until
//! they are delivered, whatever happens meanwhile.
//!
//! What was pushed is committed to one store, a file of SQLite, before it is said to be: `writer`
//! shares commits between callers. Threads of each queue (`worker`) look for messages that are due,
//! hand them to the sink and write down what became of them; they know of each other through the
//! queue's plan (`live`). How the store looks stands in `schema`, its statements in `rows` and `counts`,
//! what is done about damage in `damage`; `watch` looks after it, and [`admin`] is what operators do
//! with it, on a running host as on a stopped one. A queue may also have no sink: then a receiver
//! fetches what waits in it (`poll`).
//!
//! What a sink is, and how messages come from listeners and get to them, is for the room
//! of the FFI to know.

pub mod admin;
mod backoff;
mod connect;
mod counts;
mod damage;
mod error;
mod live;
mod mask;
mod message;
mod options;
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, reason = "nobody can fetch anything")
)]
mod poll;
mod rows;
mod schema;
mod stats;
mod store;
pub mod view;
mod watch;
mod wire;
mod worker;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use error::{StoreError, StoreErrorKind};
pub(crate) use live::{Opening, Push};
pub(crate) use message::Content;
#[cfg(feature = "server")]
pub(crate) use message::Refusal;
pub(crate) use options::{Options, Requested};
#[cfg(feature = "server")]
pub(crate) use poll::{Stream, Taken};
pub use stats::{
    COMMIT_BOUNDS, CommitsSnapshot, DeliverySnapshot, GROUP_BOUNDS, PollsSnapshot, QueueSnapshot,
};
use store::Store;
pub use store::open_queues;

use crate::config::{Config, DeliveryConfig};
use crate::log::say;

/// How batches get to a sink. Called on threads of the queue.
pub(crate) trait Courier: Send + Sync {
    /// The sink's number, with which a batch begins.
    fn sink(&self) -> u64;

    /// Hands over a batch, in the form that crosses; comes back with the form that does, or with why
    /// there is none.
    fn deliver(&self, batch: &[u8]) -> Result<Vec<u8>, String>;
}

/// A queue is full, and its policy is to reject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    queue: String,
    /// It is the number of messages that is at its bound, else their bytes.
    messages: bool,
    bound: u64,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, key) = if self.messages {
            ("messages", "max_messages")
        } else {
            ("bytes", "max_mb")
        };
        write!(
            f,
            "the queue '{}' is full, with {} {what} waiting: see why its sink does not take them, or raise `{key}` under `[listener.queue]`",
            self.queue, self.bound
        )
    }
}

impl std::error::Error for Full {}

/// Why a message was not taken into a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// There is no room.
    Full(Full),
    /// The receivers of that queue fetch SETs, and it is none, for that reason.
    NoSet(String, &'static str),
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(full) => full.fmt(f),
            Self::NoSet(queue, why) => write!(
                f,
                "from the queue '{queue}' Security Event Tokens are fetched, and a message for it is none: {why}"
            ),
        }
    }
}

impl std::error::Error for NotTaken {}

/// The queues of a host. The store is opened with the first of them.
pub(crate) struct Delivery {
    path: PathBuf,
    config: DeliveryConfig,
    store: Mutex<Phase>,
    opened: AtomicU64,
}

enum Phase {
    /// No queue was opened yet.
    Unused,
    Open(Arc<Store>),
    Closed,
}

impl Delivery {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            path: config.queue_path(),
            config: config.delivery.clone(),
            store: Mutex::new(Phase::Unused),
            opened: AtomicU64::new(0),
        }
    }

    fn store(&self) -> Result<Arc<Store>, StoreError> {
        let mut phase = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        match &*phase {
            Phase::Open(store) => Ok(Arc::clone(store)),
            Phase::Closed => Err(StoreError::new(&self.path, StoreErrorKind::Closed)),
            Phase::Unused => {
                let store = Store::open(&self.path, &self.config)?;
                *phase = Phase::Open(Arc::clone(&store));
                Ok(store)
            }
        }
    }

    fn opened(&self) -> Option<Arc<Store>> {
        match &*self.store.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Open(store) => Some(Arc::clone(store)),
            Phase::Unused | Phase::Closed => None,
        }
    }

    /// Opens a queue. From now on its messages go to that courier.
    pub(crate) fn open(
        &self,
        name: &str,
        options: Options,
        courier: Box<dyn Courier>,
    ) -> Result<Arc<Opening>, StoreError> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        self.store()?
            .open_queue(number, name, options, courier, false)
    }

    /// Opens a queue without a sink. From now on its messages wait to be fetched.
    pub(crate) fn open_polled(
        &self,
        name: &str,
        options: Options,
    ) -> Result<Arc<Opening>, StoreError> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let sink = Box::new(poll::NoSink);
        self.store()?.open_queue(number, name, options, sink, true)
    }

    /// The queue of that name, for a receiver to fetch from.
    #[cfg(feature = "server")]
    pub(crate) fn stream(&self, name: &str) -> Option<Stream> {
        let store = self.opened()?;
        let queue = store.queue(name)?;
        let stream = Stream::new(store, queue);
        stream.is_served().then_some(stream)
    }

    /// Lets no call of the queue's courier begin any more: it is going to be closed, and has from now
    /// on as long as that may take.
    pub(crate) fn leave(&self, opening: &Opening) {
        opening.leave(Instant::now() + self.config.stop_timeout);
    }

    /// Closes a queue: its courier is not called any more, once this is back. Says whether a call did
    /// not come back in time, and was given up.
    pub(crate) fn close(&self, opening: &Arc<Opening>) -> bool {
        let Some(store) = self.opened() else {
            return true;
        };
        let rests = store.close_queue(opening, Instant::now() + self.config.stop_timeout);
        if !rests {
            self.say_given_up(1);
        }
        rests
    }

    /// Commits what was pushed, all of it or nothing, and comes back when it is durable or will not
    /// be.
    pub(crate) fn commit(&self, pushes: Vec<Push>) -> Result<(), StoreError> {
        match self.opened() {
            Some(store) => store.commit(pushes),
            None => Err(StoreError::new(&self.path, StoreErrorKind::Closed)),
        }
    }

    /// Lets no delivery begin any more, and waits for those under way, for a limited time. Pushes are
    /// taken until [`Delivery::end`].
    pub(crate) fn stop(&self) {
        if let Some(store) = self.opened() {
            let lost = store.stop(Instant::now() + self.config.stop_timeout);
            if lost > 0 {
                self.say_given_up(lost);
            }
        }
    }

    fn say_given_up(&self, count: usize) {
        say!(
            DELIVERY_GIVEN_UP,
            "{count} queues did not come to rest within {:?}: what their sinks had in hand is delivered again",
            self.config.stop_timeout,
        );
    }

    /// Closes the store.
    pub(crate) fn end(&self) {
        let mut phase = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Open(store) = std::mem::replace(&mut *phase, Phase::Closed) {
            drop(phase);
            store.close();
        }
    }

    /// What is known of the queues.
    pub(crate) fn snapshot(&self) -> DeliverySnapshot {
        self.opened()
            .map(|store| store.snapshot())
            .unwrap_or_default()
    }
}
