//! Finds the messages that are due and in nobody's hands, as many as make a batch. Reads alone; what it
//! finds damaged on the way is a dead letter.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::Connection;

use super::Worker;
use crate::delivery::connect;
use crate::delivery::error::{StoreError, StoreErrorKind};
use crate::delivery::message::{Outcome, Refusal, Stored, in_ms, now_ms};
use crate::delivery::options::{Options, Order};
use crate::delivery::rows::{self, Settled};
use crate::delivery::writer::Work;
use crate::log::say;

/// What was found.
pub(super) enum Gathered {
    Messages(Vec<Stored>),
    /// Nothing for now; something at that time, perhaps.
    Nothing(Option<i64>),
}

impl Worker<'_> {
    /// Looks for messages that are due and in nobody's hands.
    pub(super) fn gather(
        &mut self,
        avoid: &HashSet<i64>,
        is_probe: bool,
    ) -> Result<Gathered, StoreError> {
        let path = self.store.writer.path();
        let generation = self.store.writer.generation();
        if self.reader.as_ref().is_none_or(|(of, _)| *of != generation) {
            self.reader = Some((generation, connect::reader(path)?));
        }
        let Some((_, reader)) = &self.reader else {
            return Ok(Gathered::Nothing(None));
        };
        let gather = Gather {
            reader,
            queue: self.queue.number,
            options: &self.opening.options,
            avoid,
            is_probe,
            now: now_ms(),
        };
        let (gathered, broken) = (gather.run()).map_err(|error| StoreError::sqlite(path, error))?;
        if !broken.is_empty() {
            self.settle(broken);
        }
        Ok(gathered)
    }

    pub(super) fn cannot_read(&mut self, error: &StoreError) {
        self.reader = None;
        if error.is_damage() {
            let generation = self.store.writer.generation();
            // Logged there.
            let _ = self.store.writer.write(Work::Mend(generation));
        } else if *error.kind() != StoreErrorKind::Closed
            && let Some(count) = self.queue.trouble.happened(Instant::now())
        {
            say!(
                STORE_FAILED,
                "The queue '{}' cannot be read: {error} ({count} times since the last such line)",
                self.queue.name,
            );
        }
    }
}

struct Gather<'a> {
    reader: &'a Connection,
    queue: i64,
    options: &'a Options,
    avoid: &'a HashSet<i64>,
    is_probe: bool,
    now: i64,
}

impl Gather<'_> {
    /// What there is for a batch, and what of it is damaged.
    fn run(&self) -> rusqlite::Result<(Gathered, Vec<Settled>)> {
        let most = if self.is_probe {
            1
        } else {
            self.options.batch_messages
        };
        let (mut heads, mut oldest, mut later) = (Vec::new(), None, None);
        let rows = most.saturating_add(self.avoid.len()).saturating_add(1);
        rows::ready(self.reader, self.queue, rows, |number, due_ms| {
            if self.avoid.contains(&number) {
                return true;
            }
            if due_ms > self.now && !self.is_probe {
                later = Some(due_ms);
                return false;
            }
            oldest.get_or_insert(due_ms);
            heads.push(number);
            heads.len() < most
        })?;
        let mut filling = Filling {
            most,
            most_bytes: self.options.batch_bytes,
            bytes: 0,
            full: false,
            messages: Vec::new(),
            broken: Vec::new(),
        };
        for head in heads {
            let Added::OrderedBy(key) = filling.add(self.reader, head)? else {
                if filling.full {
                    break;
                }
                continue;
            };
            if self.options.order == Order::KeyInBatches && !self.is_probe {
                let room = most - filling.messages.len();
                let behind = match &key {
                    Some(key) => rows::behind(self.reader, self.queue, key, head, self.now, room)?,
                    None => Vec::new(),
                };
                for number in behind {
                    if let Added::Not = filling.add(self.reader, number)? {
                        break;
                    }
                }
            }
            if filling.full {
                break;
            }
        }
        let Filling {
            full,
            messages,
            broken,
            ..
        } = filling;
        // What waits for others to fill its batch waits no longer than it may.
        let ripe = oldest.map(|oldest| oldest.saturating_add(in_ms(self.options.batch_age)));
        let unripe = ripe.filter(|ripe| *ripe > self.now && !full && !self.is_probe);
        let gathered = match (messages.is_empty(), unripe) {
            (true, _) => Gathered::Nothing(if broken.is_empty() {
                later
            } else {
                Some(self.now)
            }),
            (false, Some(ripe)) => {
                Gathered::Nothing(Some(later.map_or(ripe, |later| later.min(ripe))))
            }
            (false, None) => Gathered::Messages(messages),
        };
        Ok((gathered, broken))
    }
}

/// Whether a message was added to a batch.
enum Added {
    Not,
    /// It was; with its key, where the queue is ordered.
    OrderedBy(Option<String>),
}

/// A batch that is being filled.
struct Filling {
    most: usize,
    most_bytes: u64,
    bytes: u64,
    full: bool,
    messages: Vec<Stored>,
    broken: Vec<Settled>,
}

impl Filling {
    /// Adds a message, if it is still there, whole, and fits. Says whether it
    /// was added.
    fn add(&mut self, reader: &Connection, number: i64) -> rusqlite::Result<Added> {
        if self.full {
            return Ok(Added::Not);
        }
        let Some(message) = rows::read(reader, number)? else {
            return Ok(Added::Not);
        };
        if !message.is_whole() {
            self.broken.push(Settled {
                number,
                ordered_by: message.ordered_by,
                outcome: Outcome::Dead(Refusal {
                    reason: "it was damaged in the store".to_owned(),
                    ..Refusal::default()
                }),
                attempts: message.attempts,
                due_ms: now_ms(),
            });
            return Ok(Added::Not);
        }
        let bytes = self.bytes + message.content.payload.len() as u64;
        if bytes > self.most_bytes && !self.messages.is_empty() {
            self.full = true;
            return Ok(Added::Not);
        }
        self.bytes = bytes;
        let key = message.ordered_by.clone();
        self.messages.push(message);
        self.full = self.messages.len() >= self.most || self.bytes >= self.most_bytes;
        Ok(Added::OrderedBy(key))
    }
}
