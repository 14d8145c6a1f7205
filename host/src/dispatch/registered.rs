//! A listener in its place: what is needed to call it, to watch it, and to tell of it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, Ordering::Relaxed, compiler_fence};
use std::time::{Duration, Instant};

use super::stats::{Stats, StatsSnapshot};
use super::table::Policy;
use crate::Spi;
use crate::event::Event;
use crate::ffi::{Failed, Failure, FailureKind, Instance, NotStored, Round};
use crate::log::{Burst, Seldom, say};

/// A listener in its place.
// What each call reads comes first and is on one cache line, to which calls do not write: those of
// other threads would wait for it.
#[repr(C, align(64))]
pub(crate) struct Registered {
    instance: Instance,
    off: AtomicBool,
    /// Whether it was told that no more events come.
    shut_down: AtomicBool,
    panics_in_a_row: AtomicU32,
    stats: Stats,
    told_off: Seldom,
    failing: Burst,
    panicking: Burst,
    name: String,
    class: String,
    spi: Spi,
    enabled: bool,
}

/// The event at hand, in both forms.
#[derive(Clone, Copy)]
pub(super) struct AtHand<'a> {
    pub(super) crossing: &'a op_listener_abi::Event<'a>,
    pub(super) event: &'a Event<'a>,
}

