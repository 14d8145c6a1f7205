//! Queues whose messages are fetched by a receiver in place of being handed to a sink: what poll
//! delivery (RFC 8936) does with the store. Who may fetch, and how it crosses a network, is the
//! server's to know.
//!
//! What is written down of polls stands in `steps`, how SETs are found that are due in `look`.
//!
//! What was handed out is not due again before its receiver has had time to acknowledge it. That, and
//! how often it was handed out, is written down before anybody gets to see it, so that polls that come
//! together share what there is, and a process that is killed knows it afterwards. An acknowledgement
//! deletes, and is as durable as the store when it is said to be taken.

mod look;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
#[cfg(feature = "server")]
use tokio::sync::Notify;

use self::look::Found;
pub(super) use self::steps::{Step, apply};
use super::error::StoreError;
use super::live::Live;
use super::message::{Content, Outcome, Refusal, Stored, in_ms, now_ms};
use super::rows::Settled;
use super::stats::PollsSnapshot;
use super::store::Store;
use super::writer::Work;
use super::{Courier, connect};
use crate::log::say;

/// The media type of a SET (RFC 8417 section 7.2): of all that is handed out.
const SET: &str = "application/secevent+jwt";
/// So many acknowledgements are written in one transaction, so that nobody waits long for it.
const AT_ONCE: usize = 200;
/// A poll that comes to nothing is written down this often at the most.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// What stands in a fetched queue where others have their sink.
pub(super) struct NoSink;

impl Courier for NoSink {
    fn sink(&self) -> u64 {
        0
    }

    fn deliver(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        // There is no worker to call it.
        Err("its messages are fetched".to_owned())
    }
}

impl Content {
    /// Why it cannot be handed out to a receiver of SETs, if it cannot.
    pub(super) fn no_set(&self) -> Option<&'static str> {
        let media = self.content_type.as_deref().unwrap_or_default();
        let of_jwt = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        if !media.eq_ignore_ascii_case(SET) {
            Some("its content type is not `application/secevent+jwt`")
        } else if self.id.as_deref().is_none_or(str::is_empty) {
            Some("it has no id, which has to be its `jti`")
        } else if self.payload.is_empty() || !self.payload.iter().all(of_jwt) {
            Some("its payload is no JWT in the compact form")
        } else {
            None
        }
    }
}

/// What the polls of a queue share.
#[derive(Default)]
pub(super) struct Polls {
    /// Those who wait: one is told when there may be something to hand out, or the next who comes.
    #[cfg(feature = "server")]
    pub(super) news: Notify,
    /// Held by the one who looks, so that none finds what another has found.
    turn: Mutex<Option<(u64, Connection)>>,
    requests: AtomicU64,
    handed_out: AtomicU64,
    /// When a poll was written down last, in milliseconds since the Unix epoch.
    seen_ms: AtomicI64,
}

impl Polls {
    pub(super) fn snapshot(&self) -> PollsSnapshot {
        PollsSnapshot {
            requests: self.requests.load(Relaxed),
            handed_out: self.handed_out.load(Relaxed),
        }
    }
}

/// A fetched queue, for whoever answers its receiver. All of it may wait for the disk.
pub(crate) struct Stream {
    store: Arc<Store>,
    queue: Arc<Live>,
}

/// What is handed out.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The SETs by their `jti`, the one that was pushed first at the front.
    pub(crate) sets: Vec<(String, Vec<u8>)>,
    /// Whether others are due.
    pub(crate) more: bool,
    /// How long until another is.
    pub(crate) next: Option<Duration>,
}

impl Stream {
    pub(super) fn new(store: Arc<Store>, queue: Arc<Live>) -> Self {
        Self { store, queue }
    }

    /// Whether the queue is one to fetch from, at present.
    pub(crate) fn is_served(&self) -> bool {
        let plan = self.queue.plan();
        let last = plan.openings.last();
        last.is_some_and(|opening| opening.polled && !opening.is_stopped())
    }

    /// Where those who wait are told that it is worth looking again: one at a time, or all when the
    /// queue is perhaps no longer served.
    #[cfg(feature = "server")]
    pub(crate) fn news(&self) -> &Notify {
        &self.queue.polls.news
    }

    /// Takes note of what the receiver has, and of what it refuses with the reasons. What it never got,
    /// or has said so of before, is passed over (RFC 8936 section 2.2). Comes back when it is durable.
    pub(crate) fn receipt(
        &self,
        mut taken: Vec<String>,
        mut refused: Vec<(String, Refusal)>,
    ) -> Result<(), StoreError> {
        // Who says both of a SET has not got it as it should be.
        let both: HashSet<&str> = refused.iter().map(|(id, _)| &**id).collect();
        taken.retain(|id| !both.contains(&**id));
        while !taken.is_empty() || !refused.is_empty() {
            let step = Step::Receipt {
                taken: taken.split_off(taken.len().saturating_sub(AT_ONCE)),
                refused: refused.split_off(refused.len().saturating_sub(AT_ONCE)),
                most_dead: self.store.config.dead_letters,
            };
            let why = match &step {
                Step::Receipt { refused, .. } => refused.last().map(|(_, why)| why.reason.clone()),
                _ => None,
            };
            let last_dead = self.write(step)?;
            if last_dead > 0
                && let Some(count) = self.queue.deaths.happened(Instant::now())
            {
                say!(
                    DEAD_LETTERS,
                    "The receiver that fetches from the queue '{}' has refused SETs {count} times since the last such line, one of them message {last_dead}: {}",
                    self.queue.name,
                    why.unwrap_or_default(),
                );
            }
        }
        Ok(())
    }

