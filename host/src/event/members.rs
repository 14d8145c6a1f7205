//! The members that the event format knows by name, and the one pass over a line's JSON that
//! finds where each member's text is. What a member means is decided in [`super::rules`].

use super::error::{EventError, Fault};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// A member with a meaning in at least one type of event or fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Type,
    Id,
    Txn,
    Time,
    Issuer,
    ClientId,
    Client,
    Subject,
    Claims,
    IdTokenClaims,
    Scope,
    ConsentedClaims,
    AuthzData,
    Session,
    ResponseType,
    Code,
    CodeExpiresAt,
}

impl Member {
    pub(crate) const ALL: [Self; 17] = [
        Self::Type,
        Self::Id,
        Self::Txn,
        Self::Time,
        Self::Issuer,
        Self::ClientId,
        Self::Client,
        Self::Subject,
        Self::Claims,
        Self::IdTokenClaims,
        Self::Scope,
        Self::ConsentedClaims,
        Self::AuthzData,
        Self::Session,
        Self::ResponseType,
        Self::Code,
        Self::CodeExpiresAt,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::Txn => "txn",
            Self::Time => "time",
            Self::Issuer => "issuer",
            Self::ClientId => "client_id",
            Self::Client => "client",
            Self::Subject => "subject",
            Self::Claims => "claims",
            Self::IdTokenClaims => "id_token_claims",
            Self::Scope => "scope",
            Self::ConsentedClaims => "consented_claims",
            Self::AuthzData => "authz_data",
            Self::Session => "session",
            Self::ResponseType => "response_type",
            Self::Code => "code",
            Self::CodeExpiresAt => "code_expires_at",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        // As bytes, so that the lengths are compared before the contents.
        Some(match name.as_bytes() {
            b"type" => Self::Type,
            b"id" => Self::Id,
            b"txn" => Self::Txn,
            b"time" => Self::Time,
            b"issuer" => Self::Issuer,
            b"client_id" => Self::ClientId,
            b"client" => Self::Client,
            b"subject" => Self::Subject,
            b"claims" => Self::Claims,
            b"id_token_claims" => Self::IdTokenClaims,
            b"scope" => Self::Scope,
            b"consented_claims" => Self::ConsentedClaims,
            b"authz_data" => Self::AuthzData,
            b"session" => Self::Session,
            b"response_type" => Self::ResponseType,
            b"code" => Self::Code,
            b"code_expires_at" => Self::CodeExpiresAt,
            _ => return None,
        })
    }
}

/// Where the text of each member of an object is. Names are decoded, values verbatim.
#[derive(Debug, Default)]
pub(crate) struct Slots<'a> {
    known: [Option<&'a str>; Member::ALL.len()],
    unknown: Vec<(Cow<'a, str>, &'a str)>,
    duplicate: Option<Member>,
}

impl<'a> Slots<'a> {
    /// Reads `text`, which has to be one JSON object.
    pub(crate) fn read(text: &'a str) -> Result<Self, EventError> {
        let mut slots = Self::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        ObjectSeed(&mut slots)
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| EventError::not_json(&error))?;
        match slots.repeated_name() {
            Some(name) => Err(EventError::member(name, Fault::Duplicate)),
            None => Ok(slots),
        }
    }

    pub(crate) fn get(&self, member: Member) -> Option<&'a str> {
        self.known[member as usize]
    }

    /// The member's text, which then no longer counts among the [`Self::rest`].
    pub(crate) fn take(&mut self, member: Member) -> Option<&'a str> {
        self.known[member as usize].take()
    }

    /// All members that were not taken: name and text.
    pub(crate) fn rest(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let known = Member::ALL
            .into_iter()
            .filter_map(|member| Some((member.name(), self.get(member)?)));
        let unknown = self
            .unknown
            .iter()
            .map(|(name, value)| (name.as_ref(), *value));
        known.chain(unknown)
    }

    fn put(&mut self, name: Name<'a>, value: &'a str) {
        match name {
            Name::Known(member) => {
                if self.known[member as usize].replace(value).is_some() {
                    self.duplicate.get_or_insert(member);
                }
            }
            Name::Unknown(name) => self.unknown.push((name, value)),
        }
    }

    fn repeated_name(&self) -> Option<&str> {
        /// Up to here, comparing each with each is quicker than hashing.
        const FEW: usize = 12;
        if let Some(member) = self.duplicate {
            return Some(member.name());
        }
        let names = self.unknown.iter().map(|(name, _)| name.as_ref());
        if self.unknown.len() <= FEW {
            return names.enumerate().find_map(|(n, name)| {
                let earlier = &self.unknown[..n];
                earlier
                    .iter()
                    .any(|(other, _)| other == name)
                    .then_some(name)
            });
        }
        let mut seen = HashSet::with_capacity(self.unknown.len());
        names.into_iter().find(|name| !seen.insert(*name))
    }
}

enum Name<'a> {
    Known(Member),
    Unknown(Cow<'a, str>),
}

struct ObjectSeed<'s, 'a>(&'s mut Slots<'a>);

impl<'a> DeserializeSeed<'a> for ObjectSeed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for ObjectSeed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let value: &RawValue = map.next_value()?;
            self.0.put(name, value.get());
        }
        Ok(())
    }
}

struct NameSeed;

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = Name<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Name<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for NameSeed {
    type Value = Name<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'a str) -> Result<Name<'a>, E> {
        Ok(match Member::from_name(name) {
            Some(member) => Name::Known(member),
            None => Name::Unknown(Cow::Borrowed(name)),
        })
    }

    /// A name that was written with escapes.
    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'a>, E> {
        Ok(match Member::from_name(name) {
            Some(member) => Name::Known(member),
            None => Name::Unknown(Cow::Owned(name.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_member_is_found_by_its_name_and_stands_at_its_number() {
        for (n, member) in Member::ALL.into_iter().enumerate() {
            assert_eq!(Member::from_name(member.name()), Some(member));
            assert_eq!(member as usize, n);
        }
    }
}
