//! An ID token was issued.

use super::Fields;
use crate::JsonObject;
use crate::ffi::Lent;

/// An ID token was issued.
pub struct IdTokenIssueEvent<'a> {
    pub(crate) fields: Fields<'a>,
}

impl<'a> IdTokenIssueEvent<'a> {
    #[inline]
    pub(crate) fn new(lent: Lent<'a>) -> Self {
        Self {
            fields: Fields::new(lent),
        }
    }

    common_methods!();

    /// The local subject (end-user), also where the token's `sub` is pairwise.
    #[inline]
    pub fn subject(&self) -> &'a str {
        self.fields.lent.subject().unwrap_or_default()
    }

    /// The token's claims set (OpenID Connect Core 1.0, section 2), parsed when first read.
    pub fn claims(&self) -> &JsonObject<'a> {
        &self.fields.claims
    }

    /// The token's claims set as JSON text, as it came from the provider.
    #[inline]
    pub fn claims_json(&self) -> &'a str {
        self.fields.claims.json()
    }
}

owned_event!(OwnedIdTokenIssueEvent, IdTokenIssueEvent);
