//! Events as the host knows them: parsed, valid, and borrowed from the text they came in.
//!
//! An [`Event`] comes out of [`parse`], or out of an [`EventBuilder`] when a provider embeds the
//! host; both apply the same rules, those of the event format. What is never done here: deciding
//! when an event is due ([`crate::flow`]), and calling anybody.

mod builder;
mod client;
mod error;
mod fact;
mod issuer;
pub(crate) mod json;
mod limits;
mod members;
mod more;
pub(crate) mod rules;
mod scan;
mod session;
mod time;
mod wire;

pub use builder::EventBuilder;
pub use error::{EventError, Fault};
pub use fact::{AuthorizationCompleted, CodeExchanged, Message};
pub use issuer::{IssuerFault, check_issuer};
pub use limits::Limits;
pub use session::Session;
pub use time::{Deadline, TimeError, Timestamp};
pub use wire::{Defaults, parse};

pub(crate) use client::without_secrets;
pub(crate) use fact::{Code, Due};
pub(crate) use wire::parse_with_own_id;

use crate::Spi;
use more::More;
use std::borrow::Cow;
use std::fmt;

/// A valid event for the listeners of one SPI.
///
/// Its texts are borrowed from the line it was read from wherever they stand there as they are;
/// [`Event::into_owned`] detaches it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event<'a> {
    pub(crate) spi: Spi,
    pub(crate) id: Cow<'a, str>,
    pub(crate) txn: Option<Cow<'a, str>>,
    pub(crate) time: Timestamp,
    pub(crate) issuer: Cow<'a, str>,
    pub(crate) client_id: Cow<'a, str>,
    pub(crate) subject: Option<Cow<'a, str>>,
    pub(crate) claims: Option<Cow<'a, str>>,
    pub(crate) client: Option<Cow<'a, str>>,
    pub(crate) more: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// Begins an event for the issue of an ID token. `subject` is the local one, also where the
    /// token's `sub` is pairwise; `claims` is the ID token's claims set, the text of a JSON object.
    pub fn id_token_issue(
        subject: impl Into<Cow<'a, str>>,
        client_id: impl Into<Cow<'a, str>>,
        claims: impl Into<Cow<'a, str>>,
    ) -> EventBuilder<'a> {
        EventBuilder::new(Spi::IdTokenIssue, client_id.into())
            .with_subject(subject.into())
            .with_claims(claims.into())
    }

    /// Begins an event for the issue of an access token, without a subject as for client
    /// credentials ([`EventBuilder::subject`] adds one). `claims` is the text of a JSON object: the
    /// token's claims, or for an opaque token its authorisation, never the token itself.
    pub fn access_token_issue(
        client_id: impl Into<Cow<'a, str>>,
        claims: impl Into<Cow<'a, str>>,
    ) -> EventBuilder<'a> {
        EventBuilder::new(Spi::AccessTokenIssue, client_id.into()).with_claims(claims.into())
    }

    /// Begins an event for a subject's authentication and consent. `subject` is the local one.
    pub fn subject_auth_and_consent(
        subject: impl Into<Cow<'a, str>>,
        client_id: impl Into<Cow<'a, str>>,
    ) -> EventBuilder<'a> {
        EventBuilder::new(Spi::SubjectAuthAndConsent, client_id.into()).with_subject(subject.into())
    }

    /// The SPI whose listeners receive it.
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// The stable id: 1 to 128 characters out of `A-Z a-z 0-9 . _ : -`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What all events of one request or grant share.
    pub fn txn(&self) -> Option<&str> {
        self.txn.as_deref()
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The provider's issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The OAuth 2.0 client.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The local subject. Absent for access tokens without one only.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The claims set, the text of a JSON object exactly as it came: the token's, or for a subject
    /// event that of the ID token issued with it, if there was one.
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    /// The registered client metadata, the text of a JSON object, without `client_secret` and
    /// `registration_access_token`.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// All other members in one JSON object's text, each value verbatim: `scope`,
    /// `consented_claims`, `authz_data` and `session` of a subject event, and unknown ones.
    pub fn more(&self) -> Option<&str> {
        self.more.as_deref()
    }

    /// Detached from the text that it was read from.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            spi: self.spi,
            id: owned(self.id),
            txn: self.txn.map(owned),
            time: self.time,
            issuer: owned(self.issuer),
            client_id: owned(self.client_id),
            subject: self.subject.map(owned),
            claims: self.claims.map(owned),
            client: self.client.map(owned),
            more: self.more.map(owned),
        }
    }

    /// Adds the session, unless it has expired when the event is due.
    pub(crate) fn show_session(&mut self, session: &Session<'_>, due: Timestamp) {
        if session.has_expired(due) {
            return;
        }
        let mut more = More::reopen(self.more.take().map(Cow::into_owned));
        more.push("session", session.json());
        self.more = more.finish().map(Cow::Owned);
    }
}

impl fmt::Debug for Event<'_> {
    /// Says which event it is, not what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("spi", &self.spi)
            .field("id", &self.id)
            .field("time", &self.time)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

pub(crate) fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// An id for an event that has none: a UUID of version 7 (RFC 9562, section 5.7).
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests;
