//! What an answer means: one table.
//!
//! RFC 8935 knows two answers: 202, received (section 2.2), and 400 with an error code, refused
//! (sections 2.3 and 2.4). All else comes from something between, or from what is no receiver of SETs
//! yet. None of it may cost an event: it is tried again, and where somebody has to mend something, it
//! is said what.

use std::time::{Duration, SystemTime};

use op_listener_api::Outcome;
use serde::Deserialize;
use ureq::http::HeaderValue;

use super::authorization::without_credentials;
use crate::client::Answer;

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Verdict {
    /// For the queue.
    pub(super) outcome: Outcome,
    /// What somebody has to mend, if anything.
    pub(super) mend: Option<Mend>,
}

/// Something that does not get better by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mend {
    /// Tells it from others.
    pub(super) kind: u16,
    /// What it is, and what to do.
    pub(super) text: String,
}

/// What a status means.
enum Meaning {
    /// It was received.
    Received,
    /// It was refused, if there is an error code.
    Refused,
    /// This very SET cannot be taken.
    TooLarge,
    /// It was not received, and will not be before somebody does something.
    Mend(&'static str),
    /// It was not received this time.
    Later,
}

const fn meaning(status: u16) -> Meaning {
    match status {
        202 => Meaning::Received,
        // A portal or a default page answers 200 too. To take it for a receipt could lose events.
        200..=299 => Meaning::Mend(
            "which is no receipt: that is 202 (RFC 8935 section 2.2). If this receiver means it, add it \
             to `success`",
        ),
        // Section 2.1 of RFC 8935 has no redirects, and one could lead anywhere.
        300..=399 => Meaning::Mend(
            "and redirects are not followed: set `endpoint` to the receiver's own URL",
        ),
        400 => Meaning::Refused,
        401 => Meaning::Mend("it does not accept what `authorization_file` has, or wants one"),
        403 => Meaning::Mend("it knows this transmitter, and does not let it push there"),
        // Also 410: the one who says so may have moved.
        404 | 410 => Meaning::Mend("there is no receiver at `endpoint`"),
        405 | 406 | 415 => Meaning::Mend("what is at `endpoint` takes no SETs"),
        407 => Meaning::Mend(
            "the proxy wants credentials: write its URL with them into a `proxy_file`",
        ),
        408 | 425 | 429 => Meaning::Later,
        // The next SET may be shorter, so it does not hold back the others.
        413 => Meaning::TooLarge,
        402..=499 => Meaning::Mend("which RFC 8935 does not know: is that a receiver of SETs?"),
        _ => Meaning::Later,
    }
}

/// The body of a refusal (RFC 8935 section 2.3).
#[derive(Deserialize)]
struct Refusal {
    err: String,
    #[serde(default)]
    description: String,
}

impl Verdict {
    /// Reads an answer. `receipts` are the statuses that the operator takes for 202.
    pub(super) fn of(answer: &Answer, receipts: &[u16], sent: Option<&HeaderValue>) -> Self {
        let status = answer.status;
        if receipts.contains(&status) {
            return Self::of_outcome(Outcome::delivered());
        }
        match meaning(status) {
            Meaning::Received => Self::of_outcome(Outcome::delivered()),
            Meaning::TooLarge => {
                let outcome = Outcome::dead("the SET is too large for the receiver (413)");
                Self::of_outcome(about(outcome, answer, sent))
            }
            Meaning::Refused => match serde_json::from_slice::<Refusal>(&answer.body) {
                Ok(refusal) if !refusal.err.is_empty() => {
                    let outcome = Outcome::dead(refused(&refusal, answer, sent));
                    Self::of_outcome(about(outcome, answer, sent))
                }
                _ => Self::to_mend(
                    answer,
                    sent,
                    "without the error code of RFC 8935 section 2.3, so it is not taken for a refusal of \
                     the SET: something before the receiver answers, or it is no receiver of SETs",
                ),
            },
            Meaning::Mend(what) => Self::to_mend(answer, sent, what),
            Meaning::Later => {
                Self::of_outcome(retry(format_args!("it answered {status}"), answer, sent))
            }
        }
    }

