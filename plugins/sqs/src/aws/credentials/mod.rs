//! Who asks: credentials from all the places where users of AWS keep them.

mod cache;
mod chain;
mod container;
mod error;
mod imds;
mod named;
mod process;
mod profile;
mod reply;
mod sts;

use std::fmt;
use std::time::{Duration, SystemTime};

pub(super) use cache::Cache;
pub(super) use chain::Chain;
pub(crate) use error::CredentialsError;
pub(super) use imds::Imds;
use zeroize::Zeroizing;

/// What requests are signed with.
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Zeroizing<String>,
    pub(super) session_token: Option<Zeroizing<String>>,
    /// When they end; `None` for keys that last.
    pub(super) expires: Option<SystemTime>,
}

impl Credentials {
    /// Keys that last.
    fn lasting(id: String, secret: String, token: Option<String>) -> Self {
        Self {
            access_key_id: id,
            secret_access_key: Zeroizing::new(secret),
            session_token: token.map(Zeroizing::new),
            expires: None,
        }
    }

    /// Whether they are good for that much longer.
    fn last(&self, time: Duration) -> bool {
        self.expires
            .is_none_or(|expires| SystemTime::now() + time < expires)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
