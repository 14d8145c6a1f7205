//! From the plugin directory and the configuration to listeners ready to be called: which plugin
//! is loaded for which entry, in what order, and what happens when one cannot be.

mod catalogue;
mod error;
mod instances;
mod loads;

pub use error::StartError;
pub(crate) use instances::register;
pub(crate) use loads::Loads;
