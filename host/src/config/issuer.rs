//! Which texts are issuers: RFC 8414 section 2 and Connect Discovery 1.0 section 3 (https, no query,
//! no fragment), with plain http for this machine, as in tests.

use std::fmt;
use std::net::Ipv6Addr;

/// Why a text is not an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerError {
    /// A character outside ASCII.
    NotAscii,
    /// No `https://` at its beginning.
    NotHttps,
    /// `http://` and a host other than this machine.
    PlainHttp,
    /// A user name or password before the host.
    UserInformation,
    /// A `?`.
    Query,
    /// A `#`.
    Fragment,
    /// No host, or none that could exist.
    Host,
    /// A port that is not a number up to 65535.
    Port,
    /// A character that URLs don't have, or a `%` without two hexadecimal digits.
    Character,
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAscii => "it has a character outside ASCII",
            Self::NotHttps => "it does not begin with `https://`",
            Self::PlainHttp => {
                "`http://` is only for `localhost`, `127.0.0.1` and `[::1]`, elsewhere it is `https://`"
            }
            Self::UserInformation => "it has user information before the host",
            Self::Query => "it has a query (`?`)",
            Self::Fragment => "it has a fragment (`#`)",
            Self::Host => "its host is missing or malformed",
            Self::Port => "its port is not a number up to 65535",
            Self::Character => "it has a character that must not stand in a URL",
        })
    }
}

impl std::error::Error for IssuerError {}

/// Whether `text` is an issuer: an absolute ASCII URL, https (http for `localhost`, `127.0.0.1`,
/// `[::1]`), without user information, query and fragment.
///
/// # Errors
///
/// The first reason why it is none.
pub fn check_issuer(text: &str) -> Result<(), IssuerError> {
    if !text.is_ascii() {
        return Err(IssuerError::NotAscii);
    }
    let (scheme, rest) = text.split_once("://").ok_or(IssuerError::NotHttps)?;
    let secure = scheme.eq_ignore_ascii_case("https");
    if !secure && !scheme.eq_ignore_ascii_case("http") {
        return Err(IssuerError::NotHttps);
    }
    // RFC 3986 section 3.2: the authority ends at the first of these.
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(IssuerError::UserInformation);
    }
    // A query may hold a `#` no more than a path may: the first of both decides.
    match path.find(['?', '#']).map(|at| path.as_bytes()[at]) {
        Some(b'?') => return Err(IssuerError::Query),
        Some(_) => return Err(IssuerError::Fragment),
        None => {}
    }
    let host = check_authority(authority)?;
    if !is_url_text(path, b"/:@") {
        return Err(IssuerError::Character);
    }
    let local = host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]";
    if secure || local {
        Ok(())
    } else {
        Err(IssuerError::PlainHttp)
    }
}

/// Checks `host [":" port]` and gives the host.
fn check_authority(authority: &str) -> Result<&str, IssuerError> {
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    };
    if let Some(port) = port {
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if !digits || port.parse::<u16>().is_err() {
            return Err(IssuerError::Port);
        }
    }
    let valid = match host.strip_prefix('[') {
        Some(literal) => literal
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && is_url_text(host, b""),
    };
    if valid {
        Ok(host)
    } else {
        Err(IssuerError::Host)
    }
}

/// RFC 3986 sections 2.1 to 2.3: unreserved characters, sub-delimiters, percent-encoded bytes, and
/// the `others` that this part of a URL may have.
fn is_url_text(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let valid = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|b| b.is_ascii_hexdigit())),
            _ => {
                byte.is_ascii_alphanumeric()
                    || b"-._~!$&'()*+,;=".contains(&byte)
                    || others.contains(&byte)
            }
        };
        if !valid {
            return false;
        }
    }
    true
}
