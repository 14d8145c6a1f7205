//! The `[[listener]]` entries.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use toml::de::DeValue;

use super::delivery::{self, QueueSettings};
use super::error::{ConfigError, Problem};
use super::json;
use super::keys::{LISTENER, nearest};
use super::place::{Place, Source};
use super::poll::{self, PollSettings};
use super::secrets;
use super::walk::{Table, Value, Walk};
use crate::Spi;

/// A listener that the configuration names: an instance of what a plugin exports.
#[derive(Clone, PartialEq)]
pub struct ListenerConfig {
    /// The plugin's id.
    pub plugin: String,
    /// The instance's name, see [`is_instance_name`]. The plugin's id by default.
    pub name: String,
    /// Which of the plugin's SPIs are served; all without. Never empty, nothing twice.
    pub spi: Option<Vec<Spi>>,
    /// The clients whose events it receives; all without. Never empty.
    pub clients: Option<Vec<String>>,
    /// Whether the host must not start without it, whatever the policy is.
    pub required: bool,
    /// The operator's switch: when false the plugin isn't loaded for this entry at all.
    pub enabled: bool,
    /// After so many panics in a row it gets no more events; without, it keeps getting them.
    pub switch_off_after_panics: Option<NonZeroU32>,
    /// How long it may take for one event, if not as long as all others.
    pub budget: Option<Duration>,
    /// What the operator sets of its delivery queues.
    pub queue: QueueSettings,
    /// Who may fetch from its delivery queues, where it has such.
    pub poll: Option<PollSettings>,
    /// How long it may take to shut down, if not as long as all others.
    pub shutdown: Option<Duration>,
    /// Its own settings, of which the host knows nothing. Dates have become text.
    pub config: Map<String, Json>,
    places: Option<Box<Places>>,
}

#[derive(Clone, PartialEq)]
struct Places {
    entry: Place,
    plugin: Place,
    config: Option<Place>,
    poll_token: Option<Place>,
}

impl ListenerConfig {
    /// An entry with nothing but the plugin's id, made by a program and so without a place.
    pub fn new(plugin: impl Into<String>) -> Self {
        let plugin = plugin.into();
        Self {
            name: plugin.clone(),
            plugin,
            spi: None,
            clients: None,
            required: false,
            enabled: true,
            switch_off_after_panics: None,
            budget: None,
            queue: QueueSettings::default(),
            poll: None,
            shutdown: None,
            config: Map::new(),
            places: None,
        }
    }

    /// Where the entry stands; nowhere if a program made it.
    pub fn place(&self) -> Option<&Place> {
        self.places.as_deref().map(|places| &places.entry)
    }

    /// Where its own settings stand: their header, or the entry's if there are none.
    pub fn config_place(&self) -> Option<&Place> {
        let places = self.places.as_deref()?;
        places.config.as_ref().or(Some(&places.entry))
    }

    /// Where the file with the token of those who fetch is named.
    #[cfg(all(feature = "server", feature = "delivery"))]
    pub(crate) fn poll_token_place(&self) -> Option<&Place> {
        self.places.as_deref()?.poll_token.as_ref()
    }

    /// The same entry as a program would have made it: two that mean the same are then equal.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.places = None;
        self
    }

    /// The error that there is no such plugin among those that are there.
    pub fn unknown_plugin<'p>(&self, there: impl IntoIterator<Item = &'p str>) -> ConfigError {
        let there: Vec<_> = there.into_iter().collect();
        let help = match nearest(&self.plugin, there.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if there.is_empty() => "the plugin directory holds no plugin".to_owned(),
            None => format!("plugins in the plugin directory: `{}`", there.join("`, `")),
        };
        let place = self.places.as_deref().map(|places| &places.plugin);
        ConfigError::perhaps_at(
            place,
            Problem::UnknownPlugin(self.plugin.clone()),
            Some(help),
        )
    }
}

impl fmt::Debug for ListenerConfig {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerConfig")
            .field("plugin", &self.plugin)
            .field("name", &self.name)
            .field("spi", &self.spi)
            .field("clients", &self.clients)
            .field("required", &self.required)
            .field("enabled", &self.enabled)
            .field("switch_off_after_panics", &self.switch_off_after_panics)
            .field("budget", &self.budget)
            .field("queue", &self.queue)
            .field("poll", &self.poll)
            .field("shutdown", &self.shutdown)
            .field("config", &secrets::hide_all(&self.config))
            .field("place", &self.place().map(ToString::to_string))
            .finish_non_exhaustive()
    }
}

