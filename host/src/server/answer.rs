//! Answers, and how their bodies look. Errors have one as RFC 9457 describes it.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_TYPE: &str = "application/problem+json";
const PROBLEM: HeaderValue = HeaderValue::from_static(PROBLEM_TYPE);

/// What stands before the names of problems, so that they are URIs (RFC 9457 section 3.1.1).
const PROBLEMS: &str = "urn:op-listener:problem:";

/// No body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// A body of some type.
pub(super) fn body(status: StatusCode, media: HeaderValue, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, media);
    answer
}

/// A JSON object.
pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    body(status, JSON, value.to_string())
}

/// A problem: its name, what it is in general, and what it is here.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
    /// Whether the same request may be taken later.
    pub(super) retry: bool,
    /// Members of its own.
    pub(super) more: Map<String, Value>,
    pub(super) field: Field,
}

/// A header field that goes with a problem.
pub(super) enum Field {
    None,
    /// The methods that serve (RFC 9110 section 15.5.6).
    Allow(&'static str),
    /// What to show (RFC 6750 section 3).
    Challenge(&'static str),
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        name: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            name,
            title,
            detail: detail.into(),
            retry: false,
            more: Map::new(),
            field: Field::None,
        }
    }

    /// One that may go away by itself.
    pub(super) fn passing(
        name: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, name, title, detail);
        problem.retry = true;
        problem
    }

    fn text(&mut self) -> String {
        let mut object = json!({
            "type": format!("{PROBLEMS}{}", self.name),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "retry": self.retry,
        });
        if let Some(members) = object.as_object_mut() {
            members.append(&mut self.more);
        }
        object.to_string()
    }

    /// As bytes, with the end of the connection: for where no request was understood.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        let (status, text) = (self.status, self.text());
        let reason = status.canonical_reason().unwrap_or_default();
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {PROBLEM_TYPE}\r\nConnection: close\r\nContent-Length: \
             {}\r\n\r\n{text}",
            status.as_str(),
            text.len(),
        )
        .into_bytes()
    }

    pub(super) fn answer(mut self) -> Answer {
        let answer = body(self.status, PROBLEM, self.text());
        let answer = match self.field {
            Field::None => answer,
            Field::Allow(methods) => with(answer, ALLOW, HeaderValue::from_static(methods)),
            Field::Challenge(challenge) => with(
                answer,
                WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            ),
        };
        if self.retry {
            retry_later(answer)
        } else {
            answer
        }
    }
}

/// Says when to try again.
pub(super) fn retry_later(answer: Answer) -> Answer {
    with(answer, RETRY_AFTER, HeaderValue::from_static("1"))
}

/// With a header field.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().insert(name, value);
    answer
}

/// With the end of the connection, because of a body that nobody reads.
pub(super) fn closing(answer: Answer) -> Answer {
    with(answer, CONNECTION, HeaderValue::from_static("close"))
}

/// It did not arrive in time.
pub(super) fn late() -> Problem {
    let detail = "send header and body within `read_timeout_ms`; nothing of it was dispatched";
    let title = "The request did not arrive in time";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "late", title, detail)
}

/// Another method is wanted.
pub(super) fn method_not_allowed(allowed: &'static str) -> Problem {
    let mut problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "The method is not one for this resource",
        format!("use {allowed}"),
    );
    problem.field = Field::Allow(allowed);
    problem
}
