//! Carries the listener's `tracing` events to the host's log.
//!
//! Every library has a copy of `tracing` of its own, so each gets a subscriber that asks the host
//! whether a record is wanted, and only then formats it. The fields of the spans that an event is
//! in come with it.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use op_listener_abi::{LogRecord, PANIC_TARGET, Text, level};
use serde_json::{Map, Value, json};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, LevelFilter, Metadata, Subscriber, callsite};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::HostLink;

static HOST: OnceLock<HostLink> = OnceLock::new();
static MOST_VERBOSE: AtomicU32 = AtomicU32::new(0);

pub(super) fn forward_to(host: HostLink, level: u32) {
    MOST_VERBOSE.store(level, Ordering::Relaxed);
    if HOST.set(host).is_ok() {
        // Fails where the listener brought a subscriber of its own: then it wants to keep its
        // records.
        let _ =
            tracing_core::dispatcher::set_global_default(Registry::default().with(Forward).into());
    }
}

pub(super) fn set_level(input: Option<&[u8]>) {
    if let Some([digit @ b'0'..=b'5']) = input {
        MOST_VERBOSE.store(u32::from(digit - b'0'), Ordering::Relaxed);
        callsite::rebuild_interest_cache();
    }
}

/// Logs that a panic began on this thread. Goes to the host without `tracing`, whose subscriber may
/// be the listener's own.
pub(super) fn panic_began(message: &str, file: Option<&str>, line: u32) {
    let Some(host) = speaker() else { return };
    if MOST_VERBOSE.load(Ordering::Relaxed) < level::ERROR
        || !host.log_enabled(level::ERROR, PANIC_TARGET)
    {
        return;
    }
    let thread = std::thread::current();
    let fields = thread
        .name()
        .map(|name| json!({ "thread": name }).to_string());
    host.log(&LogRecord {
        level: level::ERROR,
        line,
        target: Text::new(PANIC_TARGET),
        message: Text::new(message),
        fields: Text::from_option(fields.as_deref()),
        file: Text::from_option(file),
    });
}

/// In whose name this thread speaks: the instance's, or else the library's.
fn speaker() -> Option<HostLink> {
    HostLink::speaker().or_else(|| HOST.get().copied())
}

const fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        Level::TRACE => level::TRACE,
    }
}

struct Forward;

/// The fields of a span, kept in it.
struct SpanFields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forward {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let number = number(*metadata.level());
        number <= MOST_VERBOSE.load(Ordering::Relaxed)
            && HOST
                .get()
                .is_some_and(|host| host.log_enabled(number, metadata.target()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match MOST_VERBOSE.load(Ordering::Relaxed) {
            0 => LevelFilter::OFF,
            level::ERROR => LevelFilter::ERROR,
            level::WARN => LevelFilter::WARN,
            level::INFO => LevelFilter::INFO,
            level::DEBUG => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Collect::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(SpanFields(fields.fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        // Collected first: a value's `Debug` may log in turn, which must not find the span locked.
        let mut more = Collect::default();
        values.record(&mut more);
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            fields.append(&mut more.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(host) = speaker() else { return };
        let mut collected = Collect::default();
        let scope = context.event_scope(event).into_iter();
        for span in scope.flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                collected.fields.extend(fields.clone());
            }
        }
        event.record(&mut collected);
        let fields =
            (!collected.fields.is_empty()).then(|| Value::Object(collected.fields).to_string());
        let metadata = event.metadata();
        host.log(&LogRecord {
            level: number(*metadata.level()),
            line: metadata.line().unwrap_or(0),
            target: Text::new(metadata.target()),
            message: Text::new(&collected.message),
            fields: Text::from_option(fields.as_deref()),
            file: Text::from_option(metadata.file()),
        });
    }
}

/// Collects the message and, as JSON, all other fields.
#[derive(Default)]
struct Collect {
    message: String,
    fields: Map<String, Value>,
}

impl Collect {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.insert(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.insert(field, format!("{value:?}"));
        }
    }
}
