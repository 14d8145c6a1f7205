//! Security Event Tokens (RFC 8417) in the profile of the OpenID Shared Signals Framework 1.0.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ffi::Lent;
use crate::{
    AccessTokenIssueEvent, Error, IdTokenIssueEvent, JsonObject, JwtSigner,
    SubjectAuthAndConsentEvent,
};

/// The event type of an ID token that was issued.
pub const ID_TOKEN_ISSUED: &str = "urn:op-listener:event-type:id-token-issued";
/// The event type of an access token that was issued.
pub const ACCESS_TOKEN_ISSUED: &str = "urn:op-listener:event-type:access-token-issued";
/// The event type of a subject that was authenticated and consented.
pub const SUBJECT_AUTHENTICATED_AND_CONSENTED: &str =
    "urn:op-listener:event-type:subject-authenticated-and-consented";

/// An event of which a SET can be made: each of the three event types.
pub trait SetSubject: sealed::Sealed {}

mod sealed {
    /// What a SET says of an event.
    pub struct Facts<'e> {
        pub(crate) event_type: &'static str,
        pub(crate) lent: crate::ffi::Lent<'e>,
    }

    pub trait Sealed {
        fn facts(&self) -> Facts<'_>;
    }
}

macro_rules! set_subject {
    ($event:ident, $event_type:ident) => {
        impl SetSubject for $event<'_> {}

        impl sealed::Sealed for $event<'_> {
            fn facts(&self) -> sealed::Facts<'_> {
                sealed::Facts {
                    event_type: $event_type,
                    lent: self.fields.lent,
                }
            }
        }
    };
}

set_subject!(IdTokenIssueEvent, ID_TOKEN_ISSUED);
set_subject!(AccessTokenIssueEvent, ACCESS_TOKEN_ISSUED);
set_subject!(
    SubjectAuthAndConsentEvent,
    SUBJECT_AUTHENTICATED_AND_CONSENTED
);

/// A subject identifier (RFC 9493), the SET's `sub_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "format", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SubjectIdentifier {
    /// A subject of an issuer (section 3.2.4).
    IssSub {
        /// The issuer.
        iss: String,
        /// The subject.
        sub: String,
    },
    /// A string that only the parties understand (section 3.2.6).
    Opaque {
        /// The string.
        id: String,
    },
    /// An email address (section 3.2.2).
    Email {
        /// The address.
        email: String,
    },
    /// An account, as an `acct` URI (section 3.2.1).
    Account {
        /// The URI.
        uri: String,
    },
}

/// Makes a Security Event Token of an event.
///
/// By construction it has `typ: secevent+jwt` and the claims `iss`, `iat`, `jti` (the event's id),
/// `toe` (when it happened), `txn` (where known), `sub_id`, `aud` (where given) and `events` with
/// exactly one member; never `sub` or `exp`, by which it could be taken for an ID token (RFC 8417
/// section 4.5), and never a token inside.
///
/// The subject is `iss_sub` of the issuer and the local subject unless set otherwise; where an
/// access token has no end-user it is the client (as RFC 9068 section 2.2 has it for `sub`).
pub struct SetBuilder<'e> {
    signer: JwtSigner<'static>,
    lent: Lent<'e>,
    jti: String,
    event_type: String,
    subject: SubjectIdentifier,
    audience: Vec<String>,
    payload: Map<String, Value>,
}

impl<'e> SetBuilder<'e> {
    pub(crate) fn new(signer: JwtSigner<'static>, event: &'e impl SetSubject) -> Self {
        let facts = event.facts();
        let lent = facts.lent;
        let client_id = lent.client_id();
        let subject = SubjectIdentifier::IssSub {
            iss: lent.issuer().to_owned(),
            sub: lent.subject().unwrap_or(client_id).to_owned(),
        };
        Self {
            signer,
            lent,
            jti: lent.id().to_owned(),
            event_type: facts.event_type.to_owned(),
            subject,
            audience: Vec::new(),
            payload: Map::from_iter([("client_id".to_owned(), client_id.into())]),
        }
    }

    /// Adds a receiver to `aud`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// Sets `sub_id`.
    #[must_use]
    pub fn subject(mut self, subject: SubjectIdentifier) -> Self {
        self.subject = subject;
        self
    }

    /// Sets `jti`, in place of the event's id. A second SET of one event that says something else,
    /// or to somebody else, needs one of its own: a `jti` is unique (RFC 8417 section 2.2).
    #[must_use]
    pub fn jti(mut self, jti: impl Into<String>) -> Self {
        self.jti = jti.into();
        self
    }

    /// Sets the URI of the event type, in place of this crate's own for the kind of event.
    #[must_use]
    pub fn event_type(mut self, uri: impl Into<String>) -> Self {
        self.event_type = uri.into();
        self
    }

