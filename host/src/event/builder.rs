//! Events built in code by a provider that embeds the host. The rules are those for lines of a
//! stream, and so are the errors.

use super::client::without_secrets;
use super::error::{EventError, Fault};
use super::limits::Limits;
use super::members::Member;
use super::more::More;
use super::scan::Span;
use super::time::Timestamp;
use super::{Event, json, new_id, rules};
use crate::Spi;
use std::borrow::Cow;

/// An event in the making. Begin with [`Event::id_token_issue`], [`Event::access_token_issue`] or
/// [`Event::subject_auth_and_consent`].
///
/// ```
/// use op_listener_host::event::Event;
///
/// let event = Event::id_token_issue("alice", "000123", r#"{"sub":"alice","aud":"000123"}"#)
///     .issuer("https://op.example.com")
///     .build()?;
/// assert_eq!(event.subject(), Some("alice"));
/// # Ok::<(), op_listener_host::event::EventError>(())
/// ```
#[derive(Clone)]
#[must_use = "an event is made by `build`"]
pub struct EventBuilder<'a> {
    spi: Spi,
    id: Option<Cow<'a, str>>,
    txn: Option<Cow<'a, str>>,
    time: Option<Timestamp>,
    issuer: Option<Cow<'a, str>>,
    client_id: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    claims: Option<Cow<'a, str>>,
    client: Option<Cow<'a, str>>,
    /// Name and JSON text.
    others: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> EventBuilder<'a> {
    pub(super) fn new(spi: Spi, client_id: Cow<'a, str>) -> Self {
        Self {
            spi,
            id: None,
            txn: None,
            time: None,
            issuer: None,
            client_id,
            subject: None,
            claims: None,
            client: None,
            others: Vec::new(),
        }
    }

    pub(super) fn with_subject(mut self, subject: Cow<'a, str>) -> Self {
        self.subject = Some(subject);
        self
    }

    pub(super) fn with_claims(mut self, claims: Cow<'a, str>) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The stable event id; a UUID of version 7 without it.
    pub fn id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// What all events of one request or grant share.
    pub fn txn(mut self, txn: impl Into<Cow<'a, str>>) -> Self {
        self.txn = Some(txn.into());
        self
    }

    /// When it happened; the moment of building without it.
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// The provider's issuer identifier. Every event needs one.
    pub fn issuer(mut self, issuer: impl Into<Cow<'a, str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The local subject, for an access token that has one.
    pub fn subject(self, subject: impl Into<Cow<'a, str>>) -> Self {
        self.with_subject(subject.into())
    }

    /// The registered client metadata, the text of a JSON object. Its secrets are dropped.
    pub fn client(mut self, metadata: impl Into<Cow<'a, str>>) -> Self {
        self.client = Some(metadata.into());
        self
    }

    /// The claims set of the ID token issued with a subject event, the text of a JSON object.
    pub fn id_token_claims(self, claims: impl Into<Cow<'a, str>>) -> Self {
        self.member("id_token_claims", claims)
    }

    /// The consented scope values of a subject event.
    pub fn scope<S: AsRef<str>>(self, values: impl IntoIterator<Item = S>) -> Self {
        self.member("scope", array(values))
    }

    /// The names of the consented claims of a subject event.
    pub fn consented_claims<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.member("consented_claims", array(names))
    }

    /// The authorisation data of a subject event, any JSON text.
    pub fn authz_data(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.member("authz_data", value)
    }

    /// The session of a subject event, the text of a JSON object. It is withheld when its
    /// `expires_at` is not after the event's time.
    pub fn session(self, session: impl Into<Cow<'a, str>>) -> Self {
        self.member("session", session)
    }

    /// A member of any name, with the JSON text of its value.
    pub fn member(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.others.push((name.into(), value.into()));
        self
    }

    /// The event, if it is valid.
    ///
    /// # Errors
    /// The first member that is missing, wrong, or there twice, as for a line of a stream.
    pub fn build(mut self) -> Result<Event<'a>, EventError> {
        self.refuse_misplaced_members()?;
        let id = self.id.map(|id| rules::identifier(Member::Id, id));
        let txn = self.txn.map(|txn| rules::identifier(Member::Txn, txn));
        let issuer = self
            .issuer
            .ok_or_else(|| EventError::member("issuer", Fault::NoIssuer))?;
        let subject = match (self.spi, self.subject) {
            (Spi::AccessTokenIssue, subject) => subject,
            (_, Some(subject)) => Some(rules::filled(Member::Subject, subject)?),
            (_, None) => return Err(Member::Subject.missing("the event")),
        };
        let is_subject_event = self.spi == Spi::SubjectAuthAndConsent;
        let claims_member = if is_subject_event {
            let claims = self.others.iter().position(|(n, _)| n == "id_token_claims");
            self.claims = claims.map(|at| self.others.remove(at).1);
            Member::IdTokenClaims
        } else {
            Member::Claims
        };
        let claims = self
            .claims
            .map(|claims| object(claims_member, claims))
            .transpose()?;
        let client = match self.client {
            Some(Cow::Borrowed(client)) => {
                Some(without_secrets(object_span(Member::Client, client)?))
            }
            Some(Cow::Owned(client)) => {
                let kept = without_secrets(object_span(Member::Client, &client)?);
                Some(Cow::Owned(kept.into_owned()))
            }
            None => None,
        };
        let time = self.time.unwrap_or_else(Timestamp::now);
        let more = more(&self.others, is_subject_event.then_some(time))?;
        Ok(Event {
            spi: self.spi,
            id: id.transpose()?.unwrap_or_else(|| new_id().into()),
            txn: txn.transpose()?,
            time,
            issuer: rules::issuer(issuer, None)?,
            client_id: rules::filled(Member::ClientId, self.client_id)?,
            subject,
            claims,
            client,
            more: more.map(Cow::Owned),
        })
    }

    fn refuse_misplaced_members(&self) -> Result<(), EventError> {
        for (n, (name, _)) in self.others.iter().enumerate() {
            let fault = match Member::from_name(name) {
                Some(Member::Code) => Fault::Unwanted {
                    reason: "unwanted: a code does not belong in an event",
                },
                Some(
                    Member::Type
                    | Member::Id
                    | Member::Txn
                    | Member::Time
                    | Member::Issuer
                    | Member::ClientId
                    | Member::Client
                    | Member::Subject,
                ) => Fault::Duplicate,
                Some(Member::Claims) if self.claims.is_some() => Fault::Duplicate,
                _ if self.others[..n].iter().any(|(other, _)| other == name) => Fault::Duplicate,
                _ => continue,
            };
            return Err(EventError::member(name, fault));
        }
        Ok(())
    }
}

