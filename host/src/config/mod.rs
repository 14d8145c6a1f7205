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
mod json;
mod keys;
mod listener;
mod log_filter;
mod place;
mod read;
mod secrets;
mod settings;
mod show;
mod syntax;
mod trust;
mod walk;

#[cfg(test)]
mod tests;

pub use delivery::{DeliveryConfig, Durability, QueueSettings, WhenFull};
pub use error::{ConfigError, ConfigErrors, Problem};
pub use listener::{ListenerConfig, is_instance_name};
pub use log_filter::LogFilter;
pub use place::Place;
pub use read::{MAX_FILE, read_listener_settings};
pub use settings::{
    Config, DispatchConfig, FlowConfig, IntakeConfig, LogConfig, OnFailure, PluginsConfig,
    ProbeConfig, SigningConfig,
};
