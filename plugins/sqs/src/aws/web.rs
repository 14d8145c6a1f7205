//! HTTP, in bounded time and size: over TLS with the system's certificate authorities or those of a
//! file, through the proxies that the environment names; and to the machine's own addresses, for
//! credentials, past any proxy.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body, RequestBuilder};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the machine's own addresses may take; on another machine than AWS's nobody answers.
const METADATA: Duration = Duration::from_secs(1);
/// No answer that means anything is longer.
const LONGEST_ANSWER: u64 = 1 << 20;
const USER_AGENT: &str = concat!("op-listener-sqs/", env!("CARGO_PKG_VERSION"));

/// Asks over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    outside: Agent,
    machine: Agent,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no answer, or no way to ask.
#[derive(Debug)]
pub(crate) enum WebError {
    /// The file of certificate authorities.
    CaFile(PathBuf, String),
    /// The system has no certificate authorities.
    NoCas(String),
    /// A request failed: where it went, without its path.
    Failed(String, ureq::Error),
    /// A request took too long: where it went, and in which phase it was.
    TimedOut(String, ureq::Timeout),
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile(file, why) => write!(
                f,
                "the file of certificate authorities {} cannot be used: {why}: expected certificates \
                 in PEM",
                file.display()
            ),
            Self::NoCas(why) => write!(
                f,
                "the system has no certificate authorities{why}: install them (the package is usually \
                 called ca-certificates), or name a file in `ca_file`"
            ),
            Self::Failed(place, error) => write!(f, "{place}: {error}"),
            Self::TimedOut(place, phase) => write!(f, "{place}: took too long ({phase})"),
        }
    }
}

impl std::error::Error for WebError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(_, error) => Some(error),
            _ => None,
        }
    }
}

impl Web {
    /// With the certificate authorities of a file, or those of the system.
    ///
    /// # Errors
    ///
    /// There are none.
    pub(crate) fn new(ca_file: Option<&Path>, timeout: Duration) -> Result<Self, WebError> {
        let roots = match ca_file {
            Some(file) => of_file(file)?,
            None => of_system()?,
        };
        Ok(Self::with(roots, timeout))
    }

    /// Where no TLS will be spoken.
    pub(crate) fn without_tls(timeout: Duration) -> Self {
        Self::with(Vec::new(), timeout)
    }

    fn with(roots: Vec<Certificate<'static>>, timeout: Duration) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(provider))
            .root_certs(RootCerts::from(roots))
            .build();
        let common = || {
            Agent::config_builder()
                .tls_config(tls.clone())
                .user_agent(USER_AGENT)
                .accept("")
                .max_redirects(0)
                .http_status_as_error(false)
        };
        let outside = common()
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT.min(timeout)))
            .build();
        let machine = common().proxy(None).timeout_global(Some(METADATA)).build();
        Self {
            outside: outside.into(),
            machine: machine.into(),
        }
    }

    /// Posts to a service.
    pub(crate) fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, WebError> {
        let request = with_headers(self.outside.post(url), headers);
        answer(url, request.send(body))
    }

    /// Gets something from an address of this machine, or close to it.
    pub(crate) fn get_near(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, WebError> {
        answer(url, with_headers(self.machine.get(url), headers).call())
    }

    /// Puts nothing to an address of this machine, which answers with something.
    pub(crate) fn put_near(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, WebError> {
        answer(
            url,
            with_headers(self.machine.put(url), headers).send_empty(),
        )
    }
}

fn with_headers<B>(request: RequestBuilder<B>, headers: &[(&str, &str)]) -> RequestBuilder<B> {
    headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    })
}

fn answer(
    url: &str,
    answered: Result<ureq::http::Response<Body>, ureq::Error>,
) -> Result<Answer, WebError> {
    let failed = |error| match error {
        ureq::Error::Timeout(phase) => WebError::TimedOut(origin(url), phase),
        error => WebError::Failed(origin(url), error),
    };
    let (head, mut body) = answered.map_err(failed)?.into_parts();
    let body = body
        .with_config()
        .limit(LONGEST_ANSWER)
        .read_to_vec()
        .map_err(failed)?;
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    })
}

/// A URL up to its path.
fn origin(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    url[..end].to_owned()
}

fn of_file(file: &Path) -> Result<Vec<Certificate<'static>>, WebError> {
    let wrong = |why: String| WebError::CaFile(file.to_owned(), why);
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        match item.map_err(|error| wrong(error.to_string()))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => {
                return Err(wrong(
                    "it holds something else than certificates".to_owned(),
                ));
            }
        }
    }
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(certificates)
}

fn of_system() -> Result<Vec<Certificate<'static>>, WebError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})"));
        return Err(WebError::NoCas(why.unwrap_or_default()));
    }
    let der = found.certs.iter();
    Ok(der
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect())
}