/// The members without a field of their own; those of a subject event that is due at
/// `subject_event_due` are checked, and its session comes last, as from a stream.
fn more(
    others: &[(Cow<'_, str>, Cow<'_, str>)],
    subject_event_due: Option<Timestamp>,
) -> Result<Option<String>, EventError> {
    let mut more = More::default();
    let mut shown_session = None;
    for (name, text) in others {
        let value = rules::value(name, text, Limits::default().depth)?;
        let raw = value.text;
        if let Some(due) = subject_event_due {
            match Member::from_name(name) {
                Some(member @ (Member::Scope | Member::ConsentedClaims)) => {
                    rules::strings(member, raw)?;
                }
                Some(Member::Session) => {
                    let session = rules::session(value)?;
                    shown_session = (!session.has_expired(due)).then_some(raw);
                    continue;
                }
                _ => {}
            }
        }
        more.push(name, raw);
    }
    if let Some(session) = shown_session {
        more.push("session", session);
    }
    Ok(more.finish())
}

fn object_span(member: Member, text: &str) -> Result<Span<'_>, EventError> {
    let value = rules::value(member.name(), text, Limits::default().depth)?;
    rules::object(member, value)
}

fn object(member: Member, text: Cow<'_, str>) -> Result<Cow<'_, str>, EventError> {
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(object_span(member, text)?.text),
        Cow::Owned(text) => {
            let object = object_span(member, &text)?.text;
            if object.len() == text.len() {
                Cow::Owned(text)
            } else {
                Cow::Owned(object.to_owned())
            }
        }
    })
}

fn array<S: AsRef<str>>(strings: impl IntoIterator<Item = S>) -> String {
    let mut text = String::from("[");
    for string in strings {
        if text.len() > 1 {
            text.push(',');
        }
        json::push_string(&mut text, string.as_ref());
    }
    text.push(']');
    text
}
