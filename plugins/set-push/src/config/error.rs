//! Why a configuration cannot be used: what is wrong, and what to do.

use std::fmt;
use std::path::PathBuf;

use crate::client::addresses::Class;

/// Why a configuration cannot be used although each of its values can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// A key that has no default is missing, or empty.
    Missing(&'static str),
    /// The URL is none that SETs can be posted to, and why.
    Endpoint(&'static str),
    /// The host serves without encryption, and is not named.
    NotNamed(String),
    /// The host is an address that it may not be.
    Inside(String, Class),
    /// The proxy is no HTTP URL.
    Proxy,
    /// There is a password in the proxy's URL, and the configuration is no place for it.
    ProxySecret,
    /// A proxy is named twice.
    ProxyTwice,
    /// The file with the proxy's URL cannot be read, and why.
    ProxyFile(PathBuf, String),
    /// A proxy for a receiver on this machine.
    ProxyToHere,
    /// TLS files without TLS: the key.
    TlsUnused(&'static str),
    /// One of two keys that go together: the one that is there, and the one that is not.
    Half(&'static str, &'static str),
    /// A key about pushing where the receiver fetches.
    PushOnly(&'static str),
    /// A time that is zero or too long: the key.
    Time(&'static str),
    /// A status that can be no receipt.
    Success(u16),
    /// A claim that is both shown and masked.
    ShownAndMasked(String),
    /// `account_host` while `sub_id` is another.
    AccountHostUnused,
    /// `account_host` is none.
    AccountHost,
    /// A URI of an event type is none: the key.
    EventType(&'static str),
    /// A host is written as a URL.
    HostIsUrl(String),
    /// The issuer of `verify` is no URL.
    VerifyIssuer,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(key) => write!(f, "`{key}` is missing: set it, or leave `enable` out"),
            Self::Endpoint(why) => write!(f, "`endpoint` is no URL to post to: {why}"),
            Self::NotNamed(host) => write!(
                f,
                "`endpoint` begins with http://, so its host has to be allowed by name: add \
                 `allow_hosts = [\"{host}\"]`"
            ),
            Self::Inside(host, class) => write!(
                f,
                "`endpoint` names {host}, which is {}: if that is meant, add `allow_hosts = \
                 [\"{host}\"]`",
                class.words()
            ),
            Self::Proxy => f.write_str(
                "`proxy` or what is in `proxy_file` is no URL of an HTTP proxy, such as \"http://proxy.example.com:3128\"",
            ),
            Self::ProxySecret => f.write_str(
                "`proxy` has a user or a password in it: write the URL into a file that nobody else can \
                 read, and name that in `proxy_file`",
            ),
            Self::ProxyTwice => f.write_str("`proxy` and `proxy_file` say the same: leave one out"),
            Self::ProxyFile(file, why) => {
                write!(f, "`proxy_file`: cannot read {}: {why}", file.display())
            }
            Self::ProxyToHere => f.write_str(
                "`proxy` does not go with an `endpoint` that begins with http://: leave one of \
                 them out",
            ),
            Self::TlsUnused(key) => write!(
                f,
                "`{key}` is of no use while `endpoint` begins with http://: leave it out"
            ),
            Self::Half(there, missing) => {
                write!(f, "`{there}` is of use with `{missing}` alone: set both")
            }
            Self::PushOnly(key) => write!(
                f,
                "`{key}` has no effect with `method = \"poll\"`, where the receiver comes to fetch: leave it \
                 out"
            ),
            Self::Time(key) => {
                write!(
                    f,
                    "`{key}` is zero or more than 600000, which is ten minutes"
                )
            }
            Self::Success(status) => write!(
                f,
                "`success` has {status}, which is no receipt: statuses from 200 to 299 can be"
            ),
            Self::ShownAndMasked(claim) => write!(
                f,
                "the claim `{claim}` stands in `claims` and in `mask`: it can be shown or masked, \
                 not both"
            ),
            Self::AccountHostUnused => f.write_str(
                "`account_host` is of use with `sub_id = \"account\"` alone: set that, or leave it \
                 out",
            ),
            Self::AccountHost => {
                f.write_str("`account_host` is no host's name, such as \"example.com\"")
            }
            Self::EventType(key) => write!(
                f,
                "`event_types.{key}` is no absolute URI, such as \
                 \"https://schemas.example.com/event/x\""
            ),
            Self::HostIsUrl(host) => write!(
                f,
                "`allow_hosts` has \"{host}\", which is no host: write its name or address alone, \
                 without scheme, port and path"
            ),
            Self::VerifyIssuer => f.write_str(
                "`verify.issuer` is no issuer: write the provider's issuer URL, such as \
                 \"https://op.example.com\"",
            ),
        }
    }
}

impl std::error::Error for ConfigError {}
