//! A listener in its place: what is needed to call it, to watch it, and to tell of it.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::stats::{Stats, StatsSnapshot};
use crate::Spi;
use crate::ffi::{Failure, FailureKind, Instance, NotStored, Round};
use crate::log::say;

/// How a listener is to be treated.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Only events of these clients; `None` for all.
    pub(crate) clients: Option<HashSet<String>>,
    /// How long a call may take.
    pub(crate) budget: Duration,
    /// After so many panics in a row it gets no more events; `None` for never.
    pub(crate) switch_off_after: Option<NonZeroU32>,
}

/// A listener in its place.
pub(crate) struct Registered {
    instance: Instance,
    clients: Option<HashSet<String>>,
    off: AtomicBool,
    switch_off_after: Option<NonZeroU32>,
    panics_in_a_row: AtomicU32,
    stats: Stats,
    budget: Budget,
    name: String,
    class: String,
    spi: Spi,
    enabled: bool,
}

/// The event at hand, in both forms.
#[derive(Clone, Copy)]
pub(super) struct AtHand<'a> {
    pub(super) crossing: &'a op_listener_abi::Event<'a>,
    pub(super) id: &'a str,
    pub(super) txn: Option<&'a str>,
    pub(super) client_id: &'a str,
}

impl Registered {
    pub(crate) fn new(
        instance: Instance,
        name: &str,
        spi: Spi,
        enabled: bool,
        policy: Policy,
    ) -> Self {
        let class = instance.class();
        Self {
            instance,
            clients: policy.clients,
            off: AtomicBool::new(!enabled),
            switch_off_after: policy.switch_off_after,
            panics_in_a_row: AtomicU32::new(0),
            stats: Stats::default(),
            budget: Budget::new(policy.budget),
            name: name.to_owned(),
            class,
            spi,
            enabled,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn class(&self) -> &str {
        &self.class
    }

    pub(crate) fn spi(&self) -> Spi {
        self.spi
    }

    /// What the listener said when it was asked.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Whether it gets events at present.
    pub(crate) fn active(&self) -> bool {
        !self.off.load(Relaxed)
    }

    pub(crate) fn stats(&self) -> StatsSnapshot {
        self.stats.snapshot()
    }

    /// Whether this event is for this listener.
    #[inline]
    pub(super) fn wants(&self, event: &AtHand<'_>) -> bool {
        !self.off.load(Relaxed)
            && self
                .clients
                .as_ref()
                .is_none_or(|clients| clients.contains(event.client_id))
    }

    /// Calls the listener.
    #[inline]
    pub(super) fn call(&self, round: &mut Round, event: &AtHand<'_>) -> Result<(), Failure> {
        round.call(&self.instance, event.crossing)
    }

    /// Notes how a call ended, and says whether it did well.
    // Taken by value and inlined, so that a call that went well leaves nothing in memory.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "measured: half of what a listener costs"
    )]
    pub(super) fn ended(&self, event: &AtHand<'_>, outcome: Result<(), Failure>) -> bool {
        match outcome {
            Ok(()) => {
                if self.switch_off_after.is_some() {
                    self.panics_in_a_row.store(0, Relaxed);
                }
                true
            }
            Err(failure) => {
                self.failed(&failure, event);
                false
            }
        }
    }

    /// Notes that the call of this listener failed after all, if what it pushed is not stored; says
    /// whether that is so.
    #[cold]
    pub(super) fn not_stored(&self, not_stored: &NotStored, event: &AtHand<'_>) -> bool {
        let failure = self.instance.failure(not_stored);
        if let Some(failure) = failure {
            self.failed(failure, event);
        }
        failure.is_some()
    }

    /// Notes how long a call took, and says whether it stayed within the budget.
    #[inline]
    pub(super) fn took(&self, event: &AtHand<'_>, begin: Instant, end: Instant) -> bool {
        let time = end.duration_since(begin);
        self.stats.took(time);
        let within = time <= self.budget.limit;
        if !within {
            self.went_over(event, time, end);
        }
        within
    }

    #[cold]
    fn went_over(&self, event: &AtHand<'_>, time: Duration, now: Instant) {
        self.stats.over_budget.fetch_add(1, Relaxed);
        if let Some(count) = self.budget.breached(now) {
            say!(
                OVER_BUDGET,
                listener = self.name.as_str(),
                "Listener '{}' took {:.1} ms over the {} event {}, and its budget is {:.1} ms ({count} over since the last such line)",
                self.name,
                time.as_secs_f64() * 1e3,
                self.spi.title(),
                Named(event),
                self.budget.limit.as_secs_f64() * 1e3,
            );
        }
    }

    #[cold]
    fn failed(&self, failure: &Failure, event: &AtHand<'_>) {
        let (name, title) = (self.name.as_str(), self.spi.title());
        if failure.kind != FailureKind::Panic {
            self.stats.errors.fetch_add(1, Relaxed);
            self.panics_in_a_row.store(0, Relaxed);
            say!(
                LISTENER_FAILED,
                listener = name,
                "Listener '{name}' failed on the {title} event {}: {failure}",
                Named(event),
            );
            return;
        }
        self.stats.panics.fetch_add(1, Relaxed);
        say!(
            LISTENER_PANICKED,
            listener = name,
            "Listener '{name}' on the {title} event {}: {failure}",
            Named(event),
        );
        let in_a_row = self.panics_in_a_row.fetch_add(1, Relaxed) + 1;
        if self
            .switch_off_after
            .is_some_and(|most| in_a_row >= most.get())
            && !self.off.swap(true, Relaxed)
        {
            say!(
                SWITCHED_OFF_AFTER_PANICS,
                listener = name,
                "Listener '{name}' ({title}) panicked {in_a_row} times in a row and gets no more events",
            );
        }
    }

    /// Ends the listener: `shutdown`, then release. The caller has seen to it that no call is
    /// under way. Says whether both ended well.
    pub(crate) fn end(self) -> bool {
        let name = self.name.as_str();
        let mut well = true;
        for outcome in [self.instance.shutdown(), self.instance.release()] {
            if let Err(failure) = outcome {
                well = false;
                say!(
                    SHUTDOWN_FAILED,
                    listener = name,
                    "Listener '{name}' ({}) failed to shut down: {failure}",
                    self.spi.title(),
                );
            }
        }
        if well {
            say!(
                SHUT_DOWN,
                listener = name,
                "Listener '{name}' ({}) is shut down",
                self.spi.title(),
            );
        }
        well
    }
}

/// How log lines name an event.
struct Named<'a>(&'a AtHand<'a>);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.id)?;
        match self.0.txn {
            Some(txn) => write!(f, " (txn {txn})"),
            None => Ok(()),
        }
    }
}
