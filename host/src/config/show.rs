//! The configuration in effect as a file: defaults filled in, paths whole, secrets hidden.

use std::fmt::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::choice::Choice;
use super::delivery;
use super::intake;
use super::listener::ListenerConfig;
use super::poll;
use super::redis;
use super::secrets;
use super::settings::Config;
use super::trust;

const NOT_SHOWN: &str = "  # not shown: it looks like a secret";

impl Config {
    /// The effective configuration as a TOML file that reads back to the same configuration, but
    /// for what looks like a secret in a listener's own settings: that is replaced by
    /// `"(hidden)"`, and a comment says so. (A path that is not Unicode cannot be written in TOML;
    /// it is shown as near as it can be.)
    pub fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Config {
    /// As [`Config::to_toml`] says.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.issuer {
            Some(issuer) => writeln!(out, "issuer = {}", Text(issuer))?,
            None => writeln!(out, "# issuer: not set, each event must name its own")?,
        }
        match &self.clients {
            Some(clients) => writeln!(out, "clients = {}", path(clients))?,
            None => writeln!(out, "# clients: not set, no client registry")?,
        }
        writeln!(out, "data_dir = {}", path(&self.data_dir))?;

        writeln!(out, "\n[plugins]\ndir = {}", path(&self.plugins.dir))?;
        trust::show(out, &self.plugins.trust)?;
        writeln!(out, "on_failure = {}", word(self.plugins.on_failure))?;
        let probe = &self.plugins.probe;
        writeln!(out, "probe = {}", probe.enabled)?;
        writeln!(out, "probe_timeout_ms = {}", probe.timeout.as_millis())?;
        writeln!(out, "probe_memory_mb = {}", probe.memory_mb)?;

        writeln!(out, "\n[signing]")?;
        match &self.signing.keys {
            Some(keys) => writeln!(out, "keys = {}", path(keys))?,
            None => writeln!(out, "# keys: not set, a key that lives as long as the host")?,
        }
        writeln!(out, "algorithm = {}", word(self.signing.algorithm))?;
        if let Some(kid) = &self.signing.kid {
            writeln!(out, "kid = {}", Text(kid))?;
        }
        let retire_after = self.signing.retire_after.as_secs();
        writeln!(out, "retire_after = {retire_after}")?;

        writeln!(out, "\n[log]\nformat = {}", word(self.log.format))?;
        writeln!(out, "level = {}", Text(self.log.level.as_str()))?;

        writeln!(out, "\n[intake]\nmax_line = {}", self.intake.max_line)?;
        writeln!(out, "max_depth = {}", self.intake.max_depth)?;
        intake::show(out, &self.intake.listen)?;

        writeln!(out, "\n[flow]")?;
        if self.flow.redis.is_none() {
            writeln!(out, "max_pending = {}", self.flow.max_pending)?;
        }
        writeln!(out, "code_lifetime = {}", self.flow.code_lifetime.as_secs())?;
        if let Some(redis) = &self.flow.redis {
            redis::show(out, redis)?;
        }

        writeln!(out, "\n[dispatch]\nmeasure = {}", self.dispatch.measure)?;
        writeln!(out, "budget_ms = {}", milliseconds(self.dispatch.budget))?;

        delivery::show(out, &self.delivery)?;
        let reload = &self.reload;
        writeln!(out, "\n[reload]\nwatch = {}", reload.watch)?;
        writeln!(out, "debounce_ms = {}", reload.debounce.as_millis())?;
        writeln!(out, "rescan = {}", reload.rescan.as_secs())?;

        let shutdown = &self.shutdown;
        writeln!(
            out,
            "\n[shutdown]\ndrain_ms = {}",
            shutdown.drain.as_millis()
        )?;
        writeln!(out, "listener_ms = {}", shutdown.listener.as_millis())?;

        self.listeners
            .iter()
            .try_for_each(|listener| write_listener(out, listener))
    }
}

fn write_listener(out: &mut fmt::Formatter<'_>, listener: &ListenerConfig) -> fmt::Result {
    writeln!(out, "\n[[listener]]\nplugin = {}", Text(&listener.plugin))?;
    writeln!(out, "name = {}", Text(&listener.name))?;
    if let Some(spi) = &listener.spi {
        let names = spi
            .iter()
            .map(|spi| word(*spi).to_string())
            .collect::<Vec<_>>();
        writeln!(out, "spi = [{}]", names.join(", "))?;
    }
    if let Some(clients) = &listener.clients {
        let clients = clients
            .iter()
            .map(|client| Text(client).to_string())
            .collect::<Vec<_>>();
        writeln!(out, "clients = [{}]", clients.join(", "))?;
    }
    writeln!(out, "required = {}", listener.required)?;
    writeln!(out, "enabled = {}", listener.enabled)?;
    if let Some(panics) = listener.switch_off_after_panics {
        writeln!(out, "switch_off_after_panics = {panics}")?;
    }
    if let Some(budget) = listener.budget {
        writeln!(out, "budget_ms = {}", milliseconds(budget))?;
    }
    if let Some(limit) = listener.shutdown {
        writeln!(out, "shutdown_ms = {}", limit.as_millis())?;
    }
    delivery::show_queue(out, &listener.queue)?;
    poll::show(out, listener.poll.as_ref())?;
    if listener.config.is_empty() {
        return Ok(());
    }
    writeln!(out, "[listener.config]")?;
    for (key, value) in listener.config.iter().filter(|(_, value)| !value.is_null()) {
        let note = if secrets::hides(key, value) {
            NOT_SHOWN
        } else {
            ""
        };
        writeln!(
            out,
            "{} = {}{note}",
            Key(key),
            Setting(&secrets::hide(key, value))
        )?;
    }
    Ok(())
}

pub(super) fn word(choice: impl Choice) -> Text<'static> {
    Text(choice.word())
}

pub(super) fn path(path: &Path) -> String {
    Text(&path.to_string_lossy()).to_string()
}

/// Exact, so that reading gives the same duration: a float made by division might not.
pub(super) fn milliseconds(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let text = format!("{}.{:06}", nanoseconds / 1_000_000, nanoseconds % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A basic string of TOML.
pub(super) struct Text<'t>(pub(super) &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if super::excerpt::is_unseen(c) => write!(f, "\\u{:04X}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// A key, in quotes where it needs them.
struct Key<'t>(&'t str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if !self.0.is_empty() && self.0.bytes().all(bare) {
            f.write_str(self.0)
        } else {
            Text(self.0).fmt(f)
        }
    }
}

/// A value on one line. TOML has no null: members that are null are left out.
struct Setting<'v>(&'v Json);

impl fmt::Display for Setting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Json::Null => f.write_str("\"\""),
            Json::Bool(boolean) => boolean.fmt(f),
            Json::String(text) => Text(text).fmt(f),
            Json::Array(items) => {
                f.write_char('[')?;
                for (n, item) in items.iter().filter(|item| !item.is_null()).enumerate() {
                    let comma = if n == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Setting(item))?;
                }
                f.write_char(']')
            }
            Json::Object(members) => write_inline(f, members),
            // A float's Debug form keeps the fraction or exponent that makes it one in TOML.
            Json::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() => write!(f, "{float:?}"),
                _ => number.fmt(f),
            },
        }
    }
}

fn write_inline(f: &mut fmt::Formatter<'_>, members: &Map<String, Json>) -> fmt::Result {
    let mut separator = "{ ";
    for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        write!(f, "{separator}{} = {}", Key(key), Setting(value))?;
        separator = ", ";
    }
    f.write_str(if separator == "{ " { "{}" } else { " }" })
}
