//! Which events were dispatched of late, by their ids: one that a sender repeats, because the
//! answer got lost, is not dispatched twice.
//!
//! An id counts together with the issuer and the type. What is kept of the three is a hash of 128
//! bits under keys that are drawn at random for each process: nobody can find two that have the same,
//! and by chance it does not happen.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::intake::Arrival;

/// In parts, so that threads seldom wait for each other; a power of two.
const PARTS: usize = 16;

/// The ids.
pub(super) struct Remembered {
    keys: [RandomState; 2],
    parts: [Mutex<Part>; PARTS],
    /// How long each is remembered; zero for not at all.
    window: Duration,
    /// How many a part holds.
    bound: usize,
    forgotten: AtomicU64,
}

#[derive(Default)]
struct Part {
    known: HashMap<u128, Stage, BuildHasherDefault<AsItIs>>,
    /// Those that were dispatched, the oldest first.
    done: VecDeque<(u128, Instant)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    UnderWay,
    Done,
}

/// The hash that stands for an event.
pub(super) type Key = u128;

/// What is known of an event.
pub(super) enum Known<'r> {
    /// Nothing, or it has no id of its own. It is under way from now on.
    New(Claim<'r>),
    /// One with its id is under way.
    UnderWay,
    /// It was dispatched.
    Done,
}

/// An event that is under way: forgotten if this is dropped, remembered after [`Claim::done`].
pub(super) struct Claim<'r>(Option<(&'r Remembered, u128)>);

impl Remembered {
    pub(super) fn new(window: Duration, bound: usize) -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            parts: std::array::from_fn(|_| Mutex::default()),
            window,
            bound: bound.div_ceil(PARTS),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Asks for an event, and notes that it is under way if it is new.
    pub(super) fn claim(&self, arrival: &Arrival<'_>) -> Known<'_> {
        match arrival.own_id() {
            Some(id) if !self.window.is_zero() => {
                self.claim_key(self.key(arrival.kind(), arrival.issuer(), id))
            }
            _ => Known::New(Claim(None)),
        }
    }

    /// How many are remembered, and how many were forgotten early.
    pub(super) fn counts(&self) -> (u64, u64) {
        let done = |part| self.lock(part).done.len() as u64;
        let remembered = (0..PARTS).map(done).sum();
        (remembered, self.forgotten.load(Relaxed))
    }

    /// Forgets that an event is under way: nobody waits for its end any more.
    pub(super) fn give_up(&self, key: Key) {
        let mut part = self.lock(of(key));
        if part.known.get(&key) == Some(&Stage::UnderWay) {
            part.known.remove(&key);
        }
    }

    fn claim_key(&self, key: u128) -> Known<'_> {
        let now = Instant::now();
        let mut part = self.lock(of(key));
        part.forget_until(|began| now.duration_since(began) < self.window);
        match part.known.entry(key) {
            Entry::Occupied(entry) => match entry.get() {
                Stage::UnderWay => Known::UnderWay,
                Stage::Done => Known::Done,
            },
            Entry::Vacant(entry) => {
                entry.insert(Stage::UnderWay);
                Known::New(Claim(Some((self, key))))
            }
        }
    }

    fn key(&self, kind: &str, issuer: &str, id: &str) -> u128 {
        let [high, low] = self.keys.each_ref().map(|keys| {
            let mut hasher = keys.build_hasher();
            // None of them holds such a byte.
            for text in [kind, issuer, id] {
                hasher.write(text.as_bytes());
                hasher.write_u8(0xff);
            }
            hasher.finish()
        });
        u128::from(high) << 64 | u128::from(low)
    }

    fn lock(&self, part: usize) -> MutexGuard<'_, Part> {
        // Nothing in there panics half-way through a change.
        let part = self.parts[part].lock();
        part.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    /// By which the event is remembered, if it is.
    pub(super) fn key(&self) -> Option<Key> {
        self.0.as_ref().map(|(_, key)| *key)
    }

    /// The event was dispatched.
    pub(super) fn done(mut self) {
        let Some((remembered, key)) = self.0.take() else {
            return;
        };
        let mut part = remembered.lock(of(key));
        part.known.insert(key, Stage::Done);
        part.done.push_back((key, Instant::now()));
        if part.done.len() > remembered.bound {
            part.forget_oldest();
            remembered.forgotten.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some((remembered, key)) = self.0 {
            remembered.lock(of(key)).known.remove(&key);
        }
    }
}

impl Part {
    fn forget_until(&mut self, fresh: impl Fn(Instant) -> bool) {
        while self.done.front().is_some_and(|(_, began)| !fresh(*began)) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, _)) = self.done.pop_front() {
            self.known.remove(&key);
        }
    }
}

/// The part that a key is in: by bits that the table within does not use first.
fn of(key: u128) -> usize {
    const MASK: u128 = PARTS as u128 - 1;
    usize::try_from((key >> 64) & MASK).unwrap_or(0)
}

/// Keys are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of it is hash enough")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(window: u64, bound: usize) -> Remembered {
        Remembered::new(Duration::from_millis(window), bound)
    }

    fn is_new(remembered: &Remembered, id: &str) -> bool {
        let key = remembered.key("t", "i", id);
        match remembered.claim_key(key) {
            Known::New(claim) => {
                claim.done();
                true
            }
            Known::Done => false,
            Known::UnderWay => panic!("nothing is under way"),
        }
    }

    #[test]
    fn an_event_is_new_once() {
        let ids = remembered(60_000, 100);
        assert!(is_new(&ids, "a") && is_new(&ids, "b"));
        assert!(!is_new(&ids, "a") && !is_new(&ids, "b"));
        assert_eq!(ids.counts(), (2, 0));
    }

    #[test]
    fn one_that_is_under_way_is_neither_new_nor_done() {
        let ids = remembered(60_000, 100);
        let key = ids.key("t", "i", "a");
        let Known::New(claim) = ids.claim_key(key) else {
            panic!("new")
        };
        assert!(matches!(ids.claim_key(key), Known::UnderWay));
        drop(claim);
        let Known::New(claim) = ids.claim_key(key) else {
            panic!("what was given up is new again")
        };
        claim.done();
        assert!(matches!(ids.claim_key(key), Known::Done));
    }

    #[test]
    fn type_issuer_and_id_are_told_apart() {
        let ids = remembered(60_000, 100);
        let keys = [
            ids.key("t", "i", "a"),
            ids.key("t", "ia", ""),
            ids.key("ti", "", "a"),
            ids.key("t", "i", "b"),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key));
        }
    }

    #[test]
    fn ids_are_forgotten_after_their_time() {
        let ids = remembered(1, 100);
        assert!(is_new(&ids, "a"));
        std::thread::sleep(Duration::from_millis(2));
        assert!(is_new(&ids, "a"));
        assert_eq!(ids.counts(), (1, 0));
    }

    #[test]
    fn there_are_never_more_than_the_bound() {
        let ids = remembered(60_000, 160);
        for n in 0..10_000 {
            assert!(is_new(&ids, &n.to_string()));
        }
        let (kept, forgotten) = ids.counts();
        assert!(kept <= 160 && forgotten == 10_000 - kept);
        let known: usize = (0..PARTS).map(|part| ids.lock(part).known.len()).sum();
        assert_eq!(known as u64, kept);
        assert!(!is_new(&ids, "9999"), "the newest is kept");
    }
}
