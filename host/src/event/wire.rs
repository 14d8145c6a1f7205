//! Reads one line of a stream, or one posted object: bytes in, a valid [`Message`] out.
//!
//! Nothing is copied that can be borrowed, and nothing is built from what is only passed on. What
//! has no value in the line (`id`, `time`, `issuer`) is filled in here; where `client` comes from
//! when it is absent is decided by [`crate::intake`].

use super::client::without_secrets;
use super::error::{EventError, Fault};
use super::fact::{AuthorizationCompleted, Code, CodeExchanged, Message, ResponseType};
use super::limits::Limits;
use super::members::{Member, Slots};
use super::more::More;
use super::scan::Span;
use super::session::Session;
use super::time::{Deadline, Timestamp};
use super::{Event, json, new_id, rules};
use crate::Spi;
use std::borrow::Cow;

/// What the reader takes where a line says nothing, and how much it takes at all.
#[derive(Clone, Copy, Debug)]
pub struct Defaults<'a> {
    /// Bounds on size and nesting.
    pub limits: Limits,
    /// The issuer of events that name none. It has to be valid
    /// ([`check_issuer`](super::check_issuer)).
    pub issuer: Option<&'a str>,
    /// The clock that gives the `time` of events that have none.
    pub clock: fn() -> Timestamp,
    /// How long a code lasts that comes without `code_expires_at`, in seconds.
    pub code_lifetime: u32,
}

impl Defaults<'_> {
    /// What the format says of codes that come without `code_expires_at`: ten minutes, the most
    /// that RFC 6749 recommends (section 4.1.2).
    pub const CODE_LIFETIME: u32 = 600;
}

impl Default for Defaults<'_> {
    /// The format's limits, no issuer, the system's clock.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            issuer: None,
            clock: Timestamp::now,
            code_lifetime: Self::CODE_LIFETIME,
        }
    }
}

/// Reads one event or fact from a line without its end. `line` is its number, for the error.
///
/// # Errors
/// What is wrong with the first member that is; the event then must not be dispatched.
pub fn parse<'a>(
    bytes: &'a [u8],
    line: Option<u64>,
    defaults: &Defaults<'a>,
) -> Result<Message<'a>, EventError> {
    let (message, _) = parse_with_own_id(bytes, line, defaults)?;
    Ok(message)
}

/// As [`parse`], and whether the id is the sender's own.
#[inline]
pub(crate) fn parse_with_own_id<'a>(
    bytes: &'a [u8],
    line: Option<u64>,
    defaults: &Defaults<'a>,
) -> Result<(Message<'a>, bool), EventError> {
    let mut reader = Reader {
        slots: Slots::default(),
        spare: 0,
        defaults,
    };
    let message = reader
        .read(bytes)
        .and_then(|()| reader.message())
        .map_err(|error| error.at_line(line))?;
    Ok((message, reader.slots.get(Member::Id).is_some()))
}

/// A line that is valid JSON throughout, whose members are yet to be judged.
struct Reader<'a, 'd> {
    slots: Slots<'a>,
    /// Bytes that will be added to what is passed on, so that it is allocated once.
    spare: usize,
    defaults: &'d Defaults<'a>,
}

/// The members that every event and fact may have.
struct Header<'a> {
    id: Option<Cow<'a, str>>,
    txn: Option<Cow<'a, str>>,
    time: Timestamp,
    issuer: Cow<'a, str>,
    client_id: Option<Cow<'a, str>>,
    client: Option<Cow<'a, str>>,
}

