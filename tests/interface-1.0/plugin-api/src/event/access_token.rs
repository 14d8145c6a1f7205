//! An access token was issued.

use super::Fields;
use crate::JsonObject;
use crate::ffi::Lent;

/// An access token was issued.
pub struct AccessTokenIssueEvent<'a> {
    pub(crate) fields: Fields<'a>,
}

impl<'a> AccessTokenIssueEvent<'a> {
    #[inline]
    pub(crate) fn new(lent: Lent<'a>) -> Self {
        Self {
            fields: Fields::new(lent),
        }
    }

    common_methods!();

    /// The local subject (end-user), also where the token's `sub` is pairwise; `None` where there
    /// is no end-user (client credentials, RFC 6749 section 4.4).
    #[inline]
    pub fn subject(&self) -> Option<&'a str> {
        self.fields.lent.subject()
    }

    /// The token's claims set (RFC 9068 section 2.2 for JWTs; for an opaque token what it
    /// authorises), parsed when first read.
    pub fn claims(&self) -> &JsonObject<'a> {
        &self.fields.claims
    }

    /// The token's claims set as JSON text, as it came from the provider.
    #[inline]
    pub fn claims_json(&self) -> &'a str {
        self.fields.claims.json()
    }
}

owned_event!(OwnedAccessTokenIssueEvent, AccessTokenIssueEvent);
