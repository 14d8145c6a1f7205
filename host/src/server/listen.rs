//! The doors: accepts connections on the Unix socket and over TCP, as many as there may be, and
//! gives each a task.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::connection::{Door, Peer, Seat, serve, serve_tls};
use super::error::ServerError;
use super::shared::Shared;
use crate::log::say;

/// How long to wait after the system gave no connection: it lacks descriptors or memory.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// What is said to whom there is no place for.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Length: 0\r\n\r\n";

/// Listens on a TCP address.
pub(super) fn tcp(address: SocketAddr) -> Result<std::net::TcpListener, ServerError> {
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| ServerError::Tcp { address, source })
}

/// Accepts connections over TCP until it is aborted.
pub(super) async fn accept_tcp(listener: TcpListener, shared: Arc<Shared>) {
    let taken = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                failed(&shared, &error).await;
                continue;
            }
        };
        let tls = shared.live.load().tls.clone();
        let Some(seat) = Seat::take(&shared, &taken, true) else {
            // In the clear it would be no answer for who expects TLS.
            if tls.is_none() {
                turn_away_tcp(stream);
            }
            continue;
        };
        let peer = Peer {
            door: Door::Tcp {
                loopback: from.ip().to_canonical().is_loopback(),
            },
            name: from.to_string(),
            allowed: true,
        };
        // Answers are short, and written whole.
        let _ = stream.set_nodelay(true);
        match tls {
            Some(acceptor) => tokio::spawn(serve_tls(stream, peer, seat, acceptor)),
            None => tokio::spawn(serve(stream, peer, seat)),
        };
    }
}

/// Accepts connections on the Unix socket until it is aborted.
#[cfg(unix)]
pub(super) async fn accept_unix(listener: tokio::net::UnixListener, shared: Arc<Shared>) {
    let taken = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                failed(&shared, &error).await;
                continue;
            }
        };
        let Some(seat) = Seat::take(&shared, &taken, false) else {
            if let Ok(mut stream) = stream.into_std() {
                // It does not block; who does not get it sees the end.
                let _ = stream.write(FULL);
            }
            continue;
        };
        let peer = unix_peer(&stream, &shared);
        tokio::spawn(serve(stream, peer, seat));
    }
}

#[cfg(unix)]
fn unix_peer(stream: &tokio::net::UnixStream, shared: &Shared) -> Peer {
    let live = shared.live.load();
    let uid = stream.peer_cred().map(|peer| peer.uid());
    let allowed = match (&live.peers, &uid) {
        (None, _) => true,
        (Some(peers), Ok(uid)) => peers.contains(uid),
        (Some(_), Err(_)) => false,
    };
    Peer {
        door: Door::Unix,
        name: match uid {
            Ok(uid) => format!("a process of user {uid}"),
            Err(_) => "a process of an unknown user".to_owned(),
        },
        allowed,
    }
}

fn turn_away_tcp(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(FULL);
    }
}

/// Says that no connection could be had, and waits a little.
async fn failed(shared: &Shared, error: &io::Error) {
    // A client that went away before it was accepted is no lack of anything.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    if let Some(count) = shared.seldom.accept.happened(Instant::now()) {
        say!(
            ACCEPT_FAILED,
            "No connection can be accepted: {error} ({count} times since the last such line)",
        );
    }
    tokio::time::sleep(AFTER_FAILURE).await;
}
