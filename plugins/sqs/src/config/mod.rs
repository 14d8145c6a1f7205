//! The listener's configuration: what may be written into its table, and what it comes to once it has
//! been checked. What the environment and AWS's shared files say is left to [`crate::aws`].

mod check;
mod error;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::value::RawValue;

pub(crate) use error::ConfigError;
pub(crate) use table::{Switch, Table};

use crate::body::{Attribute, Field, Group, Names, Shape};

/// A checked configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) target: Target,
    /// Of FIFO queues, what their message groups are of; `None` for standard queues.
    pub(crate) group: Option<Group>,
    pub(crate) payload: Payload,
    pub(crate) aws: AwsSettings,
}

/// The queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Url(String),
    Name {
        name: String,
        /// The account that owns it, if it is not the caller's.
        owner: Option<String>,
    },
}

/// What messages carry.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) shape: Shape,
    pub(crate) claims: Names,
    /// By the member's name.
    pub(crate) fields: Vec<(String, Field)>,
    /// Constants, and what came of the environment, by the member's name.
    pub(crate) constants: Vec<(String, Box<RawValue>)>,
    pub(crate) attributes: Vec<Attribute>,
    /// Of SETs.
    pub(crate) audience: Vec<String>,
}

impl Payload {
    pub(crate) fn has_constant(&self, name: &str) -> bool {
        self.constants.iter().any(|(constant, _)| constant == name)
    }
}

/// How AWS is reached, as far as the host's configuration says.
#[derive(Clone, Debug)]
pub(crate) struct AwsSettings {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) identity: Identity,
    pub(crate) assume_role: Option<AssumeRole>,
    pub(crate) ca_file: Option<PathBuf>,
    /// Of one request, from the first byte to the last.
    pub(crate) timeout: Duration,
}

/// Whose credentials are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Looked for where users of AWS keep them.
    Default,
    /// Of a profile of the shared files, and of nothing else.
    Profile(String),
    /// In files or variables that the configuration names.
    Named(NamedKeys),
}

/// Where static keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedKeys {
    pub(crate) access_key_id: Secret,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    File(PathBuf),
    Variable(String),
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) session_name: Option<String>,
    pub(crate) external_id: Option<String>,
    /// How long its credentials are to be good.
    pub(crate) duration: Option<Duration>,
}

#[cfg(test)]
mod tests;
