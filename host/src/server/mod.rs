//! The intake over HTTP/1.1: `POST /events` on a Unix socket and over TCP, answered after dispatch,
//! and a few resources for those who watch over the host. All requests and answers are in
//! `host/HTTP.md`.
//!
//! The [`Server`] has threads of its own. Events are read by [`crate::intake`], decided by
//! [`crate::flow`] and dispatched by the [`Host`]; here is what it takes that strangers may call:
//!
//! - **bounds** on connections, headers, bodies, time, memory, and events that are with listeners at
//!   once, SPI by SPI. Beyond them a sender is turned away, and told when to come again. An event is
//!   turned away before the flow rule has seen it, so that a code is not used up for nothing;
//! - **listeners that block**: an event is dispatched on the thread that read it, while its SPI's
//!   listeners are quick. There are a few such places; beyond them, and for a while after a call
//!   that took long, an SPI's events go to a pool, of which each SPI has its share. So a listener that does
//!   not come back holds up its own SPI, and no other, nor `/healthz`. When a reload leaves it behind,
//!   its events are given up;
//! - **those who fetch**: receivers of Security Event Tokens may wait for them for a while, and have
//!   bounds and threads of their own;
//! - **repetitions**: an event whose id was dispatched of late is not dispatched again.
//!
//! Memory is bounded by `max_connections` × (2 × `max_header`, at least 8 KiB each, + 16 KiB of a
//! body + some 10 KiB), for each of the two doors; 16 × `max_body` for longer bodies; about 64 bytes
//! for each of `max_remembered` ids; 3 × `concurrency` threads of the pool, and as many again that are
//! with listeners which were left behind; and for those who fetch 16 MiB for bodies, some threads, and
//! 1 MiB, or one SET that is larger, for each answer on its way.

mod answer;
mod body;
mod calls;
mod connection;
mod counts;
mod doors;
mod error;
mod events;
mod framing;
mod job;
mod judge;
mod left;
mod line;
mod listen;
mod pace;
#[cfg(feature = "delivery")]
mod poll;
mod remembered;
mod report;
mod routes;
mod shared;
mod tls;
mod token;
mod told;
#[cfg(unix)]
mod unix;
mod watch;

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime};

use crate::config::{Config, ListenConfig};
use crate::feed::Feed;
use crate::log::say;
use crate::reload::Part;
use crate::{Host, Spi};

pub use counts::{Route, ServerCounts};
pub use doors::Doors;
pub use error::{ServerError, TokenFault};
pub use judge::Judgement;

use shared::{Live, Shared};

/// How often it is looked whether all is done, when the server stops.
const LOOK: Duration = Duration::from_millis(2);

/// So many threads of the pool are for those who fetch.
#[cfg(feature = "delivery")]
const FETCHING: usize = poll::THREADS;
#[cfg(not(feature = "delivery"))]
const FETCHING: usize = 0;

/// A running intake. Stops at once when it is dropped; [`Server::stop`] lets requests end first.
pub struct Server {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
    /// As it was started.
    config: ListenConfig,
    tcp: Option<SocketAddr>,
}

/// What ends with the server.
struct Running {
    runtime: Threads,
    doors: Vec<tokio::task::JoinHandle<()>>,
    watching: JoinHandle<()>,
    #[cfg(unix)]
    _file: Option<unix::SocketFile>,
}

impl Server {
    /// Listens where `[intake]` of a configuration says, and serves from then on, on threads of its
    /// own. Events are read and decided as the feed does it, and go to the host's listeners.
    ///
    /// Blocks for as long as files take to be read: in asynchronous code, call it by way of
    /// `spawn_blocking`, as [`Server::reload`], [`Server::stop`], [`Host::dispatch`] and
    /// [`Host::reload`]. A program that wants its doors open before it makes listeners opens [`Doors`]
    /// first.
    ///
    /// # Errors
    ///
    /// A socket cannot be had, or a file that the configuration names does not serve.
    pub fn start(config: &Config, host: Arc<Host>, feed: Arc<Feed>) -> Result<Self, ServerError> {
        Doors::open(config)?.serve(host, feed)
    }

    /// The path of the Unix socket, if there is one.
    pub fn unix_path(&self) -> Option<&Path> {
        self.config.unix.as_ref().map(|unix| unix.path.as_path())
    }

    /// The address that is listened on for TCP, if one is. Its port is never 0.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// Whether events go on: not where some SPI has as many as `concurrency` allows with its
    /// listeners, and none of them has come back for so long. What was left behind by a reload does
    /// not count. For whoever decides whether to start the process anew.
    pub fn moves_within(&self, time: Duration) -> bool {
        let still = |spi: &Spi| self.shared.calls.is_still_for(*spi, time);
        if !Spi::ALL.iter().any(still) {
            return true;
        }
        self.shared.give_up_left_behind();
        !Spi::ALL.iter().any(still)
    }

