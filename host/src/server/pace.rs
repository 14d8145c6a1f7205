//! How far a connection is, and since when: what the watching thread judges it by.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use std::task::Waker;
use std::time::Duration;

/// For how many rounds of looking a connection may be at what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long a round is.
    pub(super) round: Duration,
    /// Rounds for a request to arrive, and for an answer to be taken.
    read: u32,
    /// Rounds without a request.
    idle: u32,
}

impl Patience {
    pub(super) fn new(read: Duration, idle: Duration) -> Self {
        let round = (read / 4).clamp(Duration::from_millis(25), Duration::from_millis(250));
        // One more, since the first may be a short one.
        let rounds = |limit: Duration| {
            let rounds = limit.as_millis().div_ceil(round.as_millis()) + 1;
            u32::try_from(rounds).unwrap_or(u32::MAX)
        };
        Self {
            round,
            read: rounds(read),
            idle: rounds(idle),
        }
    }
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: no request, or all answered.
    Idle = 0,
    /// A request's header has begun to arrive. Also a TLS handshake.
    Header = 1,
    /// A request's body arrives.
    Body = 2,
    /// The request is whole, and is served.
    Work = 3,
}

/// What a connection is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// To go on.
    Nothing = 0,
    /// To end after the request at hand.
    Stop = 1,
    /// To answer that the request took too long to arrive, and end.
    Late = 2,
    /// To end at once: it was idle for long, or nobody takes the answer.
    End = 3,
}

/// The pace of a connection. Written by the connection, read by the watching thread; the demand
/// the other way round.
#[derive(Debug)]
pub(super) struct Pace {
    phase: AtomicU8,
    /// The round in which the phase began, or for header and body: the request.
    since: AtomicU32,
    /// The round since which nobody takes what is written; 0 if somebody does.
    stalled: AtomicU32,
    demand: AtomicU8,
    /// Of the connection's task, which stays the same.
    waker: OnceLock<Waker>,
    stopping: AtomicBool,
    late: AtomicBool,
    /// Whether it has to make room for others, as nobody there has shown yet who it is.
    stranger: AtomicBool,
    held: AtomicBool,
    stirred: AtomicBool,
}

/// A request that waits for something to happen, until this is dropped.
#[cfg(feature = "delivery")]
pub(super) struct Held<'p>(&'p Pace);

#[cfg(feature = "delivery")]
impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.store(false, Relaxed);
    }
}

