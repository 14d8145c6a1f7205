//! The keys of `[plugins]` that say which files may be loaded: `trust`, and what goes with some of
//! its words only. A key that would have no effect is an error: whoever writes it counts on it.

use std::fmt;
use std::path::Path;

use toml::de::DeValue;

use super::choice::Choice;
use super::error::Problem;
use super::keys::PLUGINS;
use super::settings::resolve;
use super::walk::{Table, Value, Walk};
use crate::library::{PublicKey, PublicKeys, Trust};

/// The words for [`Trust`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Permissions,
    Pinned,
    Signed,
    Off,
}

impl Choice for Way {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("permissions", Self::Permissions),
        ("pinned", Self::Pinned),
        ("signed", Self::Signed),
        ("off", Self::Off),
    ];
}

/// Where the lock file is that no key names.
pub(super) fn default_pins(base_dir: &Path) -> std::path::PathBuf {
    resolve(base_dir, "plugins.lock")
}

/// Reads how far files are trusted.
pub(super) fn read(walk: &Walk<'_>, plugins: &Table<'_>, base_dir: &Path, into: &mut Trust) {
    let mut way = Some(Way::Permissions);
    if let Some(value) = plugins.get("trust") {
        way = walk.choice("`trust`", value);
    }
    let pins = plugins.get("pins").map(|value| walk.path("`pins`", value));
    let keys = plugins
        .get("public_keys")
        .map(|value| public_keys(walk, value));
    // Where the word is wrong it cannot be told what goes with it.
    let Some(way) = way else { return };
    for (key, of) in [("pins", Way::Pinned), ("public_keys", Way::Signed)] {
        if let Some(value) = plugins.get(key).filter(|_| way != of) {
            let of = of.word();
            let problem = Problem::WithoutEffect {
                key,
                unless: format!("`trust = \"{of}\"`"),
            };
            let help = format!("set `trust = \"{of}\"`, or remove `{key}`");
            walk.fault(value.span(), problem, Some(help));
        }
    }
    *into = match way {
        Way::Permissions => Trust::Permissions,
        Way::Off => Trust::Off,
        Way::Pinned => Trust::Pinned {
            pins: pins.flatten().unwrap_or_else(|| default_pins(base_dir)),
        },
        Way::Signed => {
            if keys.is_none()
                && let Some(value) = plugins.get("trust")
            {
                let problem = Problem::Missing {
                    key: "public_keys",
                    section: PLUGINS.title,
                };
                let help = "say whose signatures count: `public_keys = [\"RW…\"]`";
                walk.fault(value.span(), problem, Some(help.to_owned()));
            }
            match keys.flatten() {
                Some(keys) => Trust::Signed { keys },
                // Reported above, or by `public_keys`.
                None => return,
            }
        }
    };
}

fn public_keys(walk: &Walk<'_>, value: &Value<'_>) -> Option<PublicKeys> {
    if let DeValue::Array(values) = value.get_ref()
        && values.is_empty()
    {
        let help = "name at least one minisign public key: without any nothing could be loaded";
        let problem = Problem::Empty("`public_keys`".to_owned());
        walk.fault(value.span(), problem, Some(help.to_owned()));
        return None;
    }
    let keys = walk.list("`public_keys`", value, |what, value| {
        public_key(walk, what, value).map(|key| (key, value.span()))
    })?;
    for (index, (key, span)) in keys.iter().enumerate() {
        if keys[..index].iter().any(|(other, _)| other == key) {
            walk.fault(
                span.clone(),
                Problem::Repeated(key.as_str().to_owned()),
                None,
            );
        }
    }
    PublicKeys::new(keys.into_iter().map(|(key, _)| key).collect())
}

fn public_key(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<PublicKey> {
    match walk.text(what, value)?.parse() {
        Ok(key) => Some(key),
        Err(error) => {
            let help = error.help().to_owned();
            walk.fault(value.span(), Problem::PublicKey(error), Some(help));
            None
        }
    }
}

/// Writes the keys back.
pub(super) fn show(out: &mut fmt::Formatter<'_>, trust: &Trust) -> fmt::Result {
    use super::show::{Text, path, word};

    match trust {
        Trust::Permissions => writeln!(out, "trust = {}", word(Way::Permissions)),
        Trust::Off => writeln!(out, "trust = {}", word(Way::Off)),
        Trust::Pinned { pins } => {
            writeln!(out, "trust = {}", word(Way::Pinned))?;
            writeln!(out, "pins = {}", path(pins))
        }
        Trust::Signed { keys } => {
            let keys: Vec<_> = keys
                .iter()
                .map(|key| Text(key.as_str()).to_string())
                .collect();
            writeln!(out, "trust = {}", word(Way::Signed))?;
            writeln!(out, "public_keys = [{}]", keys.join(", "))
        }
    }
}