    /// Sets a member of the event's payload. It starts with `client_id`.
    #[must_use]
    pub fn payload(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.payload.insert(name.into(), value.into());
        self
    }

    /// Copies those of the named claims that the token has into the payload's member `claims`.
    /// Integers beyond 64 bits lose digits.
    ///
    /// # Errors
    ///
    /// A claim's value has a number that is too large for a double.
    pub fn claims<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Result<Self, Error> {
        let all = JsonObject::trusted(self.lent.claims().unwrap_or("{}"));
        let mut claims = Map::new();
        for name in names {
            if let Some(value) = all.get(name)? {
                claims.insert(name.to_owned(), value);
            }
        }
        self.payload.insert("claims".to_owned(), claims.into());
        Ok(self)
    }

    /// The claims set of the SET, with the present time as `iat`.
    ///
    /// # Errors
    ///
    /// There is a token in the payload: a member by the name of one, or a value that holds a JWT.
    /// Or the event type is no URI, or `jti` is empty.
    pub fn claims_set(&self) -> Result<Map<String, Value>, Error> {
        if !is_uri(&self.event_type) {
            return Err(Error::new(format_args!(
                "the event type `{}` is no absolute URI (RFC 8417 section 2.2)",
                self.event_type
            )));
        }
        if self.jti.is_empty() {
            return Err(Error::new("the `jti` of a SET must not be empty"));
        }
        for (name, value) in &self.payload {
            refuse_tokens(name, name, value)?;
        }
        let lent = &self.lent;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut set = Map::new();
        set.insert("iss".to_owned(), lent.issuer().into());
        set.insert("iat".to_owned(), now.as_secs().into());
        set.insert("jti".to_owned(), self.jti.as_str().into());
        if let Some(txn) = lent.txn() {
            set.insert("txn".to_owned(), txn.into());
        }
        set.insert("toe".to_owned(), (lent.time_micros() / 1_000_000).into());
        match &*self.audience {
            [] => {}
            [one] => {
                set.insert("aud".to_owned(), one.as_str().into());
            }
            several => {
                set.insert("aud".to_owned(), several.into());
            }
        }
        set.insert("sub_id".to_owned(), serde_json::to_value(&self.subject)?);
        set.insert(
            "events".to_owned(),
            json!({ self.event_type.as_str(): self.payload }),
        );
        Ok(set)
    }

    /// Signs the SET.
    ///
    /// # Errors
    ///
    /// As for [`SetBuilder::claims_set`] and [`JwtSigner::sign`].
    pub fn sign(&self) -> Result<String, Error> {
        self.signer
            .sign_with_type("secevent+jwt", &self.claims_set()?)
    }
}

/// Members that carry credentials by their very name (RFC 6749, OpenID Connect Core 1.0).
const TOKEN_NAMES: [&str; 5] = [
    "access_token",
    "refresh_token",
    "id_token",
    "code",
    "client_secret",
];

fn refuse_tokens(path: &str, name: &str, value: &Value) -> Result<(), Error> {
    match value {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| refuse_tokens(&format!("{path}.{name}"), name, value)),
        Value::Array(items) => items
            .iter()
            .try_for_each(|value| refuse_tokens(path, name, value)),
        Value::String(text) if TOKEN_NAMES.contains(&name) || holds_token(text) => Err(Error::new(
            format_args!("`{path}` in the payload of a SET holds a token: leave it out"),
        )),
        _ => Ok(()),
    }
}

/// Whether a word of the text is a token, as in `Bearer …`.
fn holds_token(text: &str) -> bool {
    text.split_ascii_whitespace().any(reads_as_token)
}

/// A compact JWS or JWE: three or five parts of base64url, the first of which is a JSON object
/// (RFC 7515 section 7.1, RFC 7516 section 7.1). Many a name has as many parts.
fn reads_as_token(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let Some((header, _)) = text.split_once('.') else {
        return false;
    };
    matches!(text.split('.').count(), 3 | 5)
        && text.bytes().all(|byte| base64url(byte) || byte == b'.')
        && from_base64url(header)
            .is_some_and(|header| serde_json::from_slice::<Map<String, Value>>(&header).is_ok())
}

/// RFC 4648 section 5, without padding. Bits left over at the end are not looked at.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0);
    for character in text.bytes() {
        let six = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            let [.., byte] = (bits >> held).to_be_bytes();
            bytes.push(byte);
        }
    }
    Some(bytes)
}

/// An absolute URI by its outside (RFC 3986 section 3): a scheme, a colon, and something after it,
/// all of visible ASCII.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for SetBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetBuilder")
            .field("jti", &self.jti)
            .field("event_type", &self.event_type)
            .finish_non_exhaustive()
    }
}