impl Registered {
    pub(crate) fn new(instance: Instance, name: &str, spi: Spi, enabled: bool) -> Self {
        let class = instance.class();
        Self {
            instance,
            off: AtomicBool::new(!enabled),
            shut_down: AtomicBool::new(false),
            panics_in_a_row: AtomicU32::new(0),
            stats: Stats::default(),
            told_off: Seldom::default(),
            failing: Burst::default(),
            panicking: Burst::default(),
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
    #[inline]
    pub(crate) fn active(&self) -> bool {
        !self.off.load(Relaxed)
    }

    pub(crate) fn stats(&self) -> StatsSnapshot {
        self.stats.snapshot()
    }

    /// Makes known that this thread is about to call the listener, if that is in service then.
    #[inline]
    pub(super) fn is_next(&self, round: &Round) {
        round.turns_to(&self.instance);
        // What `active` reads is not to be read before.
        compiler_fence(Ordering::SeqCst);
    }

    /// Calls the listener.
    #[inline]
    pub(super) fn call(&self, round: &mut Round, event: &AtHand<'_>) -> Result<(), Failed> {
        round.call(&self.instance, event.crossing)
    }

    /// Notes that a call went well.
    #[inline]
    pub(super) fn went_well(&self, policy: &Policy) {
        if policy.switch_off_after.is_some() && self.panics_in_a_row.load(Relaxed) != 0 {
            self.panics_in_a_row.store(0, Relaxed);
        }
    }

    /// Notes that the last call of the round failed, and counts it.
    // Apart with all that it needs, so that calls that go well leave nothing in memory.
    #[cold]
    #[inline(never)]
    pub(super) fn went_wrong(
        &self,
        failed: Failed,
        round: &mut Round,
        event: &AtHand<'_>,
        policy: &Policy,
        failures: &mut u32,
    ) {
        self.failed(&round.failure(failed), event, policy);
        *failures += 1;
    }

    /// Notes that the call of this listener failed after all, if what it pushed is not stored; says
    /// whether that is so.
    #[cold]
    pub(super) fn not_stored(
        &self,
        not_stored: &NotStored,
        event: &AtHand<'_>,
        policy: &Policy,
    ) -> bool {
        let failure = self.instance.failure(not_stored);
        if let Some(failure) = failure {
            self.failed(failure, event, policy);
        }
        failure.is_some()
    }

    /// Notes how long a call took, and says whether it stayed within the budget.
    #[inline]
    pub(super) fn took(
        &self,
        event: &AtHand<'_>,
        begin: Instant,
        end: Instant,
        policy: &Policy,
    ) -> bool {
        let time = end.duration_since(begin);
        self.stats.took(time);
        let within = time <= policy.budget;
        if !within {
            self.went_over(event, time, end, policy.budget);
        }
        within
    }

    #[cold]
    fn went_over(&self, event: &AtHand<'_>, time: Duration, now: Instant, budget: Duration) {
        self.stats.over_budget.fetch_add(1, Relaxed);
        if let Some(count) = self.told_off.happened(now) {
            say!(
                OVER_BUDGET,
                listener = self.name.as_str(),
                "Listener '{}' took {:.1} ms over the {} event {}, and its budget is {:.1} ms ({count} over since the last such line)",
                self.name,
                time.as_secs_f64() * 1e3,
                self.spi.title(),
                Named(event),
                budget.as_secs_f64() * 1e3,
            );
        }
    }

    #[cold]
    fn failed(&self, failure: &Failure, event: &AtHand<'_>, policy: &Policy) {
        let (name, title) = (self.name.as_str(), self.spi.title());
        let now = Instant::now();
        let words = || format!("on the {title} event {}: {failure}", Named(event));
        if failure.kind != FailureKind::Panic {
            self.stats.errors.fetch_add(1, Relaxed);
            self.panics_in_a_row.store(0, Relaxed);
            if let Some(count) = self.failing.happened(now, words) {
                say!(
                    LISTENER_FAILED,
                    listener = name,
                    "Listener '{name}' failed on the {title} event {}: {failure}{}",
                    Named(event),
                    Since(count),
                );
            }
            return;
        }
        self.stats.panics.fetch_add(1, Relaxed);
        if let Some(count) = self.panicking.happened(now, words) {
            say!(
                LISTENER_PANICKED,
                listener = name,
                "Listener '{name}' on the {title} event {}: {failure}{}",
                Named(event),
                Since(count),
            );
        }
        let in_a_row = self.panics_in_a_row.fetch_add(1, Relaxed) + 1;
        if policy
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

    /// Takes the listener out of service, whatever table it stands in.
    ///
    /// A thread that walks through a table makes known that it is about to call the listener, and
    /// only then looks whether that is in service. So after this call and a moment for it to show
    /// on all processors, either [`Registered::is_being_called`] tells of the thread, or the thread
    /// finds the listener withdrawn.
    pub(super) fn withdraw(&self) {
        self.off.store(true, Ordering::SeqCst);
    }

    /// Whether a thread is in a call of the listener, or about to be.
    pub(super) fn is_being_called(&self) -> bool {
        self.instance.is_being_called()
    }

    /// Lets no delivery to the listener's sinks begin any more.
    pub(super) fn leave_queues(&self) {
        self.instance.leave_queues();
    }

    /// Ends deliveries to the listener's sinks, which are waited for as long as queues may take, not
    /// as listeners may.
    pub(super) fn close_queues(&self) {
        self.instance.close_queues();
    }

    /// The numbers of the threads that are in a call of the listener, or about to be.
    #[cfg(feature = "server")]
    pub(super) fn callers(&self) -> Vec<usize> {
        self.instance.callers()
    }

    /// Tells the listener that no more events come, unless it was told. The caller has seen to it
    /// that no call is under way. Says whether it ended well; if not, that is logged.
    pub(super) fn shut_down(&self) -> bool {
        if self.shut_down.swap(true, Relaxed) {
            return true;
        }
        self.tell_the_rest();
        ended_well(&self.name, self.spi, &self.instance.shutdown())
    }

    /// Logs how many failures were not logged.
    fn tell_the_rest(&self) {
        let name = self.name.as_str();
        if let Some((count, last)) = self.failing.rest() {
            say!(
                LISTENER_FAILED,
                listener = name,
                "Listener '{name}' failed {count} times since the last such line, the last time {last}",
            );
        }
        if let Some((count, last)) = self.panicking.rest() {
            say!(
                LISTENER_PANICKED,
                listener = name,
                "Listener '{name}' panicked {count} times since the last such line, the last time {last}",
            );
        }
    }

    /// Ends the listener: `shutdown`, then release. Says whether both ended well.
    pub(crate) fn end(self) -> bool {
        let mut well = self.shut_down();
        let Self {
            instance,
            name,
            spi,
            ..
        } = self;
        well &= ended_well(&name, spi, &instance.release());
        if well {
            say!(
                SHUT_DOWN,
                listener = name.as_str(),
                "Listener '{name}' ({}) is shut down",
                spi.title(),
            );
        }
        well
    }
}

fn ended_well(name: &str, spi: Spi, outcome: &Result<(), Failure>) -> bool {
    if let Err(failure) = outcome {
        say!(
            SHUTDOWN_FAILED,
            listener = name,
            "Listener '{name}' ({}) failed to shut down: {failure}",
            spi.title(),
        );
    }
    outcome.is_ok()
}

/// How a line ends that stands for several.
struct Since(u64);

impl std::fmt::Display for Since {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            1 => Ok(()),
            count => write!(f, " ({count} times since the last such line)"),
        }
    }
}

/// How log lines name an event.
struct Named<'a>(&'a AtHand<'a>);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.event.id())?;
        match self.0.event.txn() {
            Some(txn) => write!(f, " (txn {txn})"),
            None => Ok(()),
        }
    }
}
