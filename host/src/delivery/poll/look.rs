//! Which SETs of a queue are due, and can be handed out together.

use std::collections::HashSet;

use rusqlite::{Connection, Result};

use crate::delivery::message::{Stored, now_ms};
use crate::delivery::rows;

/// The most bytes of SETs that are handed out at once, unless the first alone has more.
const MOST_BYTES: usize = 1 << 20;

/// What was found in a queue.
#[derive(Default)]
pub(super) struct Found {
    pub(super) messages: Vec<Stored>,
    /// What cannot be handed out, and why.
    pub(super) unfit: Vec<(Stored, &'static str)>,
    pub(super) more: bool,
    /// When the next one is due that is not yet.
    pub(super) later: Option<i64>,
}

impl Found {
    /// The messages that are due, the longest due first. Of a queue that is ordered these are the first
    /// of their keys.
    pub(super) fn look(
        reader: &Connection,
        queue: i64,
        most: usize,
        avoid: &HashSet<i64>,
    ) -> Result<Self> {
        let (now, mut found, mut due) = (now_ms(), Self::default(), Vec::new());
        let rows = most.saturating_add(avoid.len()).saturating_add(1);
        rows::ready(reader, queue, rows, |number, due_ms| {
            if avoid.contains(&number) {
                return true;
            }
            if due_ms > now {
                found.later = Some(due_ms);
                return false;
            }
            due.push(number);
            due.len() <= most
        })?;
        found.more = due.len() > most;
        due.truncate(most);
        let (mut bytes, mut ids) = (0, HashSet::new());
        for number in due {
            let Some(message) = rows::read(reader, number)? else {
                continue;
            };
            if !message.is_whole() {
                found.unfit.push((message, "it was damaged in the store"));
                continue;
            }
            if let Some(why) = message.content.no_set() {
                found.unfit.push((message, why));
                continue;
            }
            bytes += message.content.payload.len();
            let id = message.content.id.clone().unwrap_or_default();
            if bytes > MOST_BYTES && !found.messages.is_empty() {
                found.more = true;
                break;
            }
            // An answer has one SET of a `jti`.
            if !ids.insert(id) {
                found.more = true;
                continue;
            }
            found.messages.push(message);
        }
        found.messages.sort_unstable_by_key(|it| it.number);
        Ok(found)
    }
}
