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
//!   not come back holds up its own SPI, and no other, nor `/healthz`;
//! - **those who fetch**: receivers of Security Event Tokens may wait for them for a while, and have
//!   bounds and threads of their own;
//! - **repetitions**: an event whose id was dispatched of late is not dispatched again.
//!
//! Memory is bounded by `max_connections` × (2 × `max_header`, at least 8 KiB each, + 16 KiB of a
//! body + some 10 KiB), for each of the two doors; 16 × `max_body` for longer bodies; about 64 bytes
//! for each of `max_remembered` ids; 3 × `concurrency` threads of the pool; and for those who fetch 16 MiB
//! for bodies, some threads, and 1 MiB, or one SET that is larger, for each answer on its way.

mod answer;
mod body;
mod calls;
mod connection;
mod counts;
mod error;
mod events;
mod job;
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

use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, ListenConfig};
use crate::feed::Feed;
use crate::log::say;
use crate::reload::Part;
use crate::{Host, Spi};

pub use counts::{Route, ServerCounts};
pub use error::{ServerError, TokenFault};

use calls::Calls;
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
    runtime: Runtime,
    doors: Vec<tokio::task::JoinHandle<()>>,
    watching: JoinHandle<()>,
    #[cfg(unix)]
    _file: Option<unix::SocketFile>,
}

impl Server {
    /// Listens where `[intake]` of a configuration says, and serves from then on, on threads of its
    /// own. Events are read and decided as the feed does it, and go to the host's listeners.
    ///
    /// # Errors
    ///
    /// A socket cannot be had, or a file that the configuration names does not serve.
    pub fn start(config: &Config, host: Arc<Host>, feed: Arc<Feed>) -> Result<Self, ServerError> {
        let whole = config;
        let config = &whole.intake.listen;
        allow_files(config);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // As many of one SPI as can run at once, and one more of another. They may all be kept by
        // listeners, so there is a thread beside them to drive the sockets; more would only take turns
        // with the others, which the slowest requests wait for.
        let calls = Calls::new(config.concurrency, cores, cores + 1);
        let shared = Arc::new(Shared::new(whole, calls, host, feed)?);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores + 2)
            .max_blocking_threads(Spi::ALL.len() * config.concurrency + cores + FETCHING)
            .thread_name("intake")
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServerError::Threads)?;
        let entered = runtime.enter();
        let mut doors = Vec::new();
        #[cfg(unix)]
        let file = match &config.unix {
            None => None,
            Some(unix) => {
                let (listener, file) = unix::listen(unix)?;
                let failed = |source| ServerError::Unix {
                    path: unix.path.clone(),
                    source,
                };
                let listener = tokio::net::UnixListener::from_std(listener).map_err(failed)?;
                doors.push(tokio::spawn(listen::accept_unix(
                    listener,
                    Arc::clone(&shared),
                )));
                Some(file)
            }
        };
        #[cfg(not(unix))]
        if config.unix.is_some() {
            return Err(ServerError::NoUnixSockets);
        }
        let mut tcp = None;
        if let Some(address) = config.http {
            let failed = |source| ServerError::Tcp { address, source };
            let listener = listen::tcp(address)?;
            tcp = Some(listener.local_addr().map_err(failed)?);
            let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
            doors.push(tokio::spawn(listen::accept_tcp(
                listener,
                Arc::clone(&shared),
            )));
        }
        drop(entered);
        let watching = watch_over(&shared, &runtime)?;
        let server = Self {
            shared,
            running: Mutex::new(Some(Running {
                runtime,
                doors,
                watching,
                #[cfg(unix)]
                _file: file,
            })),
            config: config.clone(),
            tcp,
        };
        server.say_where();
        Ok(server)
    }

    /// The path of the Unix socket, if there is one.
    pub fn unix_path(&self) -> Option<&Path> {
        self.config.unix.as_ref().map(|unix| unix.path.as_path())
    }

    /// The address that is listened on for TCP, if one is. Its port is never 0.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// What was counted until now.
    pub fn counts(&self) -> ServerCounts {
        self.shared.counts()
    }

    /// Reads the token, those of `[listener.poll]`, the files of `[intake.tls]` and `unix_peers` anew, as a configuration says,
    /// for connections and requests that come from then on. Gives the keys of `[intake]` that have
    /// changed and cannot be taken over before the next start; while `http`, or whether there is TLS,
    /// is among them, what guards TCP stays as it is.
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
    /// events' listeners do, nobody is told of it. Does nothing the second time.
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

/// Lets the process have as many files open as there may be connections, and some.
#[cfg(unix)]
fn allow_files(config: &ListenConfig) {
    let doors = usize::from(config.unix.is_some()) + usize::from(config.http.is_some());
    let wanted = (doors * config.max_connections + 256) as u64;
    let allowed = unix::allow_files(wanted);
    if allowed < wanted {
        say!(
            FEW_FILES,
            "The host may have {allowed} files open, and {} connections ask for {wanted}",
            doors * config.max_connections,
        );
    }
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
fn allow_files(_: &ListenConfig) {}

/// Starts the thread that watches over the others.
fn watch_over(shared: &Arc<Shared>, runtime: &Runtime) -> Result<JoinHandle<()>, ServerError> {
    let shared = Arc::clone(shared);
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("intake-watch".to_owned())
        .spawn(move || shared.watch.run(&shared.calls, &handle))
        .map_err(ServerError::Threads)
}

impl Running {
    fn end(self, shared: &Shared) {
        shared.watch.stop();
        // It does nothing that could panic or block.
        let _ = self.watching.join();
        // Threads that are with listeners are left to them.
        self.runtime.shutdown_background();
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
