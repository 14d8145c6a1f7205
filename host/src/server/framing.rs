//! What HTTP demands of a request before anything of it is looked at, beyond what hyper sees to: how its
//! body is framed, and whom it is meant for (RFC 9112 sections 3.2, 6.1 and 6.3; RFC 9110 section
//! 7.4).

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Version};

use super::answer::Problem;
use super::connection::{Door, Visit};
use super::token::Shown;

/// What is wrong with a request, if anything is.
pub(super) fn fault(request: &Request<Incoming>) -> Option<Problem> {
    coding(request).or_else(|| host(request))
}

/// Whether the connection cannot go on after this request. Beside chunks there may have been a
/// length, of which hyper does not tell: then the sender, or somebody on the way, may see the end
/// of the body elsewhere (RFC 9112 section 6.1 demands the close).
pub(super) fn is_last(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(TRANSFER_ENCODING)
}

fn coding(request: &Request<Incoming>) -> Option<Problem> {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    let known = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => chunked(coding.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    let detail = "send the body with `Content-Length`, or with `Transfer-Encoding: chunked` alone";
    let title = "Not a transfer coding that is understood";
    let status = StatusCode::NOT_IMPLEMENTED;
    (!known).then(|| Problem::new(status, "transfer-coding", title, detail))
}

fn host(request: &Request<Incoming>) -> Option<Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let well = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || Authority::try_from(host.as_bytes()).is_ok(),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    };
    (!well).then(no_host)
}

/// Whether a request for something that is told without a token may be that of a web page whose own
/// name was made to lead to this machine, by way of a browser on it.
pub(super) fn misdirected(visit: &Visit, request: &Request<Incoming>) -> Option<Problem> {
    let named = request.headers().get(HOST);
    let named = named.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    // RFC 9112 section 3.2.2: where the target has one, `Host` does not count.
    let named = request.uri().authority().cloned().or(named)?;
    (!is_of_this_machine(named.host()) && may_be_a_browser(visit, request)).then(elsewhere)
}

fn no_host() -> Problem {
    let detail = "send the header field `Host`, once";
    let title = "It is not said whom the request is for";
    Problem::new(StatusCode::BAD_REQUEST, "no-host", title, detail)
}

fn elsewhere() -> Problem {
    let detail = "on loopback ask for `localhost` or the IP address, or show the token";
    let title = "The request is for another host";
    let status = StatusCode::MISDIRECTED_REQUEST;
    Problem::new(status, "misdirected", title, detail)
}

/// Whether a name leads to this machine whatever an authority for names says: an address, or
/// `localhost` (RFC 6761 section 6.3).
fn is_of_this_machine(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if bare.unwrap_or(host).parse::<IpAddr>().is_ok() {
        return true;
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether there may be a browser on the other side. It has no token; and to a Unix socket, or where
/// TLS is spoken, no page under a name of its own gets with it.
fn may_be_a_browser(visit: &Visit, request: &Request<Incoming>) -> bool {
    if visit.peer.door != (Door::Tcp { loopback: true }) {
        return false;
    }
    let live = visit.shared.live.load();
    let shows = |token: &super::token::Token| {
        token.shown(request.headers().get(AUTHORIZATION)) == Shown::Right
    };
    live.tls.is_none() && !live.token.as_ref().is_some_and(shows)
}

#[cfg(test)]
mod tests {
    use super::is_of_this_machine;

    #[test]
    fn names_that_somebody_else_gives_out_are_told_from_those_of_this_machine() {
        for here in [
            "127.0.0.1",
            "10.1.2.3",
            "[::1]",
            "localhost",
            "LocalHost.",
            "op.localhost",
        ] {
            assert!(is_of_this_machine(here), "{here}");
        }
        for elsewhere in [
            "op.example.com",
            "localhost.example.com",
            "notlocalhost",
            "127.1",
            "",
        ] {
            assert!(!is_of_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
