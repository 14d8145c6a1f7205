//! How a log line looks: as text in the layout that operators of such servers know, or as JSON.

use std::fmt::{self, Write};
use std::thread;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::Event;
use tracing::field::{Field, Visit};

/// What an event carries.
#[derive(Default)]
struct Fields {
    code: Option<String>,
    listener: Option<String>,
    message: String,
    others: Map<String, Value>,
}

/// Writes an event as text:
/// `2026-11-21T19:00:00,123 INFO main MAIN - [OP0211] …`: time (UTC), level, thread, logger and,
/// behind its code or the instance that speaks, the message.
pub(super) fn text(line: &mut String, event: &Event<'_>, now: OffsetDateTime) -> fmt::Result {
    const TIME: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second],[subsecond digits:3]");
    let fields = Fields::of(event);
    let metadata = event.metadata();
    line.push_str(&now.format(TIME).map_err(|_| fmt::Error)?);
    write!(line, " {} ", metadata.level())?;
    escape(line, &thread_name());
    line.push(' ');
    // A logger's name is one word, so that a listener's cannot pass for one of the host's lines.
    escape(line, &metadata.target().replace(char::is_whitespace, "_"));
    line.push_str(" - ");
    if let Some(tag) = fields.code.as_ref().or(fields.listener.as_ref()) {
        line.push('[');
        escape(line, tag);
        line.push_str("] ");
    }
    escape(line, &fields.message);
    for (name, value) in &fields.others {
        line.push(' ');
        escape(line, name);
        line.push('=');
        match value {
            Value::String(text) if is_word(text) => line.push_str(text),
            // JSON leaves some of what ends a line as it is.
            value => escape(line, &value.to_string()),
        }
    }
    Ok(())
}

/// Writes an event as a JSON object with the members `time` (RFC 3339, UTC), `level`, `thread`,
/// `logger`, `code`, `listener`, `message` and `fields`; those that have no value are left out.
pub(super) fn json(line: &mut String, event: &Event<'_>, now: OffsetDateTime) -> fmt::Result {
    const TIME: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let fields = Fields::of(event);
    let metadata = event.metadata();
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("time", now.format(TIME).map_err(|_| fmt::Error)?.into());
    put("level", metadata.level().as_str().into());
    put("thread", thread_name().into());
    put("logger", metadata.target().into());
    if let Some(code) = fields.code {
        put("code", code.into());
    }
    if let Some(listener) = fields.listener {
        put("listener", listener.into());
    }
    put("message", fields.message.into());
    if !fields.others.is_empty() {
        put("fields", fields.others.into());
    }
    // Some readers and terminals take more for the end of a line, or for a command, than JSON has
    // to escape. All of that stands in strings, where an escape means the same.
    for character in Value::Object(object).to_string().chars() {
        if may_end_a_line(character) {
            write!(line, "\\u{:04x}", u32::from(character))?;
        } else {
            line.push(character);
        }
    }
    Ok(())
}

fn thread_name() -> String {
    let thread = thread::current();
    match thread.name() {
        Some(name) => name.replace(' ', "-"),
        None => format!("{:?}", thread.id()),
    }
}

/// Writes text so that it stays on its line and cannot pass for another: control characters, and
/// what a terminal or a viewer takes for the end of a line, as escapes.
fn escape(line: &mut String, text: &str) {
    for character in text.chars() {
        if may_end_a_line(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

/// Control characters, of which there are some beyond ASCII too, and the separators of lines and
/// paragraphs. All are of the first 65,536 characters.
pub(crate) fn may_end_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|character| character.is_alphanumeric() || "-_.:/@+".contains(character))
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "code" => self.code = Some(value.to_owned()),
            "listener" => self.listener = Some(value.to_owned()),
            "message" => self.message.push_str(value),
            // What a listener's record carries comes as one JSON object.
            "fields" => match serde_json::from_str(value) {
                Ok(Value::Object(mut more)) => self.others.append(&mut more),
                _ => self.put(field, value.into()),
            },
            _ => self.put(field, value.into()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a `String` does not fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
