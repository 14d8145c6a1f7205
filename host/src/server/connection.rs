//! One connection: bytes in and out, requests one after the other, and an end in any case.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;

use super::answer::late;
use super::line::Line;
use super::pace::{Demand, Pace, Phase};
use super::routes;
use super::shared::Shared;

/// hyper's buffer for reading has to be able to hold so much; its own bound.
const LEAST_BUFFER: usize = 8 << 10;

/// The way a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The Unix socket.
    Unix,
    /// TCP.
    Tcp {
        /// From this machine to this machine.
        loopback: bool,
    },
}

/// Who is on the other side.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) door: Door,
    /// For the log.
    pub(super) name: String,
    /// Whether it may be served at all.
    pub(super) allowed: bool,
}

/// A connection, as those who answer its requests see it.
pub(super) struct Visit {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Peer,
    pub(super) pace: Arc<Pace>,
}

/// A place among the connections of a door.
pub(super) struct Seat {
    taken: Arc<AtomicUsize>,
    shared: Arc<Shared>,
    number: u64,
    pace: Arc<Pace>,
}

impl Seat {
    /// A place, if there is one. Where strangers come in, one of them gives way if need be.
    pub(super) fn take(
        shared: &Arc<Shared>,
        taken: &Arc<AtomicUsize>,
        strangers: bool,
    ) -> Option<Self> {
        if taken.fetch_add(1, Relaxed) >= shared.max_connections {
            if strangers && shared.watch.make_room() {
                shared.gave_way();
            } else {
                taken.fetch_sub(1, Relaxed);
                shared.turned_away();
                return None;
            }
        }
        shared.counts.connections.fetch_add(1, Relaxed);
        let (number, pace) = shared.watch.add();
        if strangers {
            pace.is_stranger();
        }
        if shared.is_stopping() {
            pace.stop();
        }
        Some(Self {
            taken: Arc::clone(taken),
            shared: Arc::clone(shared),
            number,
            pace,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.watch.remove(self.number);
        self.taken.fetch_sub(1, Relaxed);
    }
}

/// A stream whose pace is noted.
struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    shared: Arc<Shared>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.received(self.shared.watch.round());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        let round = self.shared.watch.round();
        self.pace.wrote(written.is_ready(), round);
        written
    }
}

impl<S: Line> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Called whenever the connection has something to do, and the one place to see the stream from.
        if self.pace.is_held() && self.stream.poll_stirs(context).is_ready() {
            self.pace.stir();
            context.waker().wake_by_ref();
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.note(shut)
    }
}

/// How serving ended.
enum Ended {
    /// By itself.
    Closed,
    /// With half a header.
    Late,
    /// It was idle for long, or nobody took the answer.
    TimedOut,
}

/// Serves a connection until it ends.
pub(super) async fn serve<S: Line>(stream: S, peer: Peer, seat: Seat) {
    let (shared, pace) = (Arc::clone(&seat.shared), Arc::clone(&seat.pace));
    let io = TokioIo::new(Paced {
        stream,
        pace: Arc::clone(&pace),
        shared: Arc::clone(&shared),
    });
    let visit = Arc::new(Visit {
        shared: Arc::clone(&shared),
        peer,
        pace: Arc::clone(&pace),
    });
    let service = service_fn(|request| {
        let visit = Arc::clone(&visit);
        async move { Ok::<_, Infallible>(routes::answer(&visit, request).await) }
    });
    let mut connection = http1::Builder::new()
        .half_close(true)
        .max_header_size(shared.max_header)
        .max_buf_size(shared.max_header.max(LEAST_BUFFER))
        .serve_connection(io, service);
    let ended = poll_fn(|context| {
        pace.woken_by(context.waker());
        match pace.take_demand() {
            Demand::Nothing => {}
            Demand::Stop => Pin::new(&mut connection).graceful_shutdown(),
            Demand::Late if pace.tell_body() => {}
            Demand::Late => return Poll::Ready(Ended::Late),
            Demand::End => return Poll::Ready(Ended::TimedOut),
        }
        // What went wrong on the wire is the other side's business.
        Pin::new(&mut connection)
            .poll(context)
            .map(|_| Ended::Closed)
    });
    match ended.await {
        Ended::TimedOut if pace.is_stalled() => shared.timed_out(&visit.peer.name),
        Ended::Closed | Ended::TimedOut => {}
        Ended::Late => {
            shared.timed_out(&visit.peer.name);
            // An answer that is half written must not be followed by another.
            if !pace.is_stalled() {
                let mut stream = connection.into_parts().io.into_inner().stream;
                let late = late().bytes();
                // As much as goes at once, which is all of it, or it is of no use.
                poll_fn(|context| {
                    let written = Pin::new(&mut stream).poll_write(context, &late);
                    if written.is_ready() {
                        let _ = Pin::new(&mut stream).poll_flush(context);
                    }
                    Poll::Ready(())
                })
                .await;
            }
        }
    }
}

/// Makes the TLS handshake, and serves the connection then.
pub(super) async fn serve_tls<S: Line>(stream: S, peer: Peer, seat: Seat, acceptor: TlsAcceptor) {
    let (shared, pace) = (Arc::clone(&seat.shared), Arc::clone(&seat.pace));
    // As long as a header may take.
    pace.begin(Phase::Header, shared.watch.round());
    let mut handshake = acceptor.accept(stream);
    let stream = poll_fn(|context| {
        pace.woken_by(context.waker());
        match pace.take_demand() {
            Demand::Nothing => Pin::new(&mut handshake).poll(context).map(Some),
            Demand::Stop | Demand::Late | Demand::End => Poll::Ready(None),
        }
    });
    match stream.await {
        Some(Ok(stream)) => {
            if shared.live.load().token.is_none() {
                // It had to have a certificate.
                pace.is_known();
            }
            pace.answered(shared.watch.round());
            serve(stream, peer, seat).await;
        }
        Some(Err(error)) => shared.no_handshake(&peer.name, &error.to_string()),
        None if pace.is_stopping() => {}
        None => shared.timed_out(&peer.name),
    }
}
