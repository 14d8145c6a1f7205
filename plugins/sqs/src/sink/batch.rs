//! Messages as entries of requests, and how many of them go into one.

use std::fmt;

use op_listener_api::QueuedMessage;

use crate::body::{LARGEST, deduplication_id};

/// The most entries of a request.
const MOST: usize = 10;

/// A message as SQS takes it.
#[derive(Debug)]
pub(super) struct Entry<'m> {
    pub(super) body: &'m str,
    /// By name; all of the type `String`.
    pub(super) attributes: Vec<(&'m str, &'m str)>,
    pub(super) fifo: Option<Fifo<'m>>,
}

/// What FIFO queues need beside.
#[derive(Debug)]
pub(super) struct Fifo<'m> {
    pub(super) group: &'m str,
    pub(super) deduplication: std::borrow::Cow<'m, str>,
}

/// Why a message can never be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsendable {
    /// Too large: its size.
    Large(usize),
    /// Something else than text.
    NoText,
    /// Without a key or an id, in a FIFO queue.
    NoIds,
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Large(size) => write!(
                f,
                "it has {size} bytes with its attributes, and SQS takes {LARGEST}: publish fewer claims"
            ),
            Self::NoText => f.write_str("it is no text, which is all that SQS takes"),
            Self::NoIds => f.write_str(
                "it has no group, which a FIFO queue needs: it was pushed when the configuration named \
                 a standard queue; correct `queue_url` or `queue_name`, or purge it",
            ),
        }
    }
}

impl std::error::Error for Unsendable {}

impl<'m> Entry<'m> {
    pub(super) fn of(message: &'m QueuedMessage<'_>, is_fifo: bool) -> Result<Self, Unsendable> {
        let body = str::from_utf8(message.payload()).map_err(|_| Unsendable::NoText)?;
        let fifo = match (is_fifo, message.key(), message.id()) {
            (false, ..) => None,
            (true, Some(group), Some(id)) => Some(Fifo {
                group,
                deduplication: deduplication_id(id),
            }),
            (true, ..) => return Err(Unsendable::NoIds),
        };
        let entry = Self {
            body,
            attributes: message.headers().collect(),
            fifo,
        };
        match entry.size() {
            size if size > LARGEST => Err(Unsendable::Large(size)),
            _ => Ok(entry),
        }
    }

    /// As SQS counts: the body, and of each attribute the name, the type and the value.
    fn size(&self) -> usize {
        let of_attribute = |(name, value): &(&str, &str)| name.len() + "String".len() + value.len();
        let attributes = self.attributes.iter().map(of_attribute);
        self.body.len() + attributes.sum::<usize>()
    }
}

/// Entries, with the places of their messages in a batch.
pub(super) type Part<'e> = Vec<(usize, &'e Entry<'e>)>;

/// Parts of a batch that fit into a request each, in order.
pub(super) fn parts<'e>(entries: &[(usize, &'e Entry<'e>)]) -> Vec<Part<'e>> {
    let mut parts: Vec<Part<'e>> = Vec::new();
    let mut bytes = 0;
    for (index, entry) in entries {
        let size = entry.size();
        match parts.last_mut() {
            Some(part) if part.len() < MOST && bytes + size <= LARGEST => {
                bytes += size;
                part.push((*index, entry));
            }
            _ => {
                bytes = size;
                parts.push(vec![(*index, entry)]);
            }
        }
    }
    parts
}
