//! The streams that connections are made of, and whether something happens on the other side of one
//! while nobody reads from it.

use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

/// A stream of a connection.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ready when bytes are there to be read, which stay there, or when the other side has closed it.
    fn poll_stirs(&self, context: &mut Context<'_>) -> Poll<()>;
}

impl Line for TcpStream {
    fn poll_stirs(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        let mut byte = tokio::io::ReadBuf::new(&mut byte);
        self.poll_peek(context, &mut byte).map(drop)
    }
}

#[cfg(unix)]
impl Line for UnixStream {
    fn poll_stirs(&self, context: &mut Context<'_>) -> Poll<()> {
        use rustix::net::{RecvFlags, recv};

        loop {
            match self.poll_read_ready(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            let peek = || {
                let mut byte = [0_u8];
                let peeked = recv(self, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
                peeked.map(drop).map_err(std::io::Error::from)
            };
            match self.try_io(tokio::io::Interest::READABLE, peek) {
                // It was not ready after all, which is noted by now.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: Line> Line for TlsStream<S> {
    fn poll_stirs(&self, context: &mut Context<'_>) -> Poll<()> {
        self.get_ref().0.poll_stirs(context)
    }
}
