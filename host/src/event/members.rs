//! The members that the event format knows by name, and the one pass over a line's JSON that
//! finds where each member's text is. What a member means is decided in [`super::rules`].

use super::error::{EventError, Fault};
use super::json;
use super::scan::{Scanner, Span, Stop};
use std::borrow::Cow;
use std::collections::HashSet;

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
pub(super) struct Slots<'a> {
    known: [Option<Span<'a>>; Member::ALL.len()],
    /// A bit for each known member that is there and was not taken.
    left: u32,
    unknown: Vec<(Cow<'a, str>, &'a str)>,
    duplicate: Option<Member>,
}

impl<'a> Slots<'a> {
    /// Reads `text`, which has to be one JSON object that nests no deeper than `depth_limit`
    /// levels, its own being the first. In place, since this is much to move.
    pub(super) fn read(&mut self, text: &'a str, depth_limit: usize) -> Result<(), EventError> {
        let mut scanner = Scanner::new(text, depth_limit.saturating_sub(1));
        let in_text = |stop: Stop| EventError::whole(stop.fault(text, depth_limit));
        scanner.expect(b'{').map_err(in_text)?;
        if scanner.peek() == b'}' {
            scanner.expect(b'}').map_err(in_text)?;
        } else {
            loop {
                let name = scanner.name().map_err(in_text)?;
                let name = Name::decode(name);
                let value = scanner.value().map_err(|stop| match stop {
                    Stop::LoneSurrogate => EventError::member(name.as_str(), Fault::LoneSurrogate),
                    _ => in_text(stop),
                })?;
                self.put(name, value);
                if scanner.peek() != b',' {
                    break;
                }
                scanner.expect(b',').map_err(in_text)?;
            }
            scanner.expect(b'}').map_err(in_text)?;
        }
        scanner.end().map_err(in_text)?;
        match self.repeated_name() {
            Some(name) => Err(EventError::member(name, Fault::Duplicate)),
            None => Ok(()),
        }
    }

    pub(super) fn get(&self, member: Member) -> Option<Span<'a>> {
        self.known[member as usize]
    }

    /// The member's text, which then no longer counts among the [`Self::rest`].
    pub(super) fn take(&mut self, member: Member) -> Option<Span<'a>> {
        self.left &= !(1 << member as u32);
        self.known[member as usize]
    }

    /// All members that were not taken: name and text.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let mut left = self.left;
        let known = std::iter::from_fn(move || {
            let member = Member::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some((member.name(), self.get(*member)?.text))
        });
        let unknown = self
            .unknown
            .iter()
            .map(|(name, value)| (name.as_ref(), *value));
        known.chain(unknown)
    }

    /// Whether [`Self::rest`] is empty.
    pub(super) fn all_taken(&self) -> bool {
        self.left == 0 && self.unknown.is_empty()
    }

    fn put(&mut self, name: Name<'a>, value: Span<'a>) {
        match name {
            Name::Known(member) => {
                self.left |= 1 << member as u32;
                if self.known[member as usize].replace(value).is_some() {
                    self.duplicate.get_or_insert(member);
                }
            }
            Name::Unknown(name) => self.unknown.push((name, value.text)),
        }
    }

    fn repeated_name(&self) -> Option<&str> {
        /// Up to here, comparing each with each is quicker than hashing.
        const FEW: usize = 12;
        if let Some(member) = self.duplicate {
            return Some(member.name());
        }
        let mut names = self.unknown.iter().map(|(name, _)| name.as_ref());
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
        names.find(|name| !seen.insert(*name))
    }
}

enum Name<'a> {
    Known(Member),
    Unknown(Cow<'a, str>),
}

impl<'a> Name<'a> {
    fn decode(quoted: Span<'a>) -> Self {
        let name = json::string(quoted).unwrap_or_default();
        match Member::from_name(&name) {
            Some(member) => Self::Known(member),
            None => Self::Unknown(name),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Known(member) => member.name(),
            Self::Unknown(name) => name,
        }
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
