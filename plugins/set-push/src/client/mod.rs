//! The HTTP client: posts a SET and gives the answer, whatever it is. It follows no redirect, looks
//! at no proxy variable of the environment, connects to no address that the receiver may not have,
//! and reads a bounded part of an answer in bounded time. What an answer means is left to
//! [`crate::delivery`].

pub(crate) mod addresses;
pub(crate) mod guard;
mod stamps;
mod tls;

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustls::AlertDescription;
use ureq::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LANGUAGE, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, RustlsConnector};
use ureq::{Agent, Proxy, Timeout};

use guard::{GuardedConnector, Later};
pub(crate) use guard::{Permits, Refused};
use stamps::Stamps;
pub(crate) use tls::{TlsError, TlsFiles};

/// The media type of a SET (RFC 8417 section 7.2).
pub(crate) const SET_TYPE: &str = "application/secevent+jwt";

/// So much of an answer's body is read, in bytes.
const LONGEST_BODY: u64 = 64 << 10;
/// As many connections as a queue has threads at the most are kept open.
const MOST_CONNECTIONS: usize = 64;

/// How the receiver is reached.
#[derive(Clone)]
pub(crate) struct Route {
    /// The receiver's URL.
    pub(crate) endpoint: Uri,
    /// A proxy to go through, which then resolves the receiver's name.
    pub(crate) proxy: Option<Proxy>,
    /// Where to.
    pub(crate) permits: Permits,
    /// With what certificates; `None` without TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// From the start to the last byte of the answer.
    pub(crate) timeout: Duration,
    /// For resolving the name, connecting, and the TLS handshake.
    pub(crate) connect_timeout: Duration,
}

/// Posts SETs, over connections that it keeps open.
pub(crate) struct Client {
    route: Route,
    current: Mutex<Current>,
}

struct Current {
    agent: Agent,
    /// Of the files that it was made with, or that could not be used instead.
    stamps: Stamps,
}

/// What the receiver answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) content_language: Option<String>,
    /// The beginning of it, at least.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum PostError {
    /// The receiver has an address that it may not have.
    Refused(Refused),
    /// One side does not trust the other, or they have no way to speak in common.
    Distrust(rustls::Error),
    /// It took too long: what took its time, and the limit.
    Slow(Timeout, Duration),
    /// The other side went away.
    Closed {
        /// Then it may be about certificates.
        over_tls: bool,
    },
    /// Anything else: the name is not known, nobody listens, the answer is no HTTP.
    Other(ureq::Error),
}

impl Client {
    /// Reads the files, and connects to nothing.
    pub(crate) fn new(route: Route) -> Result<Self, TlsError> {
        let stamps = route.stamps();
        let agent = route.agent()?;
        Ok(Self {
            route,
            current: Mutex::new(Current { agent, stamps }),
        })
    }

    /// Takes the files up where they are others than before. On an error the ones from before stay in
    /// use, and it is not said again until they change again.
    pub(crate) fn refresh(&self) -> Result<(), TlsError> {
        let stamps = self.route.stamps();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.stamps == stamps {
            return Ok(());
        }
        current.stamps = stamps;
        current.agent = self.route.agent()?;
        Ok(())
    }

