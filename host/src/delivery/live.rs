//! A queue of the running host: its bounds, who has it open, and what its workers have agreed on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::counts::{Counts, Done};
use super::message::Content;
use super::options::Options;
use super::poll::Polls;
use super::stats::QueueSnapshot;
use super::{Courier, Full, NotTaken};
use crate::config::WhenFull;
use crate::log::{Seldom, say};

/// A queue.
pub(crate) struct Live {
    pub(super) number: i64,
    pub(super) name: String,
    /// As of the last transaction.
    waiting: Gauge,
    /// Pushed, and not yet committed.
    reserved: Gauge,
    dead: Gauge,
    pushed: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
    delivered: AtomicU64,
    retried: AtomicU64,
    died: AtomicU64,
    pub(super) deaths: Seldom,
    drops: Seldom,
    pub(super) trouble: Seldom,
    pub(super) polls: Polls,
    plan: Mutex<Plan>,
    /// Something of the plan has changed, or of what is in the store.
    pub(super) changed: Condvar,
}

#[derive(Default)]
struct Gauge {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Gauge {
    fn set(&self, messages: u64, bytes: u64) {
        self.messages.store(messages, Relaxed);
        self.bytes.store(bytes, Relaxed);
    }
}

/// What the workers of a queue go by.
#[derive(Default)]
pub(super) struct Plan {
    /// Those who have the queue open; the last one's sink is called.
    pub(super) openings: Vec<Arc<Opening>>,
    /// The messages in the hands of sinks, each with the number of the opening.
    pub(super) in_flight: HashMap<i64, u64>,
    pub(super) calls: Vec<Call>,
    /// One worker looks for messages at a time.
    pub(super) gathering: bool,
    /// Counted up when there may be other messages to be found.
    pub(super) news: u64,
    /// As the store has it: see [`Counts`].
    pub(super) paused: bool,
    pub(super) halted: Option<(i64, String)>,
    nudges: i64,
    /// Nothing is tried before.
    pub(super) calm_until: Option<Instant>,
    /// How many batches in a row came to nothing but failures, …
    pub(super) failures: u32,
    /// … and since when.
    pub(super) failing_since: Option<Instant>,
}

/// A call of a sink that is under way.
pub(super) struct Call {
    pub(super) opening: u64,
    pub(super) begin: Instant,
    /// It was logged that it takes too long.
    pub(super) said: bool,
}

/// A queue that a listener has open.
pub(crate) struct Opening {
    pub(super) number: u64,
    pub(super) queue: Arc<Live>,
    pub(super) options: Options,
    pub(super) courier: Box<dyn Courier>,
    /// Its messages are fetched, and the courier is not called.
    pub(super) polled: bool,
    /// No call of the sink is to begin.
    pub(super) stopped: AtomicBool,
    /// Which workers are at work: those who came with that shift. Counted up when work begins anew, so
    /// that none of an earlier shift, who has not seen the stop in between, goes on.
    pub(super) shift: AtomicU64,
    /// How many of its workers there are. Changed with the plan locked.
    pub(super) workers: AtomicU64,
    /// By when its sink has to be at rest, once it is leaving for good.
    pub(super) leaves: OnceLock<Instant>,
}

/// A message on its way into a queue, and the room that is kept for it.
pub(crate) struct Push {
    reserved: Reserved,
    pub(super) content: Content,
    pub(super) sum: i64,
    pub(super) ordered: bool,
    /// The bounds that the oldest messages make room for.
    pub(super) make_room: Option<(u64, u64)>,
}

struct Reserved {
    queue: Arc<Live>,
    size: u64,
    released: AtomicBool,
}

impl Reserved {
    fn release(&self) {
        if self.released.swap(true, Relaxed) {
            return;
        }
        let reserved = &self.queue.reserved;
        reserved.messages.fetch_sub(1, Relaxed);
        reserved.bytes.fetch_sub(self.size, Relaxed);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.release();
    }
}

impl Push {
    pub(super) fn queue(&self) -> &Arc<Live> {
        &self.reserved.queue
    }

    /// It is committed, and counts as waiting from now on.
    pub(super) fn committed(&self) {
        self.reserved.release();
    }
}

impl Opening {
    /// Makes a message ready to be committed: it counts against the bound from now on.
    pub(crate) fn push(&self, content: Content) -> Result<Push, NotTaken> {
        if self.polled
            && let Some(why) = content.no_set()
        {
            return Err(NotTaken::NoSet(self.queue.name.clone(), why));
        }
        let Options {
            max_messages,
            max_bytes,
            when_full,
            ..
        } = self.options;
        let size = content.size();
        let queue = &self.queue;
        let before = (
            queue.reserved.messages.fetch_add(1, Relaxed),
            queue.reserved.bytes.fetch_add(size, Relaxed),
        );
        let reserved = Reserved {
            queue: Arc::clone(queue),
            size,
            released: AtomicBool::new(false),
        };
        let messages = queue.waiting.messages.load(Relaxed) + before.0 + 1;
        let bytes = queue.waiting.bytes.load(Relaxed) + before.1 + size;
        let full = messages > max_messages || bytes > max_bytes;
        if full && when_full == WhenFull::Reject {
            queue.rejected.fetch_add(1, Relaxed);
            return Err(NotTaken::Full(Full {
                queue: queue.name.clone(),
                messages: messages > max_messages,
                bound: if messages > max_messages {
                    max_messages
                } else {
                    max_bytes
                },
            }));
        }
        Ok(Push {
            reserved,
            sum: content.sum(queue.number),
            content,
            ordered: self.options.is_ordered(),
            make_room: (when_full == WhenFull::DropOldest).then_some((max_messages, max_bytes)),
        })
    }

