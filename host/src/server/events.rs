//! `POST /events`: who may, what the body is, and the answer once all of it was dispatched.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Instant;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::{Method, Request, StatusCode};
use tokio::sync::Notify;

use super::answer::{Answer, Field, Problem, closing, late, method_not_allowed};
use super::body::{self, Lease, NoBody};
use super::connection::{Door, Visit};
use super::job::{Job, Progress};
use super::report::Report;
use super::token::Shown;
use crate::log::say;

/// A longer body is no work for a thread that drives sockets.
const INLINE: usize = 128 << 10;

/// Answers a request to `/events`.
pub(super) async fn post(visit: &Visit, request: Request<Incoming>) -> Answer {
    let (head, mut body) = request.into_parts();
    let refused = if head.method == Method::POST {
        authorize(visit, &head.headers).and_then(|()| format(visit, &head.headers, &body))
    } else {
        Err(method_not_allowed("POST"))
    };
    let lines = match refused {
        Ok(lines) => lines,
        Err(problem) => return refuse(visit, &head.headers, body, problem).await,
    };
    let shared = &visit.shared;
    let mut room = shared.room.lease();
    let most = shared.max_body;
    match body::read(&mut body, most, &visit.pace, &mut room).await {
        Ok(bytes) => dispatch(visit, bytes, lines, room).await,
        Err(why) => {
            let problem = no_body(visit, why);
            refuse(visit, &head.headers, body, problem).await
        }
    }
}

async fn dispatch(visit: &Visit, bytes: Bytes, lines: bool, room: Lease) -> Answer {
    visit.pace.body_read();
    let shared = &visit.shared;
    shared
        .counts
        .body_bytes
        .fetch_add(bytes.len() as u64, Relaxed);
    let large = bytes.len() > INLINE;
    let mut job = Job::new(shared, bytes, lines, room);
    let report = if !large && job.run() == Progress::Done {
        job.into_report()
    } else {
        let sender = Arc::new(Notify::new());
        let told = Arc::clone(&sender);
        let work = tokio::task::spawn_blocking(move || job.run_in_pool(sender));
        match unless_given_up(work, &told).await {
            Some(Ok(report)) => report,
            // It panicked, which is logged by then, or the runtime ends.
            Some(Err(_)) => return failed().answer(),
            None => return given_up().answer(),
        }
    };
    account(visit, &report);
    undecided(visit, &report);
    if lines {
        report.answer_lines()
    } else {
        report.answer_one()
    }
}

/// What comes of work in the pool; `None` if its events are given up first.
async fn unless_given_up<W: Future + Unpin>(mut work: W, told: &Notify) -> Option<W::Output> {
    let mut told = pin!(told.notified());
    poll_fn(|context| match Pin::new(&mut work).poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => told.as_mut().poll(context).map(|()| None),
    })
    .await
}

fn account(visit: &Visit, report: &Report) {
    let counts = &visit.shared.counts;
    counts.add(&report.totals);
    if report.duplicates > 0 {
        counts.duplicates.fetch_add(report.duplicates, Relaxed);
    }
    if report.under_way > 0 {
        counts
            .in_flight_duplicates
            .fetch_add(report.under_way, Relaxed);
    }
    if let Some((refused, first)) = report.first_invalid()
        && let Some(count) = visit.shared.seldom.invalid.happened(Instant::now())
    {
        say!(
            POSTED_EVENT_REFUSED,
            "Refused {refused} events of a request from {}; {first} ({count} such requests since the \
             last such line)",
            visit.peer.name,
        );
    }
}

/// Says that facts cannot be decided.
fn undecided(visit: &Visit, report: &Report) {
    if let Some((refused, first)) = report.first_undecided()
        && let Some(count) = visit.shared.seldom.undecided.happened(Instant::now())
    {
        say!(
            NOT_DECIDED,
            "Turned away {refused} facts of a request from {}, to be sent again: {first} ({count} such \
             requests since the last such line)",
            visit.peer.name,
        );
    }
}

/// Whether this sender may post events.
fn authorize(visit: &Visit, headers: &HeaderMap) -> Result<(), Problem> {
    match visit.peer.door {
        // Its mode and the peers that may use it are what guards it.
        Door::Unix => Ok(()),
        Door::Tcp { .. } => bearer(visit, headers),
    }
}

/// Whether a request over TCP shows the token, if there is one. Without one there are client
/// certificates, and the sender has one of those.
pub(super) fn bearer(visit: &Visit, headers: &HeaderMap) -> Result<(), Problem> {
    let live = visit.shared.live.load();
    let Some(token) = &live.token else {
        return Ok(());
    };
    match token.shown(headers.get(AUTHORIZATION)) {
        Shown::Right => {
            visit.pace.is_known();
            Ok(())
        }
        shown => Err(unauthorized(visit, shown)),
    }
}

/// A request shows no token, or another than it should.
pub(super) fn unauthorized(visit: &Visit, shown: Shown) -> Problem {
    let (detail, challenge) = match shown {
        Shown::Nothing => (
            "send the header field `Authorization: Bearer` with the token",
            "Bearer realm=\"op-listener\"",
        ),
        Shown::Wrong | Shown::Right => (
            "the token is another one",
            "Bearer realm=\"op-listener\", error=\"invalid_token\"",
        ),
    };
    visit.shared.counts.unauthorized.fetch_add(1, Relaxed);
    if let Some(count) = visit.shared.seldom.unauthorized.happened(Instant::now()) {
        say!(
            UNAUTHORIZED,
            "A request from {} has no token, or a wrong one ({count} since the last such line)",
            visit.peer.name,
        );
    }
    let mut problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "A bearer token is needed",
        detail,
    );
    problem.field = Field::Challenge(challenge);
    problem
}

