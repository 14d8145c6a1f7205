//! What a SET says of an event: by whose name the subject goes, and which claims and members are in
//! it. The token itself, its type and its standing claims are the builder's, `op_listener_api::set`.

use op_listener_api::set::{SetBuilder, SetSubject, SubjectIdentifier};
use op_listener_api::{Error, EventContext, JsonObject};
use serde_json::{Map, Value};

use crate::config::{ContentSettings, Jti, SubIdFormat, WhichSubject};

/// What stands in place of a masked claim's value, whatever it is.
const MASK: &str = "***";

/// Which of the three an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    IdTokenIssue,
    AccessTokenIssue,
    SubjectAuthAndConsent,
}

/// An event of any kind.
pub(crate) struct Facts<'f, 'e> {
    pub(crate) kind: Kind,
    pub(crate) id: &'e str,
    pub(crate) client_id: &'e str,
    /// The local one; none where no end-user is concerned.
    pub(crate) subject: Option<&'e str>,
    pub(crate) claims: Option<&'f JsonObject<'e>>,
    pub(crate) more: &'f JsonObject<'e>,
}

impl Facts<'_, '_> {
    fn claim(&self, name: &str) -> Option<Value> {
        value(self.claims?, name)
    }

    fn text_claim(&self, name: &str) -> Option<String> {
        Some(self.claims?.string(name)?.into_owned())
    }
}

/// A member's value. One with a number that no double can hold becomes its JSON text: an odd claim is
/// no reason to lose an event.
fn value(object: &JsonObject<'_>, name: &str) -> Option<Value> {
    let raw = object.raw(name)?.get();
    Some(serde_json::from_str(raw).unwrap_or_else(|_| raw.into()))
}

impl ContentSettings {
    /// The `jti` of an event's SET.
    pub(crate) fn jti(&self, facts: &Facts<'_, '_>, instance: &str) -> String {
        match self.jti {
            Jti::Event => facts.id.to_owned(),
            Jti::Instance => format!("{}:{instance}", facts.id),
        }
    }

    /// Makes a SET of an event, and signs it.
    ///
    /// # Errors
    ///
    /// There is a token among what is to be in it, the subject has no name of the kind that is wanted,
    /// or the host cannot sign.
    pub(crate) fn sign(
        &self,
        facts: &Facts<'_, '_>,
        event: &impl SetSubject,
        context: &EventContext<'_>,
        jti: &str,
    ) -> Result<String, Error> {
        let mut set = context
            .jwt_signer()
            .set(event)
            .jti(jti)
            .subject(self.subject(facts, context.issuer())?);
        set = self.audience.iter().fold(set, SetBuilder::audience);
        let types = &self.event_types;
        let uri = match facts.kind {
            Kind::IdTokenIssue => &types.id_token_issue,
            Kind::AccessTokenIssue => &types.access_token_issue,
            Kind::SubjectAuthAndConsent => &types.subject_auth_and_consent,
        };
        if let Some(uri) = uri {
            set = set.event_type(uri);
        }
        if !(self.claims.is_empty() && self.mask.is_empty()) {
            set = set.payload("claims", self.claims(facts));
        }
        for name in &self.members {
            if let Some(value) = value(facts.more, name) {
                set = set.payload(name, value);
            }
        }
        set.sign()
    }

    fn claims(&self, facts: &Facts<'_, '_>) -> Map<String, Value> {
        let mut claims = Map::new();
        for name in &self.claims {
            if let Some(value) = facts.claim(name) {
                claims.insert(name.clone(), value);
            }
        }
        let has = |name: &&String| facts.claims.is_some_and(|claims| claims.contains(name));
        let masked = self.mask.iter().filter(has);
        claims.extend(masked.map(|name| (name.clone(), MASK.into())));
        claims
    }

    fn subject(&self, facts: &Facts<'_, '_>, issuer: &str) -> Result<SubjectIdentifier, Error> {
        let iss_sub = |sub| SubjectIdentifier::IssSub {
            iss: issuer.to_owned(),
            sub,
        };
        let name = self.name(facts)?;
        Ok(match self.sub_id {
            SubIdFormat::IssSub => iss_sub(name),
            SubIdFormat::Opaque => SubjectIdentifier::Opaque { id: name },
            SubIdFormat::Email => match facts.text_claim("email") {
                Some(email) => SubjectIdentifier::Email { email },
                // There is a SET of each event, and there is no SET without a subject.
                None => iss_sub(name),
            },
            SubIdFormat::Account => {
                let host = self
                    .account_host
                    .as_deref()
                    .unwrap_or_else(|| host_of(issuer));
                let uri = format!("acct:{}@{host}", percent_encoded(&name));
                SubjectIdentifier::Account { uri }
            }
        })
    }

    /// What the subject is called. Without an end-user it is the client (RFC 9068 section 2.2).
    fn name(&self, facts: &Facts<'_, '_>) -> Result<String, Error> {
        let local = facts.subject.unwrap_or(facts.client_id);
        match self.subject {
            WhichSubject::Local => Ok(local.to_owned()),
            WhichSubject::Token => match facts.text_claim("sub") {
                Some(sub) => Ok(sub),
                None if facts.subject.is_none() => Ok(local.to_owned()),
                // The local name is what the receiver is not to know.
                None => Err(Error::new(
                    "there is no claim `sub` by which the subject could go, as `subject = \"token\"` \
                     has it: no SET was made",
                )),
            },
        }
    }
}

/// The host of an issuer, which is a URL without user information.
fn host_of(issuer: &str) -> &str {
    let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The part of an `acct` URI before the `@` (RFC 7565 section 7).
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_at_the_host_of_the_issuer() {
        for (issuer, host) in [
            ("https://op.example.com", "op.example.com"),
            ("https://op.example.com/tenant", "op.example.com"),
            ("https://op.example.com:8443/a:1", "op.example.com"),
            ("http://[::1]:80", "[::1]"),
            ("http://[::1]", "[::1]"),
        ] {
            assert_eq!(host_of(issuer), host);
        }
        assert_eq!(percent_encoded("a@b/ö-1"), "a%40b%2F%C3%B6-1");
    }
}
