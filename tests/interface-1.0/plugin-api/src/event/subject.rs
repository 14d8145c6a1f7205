//! A subject was authenticated and consented.

use serde_json::value::RawValue;

use super::{Fields, Session};
use crate::JsonObject;
use crate::ffi::Lent;

/// A subject (end-user) was authenticated and consented.
pub struct SubjectAuthAndConsentEvent<'a> {
    pub(crate) fields: Fields<'a>,
}

impl<'a> SubjectAuthAndConsentEvent<'a> {
    #[inline]
    pub(crate) fn new(lent: Lent<'a>) -> Self {
        Self {
            fields: Fields::new(lent),
        }
    }

    common_methods!();

    /// The subject (end-user): always the local one.
    #[inline]
    pub fn subject(&self) -> &'a str {
        self.fields.lent.subject().unwrap_or_default()
    }

    /// The claims set of the ID token, if one is issued.
    pub fn id_token_claims(&self) -> Option<&JsonObject<'a>> {
        self.id_token_claims_json().map(|_| &self.fields.claims)
    }

    /// The claims set of the ID token, if one is issued, as JSON text as it came from the provider.
    pub fn id_token_claims_json(&self) -> Option<&'a str> {
        self.fields.lent.claims()
    }

    /// The consented scope values, if the provider says.
    pub fn scope(&self) -> Option<Vec<String>> {
        self.fields.more.get("scope").ok().flatten()
    }

    /// The consented claim names, if the provider says.
    pub fn consented_claims(&self) -> Option<Vec<String>> {
        self.fields.more.get("consented_claims").ok().flatten()
    }

    /// The authorisation data, if any: any JSON value.
    pub fn authz_data(&self) -> Option<&'a RawValue> {
        self.fields.more.raw("authz_data")
    }

    /// The subject's session. Absent where the provider sent none, and where it expired before the
    /// event was due.
    pub fn session(&self) -> Option<Session<'a>> {
        let session = self.fields.more.raw("session")?.get();
        session.starts_with('{').then(|| Session::new(session))
    }
}

owned_event!(OwnedSubjectAuthAndConsentEvent, SubjectAuthAndConsentEvent);
