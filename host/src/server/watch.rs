//! A thread of its own that keeps the intake from standing still, whatever the others do.
//!
//! Events are dispatched on the threads that drive the sockets, since handing them to another costs
//! more than most listeners do. The price: a thread that is with a listener may be the one that
//! waits for the sockets' events, and the runtime does not notice. This thread does, within a few
//! milliseconds, and makes the runtime wake another one, which takes over. It also ends the time of
//! connections that are too slow, so that no request has to set a timer.
//!
//! It sleeps while nothing happens: the first request wakes it.

use std::collections::HashMap;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::calls::Calls;
use super::pace::{Pace, Patience};

/// How often it looks while requests come.
const TICK: Duration = Duration::from_millis(2);

/// After so many ticks without a request it looks less often.
const QUIET: u32 = 50;

/// What others tell the watching thread, and ask of it.
#[derive(Debug)]
pub(super) struct Watch {
    /// Counts up while it looks; never 0.
    tick: AtomicU32,
    /// Set by whoever begins something.
    active: AtomicBool,
    asleep: AtomicBool,
    stop: AtomicBool,
    thread: OnceLock<Thread>,
    connections: Mutex<HashMap<u64, Arc<Pace>>>,
    next: AtomicU64,
    /// How often connections were looked at: the time that their paces are measured in.
    rounds: AtomicU32,
    patience: Patience,
}

impl Watch {
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            tick: AtomicU32::new(1),
            active: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            thread: OnceLock::new(),
            connections: Mutex::default(),
            next: AtomicU64::new(0),
            rounds: AtomicU32::new(1),
            patience,
        }
    }

    /// Something begins. Says at which tick.
    pub(super) fn begin(&self) -> u32 {
        if !self.active.load(Relaxed) {
            self.wake();
        }
        self.tick()
    }

    /// The present tick.
    pub(super) fn tick(&self) -> u32 {
        self.tick.load(Relaxed)
    }

    /// The present round of looking at connections.
    pub(super) fn round(&self) -> u32 {
        self.rounds.load(Relaxed)
    }

    /// Watches over a connection from now on.
    pub(super) fn add(&self) -> (u64, Arc<Pace>) {
        let number = self.next.fetch_add(1, Relaxed);
        let pace = Arc::new(Pace::new(self.round()));
        self.lock().insert(number, Arc::clone(&pace));
        self.begin();
        (number, pace)
    }

    /// It is closed.
    pub(super) fn remove(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.lock().len()
    }

    /// Ends the oldest of the connections over which nobody has shown that it may post, so that a new one
    /// has its place. Says whether there was one.
    #[cold]
    pub(super) fn make_room(&self) -> bool {
        let connections = self.lock();
        let strangers = connections.iter().filter(|(_, pace)| pace.can_give_way());
        // By age, not by how long they are idle: asking for `/healthz` is no merit.
        let oldest = strangers.min_by_key(|(number, _)| **number);
        oldest.map(|(_, pace)| pace.give_way()).is_some()
    }

    /// Asks all connections to end as soon as what they are at is done.
    pub(super) fn end_connections(&self) {
        for pace in self.lock().values() {
            pace.stop();
        }
    }

    /// Ends [`Self::run`].
    pub(super) fn stop(&self) {
        self.stop.store(true, SeqCst);
        self.wake();
    }

    #[cold]
    fn wake(&self) {
        self.active.store(true, SeqCst);
        if self.asleep.load(SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Watches, until [`Self::stop`]. Wakes a thread of the runtime where need be. Does with each
    /// round what there is to be done from time to time.
    pub(super) fn run(&self, calls: &Calls, runtime: &Handle, each_round: impl Fn()) {
        // Only this thread sets it.
        let _ = self.thread.set(thread::current());
        let mut quiet = 0;
        let mut looked = Instant::now();
        while !self.stop.load(SeqCst) {
            let tick = self.tick.fetch_add(1, Relaxed) + 1;
            let found = calls.look(tick);
            if found.stuck {
                // Any task does: the thread that it wakes waits for the sockets afterwards.
                runtime.spawn(async {});
            }
            if looked.elapsed() >= self.patience.round {
                looked = Instant::now();
                self.look_at_connections();
                each_round();
            }
            if self.active.swap(false, SeqCst) || found.stuck {
                quiet = 0;
            } else {
                quiet += 1;
            }
            if quiet < QUIET {
                thread::park_timeout(TICK);
                continue;
            }
            if !found.any {
                calls.be_trusting();
            }
            self.asleep.store(true, SeqCst);
            if !self.active.load(SeqCst) && !self.stop.load(SeqCst) {
                if found.any || self.connections() > 0 {
                    thread::park_timeout(self.patience.round);
                } else {
                    thread::park();
                }
            }
            self.asleep.store(false, SeqCst);
        }
    }

    fn look_at_connections(&self) {
        let round = self.rounds.fetch_add(1, Relaxed) + 1;
        for pace in self.lock().values() {
            pace.look(round, &self.patience);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Pace>>> {
        // A map is whole whatever panics while it is looked at.
        let connections = self.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }
}
