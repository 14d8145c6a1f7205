//! The events of one request: each is read, known by its id or new, let in to its SPI's listeners or
//! turned away, and dispatched; then the next. What became of them is a [`Report`].
//!
//! Begun on a thread that drives sockets, and given up there before a listener could keep it: the
//! rest is done on a thread of the pool, which may wait for as long as a listener likes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use hyper::body::Bytes;
use tokio::sync::Notify;

use super::body::Lease;
use super::calls::{Call, Inline};
use super::left::InPool;
use super::remembered::{Known, Moment};
use super::report::{Report, Why};
use super::shared::Shared;
use crate::Spi;
use crate::flow::Patience;
use crate::intake::ndjson::{Lines, TooLong};
use crate::intake::{Arrival, Pipeline};
use crate::log::say;

/// After so many ticks a job is no longer done on a thread that drives sockets.
const PATIENCE: u32 = 2;

/// Passed over where it stands before all else, as in streams.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A request's events.
pub(super) struct Job {
    shared: Arc<Shared>,
    body: Bytes,
    /// Whether the body has an event on each line, or is one.
    lines: bool,
    /// How many bytes and lines of it are done.
    done: (usize, u64),
    report: Report,
    /// When it began, or went to the pool.
    began: u32,
    where_it_is: Where,
    /// For the body.
    _room: Lease,
}

enum Where {
    Inline,
    /// With what is told if its events are given up.
    Pool(Arc<Notify>),
}

/// How far a job came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// To its end.
    Done,
    /// The rest is for the pool.
    ForThePool,
}

impl Job {
    /// All of a body.
    pub(super) fn new(shared: &Arc<Shared>, body: Bytes, lines: bool, room: Lease) -> Self {
        shared.jobs.fetch_add(1, Relaxed);
        Self {
            shared: Arc::clone(shared),
            body,
            lines,
            done: (0, 0),
            report: Report::default(),
            began: shared.watch.begin(),
            where_it_is: Where::Inline,
            _room: room,
        }
    }

    /// Does as much as can be done here.
    // By this name, which is there if it is not inlined, tests count what it takes.
    #[inline(never)]
    pub(super) fn run(&mut self) -> Progress {
        let pipeline = self.shared.feed.pipeline();
        let limit = pipeline.limits().line_bytes;
        let mut with = With {
            shared: &self.shared,
            pipeline: &pipeline,
            at: match &self.where_it_is {
                Where::Inline => At::Inline(self.began),
                Where::Pool(sender) => At::Pool(sender),
            },
            now: self.shared.remembered.now(),
            now_at: self.shared.watch.tick(),
            inside: None,
        };
        if !self.lines {
            let body = self.body.strip_prefix(BYTE_ORDER_MARK);
            let took = with.take(body.unwrap_or(&self.body), None, &mut self.report);
            return took.unwrap_or(Progress::Done);
        }
        let left = self.body.get(self.done.0..).unwrap_or_default();
        let mut lines = Lines::resume((left, self.done.1), limit);
        loop {
            let before = lines.left();
            // Memory can be read always.
            let Ok(Some(line)) = lines.next_line() else {
                return Progress::Done;
            };
            let took = match line.bytes {
                Ok(bytes) => with.take(bytes, Some(line.number), &mut self.report),
                Err(TooLong { limit }) => {
                    self.report.too_long(line.number, limit);
                    None
                }
            };
            if took == Some(Progress::ForThePool) {
                self.done = (self.body.len() - before.0.len(), before.1);
                return Progress::ForThePool;
            }
            if matches!(self.where_it_is, Where::Inline) && self.is_slow() {
                let after = lines.left();
                self.done = (self.body.len() - after.0.len(), after.1);
                return Progress::ForThePool;
            }
        }
    }

    /// Does the rest on this thread, which may be kept for as long as listeners like. `sender` is
    /// told if its events are given up meanwhile.
    pub(super) fn run_in_pool(mut self, sender: Arc<Notify>) -> Report {
        self.where_it_is = Where::Pool(sender);
        self.run();
        self.into_report()
    }

    /// What became of the events.
    pub(super) fn into_report(mut self) -> Report {
        std::mem::take(&mut self.report)
    }

    fn is_slow(&self) -> bool {
        self.shared.watch.tick().saturating_sub(self.began) >= PATIENCE
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.shared.jobs.fetch_sub(1, Relaxed);
    }
}

/// What events are taken with.
struct With<'s> {
    shared: &'s Shared,
    pipeline: &'s Pipeline,
    at: At<'s>,
    /// The time when it was last asked for, and the tick at which that was.
    now: Moment,
    now_at: u32,
    /// The event before was with the listeners of this SPI, and the next one may be as well. Dropped
    /// in this order.
    inside: Option<(Place<'s>, Call<'s>)>,
}

/// Where events are taken.
#[derive(Clone, Copy)]
enum At<'s> {
    /// On a thread that drives sockets, since that tick.
    Inline(u32),
    /// On one of the pool; with what is told if the events are given up.
    Pool(&'s Arc<Notify>),
}

