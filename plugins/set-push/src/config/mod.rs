//! The listener's configuration: what may be written into its table, and what it comes to once it has
//! been checked. Files are opened by those who use them.

mod endpoint;
mod error;
mod lists;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use ureq::Proxy;

use crate::client::Permits;
use crate::client::guard::bare;
pub(crate) use endpoint::Endpoint;
pub(crate) use error::ConfigError;
use lists::list;

/// The switch alone. Read first: while it is off, nothing else is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Switch {
    /// Whether events are wanted.
    #[serde(default)]
    pub(crate) enable: bool,
}

/// The table as an operator writes it. The package's README describes each key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "enable")]
    _enable: Option<bool>,
    #[serde(default)]
    method: Method,
    // Not the type, so that a wrong URL is never quoted.
    endpoint: Option<String>,
    #[serde(default, deserialize_with = "list")]
    allow_hosts: Vec<String>,
    proxy: Option<String>,
    proxy_file: Option<PathBuf>,
    authorization_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    timeout_ms: Option<u64>,
    connect_timeout_ms: Option<u64>,
    #[serde(default)]
    success: Vec<u16>,
    #[serde(default)]
    order: Order,
    #[serde(default, deserialize_with = "list")]
    audience: Vec<String>,
    #[serde(default)]
    sub_id: SubIdFormat,
    #[serde(default)]
    subject: WhichSubject,
    account_host: Option<String>,
    #[serde(default)]
    jti: Jti,
    #[serde(default, deserialize_with = "list")]
    claims: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    mask: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    members: Vec<String>,
    #[serde(default)]
    event_types: EventTypes,
    verify: Option<Verify>,
}

/// How SETs get to the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// They are pushed to it (RFC 8935).
    #[default]
    Push,
    /// It fetches them from the host (RFC 8936).
    Poll,
}

/// Which SETs are to be received in the order of their events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// None.
    #[default]
    None,
    /// Those of one client.
    Client,
    /// Those of one subject; where there is none, of one client.
    Subject,
    /// All.
    All,
}

/// The format of `sub_id` (RFC 9493).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubIdFormat {
    /// Issuer and subject.
    #[default]
    IssSub,
    /// The subject alone.
    Opaque,
    /// The claim `email`.
    Email,
    /// An `acct` URI of the subject.
    Account,
}

/// Which of its names the subject goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhichSubject {
    /// The provider's own.
    #[default]
    Local,
    /// The token's `sub`, which is another for each sector where it is pairwise.
    Token,
}

/// What a SET's `jti` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Jti {
    /// The event's id.
    #[default]
    Event,
    /// That and the instance's name.
    Instance,
}

/// URIs in place of the project's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTypes {
    pub(crate) id_token_issue: Option<String>,
    pub(crate) access_token_issue: Option<String>,
    pub(crate) subject_auth_and_consent: Option<String>,
}

/// A verification event that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    /// What the receiver is to find in it.
    pub(crate) state: String,
    /// In whose name it is.
    pub(crate) issuer: String,
    /// The stream that is verified.
    pub(crate) stream_id: String,
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `None` where the receiver fetches.
    pub(crate) delivery: Option<DeliverySettings>,
    pub(crate) content: ContentSettings,
    pub(crate) order: Order,
    pub(crate) verify: Option<Verify>,
}

/// What concerns the way to the receiver.
#[derive(Clone, Debug)]
pub(crate) struct DeliverySettings {
    pub(crate) endpoint: Endpoint,
    pub(crate) permits: Permits,
    pub(crate) proxy: Option<Proxy>,
    /// A file with the proxy's URL. Read by [`DeliverySettings::read_proxy`].
    pub(crate) proxy_file: Option<PathBuf>,
    pub(crate) authorization_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate chain and key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// What counts as a receipt beside 202.
    pub(crate) success: Vec<u16>,
}

/// What concerns the SETs.
#[derive(Clone, Debug)]
pub(crate) struct ContentSettings {
    pub(crate) audience: Vec<String>,
    pub(crate) sub_id: SubIdFormat,
    pub(crate) subject: WhichSubject,
    /// The host of `acct` URIs, if not the issuer's.
    pub(crate) account_host: Option<String>,
    pub(crate) jti: Jti,
    pub(crate) claims: Vec<String>,
    pub(crate) mask: Vec<String>,
    pub(crate) members: Vec<String>,
    pub(crate) event_types: EventTypes,
}

impl Table {
    /// Checks what the values mean together.
    ///
    /// # Errors
    ///
    /// Values that are missing, contradict each other, or would have no effect.
    pub(crate) fn check(mut self) -> Result<Settings, ConfigError> {
        let content = ContentSettings {
            audience: std::mem::take(&mut self.audience),
            sub_id: self.sub_id,
            subject: self.subject,
            account_host: self.account_host.take(),
            jti: self.jti,
            claims: std::mem::take(&mut self.claims),
            mask: std::mem::take(&mut self.mask),
            members: std::mem::take(&mut self.members),
            event_types: std::mem::take(&mut self.event_types),
        };
        content.check()?;
        if let Some(verify) = &self.verify {
            verify.check()?;
        }
        let (order, verify) = (self.order, self.verify.take());
        let delivery = match self.method {
            Method::Push => Some(self.check_delivery()?),
            Method::Poll => {
                self.check_poll()?;
                None
            }
        };
        Ok(Settings {
            delivery,
            content,
            order,
            verify,
        })
    }

