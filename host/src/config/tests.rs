//! What the configuration room promises.

mod delivery;
mod excerpts;
mod files;
mod intake;
mod not_toml;
mod poll;
mod random;
#[cfg(feature = "redis")]
mod redis;
mod show;
mod trust;
mod unknown_keys;
mod values;
mod wrong_listeners;
mod wrong_values;

use std::path::Path;

use super::{Config, ConfigErrors};

/// Where the files of these tests pretend to be.
const BASE: &str = if cfg!(windows) {
    r"C:\etc\op"
} else {
    "/etc/op"
};

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::from_str(text, "op.toml", Path::new(BASE))
}

fn valid(text: &str) -> Config {
    match parse(text) {
        Ok(config) => config,
        Err(errors) => panic!("refused:\n{errors}\n\n{text}"),
    }
}

/// All that is said about a text that must be refused.
fn refusal(text: &str) -> String {
    match parse(text) {
        Ok(config) => panic!("taken: {config:?}\n\n{text}"),
        Err(errors) => errors.to_string(),
    }
}

/// The first lines of what is said: places and messages alone.
fn messages(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(config) => panic!("taken: {config:?}\n\n{text}"),
        Err(errors) => errors
            .iter()
            .map(|error| error.to_string().lines().next().unwrap().to_owned())
            .collect(),
    }
}
