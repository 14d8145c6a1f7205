//! Ids in the order in which they came, and whether one is among them: a ring, and an index into it
//! that is small enough to stay near the processor, which a table of the ids themselves is not.

use std::collections::VecDeque;

/// The smallest index; a power of two.
const SMALLEST: usize = 64;

/// A slot of the index without an id. All others have [`TAKEN`].
const EMPTY: u64 = 0;
const TAKEN: u64 = 1 << 63;

/// Ids, which are hashes, each with the time at which it came.
#[derive(Default)]
pub(super) struct Ids {
    ring: VecDeque<Id>,
    /// The number of the oldest; the others follow it. It may wrap around.
    oldest: u32,
    /// By open addressing: [`TAKEN`] and 31 bits of the id, of which the last say where it would be if
    /// no other were there; then the id's number. At most half of them are taken.
    index: Vec<u64>,
}

// In two, so that it needs no more than its 24 bytes.
struct Id {
    key: [u64; 2],
    time: u64,
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    /// When the oldest came.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.ring.front().map(|id| id.time)
    }

    pub(super) fn contains(&self, key: [u64; 2]) -> bool {
        if self.index.is_empty() {
            return false;
        }
        let (wanted, mut at) = (tag(key), self.home(tag(key)));
        loop {
            let slot = self.index[at];
            if slot == EMPTY {
                return false;
            }
            if slot >> 32 == wanted >> 32 && self.numbered(slot).is_some_and(|id| id.key == key) {
                return true;
            }
            at = self.after(at);
        }
    }

    /// Adds one that is not there yet.
    pub(super) fn push(&mut self, key: [u64; 2], time: u64) {
        if 2 * (self.ring.len() + 1) > self.index.len() {
            self.grow();
        }
        self.enter(key, self.ring.len());
        self.ring.push_back(Id { key, time });
    }

    pub(super) fn forget_oldest(&mut self) {
        let Some(id) = self.ring.pop_front() else {
            return;
        };
        let slot = tag(id.key) | u64::from(self.oldest);
        self.oldest = self.oldest.wrapping_add(1);
        let mut at = self.home(slot);
        while self.index[at] != slot {
            at = self.after(at);
        }
        // Whoever comes behind it and would rather be there moves up, so that nobody is looked for
        // across an empty slot.
        let mut empty = at;
        loop {
            at = self.after(at);
            let slot = self.index[at];
            if slot == EMPTY {
                break;
            }
            let mask = self.index.len() - 1;
            let far = |from: usize| at.wrapping_sub(from) & mask;
            if far(self.home(slot)) >= far(empty) {
                self.index[empty] = slot;
                empty = at;
            }
        }
        self.index[empty] = EMPTY;
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (2 * self.index.len()).max(SMALLEST);
        self.index = vec![EMPTY; slots];
        for place in 0..self.ring.len() {
            self.enter(self.ring[place].key, place);
        }
    }

    /// Enters the id at that place of the ring into the index.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are fewer than 2³² places"
    )]
    fn enter(&mut self, key: [u64; 2], place: usize) {
        let number = self.oldest.wrapping_add(place as u32);
        let slot = tag(key) | u64::from(number);
        let mut at = self.home(slot);
        while self.index[at] != EMPTY {
            at = self.after(at);
        }
        self.index[at] = slot;
    }

    /// The id that a slot stands for.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half is the number"
    )]
    fn numbered(&self, slot: u64) -> Option<&Id> {
        let place = (slot as u32).wrapping_sub(self.oldest);
        self.ring.get(place as usize)
    }

    /// Where a slot's id would be if no other were there.
    fn home(&self, slot: u64) -> usize {
        (slot >> 32) as usize & (self.index.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.index.len() - 1)
    }
}

/// What a slot has of an id, without its number.
fn tag(key: [u64; 2]) -> u64 {
    key[1] << 32 | TAKEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whoever_came_is_there_until_forgotten(
            // Of few places, so that they get in each other's way, also at the index's end.
            keys in prop::collection::vec((0_u64..4, 0_u64..80), 1..300), bound in 1_usize..100,
        ) {
            let mut ids = Ids { oldest: u32::MAX - 20, ..Ids::default() };
            let mut expected = VecDeque::new();
            for (time, (high, low)) in keys.into_iter().enumerate() {
                let key = [high, low.wrapping_sub(40)];
                prop_assert_eq!(ids.contains(key), expected.contains(&key));
                if !expected.contains(&key) {
                    ids.push(key, time as u64);
                    expected.push_back(key);
                }
                if expected.len() > bound {
                    ids.forget_oldest();
                    expected.pop_front();
                }
                prop_assert_eq!(ids.len(), expected.len());
                prop_assert!(expected.iter().all(|key| ids.contains(*key)));
                let taken = ids.index.iter().filter(|slot| **slot != EMPTY).count();
                prop_assert_eq!(taken, expected.len());
            }
        }
    }
}
