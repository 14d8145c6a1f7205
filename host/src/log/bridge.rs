//! Lets listeners speak through the host's `tracing` subscriber, each record under its own target
//! and level, so that the subscriber's filters work on them as on any other.
//!
//! `tracing` wants a static description of every place that logs. Those of listeners are made as
//! they come, one for each level and target, and kept.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use op_listener_abi::level as number;
use tracing_core::callsite::Identifier;
use tracing_core::field::{FieldSet, Value};
use tracing_core::subscriber::Interest;
use tracing_core::{Callsite, Event, Kind, Level, Metadata, callsite, dispatcher};

/// A record of a listener.
pub(crate) struct Record<'a> {
    pub(crate) level: u32,
    pub(crate) target: &'a str,
    pub(crate) listener: &'a str,
    pub(crate) message: &'a str,
    /// A JSON object.
    pub(crate) fields: Option<&'a str>,
}

/// The names of the fields that a record has in `tracing`.
const FIELDS: [&str; 3] = ["message", "listener", "fields"];

/// More targets than this are nobody's modules: further ones share one place.
const MOST_PLACES: usize = 4096;
const OTHERS: &str = "op_listener::listener";

/// Whether the subscriber wants records of that level and target.
pub(crate) fn enabled(level: u32, target: &str) -> bool {
    let level = level_of(level);
    level <= tracing::level_filters::LevelFilter::current()
        && dispatcher::get_default(|subscriber| subscriber.enabled(place(level, target)))
}

/// Hands a record to the subscriber, if it wants it.
pub(crate) fn forward(record: &Record<'_>) {
    let metadata = place(level_of(record.level), record.target);
    let fields = metadata.fields();
    let mut names = fields.iter();
    let mut next = || {
        names
            .next()
            .expect("a place has as many fields as are asked for here")
    };
    let values: [(_, Option<&dyn Value>); FIELDS.len()] = [
        (&next(), Some(&record.message)),
        (&next(), Some(&record.listener)),
        (
            &next(),
            record.fields.as_ref().map(|fields| fields as &dyn Value),
        ),
    ];
    dispatcher::get_default(|subscriber| {
        if subscriber.enabled(metadata) {
            subscriber.event(&Event::new(metadata, &fields.value_set(&values)));
        }
    });
}

/// The number that the interface has for the most verbose level that the subscriber wants.
pub(crate) fn most_verbose() -> u32 {
    match tracing::level_filters::LevelFilter::current().into_level() {
        None => 0,
        Some(Level::ERROR) => number::ERROR,
        Some(Level::WARN) => number::WARN,
        Some(Level::INFO) => number::INFO,
        Some(Level::DEBUG) => number::DEBUG,
        Some(Level::TRACE) => number::TRACE,
    }
}

fn level_of(level: u32) -> Level {
    match level {
        number::ERROR => Level::ERROR,
        number::WARN => Level::WARN,
        number::INFO => Level::INFO,
        number::DEBUG => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// A place that logs.
struct Place(OnceLock<Metadata<'static>>);

impl Callsite for Place {
    fn set_interest(&self, _: Interest) {
        // Asked anew for each record, so nothing is remembered.
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.0
            .get()
            .expect("a place is described before it is used")
    }
}

type Places = HashMap<(Level, String), &'static Metadata<'static>>;

fn place(level: Level, target: &str) -> &'static Metadata<'static> {
    static PLACES: OnceLock<RwLock<Places>> = OnceLock::new();

    let places = PLACES.get_or_init(RwLock::default);
    let mut key = (level, target.to_owned());
    {
        let places = places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.get(&key) {
            return known;
        }
        if places.len() >= MOST_PLACES {
            OTHERS.clone_into(&mut key.1);
        }
    }
    let mut places = places.write().unwrap_or_else(PoisonError::into_inner);
    places.entry(key.clone()).or_insert_with(|| {
        let place: &'static Place = Box::leak(Box::new(Place(OnceLock::new())));
        let metadata = place.0.get_or_init(|| {
            let fields = FieldSet::new(&FIELDS, Identifier(place));
            let target: &'static str = Box::leak(key.1.into_boxed_str());
            Metadata::new(
                "listener",
                target,
                level,
                None,
                None,
                None,
                fields,
                Kind::EVENT,
            )
        });
        callsite::register(place);
        metadata
    })
}
