//! What a message carries: its body in each of the four shapes, its attributes, and the ids of FIFO
//! queues. Sending it is left to [`crate::sink`].

mod attributes;
mod claims;
mod cloudevents;
mod event;
mod fifo;
mod json;
mod set;

use op_listener_api::set::{
    ACCESS_TOKEN_ISSUED, ID_TOKEN_ISSUED, SUBJECT_AUTHENTICATED_AND_CONSENTED, SetSubject,
};
use op_listener_api::{Error, EventContext, JsonObject};
use serde::Deserialize;

pub(crate) use attributes::Attribute;
pub(crate) use claims::{Field, Names};
pub(crate) use cloudevents::ATTRIBUTES as CLOUDEVENTS_ATTRIBUTES;
pub(crate) use event::MEMBERS as EVENT_MEMBERS;
pub(crate) use fifo::{Group, deduplication_id};
use json::Members;

use crate::config::Payload;

/// The most bytes that SQS takes in a message, and in a batch of them: bodies, and names, types and
/// values of attributes.
pub(crate) const LARGEST: usize = 1 << 20;

/// The shape of the bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shape {
    /// The chosen claims, as one object.
    #[default]
    Claims,
    /// The event, with the members that the provider's event format has.
    Event,
    /// `CloudEvents` 1.0 in structured JSON.
    CloudEvents,
    /// A Security Event Token, signed with the provider's key.
    Set,
}

impl Shape {
    /// The media type of such a body.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Claims | Self::Event => "application/json",
            Self::CloudEvents => "application/cloudevents+json",
            Self::Set => "application/secevent+jwt",
        }
    }
}

/// The three kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    IdTokenIssue,
    AccessTokenIssue,
    SubjectAuthAndConsent,
}

impl Kind {
    /// The `type` of the event format.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::IdTokenIssue => "id_token_issue",
            Self::AccessTokenIssue => "access_token_issue",
            Self::SubjectAuthAndConsent => "subject_auth_and_consent",
        }
    }

    /// The URI of the event type, the same as in SETs.
    const fn uri(self) -> &'static str {
        match self {
            Self::IdTokenIssue => ID_TOKEN_ISSUED,
            Self::AccessTokenIssue => ACCESS_TOKEN_ISSUED,
            Self::SubjectAuthAndConsent => SUBJECT_AUTHENTICATED_AND_CONSENTED,
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

/// An event of any kind.
pub(crate) struct Entry<'e, 'a> {
    pub(crate) kind: Kind,
    pub(crate) id: &'e str,
    pub(crate) txn: Option<&'e str>,
    /// Since the Unix epoch.
    pub(crate) time_micros: u64,
    pub(crate) issuer: &'e str,
    pub(crate) client_id: &'e str,
    /// The local one.
    pub(crate) subject: Option<&'e str>,
    pub(crate) claims: Option<&'e JsonObject<'a>>,
    pub(crate) more: &'e JsonObject<'a>,
}

impl Entry<'_, '_> {
    /// As seconds since the epoch, with as many decimals as it needs.
    fn unix_seconds(&self) -> String {
        let (seconds, micros) = (self.time_micros / 1_000_000, self.time_micros % 1_000_000);
        if micros == 0 {
            return seconds.to_string();
        }
        let text = format!("{seconds}.{micros:06}");
        text.trim_end_matches('0').to_owned()
    }
}

/// The body of an event's message, of characters that SQS takes.
///
/// # Errors
///
/// It was to be a SET, which cannot be made or signed.
pub(crate) fn body(
    entry: &Entry<'_, '_>,
    payload: &Payload,
    event: &impl SetSubject,
    context: &EventContext<'_>,
) -> Result<String, Error> {
    let text = match payload.shape {
        Shape::Claims => json::object(|members| claims::write(entry, payload, members)),
        Shape::Event => json::object(|members| event::write(entry, payload, members)),
        Shape::CloudEvents => json::object(|members| cloudevents::write(entry, payload, members)),
        Shape::Set => set::sign(payload, event, context)?,
    };
    Ok(json::of_allowed_characters(text))
}

/// Writes the constants, and what came of the environment.
fn write_constants(payload: &Payload, members: &mut Members<'_>) {
    for (name, value) in &payload.constants {
        members.raw(name, value.get());
    }
}

/// Writes the chosen claims, as the member that the event format has for them, and the event's other
/// members but those that are `left_out`.
fn write_details(
    entry: &Entry<'_, '_>,
    payload: &Payload,
    members: &mut Members<'_>,
    left_out: impl Fn(&str) -> bool,
) {
    if let Some(claims) = entry.claims {
        members.object(entry.kind.claims_member(), |members| {
            for (name, value) in payload.claims.choose(claims) {
                members.raw(name, value);
            }
        });
    }
    for (name, value) in entry.more.iter().filter(|(name, _)| !left_out(name)) {
        members.raw(name, value.get());
    }
}

#[cfg(test)]
mod tests;