/// Whether the body is lines (true) or one event, by its media type; or what is wrong before it
/// has come.
fn format(visit: &Visit, headers: &HeaderMap, body: &Incoming) -> Result<bool, Problem> {
    is_plain(headers)?;
    let lines = media(headers).ok_or_else(|| {
        unsupported(
            "send one event as `application/json`, or one on each line as \
             `application/x-ndjson`, in UTF-8",
        )
    })?;
    has_length(headers)?;
    if body.size_hint().lower() > visit.shared.max_body as u64 {
        return Err(too_large(visit.shared.max_body));
    }
    Ok(lines)
}

/// The body is of a kind that is not served, and what would be.
pub(super) fn unsupported(detail: &str) -> Problem {
    let title = "Not a kind of body that is understood";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, "unsupported-media-type", title, detail)
}

/// Whether the body comes as it is.
pub(super) fn is_plain(headers: &HeaderMap) -> Result<(), Problem> {
    let identity = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    match headers.get(CONTENT_ENCODING) {
        Some(coding) if !identity(coding) => Err(unsupported("send it without a Content-Encoding")),
        _ => Ok(()),
    }
}

/// Whether it is known where the body ends.
pub(super) fn has_length(headers: &HeaderMap) -> Result<(), Problem> {
    if tells_length(headers) {
        return Ok(());
    }
    let title = "The body's length is not known";
    let detail = "send `Content-Length`, or the body in chunks";
    let status = StatusCode::LENGTH_REQUIRED;
    Err(Problem::new(status, "length-required", title, detail))
}

/// Whether the body is lines or one JSON value, by its media type; `None` if it is neither.
pub(super) fn media(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(CONTENT_TYPE)?;
    media_type(value.to_str().ok()?)
}

/// Whether a body of this media type is lines or one event; `None` if it is neither.
fn media_type(value: &str) -> Option<bool> {
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let utf_8 = parameters.split(';').all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
    });
    let lines = match essence.trim().to_ascii_lowercase().as_str() {
        "application/json" => false,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines" => true,
        _ => return None,
    };
    utf_8.then_some(lines)
}

fn too_large(most: usize) -> Problem {
    let detail = format!(
        "a body may be {most} bytes long: send fewer events at once, or raise `max_body` under [intake]"
    );
    let title = "The body is too long";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", title, detail)
}

pub(super) fn no_body(visit: &Visit, why: NoBody) -> Problem {
    match why {
        NoBody::TooLong => too_large(visit.shared.max_body),
        NoBody::Late => {
            visit.shared.timed_out(&visit.peer.name);
            late()
        }
        NoBody::NoRoom => {
            visit.shared.counts.no_room.fetch_add(1, Relaxed);
            let detail = "other requests' bodies fill the memory for them: send it again";
            Problem::passing("no-room", "No room for the body", detail)
        }
        NoBody::Broken => {
            let detail =
                "the body ends before its length, or is not in the form that was announced";
            let title = "The body is not whole";
            Problem::new(StatusCode::BAD_REQUEST, "broken-body", title, detail)
        }
    }
}

/// The host has failed.
pub(super) fn failed() -> Problem {
    let detail = "the host failed in the middle of it: the log says where";
    unknown("internal", "An error in the host", detail)
}

fn given_up() -> Problem {
    let title = "A listener did not come back";
    let detail = "a reload has left the listener behind that had the event: send it again, for the \
                  one in its place";
    unknown("left-behind", title, detail)
}

/// Nobody knows how much was dispatched.
fn unknown(name: &'static str, title: &'static str, detail: &str) -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let mut problem = Problem::new(status, name, title, detail);
    problem.retry = true;
    problem
}

/// Answers without having read all of the body. Reads some of it, so that a sender that writes
/// first and reads then finds the answer and not a broken connection.
pub(super) async fn refuse(
    visit: &Visit,
    headers: &HeaderMap,
    mut body: Incoming,
    problem: Problem,
) -> Answer {
    let answer = problem.answer();
    // Who waits to be asked for the body is not asked for it.
    if headers.contains_key(EXPECT) || !tells_length(headers) {
        return closing(answer);
    }
    if body::is_too_long_to_drain(&body) {
        body::linger(body);
        return closing(answer);
    }
    if body::drain(&mut body, &visit.pace).await {
        answer
    } else {
        closing(answer)
    }
}

/// Whether it can be told where the body ends, and with it where the next request begins.
fn tells_length(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn media_types_are_told_apart_whatever_their_case_and_parameters() {
        for json in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"; x=y",
        ] {
            assert_eq!(media_type(json), Some(false), "{json}");
        }
        for lines in ["application/x-ndjson", "application/jsonl ; charset=utf-8"] {
            assert_eq!(media_type(lines), Some(true), "{lines}");
        }
        for neither in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonish",
            "application/secevent+jwt",
        ] {
            assert_eq!(media_type(neither), None, "{neither}");
        }
    }
}
