//! Messages as the host hands them over, and how they are read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::Error;

/// Messages to deliver, the one that was pushed first at the front. Never empty.
#[derive(Debug)]
pub struct Batch<'a> {
    messages: Vec<QueuedMessage<'a>>,
}

/// A message on its way to a sink.
pub struct QueuedMessage<'a> {
    header: Header<'a>,
    payload: &'a [u8],
}

#[derive(Deserialize)]
struct Header<'a> {
    number: u64,
    attempt: u32,
    pushed_ms: u64,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content_type: Option<Cow<'a, str>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl<'a> Batch<'a> {
    /// The messages.
    pub fn messages(&self) -> &[QueuedMessage<'a>] {
        &self.messages
    }

    /// The messages, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, QueuedMessage<'a>> {
        self.messages.iter()
    }

    /// How many there are: one at least.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Reads what follows the sink's number in the form that crosses.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        let count = number(&mut rest)?;
        // No message takes less than the two lengths.
        let mut messages = Vec::with_capacity(count.min(rest.len() / 8));
        for _ in 0..count {
            let (header, payload) = (number(&mut rest)?, number(&mut rest)?);
            messages.push(QueuedMessage {
                header: serde_json::from_slice(take(&mut rest, header)?)?,
                payload: take(&mut rest, payload)?,
            });
        }
        Ok(Self { messages })
    }
}

impl<'a, 'b> IntoIterator for &'b Batch<'a> {
    type Item = &'b QueuedMessage<'a>;
    type IntoIter = std::slice::Iter<'b, QueuedMessage<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl QueuedMessage<'_> {
    /// What was pushed, to the byte.
    pub fn payload(&self) -> &[u8] {
        self.payload
    }

    /// What it is ordered by.
    pub fn key(&self) -> Option<&str> {
        self.header.key.as_deref()
    }

    /// By what the receiver tells that it has seen it before.
    pub fn id(&self) -> Option<&str> {
        self.header.id.as_deref()
    }

    /// The payload's media type.
    pub fn content_type(&self) -> Option<&str> {
        self.header.content_type.as_deref()
    }

    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header.headers.get(name).map(String::as_str)
    }

    /// All headers, by name.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.header.headers.iter();
        headers.map(|(name, value)| (&**name, &**value))
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.header.attempt
    }

    /// The message's number in the host's store: what operators know it by. Later ones are larger.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// When it was pushed, to the millisecond.
    pub fn pushed_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.header.pushed_ms)
    }
}

/// Names the message; what it carries is left out.
impl fmt::Debug for QueuedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedMessage")
            .field("number", &self.number())
            .field("id", &self.id())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

fn number(rest: &mut &[u8]) -> Result<usize, Error> {
    let Some((bytes, after)) = rest.split_first_chunk() else {
        return Err(cut_short());
    };
    *rest = after;
    Ok(usize::try_from(u32::from_le_bytes(*bytes))?)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Error> {
    let Some((bytes, after)) = rest.split_at_checked(length) else {
        return Err(cut_short());
    };
    *rest = after;
    Ok(bytes)
}

fn cut_short() -> Error {
    Error::new("the host's batch ends in the middle of a message")
}
