//! Loads event listeners of OpenID providers from shared libraries and calls them for each event.

pub mod clients;
pub mod config;
pub mod event;
pub mod flow;
pub mod intake;
pub mod signing;
mod spi;

pub use spi::Spi;
