//! What an issuer identifier must look like. It is never changed: issuers are compared as text.

use std::fmt;
use std::net::Ipv6Addr;

/// What an issuer is, for messages.
pub(super) const EXPECTED: &str = "an absolute ASCII URL, https (http for localhost, 127.0.0.1 and [::1] \
                            only), without user information, query and fragment";

/// Whether `text` can be an issuer: an absolute ASCII URL as RFC 3986 has it, `https` (`http` for
/// `localhost`, `127.0.0.1` and `[::1]`), without user information, query or fragment
/// (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2).
///
/// # Errors
/// The first rule that it breaks.
pub fn check_issuer(text: &str) -> Result<(), IssuerFault> {
    if is_plain(text.as_bytes()) {
        return Ok(());
    }
    let scheme_end = text.bytes().position(|byte| byte == b':');
    let (scheme, rest) = text.split_at(scheme_end.ok_or(IssuerFault::NotAbsolute)?);
    let rest = rest.strip_prefix("://").ok_or(IssuerFault::NotAbsolute)?;
    let https = scheme.eq_ignore_ascii_case("https");
    if !https && !scheme.eq_ignore_ascii_case("http") {
        return Err(IssuerFault::Scheme);
    }
    let authority_end = rest
        .bytes()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    // Looked for first, so that no later message shows a password.
    if authority.bytes().any(|byte| byte == b'@') {
        return Err(IssuerFault::UserInformation);
    }
    check_characters(path, b"/:@")?;
    let host = check_authority(authority)?;
    let local = host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]";
    if https || local {
        Ok(())
    } else {
        Err(IssuerFault::PlainHttp)
    }
}

/// Whether it is `https://`, a host and perhaps a path, and has no character that needs a closer look, as
/// with most issuers. It is asked for each event.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            plain[byte as usize] =
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
            byte += 1;
        }
        plain
    };
    let Some(rest) = text.strip_prefix(b"https://") else {
        return false;
    };
    rest.first().is_some_and(|first| *first != b'/')
        && rest
            .iter()
            .fold(true, |plain, byte| plain & PLAIN[usize::from(*byte)])
}

/// The host of `host[:port]`.
fn check_authority(authority: &str) -> Result<&str, IssuerFault> {
    let (host, port) = if let Some(literal) = authority.strip_prefix('[') {
        let (address, after) = literal.split_once(']').ok_or(IssuerFault::Host)?;
        address.parse::<Ipv6Addr>().map_err(|_| IssuerFault::Host)?;
        (&authority[..address.len() + 2], after)
    } else {
        let end = authority.bytes().position(|byte| byte == b':');
        authority.split_at(end.unwrap_or(authority.len()))
    };
    if host.is_empty() {
        return Err(IssuerFault::Host);
    }
    if !host.starts_with('[') {
        check_characters(host, b"")?;
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(host),
        Some(digits)
            if digits.bytes().all(|digit| digit.is_ascii_digit())
                && digits.parse::<u16>().is_ok() =>
        {
            Ok(host)
        }
        _ => Err(IssuerFault::Port),
    }
}

/// Unreserved characters, sub-delimiters, percent escapes (RFC 3986, sections 2 and 3.3) and those
/// of `also`.
fn check_characters(text: &str, also: &[u8]) -> Result<(), IssuerFault> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let fault = match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'=' => continue,
            byte if also.contains(byte) => continue,
            b'%' => match bytes.get(at + 1..at + 3) {
                Some([high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    continue;
                }
                _ => IssuerFault::Character,
            },
            b'?' => IssuerFault::Query,
            b'#' => IssuerFault::Fragment,
            byte if !byte.is_ascii() => IssuerFault::NotAscii,
            _ => IssuerFault::Character,
        };
        return Err(fault);
    }
    Ok(())
}

/// Why a text is no issuer. The message completes "which …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// No `scheme://`.
    NotAbsolute,
    /// Neither `https` nor `http`.
    Scheme,
    /// `http` for a host that is not this machine.
    PlainHttp,
    /// `user:password@`.
    UserInformation,
    /// No host, or a wrong one.
    Host,
    /// A port that is no number up to 65535.
    Port,
    /// `?`.
    Query,
    /// `#`.
    Fragment,
    /// A character beyond ASCII.
    NotAscii,
    /// A character that a URL cannot have, or a `%` without two hexadecimal digits.
    Character,
}

impl fmt::Display for IssuerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "is not absolute",
            Self::Scheme => "has another scheme",
            Self::PlainHttp => "is http for a host other than this machine",
            Self::UserInformation => "has user information",
            Self::Host => "has no valid host",
            Self::Port => "has no valid port",
            Self::Query => "has a query",
            Self::Fragment => "has a fragment",
            Self::NotAscii => "is not ASCII",
            Self::Character => "has a character that must be percent-encoded",
        })
    }
}

impl std::error::Error for IssuerFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_can_be_issuers_are_taken() {
        for text in [
            "https://op.example.com",
            "https://op.example.com/",
            "HTTPS://OP.example.com:8443/tenant/a%20b/@x:y",
            "https://[2001:db8::1]:443",
            "http://localhost:3000/op",
            "http://127.0.0.1",
            "http://[::1]:8080",
        ] {
            assert_eq!(check_issuer(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        for (text, fault) in [
            ("", IssuerFault::NotAbsolute),
            ("op.example.com", IssuerFault::NotAbsolute),
            ("https:/op.example.com", IssuerFault::NotAbsolute),
            ("ftp://op.example.com", IssuerFault::Scheme),
            (" https://op.example.com", IssuerFault::Scheme),
            ("http://op.example.com", IssuerFault::PlainHttp),
            ("http://localhost.example.com", IssuerFault::PlainHttp),
            ("http://127.0.0.1.example.com", IssuerFault::PlainHttp),
            ("http://127.0.0.2", IssuerFault::PlainHttp),
            ("https://a:b@op.example.com", IssuerFault::UserInformation),
            ("https://@op.example.com", IssuerFault::UserInformation),
            ("http://localhost@example.com", IssuerFault::UserInformation),
            ("https://", IssuerFault::Host),
            ("https:///path", IssuerFault::Host),
            ("https://:443", IssuerFault::Host),
            ("https://[::1", IssuerFault::Host),
            ("https://[x]", IssuerFault::Host),
            ("https://op.example.com:x", IssuerFault::Port),
            ("https://op.example.com:+1", IssuerFault::Port),
            ("https://op.example.com:65536", IssuerFault::Port),
            ("https://op.example.com:", IssuerFault::Port),
            ("https://[::1]x", IssuerFault::Port),
            ("https://op.example.com?x", IssuerFault::Query),
            ("https://op.example.com/?", IssuerFault::Query),
            ("https://op.example.com/#", IssuerFault::Fragment),
            ("https://öp.example.com", IssuerFault::NotAscii),
            ("https://op.example.com/ü", IssuerFault::NotAscii),
            ("https://op.example.com/a b", IssuerFault::Character),
            ("https://op.example.com\n", IssuerFault::Character),
            ("https://op.example.com/%2", IssuerFault::Character),
            ("https://op.example.com/\\", IssuerFault::Character),
        ] {
            assert_eq!(check_issuer(text), Err(fault), "{text}");
        }
    }
}
