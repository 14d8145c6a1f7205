//! Why the intake cannot start, or cannot take over another configuration.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the intake cannot start, or cannot take over another configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// Somebody answers at the path of the Unix socket.
    Answered {
        /// The path.
        path: PathBuf,
    },
    /// There is something else than a socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The Unix socket cannot be made.
    Unix {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// This system, or this build, has no Unix sockets to offer.
    NoUnixSockets,
    /// There is no such user.
    UnknownUser {
        /// The name in `unix_peers`.
        name: String,
    },
    /// The address cannot be listened on.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The token file does not serve.
    Token {
        /// The file.
        file: PathBuf,
        /// Why.
        fault: TokenFault,
    },
    /// A file of `[intake.tls]` does not serve.
    Tls {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The system gives no threads.
    Threads(io::Error),
}

/// What is wrong with a token file.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenFault {
    /// It cannot be read.
    Unreadable(io::Error),
    /// There is no token in it.
    Empty,
    /// The token is longer than 4096 bytes.
    TooLong,
    /// The token cannot be sent.
    Characters,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { path } => write!(
                f,
                "somebody answers at the Unix socket {path:?}, perhaps another op-listener: stop it, \
                 or choose another `unix` under [intake]"
            ),
            Self::NotASocket { path } => write!(
                f,
                "{path:?} is there and no socket: move it away, or choose another `unix` under \
                 [intake]"
            ),
            Self::Unix { path, source } => write!(
                f,
                "the Unix socket {path:?} cannot be made ({source}): its directory has to exist and \
                 the host's user has to be allowed to write to it, and the path may be about 100 \
                 bytes long"
            ),
            Self::NoUnixSockets => f.write_str(
                "Unix sockets are not served on this system: use `http` in place of `unix` under \
                 [intake]",
            ),
            Self::UnknownUser { name } => write!(
                f,
                "`unix_peers` names the user {name:?}, who is not in /etc/passwd: correct the name, \
                 or give the user's number"
            ),
            Self::Tcp { address, source } => write!(
                f,
                "{address} cannot be listened on ({source}): choose another `http` under [intake], \
                 or end who has it"
            ),
            Self::Token { file, fault } => write!(f, "the token file {file:?} {fault}"),
            Self::Tls { file, why } => write!(f, "[intake.tls]: {file:?} {why}"),
            Self::Threads(source) => write!(
                f,
                "the system gives the intake no threads ({source}): look at its limits"
            ),
        }
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unix { source, .. } | Self::Tcp { source, .. } | Self::Threads(source) => {
                Some(source)
            }
            Self::Token { fault, .. } => Some(fault),
            Self::Answered { .. }
            | Self::NotASocket { .. }
            | Self::NoUnixSockets
            | Self::UnknownUser { .. }
            | Self::Tls { .. } => None,
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(
                f,
                "cannot be read ({error}): correct the path, or let the host's user read it"
            ),
            Self::Empty => {
                f.write_str("is empty: write a token into it, 32 random bytes in hex say")
            }
            Self::TooLong => f.write_str("is longer than 4096 bytes, which no token is"),
            Self::Characters => f.write_str(
                "has characters that no bearer token has: one of letters, digits and `-._~+/=` on \
                 one line is expected",
            ),
        }
    }
}

impl Error for TokenFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::Empty | Self::TooLong | Self::Characters => None,
        }
    }
}
