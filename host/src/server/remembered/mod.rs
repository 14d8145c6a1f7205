//! Which events were dispatched of late, by their ids: one that a sender repeats, because the
//! answer got lost, is not dispatched twice.
//!
//! An id counts together with the issuer and the type. What is kept of the three is a hash of 128
//! bits under keys that are drawn at random for each process: nobody can find two that have the same,
//! and by chance it does not happen.

mod ids;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::intake::Arrival;
use ids::Ids;

/// In parts, so that threads seldom wait for each other; a power of two.
const PARTS: usize = 16;

/// The most that a part can hold, which the numbers of its ids are counted for.
const MOST: usize = 1 << 30;

/// Type, issuer and id of most events are no longer together.
const SHORT: usize = 192;

/// The ids.
pub(super) struct Remembered {
    keys: [RandomState; 2],
    parts: [Mutex<Part>; PARTS],
    /// How long each is remembered, in milliseconds; zero for not at all.
    window: u64,
    /// How many a part holds.
    bound: usize,
    begun: Instant,
    forgotten: AtomicU64,
}

// On cache lines of their own, since threads write to several at a time.
#[derive(Default)]
#[repr(align(128))]
struct Part {
    /// Those that were dispatched.
    done: Ids,
    /// Those that are under way: as many as there are threads with listeners, at the most.
    under_way: Vec<Key>,
}

/// The hash that stands for an event.
pub(super) type Key = [u64; 2];

/// The key of the event that a thread has at the moment, for others to see while it does not change.
#[derive(Debug, Default)]
pub(super) struct KeyCell([AtomicU64; 2]);

impl KeyCell {
    /// In place of a key where an event is not remembered.
    const NONE: Key = [0; 2];

    #[inline]
    pub(super) fn set(&self, key: Option<Key>) {
        for (cell, half) in self.0.iter().zip(key.unwrap_or(Self::NONE)) {
            cell.store(half, Relaxed);
        }
    }

    pub(super) fn get(&self) -> Option<Key> {
        let key = self.0.each_ref().map(|half| half.load(Relaxed));
        (key != Self::NONE).then_some(key)
    }
}

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
pub(super) struct Claim<'r>(Option<(&'r Remembered, Key)>);

/// A time, in milliseconds since the intake began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

impl Remembered {
    pub(super) fn new(window: Duration, bound: usize) -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            parts: std::array::from_fn(|_| Mutex::default()),
            window: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
            bound: bound.div_ceil(PARTS).min(MOST),
            begun: Instant::now(),
            forgotten: AtomicU64::new(0),
        }
    }

    /// The present time.
    pub(super) fn now(&self) -> Moment {
        Moment(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Asks for an event, and notes that it is under way if it is new. `now` may be a little late.
    #[inline]
    pub(super) fn claim(&self, arrival: &Arrival<'_>, now: Moment) -> Known<'_> {
        match arrival.own_id() {
            Some(id) if self.window > 0 => {
                self.claim_key(self.key([arrival.kind(), arrival.issuer(), id]), now)
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
        self.lock(of(key)).is_over(key);
    }

    fn claim_key(&self, key: Key, now: Moment) -> Known<'_> {
        let mut part = self.lock(of(key));
        let over = |time: u64| now.0.saturating_sub(time) >= self.window;
        while part.done.oldest().is_some_and(over) {
            part.done.forget_oldest();
        }
        if part.done.contains(key) {
            return Known::Done;
        }
        if part.under_way.contains(&key) {
            return Known::UnderWay;
        }
        part.under_way.push(key);
        Known::New(Claim(Some((self, key))))
    }

    fn key(&self, texts: [&str; 3]) -> Key {
        // Together, since hashing is quicker in one piece. None of them holds such a byte.
        let mut together = [0xff; SHORT];
        let mut length = 0;
        for text in texts {
            let end = length + text.len();
            match together.get_mut(length..end) {
                Some(room) if end < SHORT => room.copy_from_slice(text.as_bytes()),
                _ => return self.key_of_long(texts),
            }
            length = end + 1;
        }
        self.hash(&[&together[..length]])
    }

    #[cold]
    fn key_of_long(&self, [kind, issuer, id]: [&str; 3]) -> Key {
        let end: &[u8] = &[0xff];
        let [kind, issuer, id] = [kind, issuer, id].map(str::as_bytes);
        self.hash(&[kind, end, issuer, end, id, end])
    }

    #[inline]
    fn hash(&self, pieces: &[&[u8]]) -> Key {
        self.keys.each_ref().map(|keys| {
            let mut hasher = keys.build_hasher();
            for piece in pieces {
                hasher.write(piece);
            }
            hasher.finish()
        })
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
    pub(super) fn done(mut self, now: Moment) {
        let Some((remembered, key)) = self.0.take() else {
            return;
        };
        let mut part = remembered.lock(of(key));
        part.is_over(key);
        part.done.push(key, now.0);
        if part.done.len() > remembered.bound {
            part.done.forget_oldest();
            remembered.forgotten.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some((remembered, key)) = self.0 {
            remembered.lock(of(key)).is_over(key);
        }
    }
}

impl Part {
    /// This one is under way no more.
    fn is_over(&mut self, key: Key) {
        // The last ones are the likeliest.
        if let Some(at) = self.under_way.iter().rposition(|other| *other == key) {
            self.under_way.swap_remove(at);
        }
    }
}

/// The part that a key is in: by bits that the ids within are not found by.
#[expect(clippy::cast_possible_truncation, reason = "the lowest bits do")]
fn of(key: Key) -> usize {
    key[0] as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(window: u64, bound: usize) -> Remembered {
        Remembered::new(Duration::from_millis(window), bound)
    }

    fn is_new(remembered: &Remembered, id: &str) -> bool {
        let key = remembered.key(["t", "i", id]);
        match remembered.claim_key(key, remembered.now()) {
            Known::New(claim) => {
                claim.done(remembered.now());
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
        let key = ids.key(["t", "i", "a"]);
        let Known::New(claim) = ids.claim_key(key, ids.now()) else {
            panic!("new")
        };
        assert!(matches!(ids.claim_key(key, ids.now()), Known::UnderWay));
        drop(claim);
        let Known::New(claim) = ids.claim_key(key, ids.now()) else {
            panic!("what was given up is new again")
        };
        claim.done(ids.now());
        assert!(matches!(ids.claim_key(key, ids.now()), Known::Done));
    }

    #[test]
    fn type_issuer_and_id_are_told_apart() {
        let ids = remembered(60_000, 100);
        let keys = [
            ids.key(["t", "i", "a"]),
            ids.key(["t", "ia", ""]),
            ids.key(["ti", "", "a"]),
            ids.key(["t", "i", "b"]),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key));
        }
    }

    #[test]
    fn long_texts_are_told_apart_as_well() {
        let ids = remembered(60_000, 100);
        let long = "i".repeat(SHORT);
        let key = ids.key(["t", &long, "a"]);
        assert_eq!(key, ids.key(["t", &long, "a"]));
        assert_ne!(key, ids.key(["t", &long, "b"]));
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
        assert!((0..PARTS).all(|part| ids.lock(part).under_way.is_empty()));
        assert!(!is_new(&ids, "9999"), "the newest is kept");
    }
}
