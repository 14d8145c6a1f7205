//! What is made of an event.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use op_listener_api::set::{SetSubject, SubjectIdentifier};
use op_listener_api::{
    AccessTokenIssueEvent, Error, IdTokenIssueEvent, JsonObject, JwtSigner,
    SubjectAuthAndConsentEvent,
};
use serde::Deserialize;
use serde_json::json;

use crate::notes::{Note, Outcome};

/// The listener's configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the notes go.
    pub(crate) path: PathBuf,
    /// The receivers of the SETs.
    audience: Vec<String>,
    /// The claims that go into the SETs.
    claims: Vec<String>,
    /// The formats of subject identifiers: a SET of each event for each of them.
    sub_id: Vec<Format>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    IssSub,
    Opaque,
    Email,
    Account,
}

/// What the three kinds of event have in common.
pub(crate) struct Seen<'a> {
    id: &'a str,
    client_id: &'a str,
    subject: Option<&'a str>,
    email: Option<String>,
}

impl<'a> Seen<'a> {
    pub(crate) fn of_id_token(event: &IdTokenIssueEvent<'a>) -> Self {
        Self {
            id: event.id(),
            client_id: event.client_id(),
            subject: Some(event.subject()),
            email: email(Some(event.claims())),
        }
    }

    pub(crate) fn of_access_token(event: &AccessTokenIssueEvent<'a>) -> Self {
        Self {
            id: event.id(),
            client_id: event.client_id(),
            subject: event.subject(),
            email: email(Some(event.claims())),
        }
    }

    pub(crate) fn of_subject(event: &SubjectAuthAndConsentEvent<'a>) -> Self {
        Self {
            id: event.id(),
            client_id: event.client_id(),
            subject: Some(event.subject()),
            email: email(event.id_token_claims()),
        }
    }

    /// Whom the event is of: the client where there is no end-user.
    fn whom(&self) -> &'a str {
        self.subject.unwrap_or(self.client_id)
    }
}

fn email(claims: Option<&JsonObject<'_>>) -> Option<String> {
    Some(claims?.string("email")?.into_owned())
}

#[derive(Clone)]
pub(crate) struct Maker(Arc<Settings>);

impl Maker {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }

    /// While the host calls: a SET for each format, an ID token, an access token (RFC 9068).
    pub(crate) fn at_once(
        &self,
        seen: &Seen<'_>,
        event: &impl SetSubject,
        signer: &JwtSigner<'_>,
    ) -> Result<Vec<Note>, Error> {
        let mut made = Vec::new();
        for format in &self.0.sub_id {
            made.extend(self.set(*format, seen, event, signer));
        }
        made.push(id_token(seen, signer)?);
        made.push(access_token(seen, signer)?);
        Ok(made)
    }

    /// On the other thread: a SET and an ID token.
    pub(crate) fn later(
        &self,
        seen: &Seen<'_>,
        event: &impl SetSubject,
        signer: &JwtSigner<'_>,
    ) -> Result<Vec<Note>, Error> {
        let mut made = Vec::from_iter(self.set(Format::IssSub, seen, event, signer));
        made.push(id_token(seen, signer)?);
        for note in &mut made {
            note.later = true;
        }
        Ok(made)
    }

    /// `None` where the event has nothing for a subject identifier of that format.
    fn set(
        &self,
        format: Format,
        seen: &Seen<'_>,
        event: &impl SetSubject,
        signer: &JwtSigner<'_>,
    ) -> Option<Note> {
        let mut set = signer.set(event);
        for audience in &self.0.audience {
            set = set.audience(audience);
        }
        let sub_id = match format {
            // What it has unless told otherwise.
            Format::IssSub => "iss_sub",
            Format::Opaque => {
                let id = seen.whom().to_owned();
                set = set.subject(SubjectIdentifier::Opaque { id });
                "opaque"
            }
            Format::Email => {
                let email = seen.email.clone()?;
                set = set.subject(SubjectIdentifier::Email { email });
                "email"
            }
            Format::Account => {
                let uri = format!("acct:{}@example.com", percent_encoded(seen.whom()));
                set = set.subject(SubjectIdentifier::Account { uri });
                "account"
            }
        };
        if !matches!(format, Format::IssSub) {
            // It says something else, so it is another SET (RFC 8417 section 2.2).
            set = set.jti(format!("{}:{sub_id}", seen.id));
        }
        let claims = self.0.claims.iter().map(String::as_str);
        let outcome = match set.claims(claims).and_then(|set| set.sign()) {
            Ok(token) => Outcome::Token(token),
            Err(error) => Outcome::Refused(error.to_string()),
        };
        Some(Note {
            id: seen.id.to_owned(),
            made: "set",
            sub_id: Some(sub_id),
            later: false,
            outcome,
        })
    }
}

/// OpenID Connect Core 1.0, section 2: so much that an ID token's consumer takes it.
fn id_token(seen: &Seen<'_>, signer: &JwtSigner<'_>) -> Result<Note, Error> {
    let now = now()?;
    let claims = json!({
        "iss": signer.issuer(),
        "sub": seen.whom(),
        "aud": seen.client_id,
        "iat": now,
        "exp": now + 3600,
        "nonce": seen.id,
    });
    Ok(plain("jwt", seen, signer.sign(&claims)?))
}

/// RFC 9068, section 2.2.
fn access_token(seen: &Seen<'_>, signer: &JwtSigner<'_>) -> Result<Note, Error> {
    let now = now()?;
    let claims = json!({
        "iss": signer.issuer(),
        "sub": seen.whom(),
        "aud": seen.client_id,
        "client_id": seen.client_id,
        "iat": now,
        "exp": now + 3600,
        "jti": seen.id,
    });
    Ok(plain(
        "at+jwt",
        seen,
        signer.sign_with_type("at+jwt", &claims)?,
    ))
}

fn plain(made: &'static str, seen: &Seen<'_>, token: String) -> Note {
    Note {
        id: seen.id.to_owned(),
        made,
        sub_id: None,
        later: false,
        outcome: Outcome::Token(token),
    }
}

fn now() -> Result<u64, Error> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// All but the unreserved characters of RFC 3986 section 2.3, as the user part of an `acct` URI may
/// have it (RFC 7565 section 7).
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
