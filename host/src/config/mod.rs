//! The configuration: one TOML file in, one valid [`Config`] out, or every error of the file with
//! its place and the nearest right spelling.
//!
//! This room knows which keys there are, what their values may be, and what holds without them.
//! It opens no other file than the configuration itself: whether a plugin, a key file or a client
//! registry exists, and what a listener makes of its own `config`, others find out; they can point
//! at the line through [`Place`].

mod choice;
mod delivery;
mod error;
mod excerpt;
mod files;
mod intake;
mod json;
mod keys;
mod listener;
mod log_filter;
mod place;
mod poll;
mod read;
mod redis;
mod restart;
mod secrets;
mod settings;
mod show;
mod spots;
mod syntax;
mod trust;
mod walk;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use delivery::{DeliveryConfig, Durability, QueueSettings, WhenFull};
pub use error::{ConfigError, ConfigErrors, Problem};
pub use intake::{ListenConfig, TlsConfig, UnixConfig, UnixPeer};
pub use listener::{ListenerConfig, is_instance_name};
pub use log_filter::LogFilter;
pub use place::Place;
pub use poll::PollSettings;
pub use read::{MAX_FILE, read_listener_settings};
pub use redis::{RedisConfig, RedisPassword, RedisUrl};
pub use settings::{
    Config, DispatchConfig, FlowConfig, IntakeConfig, LogConfig, OnFailure, PluginsConfig,
    ProbeConfig, ReloadConfig, ShutdownConfig, SigningConfig,
};

/// All keys with their defaults, in the words of the README: what op-listener.toml(5) shows.
pub const REFERENCE: &str = include_str!("reference.toml");
