//! How queues and messages are shown to operators: as text and as JSON, with what is to be masked
//! masked.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::admin::{Activity, Holder, MessageState, Place, QueueState};
use super::mask::Shown;
use super::message::now_ms;

/// How messages are shown.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The members of payloads whose values are hidden, wherever they are: also in headers, in the
    /// key, and in what the receiver said. `*` for the whole payload and all of these; so it is too
    /// where a payload cannot be looked into.
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
        if queue.polled {
            let last = queue
                .polled_ms
                .map_or("nobody has yet".to_owned(), |polled| {
                    format!("last {} ago", span(now_ms().saturating_sub(polled)))
                });
            let _ = writeln!(text, "  fetched    by its receiver: {last}");
        }
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
    /// A message as a JSON object: `number`, `state`, `pushed_ms`, `due_ms`, `attempts`, `tried_ms`,
    /// `key`, `id`, `content_type`, `headers`, `reason`, `status`, `answer`, `bytes`, `whole`, and
    /// with payloads `payload`, or `payload_base64` where it is no text.
    pub fn json(&self, message: &MessageState) -> Value {
        let shown = Shown::new(message, self.mask);
        let mut object = json!({
            "number": message.number,
            "state": message.state,
            "pushed_ms": message.pushed_ms,
            "due_ms": message.due_ms,
            "attempts": message.attempts,
            "tried_ms": message.tried_ms,
            "key": shown.key,
            "id": shown.id,
            "content_type": message.content_type,
            "headers": shown.headers,
            "reason": shown.reason,
            "status": message.status,
            "answer": shown.answer,
            "bytes": message.payload.len(),
            "whole": message.whole,
        });
        if self.with_payload {
            match shown.payload {
                Some(text) => object["payload"] = text.into(),
                None => object["payload_base64"] = STANDARD.encode(&message.payload).into(),
            }
        }
        object
    }

    /// A message as lines of text.
    pub fn text(&self, message: &MessageState) -> String {
        let shown = Shown::new(message, self.mask);
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
        for (name, value) in [("id", &shown.id), ("key", &shown.key)] {
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
        if let Some(reason) = &shown.reason {
            let status = message.status.map(|status| format!(" (status {status})"));
            let _ = writeln!(
                text,
                "  reason  {}{}",
                plain(reason),
                status.unwrap_or_default()
            );
        }
        if let Some(answer) = &shown.answer {
            let _ = writeln!(text, "  answer  {}", plain(answer));
        }
        if self.with_payload {
            if let Some(headers) = shown.headers {
                let headers = Value::from(headers).to_string();
                let _ = writeln!(text, "  headers {}", plain(&headers));
            }
            let payload = shown.payload;
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