    /// What was counted until now.
    pub fn counts(&self) -> ServerCounts {
        self.shared.counts()
    }

    /// Reads the token, those of `[listener.poll]`, the files of `[intake.tls]` and `unix_peers` anew, as a configuration says,
    /// for connections and requests that come from then on. Gives the keys of `[intake]` that have
    /// changed and cannot be taken over before the next start; while `http`, or whether there is TLS,
    /// is among them, what guards TCP stays as it is. Blocks while it reads them.
    ///
    /// # Errors
    ///
    /// A file does not serve. Then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<Vec<&'static str>, ServerError> {
        let (old, new) = (&self.config, &config.intake.listen);
        let tls = |config: &ListenConfig| config.tls.as_ref().map(|tls| tls.client_ca.is_some());
        let socket = |config: &ListenConfig| {
            let unix = config.unix.as_ref();
            unix.map(|unix| (unix.path.clone(), unix.mode))
        };
        let keys = [
            ("http", old.http != new.http),
            ("tls", tls(old) != tls(new)),
            ("unix", socket(old) != socket(new)),
            ("max_body", old.max_body != new.max_body),
            ("max_header", old.max_header != new.max_header),
            (
                "max_connections",
                old.max_connections != new.max_connections,
            ),
            ("concurrency", old.concurrency != new.concurrency),
            ("read_timeout_ms", old.read_timeout != new.read_timeout),
            ("idle_timeout", old.idle_timeout != new.idle_timeout),
            ("remember", old.remember != new.remember),
            ("max_remembered", old.max_remembered != new.max_remembered),
        ];
        let mut live = Live::read(config)?;
        let changed = keys.iter().filter(|(_, changed)| *changed);
        let later: Vec<_> = changed.map(|(key, _)| *key).collect();
        if later.contains(&"http") || later.contains(&"tls") {
            let before = self.shared.live.load();
            live.token.clone_from(&before.token);
            live.tls.clone_from(&before.tls);
        }
        self.shared.live.store(Arc::new(live));
        #[cfg(feature = "delivery")]
        self.shared.polls.look_again();
        Ok(later)
    }

    /// Stops: accepts nothing more, removes the Unix socket, lets requests that have begun end, and
    /// waits for them, `limit` at the most. Says how many had not ended by then: whatever their
    /// events' listeners do, nobody is told of it. Does nothing the second time. Blocks meanwhile; the
    /// drop does not.
    pub fn stop(&self, limit: Duration) -> usize {
        let Some(running) = self.lock().take() else {
            return 0;
        };
        self.shared.begin_to_stop();
        let deadline = Instant::now() + limit;
        for door in &running.doors {
            door.abort();
        }
        let at_work = || {
            let doors = running.doors.iter().filter(|door| !door.is_finished());
            let jobs = self.shared.jobs.load(Relaxed);
            doors.count() + jobs.max(self.shared.watch.connections())
        };
        loop {
            self.shared.watch.end_connections();
            let left = at_work();
            if left == 0 || Instant::now() >= deadline {
                running.end(&self.shared);
                self.say_stopped(left);
                return left;
            }
            thread::sleep(LOOK);
        }
    }

    fn say_where(&self) {
        if let Some(path) = self.unix_path() {
            say!(LISTENING, "Events are taken at the Unix socket {path:?}");
        }
        if let Some(address) = self.tcp {
            let scheme = if self.config.tls.is_some() {
                "https"
            } else {
                "http"
            };
            say!(LISTENING, "Events are taken at {scheme}://{address}/events");
        }
    }

    fn say_stopped(&self, left: usize) {
        let counts = self.counts();
        let requests: u64 = counts.requests.iter().flatten().sum();
        let text = format!(
            "The intake has stopped: {requests} requests on {} connections",
            counts.connections
        );
        if left == 0 {
            say!(INTAKE_STOPPED, "{text}");
        } else {
            say!(REQUESTS_ABANDONED, "{text}; {left} had not ended in time");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that watches over the others.
fn watch_over(shared: &Arc<Shared>, handle: Handle) -> Result<JoinHandle<()>, ServerError> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("intake-watch".to_owned())
        .spawn(move || {
            let each_round = || {
                shared.give_up_left_behind();
            };
            shared.watch.run(&shared.calls, &handle, each_round);
        })
        .map_err(ServerError::Threads)
}

impl Running {
    fn end(self, shared: &Shared) {
        shared.watch.stop();
        // It does nothing that could panic or block.
        let _ = self.watching.join();
        drop(self.runtime);
    }
}

/// The threads that drive sockets, and those of the pool. At the end, those that are with listeners
/// are left to them: nobody waits, since nobody may where others are driven.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Part for Server {
    fn name(&self) -> &'static str {
        "what guards the intake over HTTP"
    }

    fn reload(&self, config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
        // A `Reloader` has told by then of what only a restart changes.
        self.reload(config)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("unix", &self.unix_path())
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}
