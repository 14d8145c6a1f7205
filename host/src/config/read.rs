//! From a file to a [`Config`].

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, absolute};
use std::time::Duration;

use toml::de::DeTable;

use super::delivery;
use super::error::{ConfigError, ConfigErrors, Problem};
use super::intake;
use super::json;
use super::keys::{DISPATCH, FLOW, INTAKE, LOG, PLUGINS, RELOAD, SHUTDOWN, SIGNING, TOP};
use super::listener;
use super::log_filter::LogFilter;
use super::place::{Source, position};
use super::poll;
use super::redis;
use super::settings::{Config, ProbeConfig, ReloadConfig, ShutdownConfig, SigningConfig};
use super::syntax::Syntax;
use super::trust;
use super::walk::{Table, Value, Walk};
use crate::event::check_issuer;

/// The longest configuration file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its directory.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or all that is wrong with it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let name = path.to_string_lossy();
        let text = read_text(path, &name)?;
        let whole = absolute(path).unwrap_or_else(|_| path.to_owned());
        let base_dir = whole.parent().unwrap_or(Path::new(""));
        Self::from_str(&text, &name, base_dir)
    }

    /// Reads a configuration that is already in memory. Errors call it `name`; relative paths in it
    /// are relative to `base_dir`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn from_str(text: &str, name: &str, base_dir: &Path) -> Result<Self, ConfigErrors> {
        parse(text, name, base_dir, |walk, source, table| {
            Some(read_top(walk, source, base_dir, table))
        })
    }
}

/// Reads a file that holds one listener's own settings: what a configuration file has in the
/// table `[listener.config]`.
///
/// # Errors
///
/// The file cannot be read, or all that is wrong with it.
pub fn read_listener_settings(
    path: impl AsRef<Path>,
) -> Result<serde_json::Map<String, serde_json::Value>, ConfigErrors> {
    let path = path.as_ref();
    let name = path.to_string_lossy();
    let text = read_text(path, &name)?;
    parse(&text, &name, Path::new(""), |walk, _, table| {
        json::settings(walk, table)
    })
}

/// Reads TOML, and all that is wrong with it. `read` reports the reason where it has no result.
fn parse<T>(
    text: &str,
    name: &str,
    base_dir: &Path,
    read: impl FnOnce(&Walk<'_>, &Source<'_>, &DeTable<'_>) -> Option<T>,
) -> Result<T, ConfigErrors> {
    // A byte order mark is not part of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut source = Source::new(name, text);
    let mut syntax = Syntax::check(&mut source);
    let mut errors = std::mem::take(&mut syntax.errors);
    let is_toml = errors.is_empty();
    let (table, _) = DeTable::parse_recoverable(syntax.mended.as_deref().unwrap_or(text));
    let walk = Walk::new(base_dir);
    let result = read(&walk, &source, table.get_ref());
    for fault in walk.into_faults() {
        // What seems to be missing may stand where the file could not be understood.
        let missing = matches!(fault.problem, Problem::Missing { .. });
        if (is_toml || !missing) && syntax.trusts(&source, &fault.span) {
            let place = source.place(fault.span);
            errors.push(ConfigError::at(place, fault.problem, fault.help));
        }
    }
    match result {
        Some(result) if errors.is_empty() => Ok(result),
        _ => Err(ConfigErrors::new(errors)),
    }
}

fn read_text(path: &Path, name: &str) -> Result<String, ConfigError> {
    String::from_utf8(read_file(path, name)?).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let (line, column) = position(&valid);
        let help = "save it as UTF-8".to_owned();
        ConfigError::in_file(name, Problem::NotUtf8 { line, column }, Some(help))
    })
}

