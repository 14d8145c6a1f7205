//! The table of listeners, and the walk through it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::registered::{AtHand, Registered};
use crate::Spi;
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
}

/// The listeners in the order of their calls.
#[derive(Default)]
pub(crate) struct Table {
    /// In the order of loading.
    all: Vec<Arc<Registered>>,
    /// Those that are enabled, by the position of their SPI in [`Spi::ALL`].
    by_spi: [Vec<Arc<Registered>>; Spi::ALL.len()],
}

impl Table {
    pub(crate) fn new(all: Vec<Arc<Registered>>) -> Self {
        let by_spi = Spi::ALL.map(|spi| {
            let of_spi = all.iter();
            let of_spi = of_spi.filter(|listener| listener.spi() == spi && listener.enabled());
            of_spi.cloned().collect()
        });
        Self { all, by_spi }
    }

    pub(crate) fn all(&self) -> &[Arc<Registered>] {
        &self.all
    }
}

/// Hands events to listeners. Readers take no lock: the table is swapped as a whole.
pub(crate) struct Dispatcher {
    table: ArcSwap<Table>,
    measure: bool,
}

impl Dispatcher {
    pub(crate) fn new(table: Table, measure: bool) -> Self {
        Self {
            table: ArcSwap::from_pointee(table),
            measure,
        }
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    pub(crate) fn dispatch(&self, event: &Event<'_>) -> Dispatched {
        let table = self.table.load();
        let listeners = &*table.by_spi[event.spi() as usize];
        if listeners.is_empty() {
            return Dispatched::default();
        }
        let crossing = event_for_listeners(event);
        let event = AtHand {
            crossing: &crossing,
            id: event.id(),
            txn: event.txn(),
            client_id: event.client_id(),
        };
        if self.measure {
            walk_measuring(listeners, &event)
        } else {
            walk(listeners, &event)
        }
    }

    /// Takes all listeners out, waits until no call is under way, and ends them in the reverse
    /// order of loading. Says how many failed to end well.
    pub(crate) fn end(&self) -> usize {
        let mut table = self.table.swap(Arc::default());
        let mut failures = 0;
        let Table { mut all, by_spi } = loop {
            match Arc::try_unwrap(table) {
                Ok(table) => break table,
                // Somebody is in the middle of a walk.
                Err(shared) => table = shared,
            }
            thread::sleep(Duration::from_millis(1));
        };
        drop(by_spi);
        while let Some(listener) = all.pop() {
            if let Some(listener) = Arc::into_inner(listener) {
                failures += usize::from(!listener.end());
            }
        }
        failures
    }
}

fn walk(listeners: &[Arc<Registered>], event: &AtHand<'_>) -> Dispatched {
    let mut round = Round::begin();
    let mut dispatched = Dispatched::default();
    for listener in listeners {
        if listener.wants(event) {
            let outcome = listener.call(&mut round, event);
            let well = listener.ended(event, outcome);
            dispatched.calls += 1;
            dispatched.failures += u32::from(!well);
        }
    }
    dispatched.failures += commit(&round, listeners, event);
    dispatched
}

/// Makes what the listeners pushed durable. Says how many calls failed after all, since it cannot be
/// stored.
#[inline]
fn commit(round: &Round, listeners: &[Arc<Registered>], event: &AtHand<'_>) -> u32 {
    match round.commit() {
        Ok(()) => 0,
        Err(not_stored) => {
            let failed = listeners.iter();
            let failed = failed.filter(|listener| listener.not_stored(&not_stored, event));
            u32::try_from(failed.count()).unwrap_or(u32::MAX)
        }
    }
}

/// Reads the clock once before the first call and once after each.
fn walk_measuring(listeners: &[Arc<Registered>], event: &AtHand<'_>) -> Dispatched {
    let mut round = Round::begin();
    let mut dispatched = Dispatched::default();
    let mut begin = Instant::now();
    for listener in listeners {
        if listener.wants(event) {
            let outcome = listener.call(&mut round, event);
            let end = Instant::now();
            let within = listener.took(event, begin, end);
            let well = listener.ended(event, outcome);
            // What the host has logged meanwhile is not the next listener's time.
            begin = if within && well { end } else { Instant::now() };
            dispatched.calls += 1;
            dispatched.failures += u32::from(!well);
        }
    }
    dispatched.failures += commit(&round, listeners, event);
    dispatched
}
