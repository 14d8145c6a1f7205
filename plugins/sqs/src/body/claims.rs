//! The shape `claims`: the chosen claims, then the chosen fields of the event, then constants.

use std::collections::HashSet;
use std::fmt;

use op_listener_api::JsonObject;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::json::{Members, quoted};
use super::{Entry, write_constants};
use crate::config::Payload;

/// Names of claims, in the order in which they are published; all that a token has, if not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(Option<Vec<String>>);

impl Names {
    /// The chosen claims that there are. A name stands for its translations too (`name` for
    /// `name#ja-Kana-JP`, `OpenID` Connect Core 1.0, section 5.2).
    pub(crate) fn choose<'c>(&'c self, claims: &'c JsonObject<'_>) -> Vec<(&'c str, &'c str)> {
        let all = claims.iter().map(|(name, value)| (name, value.get()));
        let Some(wanted) = &self.0 else {
            return all.collect();
        };
        let all: Vec<_> = all.collect();
        let mut seen = HashSet::new();
        let mut chosen = Vec::new();
        for wanted in wanted {
            let plain = all.iter().filter(|(name, _)| name == wanted);
            let translated = all.iter().filter(|(name, _)| {
                name.split_once('#')
                    .is_some_and(|(untagged, _)| untagged == wanted)
            });
            chosen.extend(
                plain
                    .chain(translated)
                    .filter(|(name, _)| seen.insert(*name)),
            );
        }
        chosen
    }

    /// The names; `None` for all.
    pub(crate) fn listed(&self) -> Option<&[String]> {
        self.0.as_deref()
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, as an array or as text separated by commas or spaces")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Names, E> {
                let names = text.split([',', ' ', '\t', '\n', '\r']);
                let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
                Ok(Names(Some(names.collect())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Names, A::Error> {
                let mut listed = Vec::new();
                while let Some(name) = names.next_element::<String>()? {
                    listed.push(name);
                }
                Ok(Names(Some(listed)))
            }
        }

        deserializer.deserialize_any(NamesVisitor)
    }
}

/// A field of the event that may stand beside the claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    Type,
    Id,
    Txn,
    Time,
    Issuer,
    ClientId,
    /// The local subject.
    Subject,
    Scope,
    ConsentedClaims,
    AuthzData,
    Session,
}

impl Field {
    /// The field's JSON, where the event has it.
    fn of(self, entry: &Entry<'_, '_>) -> Option<String> {
        let more = |name| entry.more.raw(name).map(|value| value.get().to_owned());
        match self {
            Self::Type => Some(quoted(entry.kind.name())),
            Self::Id => Some(quoted(entry.id)),
            Self::Txn => entry.txn.map(quoted),
            Self::Time => Some(entry.unix_seconds()),
            Self::Issuer => Some(quoted(entry.issuer)),
            Self::ClientId => Some(quoted(entry.client_id)),
            Self::Subject => entry.subject.map(quoted),
            Self::Scope => more("scope"),
            Self::ConsentedClaims => more("consented_claims"),
            Self::AuthzData => more("authz_data"),
            Self::Session => more("session"),
        }
    }
}

pub(super) fn write(entry: &Entry<'_, '_>, payload: &Payload, members: &mut Members<'_>) {
    let fields: Vec<_> = payload
        .fields
        .iter()
        .filter_map(|(name, field)| Some((name, field.of(entry)?)))
        .collect();
    if let Some(claims) = entry.claims {
        for (name, value) in payload.claims.choose(claims) {
            // Where the operator gives a name to something else, it is not the claim's any more.
            let taken =
                payload.has_constant(name) || fields.iter().any(|(taken, _)| *taken == name);
            if !taken {
                members.raw(name, value);
            }
        }
    }
    for (name, value) in fields {
        members.raw(name, &value);
    }
    write_constants(payload, members);
}
