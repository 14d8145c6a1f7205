//! From the plugin directory and the configuration to listeners ready to be called: which plugin
//! is loaded for which entry, in what order, which listeners of before stay, and what happens when
//! one cannot be made.

mod catalogue;
mod entries;
mod error;
mod instances;
mod libraries;
mod loads;
mod made;
mod roster;
mod telling;

pub use error::{ReloadError, StartError};
pub(crate) use instances::{Job, Registrar};
pub(crate) use libraries::Libraries;
pub(crate) use loads::Loads;
pub(crate) use made::{Made, Origin};
pub use roster::{MissingListener, Reloaded};
