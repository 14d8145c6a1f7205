//! The receiver's URL, and a proxy's. What may be secret in them is in no message.

use std::fmt;

use ureq::Proxy;
use ureq::http::Uri;

use super::ConfigError;
use crate::client::Permits;
use crate::client::addresses::Class;
use crate::client::guard::bare;

/// A URL that SETs can be posted to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

impl Endpoint {
    /// Reads it.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |why| Err(ConfigError::Endpoint(why));
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong(
                "it has spaces or characters beyond ASCII: write a host's name as `xn--…`",
            );
        }
        if text.contains('#') {
            return wrong("it has a fragment, which is never sent");
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return wrong("it cannot be read as one");
        };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("it is not absolute");
        };
        if authority.as_str().contains('@') {
            return wrong("there is a user or a password in it: use `authorization_file`");
        }
        if uri.host().is_none_or(str::is_empty) {
            return wrong("it has no host");
        }
        match scheme {
            "http" | "https" => Ok(Self(uri)),
            _ => wrong("it begins with neither https:// nor http://"),
        }
    }

    /// The URL.
    pub(crate) const fn uri(&self) -> &Uri {
        &self.0
    }

    /// The host, as it is compared.
    pub(crate) fn host(&self) -> String {
        bare(self.0.host().unwrap_or_default())
    }

    /// Whether it is `https`.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether the permits let anything be sent there, as far as that shows without a look-up.
    pub(super) fn check(&self, permits: &Permits) -> Result<(), ConfigError> {
        let host = self.host();
        let address = host.parse().ok();
        if !self.is_encrypted() {
            let here = host == "localhost" || address.map(Class::of) == Some(Class::Loopback);
            if !here {
                return Err(ConfigError::Endpoint(
                    "it begins with http://, and only https:// is encrypted: http:// serves for a \
                     receiver on this machine alone (localhost, 127.0.0.1 or [::1])",
                ));
            }
            if !permits.names(&host) {
                return Err(ConfigError::NotNamed(host));
            }
        }
        // The port matters to nobody there.
        let address = address.map(|ip| (ip, 0).into());
        match address.map(|address| permits.permit(&host, address)) {
            Some(Err(class)) => Err(ConfigError::Inside(host, class)),
            _ => Ok(()),
        }
    }
}

/// Without what may be secret in a query.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.0.path())?;
        match self.0.query() {
            Some(_) => f.write_str("?…"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads the URL of an HTTP proxy.
pub(super) fn proxy(text: &str) -> Result<Proxy, ConfigError> {
    let http = text.starts_with("http://") || text.starts_with("https://");
    match Proxy::new(text) {
        Ok(proxy) if http && !proxy.host().is_empty() => Ok(proxy),
        _ => Err(ConfigError::Proxy),
    }
}
