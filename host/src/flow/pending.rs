//! The codes that the flow rule knows, in memory and bounded. What an exchange means is decided
//! in [`super::rule`]; here is only what is kept, and what is dropped first when there is no room.

use super::code::CodeHash;
use super::outcome::Evicted;
use super::rule::Held;
use crate::event::{Deadline, Timestamp};
use std::collections::{BTreeSet, HashMap};

/// A code that was issued.
pub(super) struct Entry {
    pub(super) expires_at: Deadline,
    pub(super) client_id: Box<str>,
    pub(super) stage: Stage,
}

/// What the code's first, or next, exchange finds.
pub(super) enum Stage {
    /// The event to dispatch.
    Held(Box<Held>),
    /// An event that was dispatched with the authorisation.
    Dispatched,
    /// That there was one before. Kept only to say so: dropped first when there is no room.
    Exchanged,
}

/// The place of a code in the order in which they expire; those that expire together in the order
/// in which they came.
type Place = (Deadline, u64, CodeHash);

pub(super) struct Pending {
    bound: usize,
    codes: HashMap<CodeHash, (Entry, u64)>,
    /// Held or dispatched.
    waiting: BTreeSet<Place>,
    exchanged: BTreeSet<Place>,
    arrivals: u64,
    /// The latest time that a fact has had.
    latest: Timestamp,
}

impl Pending {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound,
            codes: HashMap::new(),
            waiting: BTreeSet::new(),
            exchanged: BTreeSet::new(),
            arrivals: 0,
            latest: Timestamp::default(),
        }
    }

    /// How many codes are known at the most.
    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    /// How many codes wait for their exchange; expired ones count until they are dropped.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A fact with this time has come.
    pub(super) fn note_time(&mut self, time: Timestamp) {
        self.latest = self.latest.max(time);
    }

    pub(super) fn get(&self, code: &CodeHash) -> Option<&Entry> {
        self.codes.get(code).map(|(entry, _)| entry)
    }

    /// Adds a code that waits for its exchange, instead of what is known of it, and drops another
    /// one if there is no room.
    pub(super) fn insert(&mut self, code: CodeHash, entry: Entry) -> Option<Evicted> {
        self.remove(&code);
        self.arrivals += 1;
        self.waiting.insert((entry.expires_at, self.arrivals, code));
        self.codes.insert(code, (entry, self.arrivals));
        if self.codes.len() > self.bound {
            self.drop_one()
        } else {
            None
        }
    }

    /// Marks the code as exchanged and gives what was known of it until then.
    pub(super) fn exchange(&mut self, code: &CodeHash) -> Option<Stage> {
        let (entry, arrival) = self.codes.get_mut(code)?;
        let place = (entry.expires_at, *arrival, *code);
        let stage = std::mem::replace(&mut entry.stage, Stage::Exchanged);
        self.waiting.remove(&place);
        self.exchanged.insert(place);
        Some(stage)
    }

    /// Forgets the code, as if it had never come.
    pub(super) fn forget(&mut self, code: &CodeHash) {
        self.remove(code);
    }

    /// Lets an exchanged code wait for its exchange again, if it is still known.
    pub(super) fn hold_again(&mut self, code: &CodeHash, held: Held) {
        if let Some(entry) = self.remove(code) {
            let stage = Stage::Held(Box::new(held));
            // In the room that it has had: none is dropped for it.
            self.insert(*code, Entry { stage, ..entry });
        }
    }

    fn remove(&mut self, code: &CodeHash) -> Option<Entry> {
        let (entry, arrival) = self.codes.remove(code)?;
        let place = (entry.expires_at, arrival, *code);
        if !self.waiting.remove(&place) {
            self.exchanged.remove(&place);
        }
        Some(entry)
    }

    /// Drops what is least missed: an expired code, else the memory of an exchanged one, else of
    /// those that wait the one that expires first. An event that goes with its code is told of
    /// also where the code seems to have expired: the times of facts are what senders say.
    fn drop_one(&mut self) -> Option<Evicted> {
        let expired = |place: &&Place| place.0.has_come(self.latest);
        let waiting = self.waiting.first();
        let exchanged = self.exchanged.first();
        let harmless = exchanged
            .filter(expired)
            .or(waiting.filter(expired))
            .or(exchanged);
        let harmless = harmless.copied();
        let (_, _, code) = harmless.or(waiting.copied())?;
        let entry = self.remove(&code)?;
        let lost_event = match entry.stage {
            Stage::Held(held) => Some(held.event.id().into()),
            // Nothing is lost but the knowledge of a code that nobody should use any more.
            Stage::Dispatched | Stage::Exchanged if harmless.is_some() => return None,
            Stage::Dispatched | Stage::Exchanged => None,
        };
        Some(Evicted {
            bound: self.bound,
            client_id: entry.client_id,
            lost_event,
        })
    }
}
