//! What requests and answers of poll delivery look like (RFC 8936 sections 2.2 and 2.3).

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use serde::Deserialize;

use crate::delivery::{Refusal, Taken};
use crate::server::answer::{self, Answer, Problem, with};

/// The longest code and description of a refused SET that are kept, in bytes.
const LONGEST: [usize; 2] = [200, 4096];

/// What a receiver sends (RFC 8936 section 2.2).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    pub(super) max_events: Option<u64>,
    #[serde(default)]
    pub(super) return_immediately: bool,
    #[serde(default)]
    pub(super) ack: Vec<String>,
    #[serde(default)]
    pub(super) set_errs: BTreeMap<String, SetError>,
}

/// Why a receiver refuses a SET (RFC 8936 section 2.6).
#[derive(Debug, Deserialize)]
pub(super) struct SetError {
    err: String,
    description: Option<String>,
}

impl SetError {
    pub(super) fn into_refusal(self) -> Refusal {
        let [code, description] = LONGEST;
        Refusal {
            reason: clean(&self.err, code),
            status: None,
            answer: self.description.map(|text| clean(&text, description)),
        }
    }
}

/// Without what a terminal would act on, and not too long.
fn clean(text: &str, most: usize) -> String {
    let text = &text[..text.floor_char_boundary(most)];
    text.replace(char::is_control, " ")
}

/// Reads a request.
pub(super) fn parse(bytes: &[u8]) -> Result<Asked, Problem> {
    let parsed = if bytes.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    } else {
        Err("it is no JSON object".to_owned())
    };
    parsed.map_err(|why| {
        let detail = format!("{why} (RFC 8936 section 2.2 says what is expected)");
        let title = "Not a valid poll request";
        Problem::new(StatusCode::BAD_REQUEST, "invalid-poll", title, detail)
    })
}

/// The answer (RFC 8936 section 2.3).
pub(super) fn answer_of(taken: &Taken) -> Answer {
    let length: usize = taken.sets.iter().map(|(_, set)| set.len() + 160).sum();
    let mut text = String::with_capacity(length + 64);
    text.push_str("{\"sets\":{");
    for (place, (id, set)) in taken.sets.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(id.as_str()).to_string());
        text.push_str(":\"");
        // Letters, digits, dots and dashes alone: the queue takes nothing else.
        text.push_str(&String::from_utf8_lossy(set));
        text.push('"');
    }
    text.push_str("},\"moreAvailable\":");
    text.push_str(if taken.more { "true}" } else { "false}" });
    let media = HeaderValue::from_static("application/json");
    let answer = answer::body(StatusCode::OK, media, text);
    with(answer, CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Asked, String> {
        parse(body.as_bytes()).map_err(|problem| problem.detail)
    }

    #[test]
    fn a_request_is_read_with_its_defaults_and_unknown_members() {
        let asked = read(" {} ").unwrap();
        assert!(asked.max_events.is_none() && !asked.return_immediately);
        assert!(asked.ack.is_empty() && asked.set_errs.is_empty());
        let asked = r#"{"ack":["a"],"maxEvents":0,"returnImmediately":true,"new":[],
            "setErrs":{"b":{"err":"invalid_key","description":"a\u001bb"},"c":{"err":"x"}}}"#;
        let mut asked = read(asked).unwrap();
        assert_eq!((asked.max_events, asked.ack.len()), (Some(0), 1));
        let why = asked.set_errs.remove("b").unwrap().into_refusal();
        assert_eq!(
            (why.reason.as_str(), why.answer.as_deref()),
            ("invalid_key", Some("a b"))
        );
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_reason() {
        for body in [
            "",
            "[]",
            "[1,true,[],{}]",
            "null",
            "{",
            "{}{}",
            r#"{"maxEvents":-1}"#,
            r#"{"maxEvents":1.5}"#,
            r#"{"maxEvents":"1"}"#,
            r#"{"returnImmediately":"true"}"#,
            r#"{"returnImmediately":null}"#,
            r#"{"ack":"a"}"#,
            r#"{"ack":[1]}"#,
            r#"{"ack":[],"ack":[]}"#,
            r#"{"setErrs":[]}"#,
            r#"{"setErrs":{"a":"b"}}"#,
            r#"{"setErrs":{"a":{"description":"no code"}}}"#,
        ] {
            let refused = read(body).unwrap_err();
            assert!(refused.contains("RFC 8936"), "{body}: {refused}");
        }
    }
}
