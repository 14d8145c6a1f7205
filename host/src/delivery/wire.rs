//! Batches and what is said of them, in the form that crosses to a listener's library. The interface
//! describes it: `request::QUEUE_DELIVER`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::message::{Outcome, Refusal, Stored};

/// The longest reason and answer that are kept, in bytes.
const LONGEST: usize = 4096;

#[derive(Serialize)]
struct Header<'a> {
    number: i64,
    attempt: u32,
    pushed_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a RawValue>,
}

/// A batch for the sink of that number.
pub(super) fn batch(sink: u64, messages: &[Stored]) -> Vec<u8> {
    let payloads: usize = messages.iter().map(|it| it.content.payload.len()).sum();
    let mut frame = Vec::with_capacity(12 + messages.len() * 200 + payloads);
    frame.extend(sink.to_le_bytes());
    frame.extend(length(messages.len()));
    for message in messages {
        let content = &message.content;
        let headers = content.headers.as_deref();
        let header = Header {
            number: message.number,
            attempt: message.attempts + 1,
            pushed_ms: message.pushed_ms,
            key: content.key.as_deref(),
            id: content.id.as_deref(),
            content_type: content.content_type.as_deref(),
            // What is no JSON was not written by this host.
            headers: headers.and_then(|headers| serde_json::from_str(headers).ok()),
        };
        let start = frame.len();
        frame.extend([0; 4]);
        frame.extend(length(content.payload.len()));
        // Writing to memory does not fail, and nothing in a header can fail to serialise.
        let written = serde_json::to_writer(&mut frame, &header).is_ok();
        debug_assert!(written);
        let header = length(frame.len() - start - 8);
        frame[start..start + 4].copy_from_slice(&header);
        frame.extend_from_slice(&content.payload);
    }
    frame
}

/// Lengths are bounded where messages are pushed, far below this.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    All(Said),
    Outcomes(Vec<Said>),
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Delivered,
    Retry(Why),
    Dead(Why),
}

#[derive(Clone, Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
    after_ms: Option<u64>,
    status: Option<u32>,
    answer: Option<String>,
}

/// What a library answers for a batch of that many messages. What is not understood, and messages of
/// which nothing is said, are to be tried again.
pub(super) fn outcomes(answer: Result<Vec<u8>, String>, messages: usize) -> Vec<Outcome> {
    let answer = match answer {
        Ok(answer) if answer.is_empty() => return vec![Outcome::Delivered; messages],
        Ok(answer) => answer,
        Err(why) => return vec![Outcome::Retry(refusal(why), None); messages],
    };
    let answer = match serde_json::from_slice(&answer) {
        Ok(Answer::All(said)) => vec![said; messages],
        Ok(Answer::Outcomes(said)) => said,
        Err(error) => {
            let why = format!("the listener's answer is not understood: {error}");
            return vec![Outcome::Retry(refusal(why), None); messages];
        }
    };
    let count = answer.len();
    let mut outcomes: Vec<_> = answer.into_iter().map(Outcome::from).collect();
    outcomes.resize_with(messages, || {
        let why = format!("the listener gave {count} outcomes for {messages} messages");
        Outcome::Retry(refusal(why), None)
    });
    outcomes
}

fn refusal(reason: String) -> Refusal {
    Refusal {
        reason: bounded(reason),
        ..Refusal::default()
    }
}

impl From<Said> for Outcome {
    fn from(said: Said) -> Self {
        let refusal = |why: Why| Refusal {
            reason: bounded(why.reason),
            status: why.status,
            answer: why.answer.map(bounded),
        };
        match said {
            Said::Delivered => Self::Delivered,
            Said::Retry(why) => {
                let after = why.after_ms;
                Self::Retry(refusal(why), after)
            }
            Said::Dead(why) => Self::Dead(refusal(why)),
        }
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: &str, messages: usize) -> Vec<Outcome> {
        outcomes(Ok(answer.as_bytes().to_vec()), messages)
    }

    #[test]
    fn every_message_has_an_outcome_whatever_is_answered() {
        assert_eq!(said("", 2), vec![Outcome::Delivered; 2]);
        let busy = Refusal {
            reason: "busy".into(),
            status: Some(503),
            answer: None,
        };
        assert_eq!(
            said(
                r#"{"all":{"retry":{"reason":"busy","status":503,"after_ms":5,"new":1}}}"#,
                2
            ),
            vec![Outcome::Retry(busy, Some(5)); 2]
        );
        let mixed = said(r#"{"outcomes":["delivered",{"dead":{}}]}"#, 3);
        assert_eq!(mixed[0], Outcome::Delivered);
        assert_eq!(mixed[1], Outcome::Dead(Refusal::default()));
        assert!(
            matches!(&mixed[2], Outcome::Retry(why, None) if why.reason.contains("2 outcomes for 3"))
        );
        assert!(matches!(&said("what?", 1)[0], Outcome::Retry(..)));
        assert!(
            matches!(&outcomes(Err("panicked".into()), 2)[1], Outcome::Retry(why, _) if why.reason == "panicked")
        );
        assert_eq!(
            said(r#"{"outcomes":["delivered","delivered"]}"#, 1).len(),
            1
        );
    }
}
