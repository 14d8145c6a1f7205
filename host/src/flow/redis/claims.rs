//! Which events this host is dispatching, and saying in Redis that they were dispatched. The latter
//! is done behind the caller's back, so that no login waits for it.

use super::counters::Counters;
use super::pool::Pool;
use super::record::Dispatch;
use super::script::{self, Change};
use super::trouble::Trouble;
use crate::flow::code::CodeHash;
use crate::log::say;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How many may wait to be marked; beyond, the thread that dispatched an event marks it itself.
const WAITING: usize = 1000;
/// Between two tries to mark one.
const PAUSE: Duration = Duration::from_millis(50);

/// What a thread of this host does with a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Decides about it, or dispatches its event.
    Deciding,
    /// Its event was dispatched, which Redis is yet to be told.
    Dispatched,
}

/// The codes that threads of this host are at.
#[derive(Default)]
pub(super) struct Mine(Mutex<HashMap<CodeHash, Doing>>);

impl Mine {
    /// Takes a code, unless another thread has it.
    pub(super) fn take(self: &Arc<Self>, code: CodeHash) -> Result<Taken, Doing> {
        match self.lock().entry(code) {
            Entry::Occupied(entry) => Err(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(Doing::Deciding);
                Ok(Taken {
                    mine: Arc::clone(self),
                    code,
                })
            }
        }
    }

    /// Whether a thread has it.
    pub(super) fn has(&self, code: &CodeHash) -> bool {
        self.lock().contains_key(code)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CodeHash, Doing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A code that this thread has. It is free again when this is dropped.
pub(super) struct Taken {
    mine: Arc<Mine>,
    code: CodeHash,
}

impl Taken {
    fn dispatched(&self) {
        self.mine.lock().insert(self.code, Doing::Dispatched);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.mine.lock().remove(&self.code);
    }
}

/// An event that this host has claimed: no other one dispatches it while the claim holds. Dropping
/// it says that the event was dispatched, unless that is because of a panic.
pub(crate) struct Claim(Option<Box<Mark>>);

impl Claim {
    pub(super) fn new(mark: Mark) -> Self {
        Self(Some(Box::new(mark)))
    }

    /// Leaves the event to whoever takes the claim over, when it has run out.
    pub(crate) fn abandon(mut self) {
        self.0 = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(mark) = self.0.take()
            && !thread::panicking()
        {
            mark.taken.dispatched();
            let marker = Arc::clone(&mark.marker);
            marker.mark(*mark);
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(…)")
    }
}

/// What it takes to mark an event as dispatched.
pub(super) struct Mark {
    pub(super) taken: Taken,
    pub(super) marker: Arc<Marker>,
    pub(super) key: String,
    /// The claim's own, and the revision that it made.
    pub(super) token: String,
    /// The record to become, if nothing else has changed.
    pub(super) done: String,
}

/// Marks events as dispatched, on a thread of its own.
pub(super) struct Marker {
    pool: Arc<Pool>,
    counters: Arc<Counters>,
    closing: Arc<AtomicBool>,
    /// From the first event on.
    thread: Mutex<Option<(SyncSender<Mark>, JoinHandle<()>)>>,
}

impl Marker {
    pub(super) fn new(pool: Arc<Pool>, counters: Arc<Counters>) -> Self {
        Self {
            pool,
            counters,
            closing: Arc::default(),
            thread: Mutex::default(),
        }
    }

    fn mark(&self, mark: Mark) {
        let mark = match self.sender() {
            Some(sender) => match sender.try_send(mark) {
                Ok(()) => return,
                Err(error) => match error {
                    std::sync::mpsc::TrySendError::Full(mark)
                    | std::sync::mpsc::TrySendError::Disconnected(mark) => mark,
                },
            },
            None => mark,
        };
        if settle(&self.pool, &mark).is_err() {
            self.counters.unmarked();
        }
    }

    fn sender(&self) -> Option<SyncSender<Mark>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, _)) = &*thread {
            return Some(sender.clone());
        }
        let (sender, marks) = sync_channel(WAITING);
        let (pool, counters) = (Arc::clone(&self.pool), Arc::clone(&self.counters));
        let closing = Arc::clone(&self.closing);
        let builder = thread::Builder::new().name("redis-mark".into());
        let spawned = builder.spawn(move || run(&marks, &pool, &counters, &closing));
        let handle = spawned.ok()?;
        *thread = Some((sender.clone(), handle));
        Some(sender)
    }

    /// Marks what is left, with one try each, and ends.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, handle)) = thread.take() {
            drop(sender);
            // It does not panic; if it did, the hook has said so.
            let _ = handle.join();
        }
    }
}

fn run(marks: &Receiver<Mark>, pool: &Pool, counters: &Counters, closing: &AtomicBool) {
    let mut given_up = 0_u64;
    for mark in marks {
        loop {
            let ends = closing.load(Ordering::Relaxed);
            if ends && given_up > 0 {
                given_up += 1;
                break;
            }
            match settle(pool, &mark) {
                Ok(()) => break,
                Err(_) if ends => {
                    given_up += 1;
                    break;
                }
                // Damage does not go away by waiting.
                Err(trouble) if !trouble.is_of_redis() => {
                    counters.unmarked();
                    break;
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
    if given_up > 0 {
        for _ in 0..given_up {
            counters.unmarked();
        }
        say!(
            REDIS_NOT_MARKED,
            "{given_up} events were dispatched that could not be marked so in Redis"
        );
    }
}

/// Marks one as dispatched, whatever else became of its code meanwhile.
fn settle(pool: &Pool, mark: &Mark) -> Result<(), Trouble> {
    let to = crate::event::new_id();
    let (mut from, mut record) = (mark.token.clone(), mark.done.clone());
    loop {
        let change = Change {
            from: &from,
            to: &to,
            record: &record,
            claimed_for: Duration::ZERO,
            kept_for: Duration::ZERO,
        };
        let Err(found) = script::change(pool, &mark.key, &change)? else {
            return Ok(());
        };
        let Some(now) = found.record()? else {
            return Ok(());
        };
        let is_ours = now.claim.as_ref().is_some_and(|c| c.token == mark.token);
        if now.dispatch != Dispatch::Claimed || !is_ours {
            return Ok(());
        }
        record = now.done().write();
        from.clone_from(&found.rev);
    }
}
