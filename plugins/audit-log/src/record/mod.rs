//! Records: what is written of an event, in each of the three formats. The body of a record is
//! everything but the chain that [`crate::chain`] closes it with.

mod calendar;
mod cloudevents;
pub(crate) mod json;
mod native;
mod ocsf;

use std::borrow::Cow;

use op_listener_api::{JsonObject, set};
use serde::Deserialize;

pub(crate) use calendar::{Moment, basic};
use json::Members;
pub use ocsf::SCHEMA_VERSION as OCSF_VERSION;

use crate::claims::ClaimsFilter;
use crate::config::Names;

/// The shape of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The event as the provider's format has it, beside the chain.
    #[default]
    Native,
    /// `CloudEvents` 1.0 in structured JSON.
    CloudEvents,
    /// OCSF: Authentication (3002) and Authorize Session (3003).
    Ocsf,
}

/// The three kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ID token was issued.
    IdTokenIssue,
    /// An access token was issued.
    AccessTokenIssue,
    /// A subject was authenticated and consented.
    SubjectAuthAndConsent,
}

impl Kind {
    /// The `type` of the event format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdTokenIssue => "id_token_issue",
            Self::AccessTokenIssue => "access_token_issue",
            Self::SubjectAuthAndConsent => "subject_auth_and_consent",
        }
    }

    /// The URI of the event type, the same as in SETs.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::IdTokenIssue => set::ID_TOKEN_ISSUED,
            Self::AccessTokenIssue => set::ACCESS_TOKEN_ISSUED,
            Self::SubjectAuthAndConsent => set::SUBJECT_AUTHENTICATED_AND_CONSENTED,
        }
    }

    /// The member that holds the claims set in the event format.
    const fn claims_member(self) -> &'static str {
        match self {
            Self::IdTokenIssue | Self::AccessTokenIssue => "claims",
            Self::SubjectAuthAndConsent => "id_token_claims",
        }
    }
}

/// An event of any kind, as far as records are concerned.
pub struct Entry<'e, 'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its stable id.
    pub id: &'e str,
    /// What it shares with others of one request or grant.
    pub txn: Option<&'e str>,
    /// When it happened, in microseconds since the Unix epoch.
    pub time_micros: u64,
    /// The issuer URL.
    pub issuer: &'e str,
    /// The client.
    pub client_id: &'e str,
    /// The client's registered name.
    pub client_name: Option<Cow<'e, str>>,
    /// The local subject.
    pub subject: Option<&'e str>,
    /// The claims set.
    pub claims: Option<&'e JsonObject<'a>>,
    /// Its other members.
    pub more: &'e JsonObject<'a>,
    /// A signed SET of it.
    pub set: Option<&'e str>,
}

impl Entry<'_, '_> {
    /// Appends the body of its record to `out`: an object, not closed yet.
    pub fn write(&self, format: Format, filter: &Filter<'_>, out: &mut Vec<u8>) {
        let write = match format {
            Format::Native => native::write,
            Format::CloudEvents => cloudevents::write,
            Format::Ocsf => ocsf::write,
        };
        write(self, filter, out);
    }

    /// Writes the claims set and the other members as far as they are wanted.
    fn write_details(&self, filter: &Filter<'_>, members: &mut Members<'_>) {
        if let Some(claims) = self.claims {
            filter
                .claims
                .write(claims, self.kind.claims_member(), members);
        }
        for (name, value) in self.more.iter() {
            if filter.wants(name) {
                members.raw(name, value.get());
            }
        }
    }

    fn time(&self) -> Moment {
        Moment::from_micros(self.time_micros)
    }
}

/// What of an event is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Of its claims.
    pub claims: &'a ClaimsFilter,
    /// Of its other members; all, if `None`.
    pub members: Option<&'a Names>,
}

impl Filter<'_> {
    fn wants(&self, member: &str) -> bool {
        self.members.is_none_or(|members| members.contains(member))
    }
}

#[cfg(test)]
mod tests;