/// Where a call is.
enum Place<'s> {
    Inline(Inline<'s>),
    Pool(InPool<'s>),
}

impl With<'_> {
    /// Takes one event. `None` is as good as done; nothing has happened if it is for the pool.
    #[inline]
    fn take(&mut self, bytes: &[u8], line: Option<u64>, report: &mut Report) -> Option<Progress> {
        let mut arrival = match self.pipeline.read(bytes, None) {
            Ok(arrival) => arrival,
            Err(refusal) => {
                self.shared.feed.counts().refused(&refusal);
                report.invalid(line, &refusal);
                return None;
            }
        };
        let claim = match self.shared.remembered.claim(&arrival, self.now) {
            Known::New(claim) => claim,
            Known::Done => {
                repeated(&arrival);
                report.duplicates += 1;
                return None;
            }
            Known::UnderWay => {
                report.refuse(line, Why::UnderWay);
                return None;
            }
        };
        let spi = arrival.spi();
        match self.enter(spi) {
            Entered::Yes => {}
            Entered::NotHere => return Some(Progress::ForThePool),
            Entered::No => {
                overloaded(self.shared, &arrival, spi);
                report.refuse(line, Why::Overloaded(spi));
                return None;
            }
        }
        match &self.inside {
            Some((Place::Inline(place), _)) => place.has(claim.key()),
            Some((Place::Pool(place), _)) => place.has(claim.key()),
            None => {}
        }
        let (feed, host) = (&self.shared.feed, &self.shared.host);
        if let Some(event) = self.pipeline.due_at_once(&mut arrival) {
            if feed.dispatch(event, host, &mut report.totals) {
                claim.done(self.now());
            } else {
                report.refuse(line, Why::NotStored);
            }
            return None;
        }
        match self.pipeline.decide(arrival, Patience::NONE) {
            Ok(decision) => match feed.act(decision, host, &mut report.totals) {
                Ok(()) => claim.done(self.now()),
                Err(not_stored) => {
                    feed.take_back(not_stored);
                    report.refuse(line, Why::NotStored);
                }
            },
            Err(refusal) => {
                self.shared.feed.counts().refused(&refusal);
                report.invalid(line, &refusal);
            }
        }
        None
    }

    /// The time. The clock is read once a tick, and on a thread of the pool, where a job may outlast
    /// the ticks, each time.
    #[inline]
    fn now(&mut self) -> Moment {
        let tick = self.shared.watch.tick();
        if tick != self.now_at || matches!(self.at, At::Pool(_)) {
            self.now_at = tick;
            self.now = self.shared.remembered.now();
        }
        self.now
    }

    /// Enters the listeners of an SPI, if it is another one than before.
    #[inline]
    fn enter(&mut self, spi: Spi) -> Entered {
        if self
            .inside
            .as_ref()
            .is_some_and(|(_, call)| call.spi() == spi)
        {
            self.shared.calls.moves(spi);
            return Entered::Yes;
        }
        // Nobody keeps two SPIs from others.
        self.inside = None;
        let calls = &self.shared.calls;
        let again = || {
            let room = self.shared.give_up_left_behind();
            room.then(|| calls.enter(spi)).flatten()
        };
        let Some(call) = calls.enter(spi).or_else(again) else {
            return Entered::No;
        };
        let place = match self.at {
            At::Inline(tick) => match call.inline(tick) {
                Some(place) => Place::Inline(place),
                None => return Entered::NotHere,
            },
            At::Pool(sender) => Place::Pool(InPool::begin(calls, &call, sender)),
        };
        self.inside = Some((place, call));
        Entered::Yes
    }
}

/// Whether an event may go to the listeners of its SPI.
enum Entered {
    Yes,
    /// Not on a thread that drives sockets.
    NotHere,
    /// There are too many.
    No,
}

#[cold]
fn repeated(arrival: &Arrival<'_>) {
    say!(
        EVENT_REPEATED,
        "The {} {} was dispatched before, and is not again",
        arrival.kind(),
        Named(arrival),
    );
}

#[cold]
fn overloaded(shared: &Shared, arrival: &Arrival<'_>, spi: Spi) {
    shared.counts.overloaded[spi as usize].fetch_add(1, Relaxed);
    if let Some(count) = shared.seldom.overloaded[spi as usize].happened(Instant::now()) {
        say!(
            OVERLOADED,
            "{} events of {spi} are with its listeners, which is the most that `concurrency` allows: \
             turned away the {} {} ({count} since the last such line)",
            shared.calls.bound(),
            arrival.kind(),
            Named(arrival),
        );
    }
}

/// How log lines name an event.
struct Named<'a>(&'a Arrival<'a>);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.own_id().unwrap_or("without an id"))?;
        match self.0.txn() {
            Some(txn) => write!(f, " (txn {txn})"),
            None => Ok(()),
        }
    }
}
