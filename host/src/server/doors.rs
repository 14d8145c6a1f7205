//! The doors of an intake: sockets that are listened on, and what guards them, before there is anybody
//! to serve those who come. What cannot be had is found out here, before a listener is made.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::runtime::Builder;

use super::calls::Calls;
use super::error::ServerError;
use super::shared::{Live, Shared};
#[cfg(unix)]
use super::unix;
use super::{FETCHING, Running, Server, Threads, listen, watch_over};
use crate::config::{Config, ListenConfig};
use crate::feed::Feed;
use crate::log::say;
use crate::{Host, Spi};

/// The Unix socket and the TCP address of `[intake]`, listened on, with all that guards them. Whoever
/// connects waits until [`Doors::serve`]. Closed by the drop.
pub struct Doors {
    config: ListenConfig,
    live: Live,
    tcp: Option<(std::net::TcpListener, SocketAddr)>,
    #[cfg(unix)]
    unix: Option<(std::os::unix::net::UnixListener, unix::SocketFile)>,
}

impl Doors {
    /// Listens where `[intake]` of a configuration says, and reads the files that guard it.
    ///
    /// # Errors
    ///
    /// A socket cannot be had, or a file that the configuration names does not serve.
    pub fn open(config: &Config) -> Result<Self, ServerError> {
        let live = Live::read(config)?;
        let config = &config.intake.listen;
        allow_files(config);
        #[cfg(unix)]
        let unix = config.unix.as_ref().map(unix::listen).transpose()?;
        #[cfg(not(unix))]
        if config.unix.is_some() {
            return Err(ServerError::NoUnixSockets);
        }
        let tcp = config.http.map(|address| {
            let listener = listen::tcp(address)?;
            let found = listener.local_addr();
            let found = found.map_err(|source| ServerError::Tcp { address, source })?;
            Ok((listener, found))
        });
        Ok(Self {
            config: config.clone(),
            live,
            tcp: tcp.transpose()?,
            #[cfg(unix)]
            unix,
        })
    }

    /// The path of the Unix socket, if there is one.
    pub fn unix_path(&self) -> Option<&Path> {
        self.config.unix.as_ref().map(|unix| unix.path.as_path())
    }

    /// The address that is listened on for TCP, if one is. Its port is never 0.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().map(|(_, address)| *address)
    }

    /// Serves those who come, on threads of its own. Events are read and decided as the feed does it,
    /// and go to the host's listeners.
    ///
    /// # Errors
    ///
    /// The system gives no threads, or does not let them watch a socket.
    pub fn serve(self, host: Arc<Host>, feed: Arc<Feed>) -> Result<Server, ServerError> {
        let Self { config, live, .. } = self;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // As many of one SPI as can run at once, and one more of another. They may all be kept by
        // listeners, so there is a thread beside them to drive the sockets; more would only take turns
        // with the others, which the slowest requests wait for.
        let calls = Calls::new(config.concurrency, cores, cores + 1);
        let shared = Arc::new(Shared::new(&config, live, calls, host, feed));
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores + 2)
            // For events that were given up there are as many again.
            .max_blocking_threads(2 * Spi::ALL.len() * config.concurrency + cores + FETCHING)
            .thread_name("intake")
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServerError::Threads)?;
        let handle = runtime.handle().clone();
        // From here on it ends without waiting, whatever else cannot be had.
        let runtime = Threads(Some(runtime));
        let entered = handle.enter();
        let mut doors = Vec::new();
        #[cfg(unix)]
        let file = match self.unix {
            None => None,
            Some((listener, file)) => {
                let listener = tokio::net::UnixListener::from_std(listener);
                let listener = listener.map_err(ServerError::Threads)?;
                doors.push(tokio::spawn(listen::accept_unix(
                    listener,
                    Arc::clone(&shared),
                )));
                Some(file)
            }
        };
        let mut tcp = None;
        if let Some((listener, address)) = self.tcp {
            tcp = Some(address);
            let listener = tokio::net::TcpListener::from_std(listener);
            let listener = listener.map_err(|source| ServerError::Tcp { address, source })?;
            doors.push(tokio::spawn(listen::accept_tcp(
                listener,
                Arc::clone(&shared),
            )));
        }
        drop(entered);
        let watching = watch_over(&shared, handle)?;
        let server = Server {
            shared,
            running: Mutex::new(Some(Running {
                runtime,
                doors,
                watching,
                #[cfg(unix)]
                _file: file,
            })),
            config,
            tcp,
        };
        server.say_where();
        Ok(server)
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

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors")
            .field("unix", &self.unix_path())
            .field("tcp", &self.tcp_address())
            .finish_non_exhaustive()
    }
}
