//! How queues and messages are shown to operators: as text and as JSON, with what is to be masked
//! masked.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::admin::{Activity, Holder, MessageState, Place, QueueState};
use super::message::now_ms;

/// What stands in the place of what is masked.
const HIDDEN: &str = "(hidden)";

/// How messages are shown.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The members of payloads whose values are hidden, wherever they are; `*` for the whole payload
    /// and what the receiver answered.
    pub mask: &'a [String],
    /// Whether payloads are shown.
    pub with_payload: bool,
}

/// All queues as a JSON object: `store` (path), `host` (the process that has the store; `null` where
/// none has, 0 where it is not known) and `queues` (array of objects, each with `open`: whether a
/// listener of that host has it; `null` where that is not known, as it is from
/// [`open_queues`](super::open_queues)).
pub fn queues_json(
    store: &Path,
    host: Holder,
    open: Option<&[String]>,
    queues: &[QueueState],
) -> Value {
    let queues = queues.iter().map(|queue| {
        let mut queue = json!(queue);
        queue["open"] = is_open(open, &queue["name"]).into();
        queue
    });
    let queues: Vec<_> = queues.collect();
    json!({
        "store": store,
        "host": match host {
            Holder::Nobody => Value::Null,
            Holder::Somebody => 0.into(),
            Holder::Process(process) => process.into(),
        },
        "queues": queues,
    })
}

fn is_open(open: Option<&[String]>, name: &Value) -> Option<bool> {
    open.map(|open| open.iter().any(|open| *open == *name))
}

/// All queues as lines of text. Where a host has the store, those that no listener has open are said to
/// be so.
pub fn queues_table(host: Holder, open: Option<&[String]>, queues: &[QueueState]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = match host {
        Holder::Nobody => writeln!(text, "no host is running with this store"),
        Holder::Somebody => writeln!(text, "a host is running with this store"),
        Holder::Process(process) => {
            writeln!(text, "a host is running with this store: process {process}")
        }
    };
    if queues.is_empty() {
        text.push_str("no queue was opened yet\n");
    }
    for queue in queues {
        let state = match queue.state {
            Activity::Active => String::new(),
            Activity::Paused => " (paused)".to_owned(),
            Activity::Halted => " (has paused itself)".to_owned(),
        };
        let left = match is_open(open, &json!(queue.name)) {
            Some(false) if host != Holder::Nobody => " (no listener has it open)",
            _ => "",
        };
        let _ = writeln!(text, "\n{}{state}{left}", queue.name);
        let oldest = queue.oldest_ms.map_or(String::new(), |pushed| {
            format!(", the oldest for {}", span(now_ms().saturating_sub(pushed)))
        });
        let held = if queue.state == Activity::Active {
            "pending"
        } else {
            "held"
        };
        let _ = writeln!(
            text,
            "  {held}    {} ({} bytes){oldest}\n  dead       {} ({} bytes)",
            queue.waiting, queue.waiting_bytes, queue.dead, queue.dead_bytes,
        );
        let _ = writeln!(
            text,
            "  so far     {} pushed, {} delivered, {} tried again, {} died, {} dropped",
            queue.pushed, queue.delivered, queue.retried, queue.died, queue.dropped,
        );
        if let Some(since) = queue.halted_since_ms {
            let reason = queue.halted_reason.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "  halted     since {}: {}",
                instant(since),
                plain(reason)
            );
        }
    }
    text
}

impl View<'_> {
    fn hides_all(&self) -> bool {
        self.mask.iter().any(|name| name == "*")
    }

    /// The payload as operators see it: text, or `None` where it is none.
    fn payload(&self, message: &MessageState) -> Option<String> {
        let text = str::from_utf8(&message.payload).ok();
        if self.mask.is_empty() {
            return text.map(ToOwned::to_owned);
        }
        let parsed = text.filter(|_| !self.hides_all());
        let parsed = parsed.and_then(|text| serde_json::from_str::<Value>(text).ok());
        match parsed {
            // What cannot be looked into could hold anything.
            None | Some(Value::String(_)) => Some(HIDDEN.to_owned()),
            Some(mut value) => {
                self.hide(&mut value);
                Some(value.to_string())
            }
        }
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if self.mask.contains(name) {
                        *value = HIDDEN.into();
                    } else {
                        self.hide(value);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            _ => {}
        }
    }

    fn answer(&self, message: &MessageState) -> Option<String> {
        let answer = message.answer.as_deref();
        answer.map(|answer| if self.hides_all() { HIDDEN } else { answer }.to_owned())
    }

    /// A message as a JSON object: `number`, `state`, `pushed_ms`, `due_ms`, `attempts`, `tried_ms`,
    /// `key`, `id`, `content_type`, `headers`, `reason`, `status`, `answer`, `bytes`, `whole`, and
    /// with payloads `payload`, or `payload_base64` where it is no text.
    pub fn json(&self, message: &MessageState) -> Value {
        let headers = message.headers.as_deref();
        let headers = headers.and_then(|headers| serde_json::from_str(headers).ok());
        let headers: Option<Map<String, Value>> = headers;
        let mut object = json!({
            "number": message.number,
            "state": message.state,
            "pushed_ms": message.pushed_ms,
            "due_ms": message.due_ms,
            "attempts": message.attempts,
            "tried_ms": message.tried_ms,
            "key": message.key,
            "id": message.id,
            "content_type": message.content_type,
            "headers": headers,
            "reason": message.reason,
            "status": message.status,
            "answer": self.answer(message),
            "bytes": message.payload.len(),
            "whole": message.whole,
        });
        if self.with_payload {
            match self.payload(message) {
                Some(text) => object["payload"] = text.into(),
                None => object["payload_base64"] = STANDARD.encode(&message.payload).into(),
            }
        }
        object
    }

    /// A message as lines of text.
    pub fn text(&self, message: &MessageState) -> String {
        let state = match message.state {
            Place::Pending => "pending",
            Place::Held => "held",
            Place::Dead => "dead",
        };
        let mut text = format!(
            "{}  {state}  pushed {}  attempts {}  {} bytes",
            message.number,
            instant(message.pushed_ms),
            message.attempts,
            message.payload.len(),
        );
        for (name, value) in [("id", &message.id), ("key", &message.key)] {
            if let Some(value) = value {
                let _ = write!(text, "  {name} {}", plain(value));
            }
        }
        if message.state != Place::Dead && message.attempts > 0 {
            let _ = write!(text, "  next {}", instant(message.due_ms));
        }
        text.push('\n');
        if !message.whole {
            text.push_str("  damaged in the store\n");
        }
        if let Some(reason) = &message.reason {
            let status = message.status.map(|status| format!(" (status {status})"));
            let _ = writeln!(
                text,
                "  reason  {}{}",
                plain(reason),
                status.unwrap_or_default()
            );
        }
        if let Some(answer) = self.answer(message) {
            let _ = writeln!(text, "  answer  {}", plain(&answer));
        }
        if self.with_payload {
            if let Some(headers) = &message.headers {
                let _ = writeln!(text, "  headers {}", plain(headers));
            }
            let payload = self.payload(message);
            let payload = payload.unwrap_or_else(|| STANDARD.encode(&message.payload));
            let _ = writeln!(text, "  payload {}", plain(&payload));
        }
        text
    }
}

/// Text from elsewhere, on one line and with nothing that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().fold(String::new(), |mut plain, c| {
        if c.is_control() || crate::log::may_end_a_line(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
        plain
    })
}

fn instant(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| ms.to_string())
}

fn span(ms: i64) -> String {
    match ms / 1000 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
