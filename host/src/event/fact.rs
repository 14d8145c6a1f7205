//! What a provider says has happened when it leaves to the host when a subject event is due.
//! That is decided by [`crate::flow`].

use super::Event;
use super::session::Session;
use super::time::{Deadline, Timestamp};
use std::borrow::Cow;
use std::fmt;

/// One valid line of a stream.
#[derive(Debug)]
pub enum Message<'a> {
    /// An event for listeners.
    Event(Event<'a>),
    /// An authorisation request completed successfully.
    AuthorizationCompleted(AuthorizationCompleted<'a>),
    /// A client submitted a valid authorisation code.
    CodeExchanged(CodeExchanged<'a>),
}

/// The fact that a request at the authorisation endpoint completed successfully.
#[derive(Debug)]
pub struct AuthorizationCompleted<'a> {
    /// The event that follows from it, without its session.
    pub(crate) event: Event<'a>,
    /// The session, kept apart until the event is due.
    pub(crate) session: Option<Session<'a>>,
    /// When the event is due.
    pub(crate) due: Due,
    /// The code that was issued, and when it expires.
    pub(crate) code: Option<(Code<'a>, Deadline)>,
}

/// The fact that a client submitted a valid authorisation code at the token endpoint.
#[derive(Debug)]
pub struct CodeExchanged<'a> {
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) txn: Option<Cow<'a, str>>,
    pub(crate) time: Timestamp,
    pub(crate) issuer: Cow<'a, str>,
    pub(crate) client_id: Option<Cow<'a, str>>,
    pub(crate) client: Option<Cow<'a, str>>,
    pub(crate) code: Code<'a>,
    pub(crate) id_token_claims: Option<Cow<'a, str>>,
}

/// When the subject event of an authorisation is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// At once: the authorisation response itself carries a token.
    AtOnce,
    /// When the code is exchanged.
    AtExchange,
}

/// What a `response_type` asks for (OAuth 2.0 Multiple Response Type Encoding Practices 1.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResponseType {
    pub(crate) code: bool,
    pub(crate) token: bool,
    pub(crate) id_token: bool,
}

impl ResponseType {
    /// The words `code`, `token` and `id_token` in any order, each at most once, exactly one space
    /// between. `None` for everything else, `none` too.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut found = Self {
            code: false,
            token: false,
            id_token: false,
        };
        for word in text.split(' ') {
            let flag = match word {
                "code" => &mut found.code,
                "token" => &mut found.token,
                "id_token" => &mut found.id_token,
                _ => return None,
            };
            if std::mem::replace(flag, true) {
                return None;
            }
        }
        Some(found)
    }

    pub(crate) fn due(self) -> Due {
        if self.token || self.id_token {
            Due::AtOnce
        } else {
            Due::AtExchange
        }
    }
}

/// An authorisation code: a credential, so it is never shown.
pub(crate) struct Code<'a>(pub(crate) Cow<'a, str>);

impl fmt::Debug for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_due_as_the_response_type_says() {
        assert_eq!(ResponseType::parse("code").unwrap().due(), Due::AtExchange);
        for text in [
            "token",
            "id_token",
            "id_token token",
            "token id_token",
            "code id_token",
            "id_token code",
            "code token",
            "code id_token token",
            "token code id_token",
        ] {
            assert_eq!(
                ResponseType::parse(text).unwrap().due(),
                Due::AtOnce,
                "{text}"
            );
        }
    }

    #[test]
    fn other_response_types_are_refused() {
        for text in [
            "",
            "none",
            "code none",
            "code  token",
            " code",
            "code ",
            "code\ttoken",
            "code code",
            "CODE",
            "code,token",
            "device",
        ] {
            assert_eq!(ResponseType::parse(text), None, "{text:?}");
        }
    }
}