    /// Whoever fetches finds the way by itself.
    fn check_poll(&self) -> Result<(), ConfigError> {
        let of_push = [
            ("endpoint", self.endpoint.is_some()),
            ("allow_hosts", !self.allow_hosts.is_empty()),
            ("proxy", self.proxy.is_some()),
            ("proxy_file", self.proxy_file.is_some()),
            ("authorization_file", self.authorization_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("client_certificate", self.client_certificate.is_some()),
            ("client_key", self.client_key.is_some()),
            ("timeout_ms", self.timeout_ms.is_some()),
            ("connect_timeout_ms", self.connect_timeout_ms.is_some()),
            ("success", !self.success.is_empty()),
        ];
        match of_push.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(ConfigError::PushOnly(key)),
            None => Ok(()),
        }
    }

    fn check_delivery(self) -> Result<DeliverySettings, ConfigError> {
        let endpoint = Endpoint::parse(&self.endpoint.ok_or(ConfigError::Missing("endpoint"))?)?;
        let permits = permits(&self.allow_hosts, &endpoint)?;
        let client = match (self.client_certificate, self.client_key) {
            (None, None) => None,
            (Some(chain), Some(key)) => Some((chain, key)),
            (Some(_), None) => return Err(ConfigError::Half("client_certificate", "client_key")),
            (None, Some(_)) => return Err(ConfigError::Half("client_key", "client_certificate")),
        };
        if !endpoint.is_encrypted() {
            if self.ca_file.is_some() {
                return Err(ConfigError::TlsUnused("ca_file"));
            }
            if client.is_some() {
                return Err(ConfigError::TlsUnused("client_certificate"));
            }
            if self.proxy.is_some() || self.proxy_file.is_some() {
                return Err(ConfigError::ProxyToHere);
            }
        }
        let proxy = match (&self.proxy, &self.proxy_file) {
            (Some(_), Some(_)) => return Err(ConfigError::ProxyTwice),
            (Some(url), None) if url.contains('@') => return Err(ConfigError::ProxySecret),
            (Some(url), None) => Some(endpoint::proxy(url)?),
            (None, _) => None,
        };
        let mut receipts = self.success.iter();
        if let Some(status) = receipts.find(|status| !(200..300).contains(*status)) {
            return Err(ConfigError::Success(*status));
        }
        Ok(DeliverySettings {
            endpoint,
            permits,
            proxy,
            proxy_file: self.proxy_file,
            authorization_file: self.authorization_file,
            ca_file: self.ca_file,
            client,
            timeout: time("timeout_ms", self.timeout_ms, 30_000)?,
            connect_timeout: time("connect_timeout_ms", self.connect_timeout_ms, 5_000)?,
            success: self.success,
        })
    }
}

fn permits(hosts: &[String], endpoint: &Endpoint) -> Result<Permits, ConfigError> {
    for host in hosts {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let is_address = bare(host).parse::<std::net::IpAddr>().is_ok();
        let is_more = host.contains(['/', '@', '*']) || (host.contains(':') && !bracketed);
        if is_more && !is_address {
            return Err(ConfigError::HostIsUrl(host.clone()));
        }
    }
    let permits = Permits {
        hosts: hosts.iter().map(|host| bare(host)).collect(),
        loopback_only: !endpoint.is_encrypted(),
    };
    endpoint.check(&permits)?;
    Ok(permits)
}

fn time(key: &'static str, set: Option<u64>, default: u64) -> Result<Duration, ConfigError> {
    match set.unwrap_or(default) {
        milliseconds @ 1..=600_000 => Ok(Duration::from_millis(milliseconds)),
        _ => Err(ConfigError::Time(key)),
    }
}

impl DeliverySettings {
    /// Reads the file with the proxy's URL, if there is one.
    ///
    /// # Errors
    ///
    /// It cannot be read, or holds no such URL.
    pub(crate) fn read_proxy(&mut self) -> Result<(), ConfigError> {
        if let Some(file) = self.proxy_file.take() {
            let text = fs::read_to_string(&file)
                .map_err(|error| ConfigError::ProxyFile(file, error.to_string()))?;
            self.proxy = Some(endpoint::proxy(text.trim())?);
        }
        Ok(())
    }
}

impl ContentSettings {
    fn check(&self) -> Result<(), ConfigError> {
        if let Some(both) = self.claims.iter().find(|name| self.mask.contains(name)) {
            return Err(ConfigError::ShownAndMasked(both.clone()));
        }
        match &self.account_host {
            Some(_) if self.sub_id != SubIdFormat::Account => {
                return Err(ConfigError::AccountHostUnused);
            }
            Some(host) if host.is_empty() || !host.bytes().all(is_host_byte) => {
                return Err(ConfigError::AccountHost);
            }
            _ => {}
        }
        let types = &self.event_types;
        for (key, uri) in [
            ("id_token_issue", &types.id_token_issue),
            ("access_token_issue", &types.access_token_issue),
            ("subject_auth_and_consent", &types.subject_auth_and_consent),
        ] {
            if uri.as_ref().is_some_and(|uri| !is_uri(uri)) {
                return Err(ConfigError::EventType(key));
            }
        }
        Ok(())
    }
}

impl Verify {
    fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("verify.state", &self.state),
            ("verify.stream_id", &self.stream_id),
        ] {
            if value.is_empty() {
                return Err(ConfigError::Missing(key));
            }
        }
        let url = self.issuer.starts_with("https://") || self.issuer.starts_with("http://");
        if !url || !is_uri(&self.issuer) {
            return Err(ConfigError::VerifyIssuer);
        }
        Ok(())
    }
}

const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// As `op_listener_api::set` has it: a scheme, a colon, and visible ASCII.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(letters)
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
