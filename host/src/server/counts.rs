//! What the intake counts, for metrics and for the last line of the log.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::StatusCode;

use crate::Spi;
use crate::feed::Totals;

/// What a request asks for, in few enough words to be a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// `/events`
    Events,
    /// `/healthz`
    Healthz,
    /// `/readyz`
    Readyz,
    /// `/metrics`
    Metrics,
    /// `/.well-known/jwks.json`
    Jwks,
    /// `/set/…`
    Set,
    /// Anything else.
    Other,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Events,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::Jwks,
        Self::Set,
        Self::Other,
    ];

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Healthz => "healthz",
            Self::Readyz => "readyz",
            Self::Metrics => "metrics",
            Self::Jwks => "jwks",
            Self::Set => "set",
            Self::Other => "other",
        }
    }
}

/// The classes of statuses by their first digit: from 1 to 5.
const CLASSES: usize = 5;

/// Written by all threads without a lock.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) connections_refused: AtomicU64,
    pub(super) connections_timed_out: AtomicU64,
    requests: [[AtomicU64; CLASSES]; Route::ALL.len()],
    pub(super) body_bytes: AtomicU64,
    pub(super) unauthorized: AtomicU64,
    pub(super) forbidden: AtomicU64,
    pub(super) no_room: AtomicU64,
    pub(super) overloaded: [AtomicU64; Spi::ALL.len()],
    dispatched: AtomicU64,
    held: AtomicU64,
    ignored: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
    calls: AtomicU64,
    failures: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) in_flight_duplicates: AtomicU64,
}

/// What was counted until a moment. Counts only grow, but for those that say "at present".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Connections that are open at present.
    pub connections_open: u64,
    /// Connections accepted, those that were refused for their number not counted.
    pub connections: u64,
    /// Connections closed because there were `max_connections`: new ones at once, or over TCP old ones
    /// that had shown no token.
    pub connections_refused: u64,
    /// Connections closed because a request, or the taking of an answer, took too long.
    pub connections_timed_out: u64,
    /// Requests answered, by [`Route::ALL`] and by the first digit of the status, from 1 to 5.
    pub requests: [[u64; CLASSES]; Route::ALL.len()],
    /// Bytes of bodies that were read whole.
    pub body_bytes: u64,
    /// Requests refused for their token, or the lack of one.
    pub unauthorized: u64,
    /// Requests refused for the user who sent them.
    pub forbidden: u64,
    /// Requests refused because the bodies at hand left no room for theirs.
    pub no_room: u64,
    /// Events refused because their SPI had all the calls that it may have, by [`Spi::ALL`].
    pub overloaded: [u64; Spi::ALL.len()],
    /// Events that are with the listeners of their SPI at present, by [`Spi::ALL`].
    pub in_flight: [u64; Spi::ALL.len()],
    /// Events that were given up and whose threads have not come back, by [`Spi::ALL`].
    pub left_behind: [u64; Spi::ALL.len()],
    /// What became of the events that were taken. Its `refused` counts those that are not valid.
    pub events: Totals,
    /// Events that were not dispatched because their id had been.
    pub duplicates: u64,
    /// Events that were refused because one with the same id was under way.
    pub in_flight_duplicates: u64,
    /// Ids that are remembered at present.
    pub remembered: u64,
    /// Ids that were forgotten early, because there were `max_remembered`.
    pub forgotten: u64,
}

impl Counts {
    pub(super) fn answered(&self, route: Route, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES) - 1;
        self.requests[route as usize][class].fetch_add(1, Relaxed);
    }

    pub(super) fn add(&self, totals: &Totals) {
        let pairs = [
            (&self.dispatched, totals.dispatched),
            (&self.held, totals.held),
            (&self.ignored, totals.ignored),
            (&self.refused, totals.refused),
            (&self.dropped, totals.dropped),
            (&self.calls, totals.calls),
            (&self.failures, totals.failures),
        ];
        for (count, more) in pairs {
            if more > 0 {
                count.fetch_add(more, Relaxed);
            }
        }
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            dispatched: self.dispatched.load(Relaxed),
            held: self.held.load(Relaxed),
            ignored: self.ignored.load(Relaxed),
            refused: self.refused.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            calls: self.calls.load(Relaxed),
            failures: self.failures.load(Relaxed),
        }
    }

    /// All that is counted here.
    pub(super) fn snapshot(&self) -> ServerCounts {
        let of = |count: &AtomicU64| count.load(Relaxed);
        ServerCounts {
            connections: of(&self.connections),
            connections_refused: of(&self.connections_refused),
            connections_timed_out: of(&self.connections_timed_out),
            requests: self.requests.each_ref().map(|by| by.each_ref().map(of)),
            body_bytes: of(&self.body_bytes),
            unauthorized: of(&self.unauthorized),
            forbidden: of(&self.forbidden),
            no_room: of(&self.no_room),
            overloaded: self.overloaded.each_ref().map(of),
            events: self.totals(),
            duplicates: of(&self.duplicates),
            in_flight_duplicates: of(&self.in_flight_duplicates),
            ..ServerCounts::default()
        }
    }
}
