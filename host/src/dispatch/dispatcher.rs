//! The walk through the table of listeners.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::registered::AtHand;
use super::table::{Placed, Table};
use crate::event::Event;
use crate::ffi::{Round, event_for_listeners};

/// What became of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dispatched {
    /// How many listeners were called.
    pub calls: u32,
    /// How many of the calls failed. Each is logged and counted by then.
    pub failures: u32,
    /// How many of those failed because what they pushed into delivery queues could not be stored, as
    /// the disk is full, say. Nothing of it is. To have it delivered, dispatch the event again, under
    /// the same id.
    pub not_stored: u32,
}

/// Hands events to listeners. Readers take no lock: the table is swapped as a whole.
pub(crate) struct Dispatcher {
    table: ArcSwap<Table>,
}

impl Dispatcher {
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table: ArcSwap::from_pointee(table),
        }
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// Puts another table into service and returns the one before, which walks that began with it
    /// still hold.
    pub(crate) fn swap(&self, table: Table) -> Arc<Table> {
        self.table.swap(Arc::new(table))
    }

    pub(crate) fn dispatch(&self, event: &Event<'_>) -> Dispatched {
        // Held to the end of the walk: as long as somebody holds a table, its listeners live.
        let table = self.table.load();
        let listeners = table.of(event.spi());
        if listeners.is_empty() {
            return Dispatched::default();
        }
        let crossing = event_for_listeners(event);
        let event = AtHand {
            crossing: &crossing,
            event,
        };
        if table.measure {
            walk_measuring(listeners, &event)
        } else {
            walk(listeners, &event)
        }
    }
}

// Apart from each other and from what comes before, so that what they need stays in registers. They
// count what is seldom: who is passed over, and what fails.
#[inline(never)]
fn walk(listeners: &[Placed], event: &AtHand<'_>) -> Dispatched {
    let mut round = Round::begin();
    let (mut passed_over, mut failures) = (0, 0);
    for placed in listeners {
        let Placed { listener, policy } = placed;
        // In this order: see `Registered::withdraw`.
        listener.is_next(&round);
        if !placed.wants(event) {
            passed_over += 1;
            continue;
        }
        match listener.call(&mut round, event) {
            Ok(()) => listener.went_well(policy),
            Err(failed) => listener.went_wrong(failed, &mut round, event, policy, &mut failures),
        }
    }
    ended(&round, listeners, event, passed_over, failures)
}

fn ended(
    round: &Round,
    listeners: &[Placed],
    event: &AtHand<'_>,
    passed_over: usize,
    failures: u32,
) -> Dispatched {
    let not_stored = commit(round, listeners, event);
    Dispatched {
        calls: u32::try_from(listeners.len() - passed_over).unwrap_or(u32::MAX),
        failures: failures + not_stored,
        not_stored,
    }
}

/// Makes what the listeners pushed durable. Says how many calls failed after all, since it cannot be
/// stored.
#[inline]
fn commit(round: &Round, listeners: &[Placed], event: &AtHand<'_>) -> u32 {
    match round.commit() {
        Ok(()) => 0,
        Err(not_stored) => {
            let failed = listeners.iter().filter(|placed| {
                let Placed { listener, policy } = placed;
                listener.not_stored(&not_stored, event, policy)
            });
            u32::try_from(failed.count()).unwrap_or(u32::MAX)
        }
    }
}

/// Reads the clock once before the first call and once after each.
#[inline(never)]
fn walk_measuring(listeners: &[Placed], event: &AtHand<'_>) -> Dispatched {
    let mut round = Round::begin();
    let (mut passed_over, mut failures) = (0, 0);
    let mut begin = Instant::now();
    for placed in listeners {
        let Placed { listener, policy } = placed;
        // In this order: see `Registered::withdraw`.
        listener.is_next(&round);
        if !placed.wants(event) {
            passed_over += 1;
            continue;
        }
        let outcome = listener.call(&mut round, event);
        let end = Instant::now();
        let within = listener.took(event, begin, end, policy);
        let well = outcome.is_ok();
        match outcome {
            Ok(()) => listener.went_well(policy),
            Err(failed) => listener.went_wrong(failed, &mut round, event, policy, &mut failures),
        }
        // What the host has logged meanwhile is not the next listener's time.
        begin = if within && well { end } else { Instant::now() };
    }
    ended(&round, listeners, event, passed_over, failures)
}
