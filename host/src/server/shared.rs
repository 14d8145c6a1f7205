//! What all parts of a running intake share, and what it says in the log of those who come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;

use super::body::Room;
use super::calls::Calls;
use super::counts::{Counts, ServerCounts};
use super::error::ServerError;
use super::pace::Patience;
#[cfg(feature = "delivery")]
use super::poll::{self, Polls, Receivers};
use super::remembered::Remembered;
use super::tls;
use super::token::Token;
use super::watch::Watch;
use crate::Host;
use crate::Spi;
use crate::config::{Config, ListenConfig};
use crate::feed::Feed;
use crate::log::{Seldom, say};

/// What all parts of a running intake share.
pub(super) struct Shared {
    pub(super) host: Arc<Host>,
    pub(super) feed: Arc<Feed>,
    pub(super) calls: Calls,
    pub(super) remembered: Remembered,
    pub(super) counts: Counts,
    pub(super) watch: Watch,
    pub(super) room: Arc<Room>,
    pub(super) live: ArcSwap<Live>,
    #[cfg(feature = "delivery")]
    pub(super) polls: Polls,
    /// Requests whose events are being dispatched.
    pub(super) jobs: AtomicUsize,
    pub(super) seldom: Lines,
    pub(super) max_body: usize,
    pub(super) max_header: usize,
    pub(super) max_connections: usize,
    /// Whether it was said of an SPI that no more of its events are given up.
    pub(super) full_of_left: [AtomicBool; Spi::ALL.len()],
    stopping: AtomicBool,
}

/// What can change while the intake runs.
pub(super) struct Live {
    pub(super) token: Option<Token>,
    pub(super) tls: Option<TlsAcceptor>,
    /// The users who may use the Unix socket; `None` for all who can connect.
    pub(super) peers: Option<Vec<u32>>,
    /// Who may fetch.
    #[cfg(feature = "delivery")]
    pub(super) receivers: Receivers,
}

/// Lines that a sender could fill the log with.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) overloaded: [Seldom; Spi::ALL.len()],
    pub(super) invalid: Seldom,
    pub(super) undecided: Seldom,
    pub(super) unauthorized: Seldom,
    pub(super) forbidden: Seldom,
    pub(super) turned_away: Seldom,
    pub(super) gave_way: Seldom,
    pub(super) timed_out: Seldom,
    pub(super) handshake: Seldom,
    pub(super) accept: Seldom,
}

impl Live {
    /// Reads the files that the configuration names.
    pub(super) fn read(whole: &Config) -> Result<Self, ServerError> {
        let config = &whole.intake.listen;
        let tcp = config.http.is_some();
        let token = config.token_file.as_deref().filter(|_| tcp);
        let tls = config.tls.as_ref().filter(|_| tcp);
        Ok(Self {
            token: token.map(Token::read).transpose()?,
            tls: tls.map(tls::acceptor).transpose()?,
            peers: peers(config)?,
            #[cfg(feature = "delivery")]
            receivers: poll::receivers(whole)?,
        })
    }
}

#[cfg(unix)]
fn peers(config: &ListenConfig) -> Result<Option<Vec<u32>>, ServerError> {
    let peers = config.unix.as_ref().and_then(|unix| unix.peers.as_deref());
    peers.map(super::unix::uids).transpose()
}

#[cfg(not(unix))]
fn peers(_: &ListenConfig) -> Result<Option<Vec<u32>>, ServerError> {
    Ok(None)
}

impl Shared {
    pub(super) fn new(
        config: &ListenConfig,
        live: Live,
        calls: Calls,
        host: Arc<Host>,
        feed: Arc<Feed>,
    ) -> Self {
        Self {
            live: ArcSwap::from_pointee(live),
            #[cfg(feature = "delivery")]
            polls: Polls::new(config.max_connections),
            host,
            feed,
            calls,
            remembered: Remembered::new(config.remember, config.max_remembered),
            counts: Counts::default(),
            watch: Watch::new(Patience::new(config.read_timeout, config.idle_timeout)),
            room: Arc::new(Room::new(config.max_body)),
            jobs: AtomicUsize::new(0),
            seldom: Lines::default(),
            max_body: config.max_body,
            max_header: config.max_header,
            max_connections: config.max_connections,
            full_of_left: Default::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Whether the intake was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Asks it to.
    pub(super) fn begin_to_stop(&self) {
        self.stopping.store(true, Relaxed);
        #[cfg(feature = "delivery")]
        self.polls.look_again();
    }

    /// All that is counted.
    pub(super) fn counts(&self) -> ServerCounts {
        let mut counts = self.counts.snapshot();
        counts.connections_open = self.watch.connections() as u64;
        counts.in_flight = self.calls.in_flight().map(|calls| calls as u64);
        counts.left_behind = self.calls.left().map(|calls| calls as u64);
        (counts.remembered, counts.forgotten) = self.remembered.counts();
        counts
    }

    #[cold]
    pub(super) fn turned_away(&self) {
        self.counts.connections_refused.fetch_add(1, Relaxed);
        if let Some(count) = self.seldom.turned_away.happened(Instant::now()) {
            say!(
                TOO_MANY_CONNECTIONS,
                "There are {} connections, which is all that `max_connections` allows: turned {count} \
                 away since the last such line",
                self.max_connections,
            );
        }
    }

    #[cold]
    pub(super) fn gave_way(&self) {
        self.counts.connections_refused.fetch_add(1, Relaxed);
        if let Some(count) = self.seldom.gave_way.happened(Instant::now()) {
            say!(
                TOO_MANY_CONNECTIONS,
                "There are {} connections, which is all that `max_connections` allows: closed {count} \
                 that had shown no token, for new ones, since the last such line",
                self.max_connections,
            );
        }
    }

    #[cold]
    pub(super) fn timed_out(&self, who: &str) {
        self.counts.connections_timed_out.fetch_add(1, Relaxed);
        if let Some(count) = self.seldom.timed_out.happened(Instant::now()) {
            say!(
                TOO_SLOW,
                "A request from {who} did not arrive in time, or its answer was not taken: closed the \
                 connection ({count} since the last such line)",
            );
        }
    }

    #[cold]
    pub(super) fn forbade(&self, who: &str) {
        self.counts.forbidden.fetch_add(1, Relaxed);
        if let Some(count) = self.seldom.forbidden.happened(Instant::now()) {
            say!(
                FORBIDDEN,
                "`unix_peers` does not name the user of {who}: refused the request ({count} since the \
                 last such line)",
            );
        }
    }

    #[cold]
    pub(super) fn no_handshake(&self, who: &str, why: &str) {
        if let Some(count) = self.seldom.handshake.happened(Instant::now()) {
            say!(
                NO_HANDSHAKE,
                "No TLS with {who}: {why} ({count} since the last such line)",
            );
        }
    }
}
