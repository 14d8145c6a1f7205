//! Which listeners are in service, in what order, and how each is to be treated. A table never
//! changes: another one takes its place.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::registered::{AtHand, Registered};
use crate::Spi;

/// How a listener is to be treated. Other than the listener itself this may differ from one table
/// to the next.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Only events of these clients; `None` for all.
    pub(crate) clients: Option<Arc<HashSet<String>>>,
    /// How long a call may take.
    pub(crate) budget: Duration,
    /// After so many panics in a row it gets no more events; `None` for never.
    pub(crate) switch_off_after: Option<NonZeroU32>,
    /// How long it may take to shut down.
    pub(crate) shutdown: Duration,
}

/// A listener at its place in a table.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) listener: Arc<Registered>,
    pub(crate) policy: Policy,
}

impl Placed {
    /// Whether this event is for this listener.
    #[inline]
    pub(super) fn wants(&self, event: &AtHand<'_>) -> bool {
        self.listener.active()
            && match &self.policy.clients {
                None => true,
                Some(clients) => is_among(clients, event.event.client_id()),
            }
    }
}

// Apart, since what it takes is taken from the walk otherwise, which has no use for it mostly.
#[inline(never)]
fn is_among(clients: &HashSet<String>, client_id: &str) -> bool {
    clients.contains(client_id)
}

/// The listeners in the order of their calls.
#[derive(Default)]
pub(crate) struct Table {
    /// In the order of loading.
    all: Vec<Placed>,
    /// Those that are enabled, by the position of their SPI in [`Spi::ALL`].
    by_spi: [Vec<Placed>; Spi::ALL.len()],
    /// Whether calls are timed.
    pub(crate) measure: bool,
}

impl Table {
    pub(crate) fn new(all: Vec<Placed>, measure: bool) -> Self {
        let by_spi = Spi::ALL.map(|spi| {
            let of_spi = all.iter().filter(|placed| {
                let listener = &placed.listener;
                listener.spi() == spi && listener.enabled()
            });
            of_spi.cloned().collect()
        });
        Self {
            all,
            by_spi,
            measure,
        }
    }

    /// In the order of loading.
    pub(crate) fn all(&self) -> &[Placed] {
        &self.all
    }

    /// Those that events of an SPI go to.
    #[inline]
    pub(super) fn of(&self, spi: Spi) -> &[Placed] {
        &self.by_spi[spi as usize]
    }
}