impl Pace {
    pub(super) fn new(round: u32) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU32::new(round),
            stalled: AtomicU32::new(0),
            demand: AtomicU8::new(Demand::Nothing as u8),
            waker: OnceLock::new(),
            stopping: AtomicBool::new(false),
            late: AtomicBool::new(false),
            stranger: AtomicBool::new(false),
            held: AtomicBool::new(false),
            stirred: AtomicBool::new(false),
        }
    }

    /// Whom to wake when something is demanded.
    pub(super) fn woken_by(&self, waker: &Waker) {
        if self.waker.get().is_none() {
            // Nobody else sets it.
            let _ = self.waker.set(waker.clone());
        }
    }

    /// Bytes have come.
    pub(super) fn received(&self, round: u32) {
        if self.phase.load(Relaxed) == Phase::Idle as u8 {
            self.begin(Phase::Header, round);
        }
    }

    /// The header is whole.
    pub(super) fn header_read(&self, round: u32) {
        // The request's time runs on from its first byte, if that was seen apart.
        if self.phase.load(Relaxed) == Phase::Header as u8 {
            self.phase.store(Phase::Body as u8, Relaxed);
        } else {
            self.begin(Phase::Body, round);
        }
    }

    /// The request is whole.
    pub(super) fn body_read(&self) {
        self.phase.store(Phase::Work as u8, Relaxed);
    }

    /// It waits for something to happen: meanwhile the other side is watched.
    #[cfg(feature = "delivery")]
    pub(super) fn hold(&self) -> Held<'_> {
        self.stirred.store(false, Relaxed);
        self.held.store(true, Relaxed);
        Held(self)
    }

    /// Whether a request waits, and nothing has come from the other side.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Relaxed) && !self.stirred.load(Relaxed)
    }

    /// The other side has sent something while its request waits, or has gone.
    pub(super) fn stir(&self) {
        self.stirred.store(true, Relaxed);
    }

    /// Whether it has.
    #[cfg(feature = "delivery")]
    pub(super) fn is_stirred(&self) -> bool {
        self.stirred.load(Relaxed)
    }

    /// It is answered.
    pub(super) fn answered(&self, round: u32) {
        self.begin(Phase::Idle, round);
    }

    /// Begins a phase.
    pub(super) fn begin(&self, phase: Phase, round: u32) {
        self.since.store(round, Relaxed);
        self.phase.store(phase as u8, Release);
    }

    /// Whether something was written; not if the other side takes nothing.
    pub(super) fn wrote(&self, something: bool, round: u32) {
        let stalled = self.stalled.load(Relaxed);
        if something && stalled != 0 {
            self.stalled.store(0, Relaxed);
        } else if !something && stalled == 0 {
            self.stalled.store(round, Relaxed);
        }
    }

    /// What is demanded, which is then done with.
    pub(super) fn take_demand(&self) -> Demand {
        if self.demand.load(Relaxed) == Demand::Nothing as u8 {
            return Demand::Nothing;
        }
        match self.demand.swap(Demand::Nothing as u8, Acquire) {
            1 => Demand::Stop,
            2 => Demand::Late,
            3 => Demand::End,
            _ => Demand::Nothing,
        }
    }

    /// Leaves it to who reads the body to say that it is late. False if nobody reads one.
    pub(super) fn tell_body(&self) -> bool {
        let in_body = self.phase.load(Relaxed) == Phase::Body as u8;
        self.late.store(in_body, Relaxed);
        in_body
    }

    /// Whether the body is late.
    pub(super) fn is_late(&self) -> bool {
        self.late.load(Relaxed)
    }

    /// Whether nobody takes what was written.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed) != 0
    }

    /// Whether the connection is to end after the request at hand.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Demands the end of the connection when nothing is under way.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.demand(Demand::Stop);
    }

    /// Over there may be anybody, for now.
    pub(super) fn is_stranger(&self) {
        self.stranger.store(true, Relaxed);
    }

    /// The other side has shown that it may post.
    pub(super) fn is_known(&self) {
        if self.stranger.load(Relaxed) {
            self.stranger.store(false, Relaxed);
        }
    }

    /// Whether the connection could make room for another.
    pub(super) fn can_give_way(&self) -> bool {
        self.stranger.load(Relaxed) && self.phase.load(Relaxed) != Phase::Work as u8
    }

    /// Demands that it does, once.
    pub(super) fn give_way(&self) {
        self.stranger.store(false, Relaxed);
        self.demand(Demand::End);
    }

    /// Judges, and demands what follows from it.
    pub(super) fn look(&self, round: u32, patience: &Patience) {
        let over = |since: u32, limit: u32| round.saturating_sub(since) > limit;
        let stalled = self.stalled.load(Relaxed);
        if stalled != 0 && over(stalled, patience.read) {
            self.demand(Demand::End);
            return;
        }
        let phase = self.phase.load(Acquire);
        let since = self.since.load(Relaxed);
        if phase == Phase::Idle as u8 {
            if over(since, patience.idle) {
                self.demand(Demand::End);
            }
        } else if phase != Phase::Work as u8 && over(since, patience.read) {
            self.demand(Demand::Late);
        }
    }

    fn demand(&self, demand: Demand) {
        self.demand.store(demand as u8, Release);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of 250 ms: four for a request, eight without one.
    fn patience() -> Patience {
        Patience::new(Duration::from_secs(1), Duration::from_secs(2))
    }

    #[test]
    fn no_phase_lasts_but_the_one_that_listeners_take() {
        /// What sets the phase, how long it may last, and what is demanded then.
        type Case = (fn(&Pace), u32, Demand);

        let demanded = |set: fn(&Pace), round| {
            let pace = Pace::new(10);
            set(&pace);
            pace.look(round, &patience());
            pace.take_demand()
        };
        let cases: [Case; 5] = [
            (|_| (), 9, Demand::End),
            (|pace| pace.received(10), 5, Demand::Late),
            (|pace| pace.header_read(10), 5, Demand::Late),
            (|pace| pace.wrote(false, 10), 5, Demand::End),
            (
                |pace| {
                    pace.header_read(10);
                    pace.body_read();
                },
                1_000_000,
                Demand::Nothing,
            ),
        ];
        for (n, (set, rounds, demand)) in cases.into_iter().enumerate() {
            assert_eq!(demanded(set, 10 + rounds), Demand::Nothing, "{n}: not yet");
            assert_eq!(demanded(set, 11 + rounds), demand, "{n}");
        }
    }

    #[test]
    fn a_request_has_one_time_for_header_and_body() {
        let pace = Pace::new(1);
        pace.received(10);
        pace.received(13);
        pace.header_read(14);
        pace.look(16, &patience());
        assert_eq!(pace.take_demand(), Demand::Late);
        assert_eq!(pace.take_demand(), Demand::Nothing, "said once");
    }

    #[test]
    fn who_takes_something_is_not_stalled() {
        let pace = Pace::new(1);
        pace.body_read();
        pace.wrote(false, 10);
        pace.wrote(true, 14);
        pace.wrote(false, 15);
        pace.look(20, &patience());
        assert_eq!(pace.take_demand(), Demand::Nothing);
        pace.look(21, &patience());
        assert_eq!(pace.take_demand(), Demand::End);
    }
}