/// Whether a text can be the name of a listener instance: 1 to 64 characters of
/// `A-Z a-z 0-9 . _ -`, the first not a dot. Names are those of directories and appear in logs.
pub fn is_instance_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Reads the entries.
pub(super) fn read(walk: &Walk<'_>, source: &Source<'_>, top: &Table<'_>) -> Vec<ListenerConfig> {
    let Some(value) = top.get("listener") else {
        return Vec::new();
    };
    let wrong = |value: &Value<'_>, expected| {
        let help = "each listener has a header of its own: `[[listener]]`".to_owned();
        walk.wrong_type("`listener`", expected, value, Some(help));
    };
    let DeValue::Array(entries) = value.get_ref() else {
        wrong(value, "an array of tables");
        return Vec::new();
    };
    let mut listeners = Vec::new();
    let mut names = HashMap::new();
    for entry in entries {
        match entry.get_ref().as_table() {
            Some(table) => {
                let table = walk.table(&LISTENER, table);
                listeners.extend(read_entry(walk, source, entry.span(), &table, &mut names));
            }
            None => wrong(entry, "an array of nothing but tables"),
        }
    }
    listeners
}

fn read_entry(
    walk: &Walk<'_>,
    source: &Source<'_>,
    span: Range<usize>,
    table: &Table<'_>,
    names: &mut HashMap<String, usize>,
) -> Option<ListenerConfig> {
    let mut listener = ListenerConfig::new("");
    table.read("spi", &mut listener.spi, |what, v| {
        spis(walk, what, v).map(Some)
    });
    table.read("clients", &mut listener.clients, |what, v| {
        let client = |what: &str, v: &Value<'_>| walk.text(what, v).map(ToOwned::to_owned);
        walk.list(what, v, client).map(Some)
    });
    table.read("required", &mut listener.required, |what, v| {
        walk.boolean(what, v)
    });
    table.read("enabled", &mut listener.enabled, |what, v| {
        walk.boolean(what, v)
    });
    let switch = &mut listener.switch_off_after_panics;
    table.read("switch_off_after_panics", switch, |what, v| {
        walk.integer(what, v, 1..=u32::MAX).map(NonZeroU32::new)
    });
    table.read("budget_ms", &mut listener.budget, |what, v| {
        walk.milliseconds(what, v).map(Some)
    });
    delivery::read_queue(walk, table, &mut listener.queue);
    poll::read(walk, table, &mut listener.poll);
    table.read("shutdown_ms", &mut listener.shutdown, |what, v| {
        walk.patience(what, v).map(Some)
    });
    table.read("config", &mut listener.config, |what, v| {
        own_settings(walk, what, v)
    });

    let Some(plugin) = table.get("plugin") else {
        let problem = Problem::Missing {
            key: "plugin",
            section: LISTENER.title,
        };
        let help = "say which plugin it is: `plugin = \"its id\"`".to_owned();
        walk.fault(span, problem, Some(help));
        return None;
    };
    let id = walk.text("`plugin`", plugin);
    let (name, called) = match table.get("name") {
        Some(name) => (walk.text("`name`", name), name),
        None => (id, plugin),
    };
    check_name(walk, source, name?, called, names);
    id?.clone_into(&mut listener.plugin);
    name?.clone_into(&mut listener.name);
    listener.places = Some(Box::new(Places {
        entry: source.place(span),
        plugin: source.place(plugin.span()),
        config: table.get("config").map(|v| source.place(v.span())),
        poll_token: poll::token_file(table).map(|v| source.place(v.span())),
    }));
    Some(listener)
}

fn own_settings(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<Map<String, Json>> {
    if let Some(settings) = value.get_ref().as_table() {
        return json::settings(walk, settings);
    }
    let help = "its header, below the entry, is `[listener.config]`".to_owned();
    walk.wrong_type(what, "a table", value, Some(help));
    None
}

fn check_name(
    walk: &Walk<'_>,
    source: &Source<'_>,
    name: &str,
    value: &Value<'_>,
    names: &mut HashMap<String, usize>,
) {
    if !is_instance_name(name) {
        let help = "names are 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the first not a dot";
        let problem = Problem::InstanceName(name.to_owned());
        walk.fault(value.span(), problem, Some(help.to_owned()));
        return;
    }
    // Some file systems take upper and lower case for the same, and names are directories.
    let known = name.to_ascii_lowercase();
    if let Some(first) = names.get(&known) {
        let problem = Problem::DuplicateName {
            name: name.to_owned(),
            first: *first,
        };
        let help = "give one of them another `name`; case makes no difference".to_owned();
        walk.fault(value.span(), problem, Some(help));
        return;
    }
    names.insert(known, source.line_of(value.span().start) + 1);
}

fn spis(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<Vec<Spi>> {
    let spis = walk.list(what, value, |what, v| {
        walk.choice::<Spi>(what, v).map(|spi| (spi, v.span()))
    })?;
    for (n, (spi, span)) in spis.iter().enumerate() {
        if spis[..n].iter().any(|(other, _)| other == spi) {
            let problem = Problem::Repeated(spi.name().to_owned());
            walk.fault(span.clone(), problem, None);
        }
    }
    Some(spis.into_iter().map(|(spi, _)| spi).collect())
}