    fn of_outcome(outcome: Outcome) -> Self {
        Self {
            outcome,
            mend: None,
        }
    }

    fn to_mend(answer: &Answer, sent: Option<&HeaderValue>, what: &str) -> Self {
        let status = answer.status;
        let mut text = format!("it answered {status}, {what}");
        if let (300..=399, Some(location)) = (status, &answer.location) {
            // Of a URL that leads elsewhere the query is nobody's business.
            let location = location.split(['?', '#']).next().unwrap_or_default();
            let location = clean(&without_credentials(location, sent), 200);
            text = format!("{text} (it points to {location})");
        }
        Self {
            outcome: retry(&text, answer, sent),
            mend: Some(Mend { kind: status, text }),
        }
    }
}

fn retry(reason: impl std::fmt::Display, answer: &Answer, sent: Option<&HeaderValue>) -> Outcome {
    let outcome = about(Outcome::retry(reason), answer, sent);
    let after = answer.retry_after.as_deref();
    match after.and_then(|text| retry_after(text, SystemTime::now())) {
        Some(time) => outcome.after(time),
        None => outcome,
    }
}

/// With the status and the beginning of the answer, for operators.
fn about(outcome: Outcome, answer: &Answer, sent: Option<&HeaderValue>) -> Outcome {
    let outcome = outcome.status(answer.status.into());
    if answer.body.is_empty() {
        return outcome;
    }
    let body = String::from_utf8_lossy(&answer.body);
    outcome.answer(clean(&without_credentials(&body, sent), 4000))
}

fn refused(refusal: &Refusal, answer: &Answer, sent: Option<&HeaderValue>) -> String {
    let Refusal { err, description } = refusal;
    let mut why = format!("refused as {}", clean(err, 100));
    if !description.is_empty() {
        let description = clean(&without_credentials(description, sent), 1000);
        why = format!("{why}: {description}");
    }
    match &answer.content_language {
        Some(language) => format!("{why} (in the language {})", clean(language, 50)),
        None => why,
    }
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean a long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u32::MAX).into()));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A stranger's text, fit for a log and a terminal: nothing that moves the cursor or turns text around,
/// and not too much of it.
pub(super) fn clean(text: &str, longest: usize) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let shown = text.chars().map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if odd(c) => '\u{fffd}',
        c => c,
    });
    let mut shown: String = shown.take(longest).collect();
    shown.truncate(shown.floor_char_boundary(longest));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Verdict {
        let answer = Answer {
            status,
            body: body.into(),
            ..Answer::default()
        };
        Verdict::of(&answer, &[], None)
    }

    #[test]
    fn only_202_is_a_receipt() {
        let verdict = judged(202, "");
        assert!(verdict.outcome.is_delivered() && verdict.mend.is_none());
        assert!(judged(202, "<html>").outcome.is_delivered());
        for status in [200, 201, 203, 204, 206, 299] {
            let verdict = judged(status, "");
            assert!(verdict.outcome.is_retry(), "{status}");
            assert!(verdict.mend.unwrap().text.contains("`success`"));
        }
    }

    #[test]
    fn statuses_that_the_operator_names_are_receipts() {
        let answer = Answer {
            status: 204,
            ..Answer::default()
        };
        assert!(
            Verdict::of(&answer, &[200, 204], None)
                .outcome
                .is_delivered()
        );
        assert!(Verdict::of(&answer, &[200], None).outcome.is_retry());
    }

    #[test]
    fn every_error_code_is_a_refusal_for_good() {
        for err in [
            "invalid_request",
            "invalid_key",
            "invalid_issuer",
            "invalid_audience",
            "authentication_failed",
            "access_denied",
            "invalid_state",
            "of_my_own",
        ] {
            let body =
                serde_json::json!({ "err": err, "description": "what is wrong" }).to_string();
            let verdict = judged(400, &body);
            assert!(verdict.outcome.is_dead(), "{err}");
            let reason = verdict.outcome.reason().unwrap();
            assert_eq!(reason, format!("refused as {err}: what is wrong"));
            let kept = serde_json::to_value(&verdict.outcome).unwrap();
            assert_eq!(kept["dead"]["status"], 400);
            assert_eq!(kept["dead"]["answer"], body);
        }
    }

    #[test]
    fn the_language_of_a_description_is_kept() {
        let answer = Answer {
            status: 400,
            content_language: Some("de".to_owned()),
            body: r#"{"err":"invalid_key","description":"Schlüssel unbekannt"}"#.into(),
            ..Answer::default()
        };
        let verdict = Verdict::of(&answer, &[], None);
        assert_eq!(
            verdict.outcome.reason().unwrap(),
            "refused as invalid_key: Schlüssel unbekannt (in the language de)"
        );
    }

    #[test]
    fn a_400_that_is_no_refusal_of_the_set_is_tried_again() {
        let cut = format!(
            r#"{{"err":"invalid_key","description":"{}"#,
            "x".repeat(100)
        );
        for body in [
            "",
            "<html>Bad Request</html>",
            "{}",
            r#"{"err":""}"#,
            r#"{"err":7}"#,
            &cut,
        ] {
            let verdict = judged(400, body);
            assert!(verdict.outcome.is_retry(), "{body}");
            assert!(verdict.mend.is_some());
        }
    }

    #[test]
    fn what_will_be_mended_is_tried_again_and_said() {
        for status in [
            301, 302, 303, 304, 307, 308, 401, 403, 404, 405, 406, 407, 409, 410, 415, 421, 422,
            451,
        ] {
            let verdict = judged(status, "");
            assert!(verdict.outcome.is_retry(), "{status}");
            assert!(verdict.mend.is_some_and(|mend| mend.kind == status));
        }
        assert!(judged(413, "").outcome.is_dead());
    }

    #[test]
    fn what_passes_is_tried_again_and_not_said() {
        for status in [408, 425, 429, 500, 502, 503, 504, 507, 599, 600, 999] {
            let verdict = judged(status, "busy");
            assert!(verdict.outcome.is_retry(), "{status}");
            assert_eq!(verdict.mend, None);
        }
    }

    #[test]
    fn where_a_redirect_points_is_said_without_its_query() {
        let answer = Answer {
            status: 302,
            location: Some("https://login.example.com/?return=secret".to_owned()),
            ..Answer::default()
        };
        let mend = Verdict::of(&answer, &[], None).mend.unwrap().text;
        assert!(
            mend.contains("it points to https://login.example.com/)"),
            "{mend}"
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 19:00:00 GMT").unwrap();
        let seconds = |text| retry_after(text, now).map(|time| time.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("99999999999999999999"), Some(u32::MAX.into()));
        assert_eq!(seconds("Sat, 21 Nov 2026 19:01:30 GMT"), Some(90));
        assert_eq!(seconds("Saturday, 21-Nov-26 19:01:30 GMT"), Some(90));
        assert_eq!(seconds("Sat, 21 Nov 2020 19:00:00 GMT"), Some(0));
        for wrong in ["", "-1", "1.5", "soon", "\u{663}"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        let answer = Answer {
            status: 503,
            retry_after: Some("120".to_owned()),
            ..Answer::default()
        };
        let outcome = Verdict::of(&answer, &[], None).outcome;
        assert_eq!(outcome.retry_after(), Some(Duration::from_mins(2)));
    }

    #[test]
    fn what_a_stranger_says_is_cleaned_and_bounded() {
        assert_eq!(
            clean("a\u{1b}[2J\u{202e}b\nc\0", 100),
            "a\u{fffd}[2J\u{fffd}b c\u{fffd}"
        );
        assert_eq!(clean(&"é".repeat(100), 11).len(), 10);
        let sent = HeaderValue::from_static("Bearer s3cr3t-token");
        let answer = Answer {
            status: 400,
            body: r#"{"err":"authentication_failed","description":"no: Bearer s3cr3t-token"}"#
                .into(),
            ..Answer::default()
        };
        let outcome = Verdict::of(&answer, &[], Some(&sent)).outcome;
        assert!(!format!("{outcome:?}").contains("s3cr3t"));
    }
}