    /// The number of this opening, which no other of the process has.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What is in force.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Whether workers of that shift are to end.
    pub(super) fn is_over(&self, shift: u64) -> bool {
        self.is_stopped() || self.shift.load(Relaxed) != shift
    }

    /// Begins a shift.
    pub(super) fn begin(&self) -> u64 {
        // With the plan locked, as in `stop`.
        let plan = self.queue.plan();
        let shift = self.shift.fetch_add(1, Relaxed) + 1;
        self.stopped.store(false, Relaxed);
        drop(plan);
        shift
    }

    /// Lets no further call of the sink begin, now or later, and says by when those under way are to be
    /// over: the first time that is said counts.
    pub(super) fn leave(&self, deadline: Instant) -> Instant {
        let deadline = *self.leaves.get_or_init(|| deadline);
        self.stop();
        deadline
    }

    /// Lets no further call of the sink begin, until the next shift.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Relaxed);
        // With the plan locked, so that no worker is between looking and waiting.
        drop(self.queue.plan());
        self.queue.changed.notify_all();
        #[cfg(feature = "server")]
        self.queue.polls.news.notify_waiters();
    }

    /// Waits until no call of the sink is under way, for so long at the most. Says whether that came
    /// to be; otherwise the thread is given up, and its messages are delivered again.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let mut plan = self.queue.plan();
        while self.workers.load(Relaxed) > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                plan.in_flight.retain(|_, opening| *opening != self.number);
                plan.calls.retain(|call| call.opening != self.number);
                return false;
            }
            let waited = self.queue.changed.wait_timeout(plan, left);
            plan = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Live {
    pub(super) fn new(number: i64, name: &str) -> Self {
        Self {
            number,
            name: name.to_owned(),
            waiting: Gauge::default(),
            reserved: Gauge::default(),
            dead: Gauge::default(),
            pushed: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            died: AtomicU64::new(0),
            deaths: Seldom::default(),
            drops: Seldom::default(),
            trouble: Seldom::default(),
            polls: Polls::default(),
            plan: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes pushes that came to nothing since the store failed.
    pub(super) fn rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    /// A transaction was committed after which the queue is so, and that has done this. Says nothing of
    /// it: see [`Live::say_dropped`].
    pub(super) fn committed(&self, counts: &Counts, done: &Done) {
        self.waiting.set(counts.waiting, counts.waiting_bytes);
        self.dead.set(counts.dead, counts.dead_bytes);
        for (sum, done) in [
            (&self.pushed, done.pushed),
            (&self.delivered, done.delivered),
            (&self.retried, done.retried),
            (&self.died, done.died),
            (&self.dropped, done.dropped),
        ] {
            if done > 0 {
                sum.fetch_add(done, Relaxed);
            }
        }
        let mut plan = self.plan();
        let resumed = (plan.paused && !counts.paused)
            || (plan.halted.is_some() && counts.halted.is_none())
            || plan.nudges != counts.nudges;
        plan.nudges = counts.nudges;
        if resumed {
            plan.calm_until = None;
            plan.failures = 0;
            plan.failing_since = None;
        }
        let halts = plan.halted.is_none() && counts.halted.is_some();
        plan.paused = counts.paused;
        plan.halted.clone_from(&counts.halted);
        plan.news += 1;
        let calm = plan.calm_until.is_some_and(|until| until > Instant::now());
        // Whoever waits for a time, or for an operator, is not to be woken by what is pushed.
        let wake = resumed || halts || !(plan.paused || calm);
        #[cfg(feature = "server")]
        let fetched = !plan.paused && plan.openings.last().is_some_and(|last| last.polled);
        drop(plan);
        if wake {
            self.changed.notify_all();
        }
        #[cfg(feature = "server")]
        if fetched {
            self.polls.news.notify_one();
        }
    }

    /// Says that so many of its oldest messages were dropped, if any were, and not too often.
    pub(super) fn say_dropped(&self, dropped: u64) {
        if dropped > 0
            && let Some(count) = self.drops.happened_often(dropped, Instant::now())
        {
            say!(
                MESSAGES_DROPPED,
                "The queue '{}' is full: its {count} oldest messages were dropped since the last such line",
                self.name,
            );
        }
    }

    /// What is known of it; how long the oldest message waits is for the store to say.
    pub(super) fn snapshot(&self, oldest: Option<Duration>) -> QueueSnapshot {
        let plan = self.plan();
        let (paused, halted) = (plan.paused, plan.halted.is_some());
        let open = !plan.openings.is_empty();
        let polled = plan.openings.last().is_some_and(|last| last.polled);
        drop(plan);
        QueueSnapshot {
            name: self.name.clone(),
            waiting: self.waiting.messages.load(Relaxed),
            waiting_bytes: self.waiting.bytes.load(Relaxed),
            oldest,
            dead: self.dead.messages.load(Relaxed),
            dead_bytes: self.dead.bytes.load(Relaxed),
            paused,
            halted,
            open,
            pushed: self.pushed.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            retried: self.retried.load(Relaxed),
            died: self.died.load(Relaxed),
            polls: polled.then(|| self.polls.snapshot()),
        }
    }
}