    /// Posts a SET.
    pub(crate) fn post(
        &self,
        set: &[u8],
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, PostError> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = current.agent.clone();
        drop(current);
        let mut request = agent
            .post(&self.route.endpoint)
            .header(CONTENT_TYPE, SET_TYPE)
            .header(ACCEPT, "application/json");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut response = request.send(set).map_err(|error| self.failure(error))?;
        let mut body = Vec::new();
        // Where the rest of it is late or lost, what came is the answer all the same.
        let _ = response
            .body_mut()
            .as_reader()
            .take(LONGEST_BODY)
            .read_to_end(&mut body);
        let headers = response.headers();
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: text(headers, &RETRY_AFTER),
            location: text(headers, &LOCATION),
            content_language: text(headers, &CONTENT_LANGUAGE),
            body,
        })
    }

    fn failure(&self, error: ureq::Error) -> PostError {
        match error {
            ureq::Error::Timeout(what) => {
                let limit = match what {
                    Timeout::Connect => self.route.connect_timeout,
                    _ => self.route.timeout,
                };
                PostError::Slow(what, limit)
            }
            ureq::Error::Other(inner) => match inner.downcast::<Refused>() {
                Ok(refused) => PostError::Refused(*refused),
                Err(inner) => PostError::Other(ureq::Error::Other(inner)),
            },
            ureq::Error::Rustls(error) if is_distrust(&error) => PostError::Distrust(error),
            ureq::Error::Io(error) => {
                let inner = error.get_ref().and_then(|it| it.downcast_ref());
                match inner.filter(|inner| is_distrust(inner)) {
                    Some(tls) => PostError::Distrust(tls.clone()),
                    None if is_end(error.kind()) => PostError::Closed {
                        over_tls: self.route.tls.is_some(),
                    },
                    None => PostError::Other(ureq::Error::Io(error)),
                }
            }
            other => PostError::Other(other),
        }
    }
}

impl Route {
    fn stamps(&self) -> Stamps {
        Stamps::of(self.tls.iter().flat_map(TlsFiles::paths))
    }

    fn agent(&self) -> Result<Agent, TlsError> {
        let mut config = Agent::config_builder()
            .proxy(self.proxy.clone())
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(self.timeout))
            .timeout_connect(Some(self.connect_timeout))
            .max_idle_connections(MOST_CONNECTIONS)
            .max_idle_connections_per_host(MOST_CONNECTIONS)
            .user_agent(concat!("op-listener-set-push/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("")
            .https_only(self.tls.is_some() && self.proxy.is_none());
        if let Some(files) = &self.tls {
            config = config.tls_config(files.read()?);
        }
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(GuardedConnector::new(self.permits.clone()))
                .chain(RustlsConnector::default());
        Ok(Agent::with_parts(config.build(), connector, Later))
    }
}

/// Whether the other side went away.
const fn is_end(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};

    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

/// Whether it is the certificates or the settings of one side, and not the connection.
fn is_distrust(error: &rustls::Error) -> bool {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, HandshakeFailure, InsufficientSecurity, ProtocolVersion, UnknownCA,
        UnrecognisedName, UnsupportedCertificate,
    };
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::PeerIncompatible(_) => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            AccessDenied
                | BadCertificate
                | CertificateExpired
                | CertificateRequired
                | CertificateRevoked
                | CertificateUnknown
                | HandshakeFailure
                | InsufficientSecurity
                | ProtocolVersion
                | UnknownCA
                | UnrecognisedName
                | UnsupportedCertificate
        ),
        _ => false,
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Distrust(error @ rustls::Error::AlertReceived(_)) => {
                write!(
                    f,
                    "the receiver refuses the TLS connection ({error}): look at `client_certificate`"
                )
            }
            Self::Distrust(error) => write!(f, "the receiver is not trusted: {error}"),
            Self::Slow(Timeout::Connect | Timeout::Resolve, limit) => {
                write!(f, "no connection within {limit:?}")
            }
            Self::Slow(_, limit) => write!(f, "no answer within {limit:?}"),
            Self::Closed { over_tls: false } => {
                f.write_str("the connection was closed before there was an answer")
            }
            // In TLS 1.3 that is how it mostly looks: the handshake is over, and the request under way.
            Self::Closed { over_tls: true } => f.write_str(
                "the connection was closed before there was an answer, as a receiver does too that \
                 wants another client certificate, or one at all",
            ),
            Self::Other(ureq::Error::HostNotFound) => f.write_str("the host's name is not known"),
            Self::Other(ureq::Error::Io(error)) => write!(f, "the connection failed: {error}"),
            Self::Other(error) => write!(f, "the exchange failed: {error}"),
        }
    }
}

impl std::error::Error for PostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Distrust(error) => Some(error),
            Self::Other(error) => Some(error),
            Self::Slow(..) | Self::Closed { .. } => None,
        }
    }
}