    /// Takes so many SETs at the most out of the queue, which are then not due for so long. With
    /// none, only looks.
    pub(crate) fn take(&self, most: usize, redeliver: Duration) -> Result<Taken, StoreError> {
        let polls = &self.queue.polls;
        let mut turn = polls.turn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let found = self.look(&mut turn, most).inspect_err(|error| {
                if error.is_damage() {
                    let generation = self.store.writer.generation();
                    // Logged there.
                    let _ = self.store.writer.write(Work::Mend(generation));
                }
            })?;
            let unfit = !found.unfit.is_empty();
            if unfit {
                self.set_aside(found.unfit)?;
            }
            if found.messages.is_empty() && unfit && most > 0 {
                continue;
            }
            if !found.messages.is_empty() {
                let numbers: Vec<_> = found.messages.iter().map(|it| it.number).collect();
                polls.handed_out.fetch_add(numbers.len() as u64, Relaxed);
                self.write(Step::HandOut {
                    numbers,
                    until_ms: now_ms().saturating_add(in_ms(redeliver)),
                })?;
            }
            let sets = found.messages.into_iter();
            return Ok(Taken {
                sets: sets
                    .map(|it| (it.content.id.unwrap_or_default(), it.content.payload))
                    .collect(),
                more: found.more,
                next: found.later.map(|due| {
                    let left = due.saturating_sub(now_ms()).max(1);
                    Duration::from_millis(u64::try_from(left).unwrap_or(1))
                }),
            });
        }
    }

    /// Counts a request of the receiver, and writes down from time to time that there was one.
    pub(crate) fn polled(&self) {
        let polls = &self.queue.polls;
        polls.requests.fetch_add(1, Relaxed);
        let long_ago = now_ms().saturating_sub(in_ms(SEEN_EVERY));
        if polls.seen_ms.load(Relaxed) <= long_ago {
            // It is for operators to look at, and nothing depends on it.
            let _ = self.write(Step::Seen);
        }
    }

    fn write(&self, step: Step) -> Result<i64, StoreError> {
        self.queue.polls.seen_ms.store(now_ms(), Relaxed);
        let work = Work::Poll(Arc::clone(&self.queue), step);
        self.store.writer.write(work)
    }

    /// Makes dead letters of what cannot be handed out.
    fn set_aside(&self, unfit: Vec<(Stored, &'static str)>) -> Result<(), StoreError> {
        let count = unfit.len() as u64;
        let last = unfit.last().map(|(message, why)| (message.number, *why));
        let settled = unfit.into_iter().map(|(message, why)| Settled {
            number: message.number,
            ordered_by: message.ordered_by,
            outcome: Outcome::Dead(Refusal {
                reason: why.to_owned(),
                ..Refusal::default()
            }),
            attempts: message.attempts,
            due_ms: now_ms(),
        });
        let settled = Arc::new(settled.collect());
        let most_dead = self.store.config.dead_letters;
        let work = Work::Settle(Arc::clone(&self.queue), settled, most_dead);
        self.store.writer.write(work)?;
        if let Some((number, why)) = last
            && let Some(count) = self.queue.deaths.happened_often(count, Instant::now())
        {
            say!(
                DEAD_LETTERS,
                "The queue '{}' had {count} messages that cannot be handed out since the last such line, the last of them message {number}: {why}",
                self.queue.name,
            );
        }
        Ok(())
    }

    fn look(
        &self,
        reader: &mut Option<(u64, Connection)>,
        most: usize,
    ) -> Result<Found, StoreError> {
        let path = self.store.writer.path();
        let plan = self.queue.plan();
        if plan.paused {
            return Ok(Found::default());
        }
        // In the hands of a sink still, where the queue was of the other kind before.
        let avoid: HashSet<i64> = plan.in_flight.keys().copied().collect();
        drop(plan);
        let generation = self.store.writer.generation();
        if reader.as_ref().is_none_or(|(of, _)| *of != generation) {
            *reader = Some((generation, connect::reader(path)?));
        }
        let Some((_, connection)) = reader else {
            return Ok(Found::default());
        };
        let found = Found::look(connection, self.queue.number, most, &avoid);
        found.map_err(|error| {
            *reader = None;
            StoreError::sqlite(path, error)
        })
    }
}
