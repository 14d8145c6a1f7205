//! The message attributes: what consumers filter by without reading a body.

use serde::Deserialize;

use super::json::with_escapes;
use super::{Entry, Shape};

/// A message attribute, of the type `String`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attribute {
    Type,
    Id,
    Txn,
    Time,
    Issuer,
    ClientId,
    /// The local subject.
    Subject,
    ContentType,
}

impl Attribute {
    /// Those that a message has where nothing else is configured.
    pub(crate) const DEFAULT: [Self; 3] = [Self::Type, Self::Id, Self::ContentType];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::Txn => "txn",
            Self::Time => "time",
            Self::Issuer => "issuer",
            Self::ClientId => "client_id",
            Self::Subject => "subject",
            Self::ContentType => "content_type",
        }
    }

    /// The value, where the event has one; never empty, which SQS refuses.
    pub(crate) fn value(self, entry: &Entry<'_, '_>, shape: Shape) -> Option<String> {
        let value = match self {
            Self::Type => entry.kind.name().to_owned(),
            Self::Id => entry.id.to_owned(),
            Self::Txn => entry.txn?.to_owned(),
            Self::Time => entry.unix_seconds(),
            Self::Issuer => entry.issuer.to_owned(),
            Self::ClientId => with_escapes(entry.client_id),
            Self::Subject => with_escapes(entry.subject?),
            Self::ContentType => shape.content_type().to_owned(),
        };
        (!value.is_empty()).then_some(value)
    }
}