impl<'a> Reader<'a, '_> {
    fn read(&mut self, bytes: &'a [u8]) -> Result<(), EventError> {
        let limits = self.defaults.limits;
        if bytes.len() > limits.line_bytes {
            let limit = limits.line_bytes;
            return Err(EventError::whole(Fault::TooLong { limit }));
        }
        let text = str::from_utf8(bytes).map_err(|error| {
            let valid = error.valid_up_to();
            EventError::whole(Fault::NotUtf8 { valid })
        })?;
        if !text.starts_with('{') {
            require_object(text)?;
        }
        self.slots.read(text, limits.depth)
    }

    fn message(&mut self) -> Result<Message<'a>, EventError> {
        let raw = self
            .slots
            .take(Member::Type)
            .ok_or_else(|| Member::Type.missing("every event"))?;
        match rules::string(Member::Type, raw)?.as_ref() {
            "id_token_issue" => self.token_event(Spi::IdTokenIssue).map(Message::Event),
            "access_token_issue" => self.token_event(Spi::AccessTokenIssue).map(Message::Event),
            "subject_auth_and_consent" => {
                self.refuse_code()?;
                let (mut event, session) = self.subject_event("a subject_auth_and_consent")?;
                if let Some(session) = session {
                    event.show_session(&session, event.time());
                }
                Ok(Message::Event(event))
            }
            "authorization_completed" => self
                .authorization_completed()
                .map(Message::AuthorizationCompleted),
            "code_exchanged" => self.code_exchanged().map(Message::CodeExchanged),
            _ => Err(Member::Type.wrong(raw.text)),
        }
    }

    fn token_event(&mut self, spi: Spi) -> Result<Event<'a>, EventError> {
        self.refuse_code()?;
        let by = match spi {
            Spi::AccessTokenIssue => "an access_token_issue",
            _ => "an id_token_issue",
        };
        let header = self.header()?;
        let subject = match (spi, self.slots.take(Member::Subject)) {
            (Spi::AccessTokenIssue, None | Some(Span { text: "null", .. })) => None,
            (Spi::AccessTokenIssue, Some(raw)) => {
                // Unlike the other two, this one may be empty, but must be a string.
                Some(rules::string(Member::Subject, raw)?)
            }
            (_, None) => return Err(Member::Subject.missing(by)),
            (_, Some(raw)) => Some(filled(Member::Subject, raw)?),
        };
        let claims = self
            .slots
            .take(Member::Claims)
            .ok_or_else(|| Member::Claims.missing(by))?;
        let claims = Some(Cow::Borrowed(rules::object(Member::Claims, claims)?.text));
        self.event(spi, by, header, subject, claims)
    }

    /// The event without its session, and the session.
    fn subject_event(
        &mut self,
        by: &'static str,
    ) -> Result<(Event<'a>, Option<Session<'a>>), EventError> {
        let header = self.header()?;
        let subject = self
            .slots
            .take(Member::Subject)
            .ok_or_else(|| Member::Subject.missing(by))?;
        let subject = Some(filled(Member::Subject, subject)?);
        let claims = self.object(Member::IdTokenClaims)?;
        for member in [Member::Scope, Member::ConsentedClaims] {
            if let Some(raw) = self.slots.get(member) {
                rules::strings(member, raw.text)?;
            }
        }
        let session = self.slots.take(Member::Session);
        let session = session.map(rules::session).transpose()?;
        self.spare = session.as_ref().map_or(0, Session::size_in_event);
        let spi = Spi::SubjectAuthAndConsent;
        let event = self.event(spi, by, header, subject, claims)?;
        Ok((event, session))
    }

    fn authorization_completed(&mut self) -> Result<AuthorizationCompleted<'a>, EventError> {
        const BY: &str = "an authorization_completed";
        let raw = self
            .slots
            .take(Member::ResponseType)
            .ok_or_else(|| Member::ResponseType.missing(BY))?;
        let response_type = ResponseType::parse(&rules::string(Member::ResponseType, raw)?)
            .ok_or_else(|| Member::ResponseType.wrong(raw.text))?;
        let code = match (response_type.code, self.slots.take(Member::Code)) {
            (true, None) => {
                return Err(Member::Code.missing("a response_type with the word code"));
            }
            (false, Some(_)) => {
                let reason = "unwanted: the response_type is one without the word code";
                return Err(EventError::member("code", Fault::Unwanted { reason }));
            }
            (_, raw) => raw.map(|raw| filled(Member::Code, raw)).transpose()?,
        };
        let expires_at = self.slots.take(Member::CodeExpiresAt);
        let expires_at = expires_at
            .map(|raw| rules::code_expires_at(raw.text))
            .transpose()?;
        let (event, session) = self.subject_event(BY)?;
        let expires_at = expires_at
            .unwrap_or_else(|| Deadline::after(event.time(), self.defaults.code_lifetime));
        Ok(AuthorizationCompleted {
            event,
            session,
            due: response_type.due(),
            code: code.map(|code| (Code(code), expires_at)),
        })
    }

    fn code_exchanged(&mut self) -> Result<CodeExchanged<'a>, EventError> {
        let code = self
            .slots
            .take(Member::Code)
            .ok_or_else(|| Member::Code.missing("a code_exchanged"))?;
        // One that is empty was never issued; the flow rule says so.
        let code = Code(rules::string(Member::Code, code)?);
        let header = self.header()?;
        Ok(CodeExchanged {
            id: header.id,
            txn: header.txn,
            time: header.time,
            issuer: header.issuer,
            client_id: header.client_id,
            client: header.client,
            code,
            id_token_claims: self.object(Member::IdTokenClaims)?,
        })
    }

    fn header(&mut self) -> Result<Header<'a>, EventError> {
        let known = self.defaults.issuer;
        let id = self.identifier(Member::Id)?;
        let txn = self.identifier(Member::Txn)?;
        let time = match self.slots.take(Member::Time) {
            Some(raw) => rules::time(raw.text)?,
            None => (self.defaults.clock)(),
        };
        let issuer = match (self.slots.take(Member::Issuer), known) {
            (Some(raw), _) => rules::issuer(rules::string(Member::Issuer, raw)?, known)?,
            (None, Some(known)) => Cow::Borrowed(known),
            (None, None) => return Err(EventError::member("issuer", Fault::NoIssuer)),
        };
        let client_id = self.slots.take(Member::ClientId);
        let client_id = client_id
            .map(|raw| filled(Member::ClientId, raw))
            .transpose()?;
        let client = match self.slots.take(Member::Client) {
            Some(raw) => {
                let raw = rules::object(Member::Client, raw)?;
                Some(without_secrets(raw))
            }
            None => None,
        };
        Ok(Header {
            id,
            txn,
            time,
            issuer,
            client_id,
            client,
        })
    }

    fn identifier(&mut self, member: Member) -> Result<Option<Cow<'a, str>>, EventError> {
        let raw = self.slots.take(member);
        raw.map(|raw| rules::identifier(member, rules::string(member, raw)?))
            .transpose()
    }

    fn object(&mut self, member: Member) -> Result<Option<Cow<'a, str>>, EventError> {
        let raw = self.slots.take(member);
        raw.map(|raw| Ok(Cow::Borrowed(rules::object(member, raw)?.text)))
            .transpose()
    }

    fn event(
        &self,
        spi: Spi,
        by: &'static str,
        header: Header<'a>,
        subject: Option<Cow<'a, str>>,
        claims: Option<Cow<'a, str>>,
    ) -> Result<Event<'a>, EventError> {
        Ok(Event {
            spi,
            id: header.id.unwrap_or_else(|| Cow::Owned(new_id())),
            txn: header.txn,
            time: header.time,
            issuer: header.issuer,
            client_id: header
                .client_id
                .ok_or_else(|| Member::ClientId.missing(by))?,
            subject,
            claims,
            client: header.client,
            more: self.more(),
        })
    }

    /// What no field has taken.
    fn more(&self) -> Option<Cow<'a, str>> {
        if self.slots.all_taken() {
            return None;
        }
        let size = |(name, raw): (&str, &str)| name.len() + raw.len() + 4;
        let bytes: usize = self.slots.rest().map(size).sum();
        let mut more = More::default();
        more.reserve(bytes + 1 + self.spare);
        for (name, raw) in self.slots.rest() {
            more.push(name, raw);
        }
        more.finish().map(Cow::Owned)
    }

    fn refuse_code(&self) -> Result<(), EventError> {
        match self.slots.get(Member::Code) {
            None => Ok(()),
            Some(_) => Err(EventError::member(
                "code",
                Fault::Unwanted {
                    reason: "unwanted: a code belongs in the facts authorization_completed and \
                             code_exchanged only; don't send it in an event",
                },
            )),
        }
    }
}

fn filled(member: Member, raw: Span<'_>) -> Result<Cow<'_, str>, EventError> {
    rules::filled(member, rules::string(member, raw)?)
}

/// Says what `text` is instead of an object, unless it is one after some white space.
fn require_object(text: &str) -> Result<(), EventError> {
    let found = match text.trim_start_matches([' ', '\t', '\r', '\n']) {
        start if json::is_object(start) => return Ok(()),
        start if start.starts_with('\u{feff}') => {
            "a byte order mark, which may stand at the very start of a stream only"
        }
        start => {
            serde_json::from_str::<serde::de::IgnoredAny>(text)
                .map_err(|error| EventError::whole(Fault::not_json(&error)))?;
            json::kind(start)
        }
    };
    Err(EventError::whole(Fault::NotAnObject { found }))
}