fn read_file(path: &Path, name: &str) -> Result<Vec<u8>, ConfigError> {
    let failed = |error: io::Error| {
        let help = match error.kind() {
            ErrorKind::NotFound => Some("without any configuration file the defaults serve"),
            ErrorKind::PermissionDenied => Some("let the user who runs the host read it"),
            _ => None,
        };
        let help = help.map(ToOwned::to_owned);
        match error.kind() {
            ErrorKind::IsADirectory => ConfigError::in_file(name, Problem::Directory, None),
            _ => ConfigError::in_file(name, Problem::Unreadable(error), help),
        }
    };
    // Asked first: not all systems refuse to open a directory, nor do all say that it is one.
    if path.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let mut bytes = Vec::new();
    let limit = MAX_FILE as u64 + 1;
    let file = File::open(path).map_err(failed)?;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_FILE {
        return Err(ConfigError::in_file(name, Problem::TooLong, None));
    }
    Ok(bytes)
}

fn read_top(walk: &Walk<'_>, source: &Source<'_>, base_dir: &Path, table: &DeTable<'_>) -> Config {
    let mut config = Config::defaults(base_dir);
    let top = walk.table(&TOP, table);
    top.read("issuer", &mut config.issuer, |what, v| {
        issuer(walk, what, v).map(Some)
    });
    top.read("clients", &mut config.clients, |what, v| {
        walk.path(what, v).map(Some)
    });
    top.read("data_dir", &mut config.data_dir, |what, v| {
        walk.path(what, v)
    });
    if let Some(plugins) = top.section(walk, "plugins", &PLUGINS) {
        let into = &mut config.plugins;
        plugins.read("dir", &mut into.dir, |what, v| walk.path(what, v));
        trust::read(walk, &plugins, base_dir, &mut into.trust);
        plugins.read("on_failure", &mut into.on_failure, |what, v| {
            walk.choice(what, v)
        });
        read_probe(walk, &plugins, &mut into.probe);
    }
    if let Some(signing) = top.section(walk, "signing", &SIGNING) {
        read_signing(walk, &signing, &mut config.signing);
    }
    if let Some(log) = top.section(walk, "log", &LOG) {
        log.read("format", &mut config.log.format, |what, v| {
            walk.choice(what, v)
        });
        log.read("level", &mut config.log.level, |what, v| {
            log_filter(walk, source, what, v)
        });
    }
    if let Some(table) = top.section(walk, "intake", &INTAKE) {
        let into = &mut config.intake;
        table.read("max_line", &mut into.max_line, |what, v| {
            count(walk, what, v, 1 << 30)
        });
        table.read("max_depth", &mut into.max_depth, |what, v| {
            count(walk, what, v, 1024)
        });
        intake::read(walk, source, &table, &mut into.listen);
    }
    if let Some(flow) = top.section(walk, "flow", &FLOW) {
        let into = &mut config.flow;
        flow.read("max_pending", &mut into.max_pending, |what, v| {
            count(walk, what, v, 1_000_000_000)
        });
        flow.read("code_lifetime", &mut into.code_lifetime, |what, v| {
            let seconds = walk.integer(what, v, 1..=86_400)?;
            Some(Duration::from_secs(seconds.into()))
        });
        redis::read(walk, &flow, into);
    }
    if let Some(dispatch) = top.section(walk, "dispatch", &DISPATCH) {
        let into = &mut config.dispatch;
        dispatch.read("measure", &mut into.measure, |what, v| {
            walk.boolean(what, v)
        });
        dispatch.read("budget_ms", &mut into.budget, |what, v| {
            walk.milliseconds(what, v)
        });
    }
    delivery::read(walk, &top, &mut config.delivery);
    if let Some(reload) = top.section(walk, "reload", &RELOAD) {
        read_reload(walk, &reload, &mut config.reload);
    }
    if let Some(shutdown) = top.section(walk, "shutdown", &SHUTDOWN) {
        read_shutdown(walk, &shutdown, &mut config.shutdown);
    }
    config.listeners = listener::read(walk, source, &top);
    poll::check_served(walk, &top);
    config
}

