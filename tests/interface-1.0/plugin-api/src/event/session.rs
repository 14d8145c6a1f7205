//! The session of a subject with the provider.

use std::borrow::Cow;

use crate::JsonObject;

/// The session of a subject with the provider. All members are optional, and there may be others:
/// see [`Session::members`].
#[derive(Debug)]
pub struct Session<'a>(JsonObject<'a>);

impl<'a> Session<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(JsonObject::trusted(text))
    }

    /// The session identifier (OpenID Connect Back-Channel Logout 1.0, section 2.1).
    pub fn sid(&self) -> Option<Cow<'a, str>> {
        self.0.string("sid")
    }

    /// When the subject authenticated, in seconds since the Unix epoch.
    pub fn auth_time(&self) -> Option<f64> {
        self.0.get("auth_time").ok().flatten()
    }

    /// The authentication context class reference.
    pub fn acr(&self) -> Option<Cow<'a, str>> {
        self.0.string("acr")
    }

    /// The authentication methods (RFC 8176).
    pub fn amr(&self) -> Option<Vec<String>> {
        self.0.get("amr").ok().flatten()
    }

    /// When the session expires, in seconds since the Unix epoch.
    pub fn expires_at(&self) -> Option<f64> {
        self.0.get("expires_at").ok().flatten()
    }

    /// The whole session.
    pub const fn members(&self) -> &JsonObject<'a> {
        &self.0
    }
}