fn read_probe(walk: &Walk<'_>, plugins: &Table<'_>, into: &mut ProbeConfig) {
    plugins.read("probe", &mut into.enabled, |what, v| walk.boolean(what, v));
    plugins.read("probe_timeout_ms", &mut into.timeout, |what, v| {
        let milliseconds = walk.integer(what, v, 100..=3_600_000)?;
        Some(Duration::from_millis(milliseconds.into()))
    });
    plugins.read("probe_memory_mb", &mut into.memory_mb, |what, v| {
        walk.integer(what, v, 64..=1 << 20)
    });
}

fn read_reload(walk: &Walk<'_>, reload: &Table<'_>, into: &mut ReloadConfig) {
    reload.read("watch", &mut into.watch, |what, v| walk.boolean(what, v));
    reload.read("debounce_ms", &mut into.debounce, |what, v| {
        let milliseconds = walk.integer(what, v, 10..=60_000)?;
        Some(Duration::from_millis(milliseconds.into()))
    });
    reload.read("rescan", &mut into.rescan, |what, v| {
        let seconds = walk.integer(what, v, 1..=86_400)?;
        Some(Duration::from_secs(seconds.into()))
    });
}

fn read_shutdown(walk: &Walk<'_>, shutdown: &Table<'_>, into: &mut ShutdownConfig) {
    shutdown.read("drain_ms", &mut into.drain, |what, v| {
        walk.patience(what, v)
    });
    shutdown.read("listener_ms", &mut into.listener, |what, v| {
        walk.patience(what, v)
    });
}

fn read_signing(walk: &Walk<'_>, signing: &Table<'_>, into: &mut SigningConfig) {
    signing.read("keys", &mut into.keys, |what, v| {
        walk.path(what, v).map(Some)
    });
    signing.read("algorithm", &mut into.algorithm, |what, v| {
        walk.choice(what, v)
    });
    signing.read("kid", &mut into.kid, |what, v| {
        walk.text(what, v).map(|kid| Some(kid.to_owned()))
    });
    signing.read("retire_after", &mut into.retire_after, |what, v| {
        // A year, which is longer than anything lives that is signed with such a key.
        let seconds = walk.integer(what, v, 0..=31_536_000)?;
        Some(Duration::from_secs(seconds.into()))
    });
    if let Some(kid) = signing.get("kid")
        && signing.get("keys").is_none()
    {
        let problem = Problem::Missing {
            key: "keys",
            section: SIGNING.title,
        };
        let help = "`kid` chooses a key of a set: say which file holds the set, or remove it";
        walk.fault(kid.span(), problem, Some(help.to_owned()));
    }
}

fn issuer(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<String> {
    let text = walk.text(what, value)?;
    match check_issuer(text) {
        Ok(()) => Some(text.to_owned()),
        Err(error) => {
            let help = "an issuer is an absolute URL such as `https://op.example.com`".to_owned();
            walk.fault(value.span(), Problem::Issuer(error), Some(help));
            None
        }
    }
}

fn log_filter(
    walk: &Walk<'_>,
    source: &Source<'_>,
    what: &str,
    value: &Value<'_>,
) -> Option<LogFilter> {
    match LogFilter::parse(walk.text(what, value)?) {
        Ok(filter) => Some(filter),
        Err(error) => {
            // An escape in the string may hide the part: then all of it is marked.
            let whole = value.span();
            let part = source.text().get(whole.clone());
            let part = part.and_then(|text| text.find(&error.part));
            let span = match part {
                Some(at) if !error.part.is_empty() => {
                    whole.start + at..whole.start + at + error.part.len()
                }
                _ => whole,
            };
            walk.fault(span, Problem::LogFilter(error.message), Some(error.help));
            None
        }
    }
}

/// How many of something, from one to `most`.
pub(super) fn count(walk: &Walk<'_>, what: &str, value: &Value<'_>, most: u32) -> Option<usize> {
    let count = walk.integer(what, value, 1..=most)?;
    Some(usize::try_from(count).unwrap_or(usize::MAX))
}
