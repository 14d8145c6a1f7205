//! What is pushed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Error;

/// A message to be [pushed](crate::Queue::push): the payload, which the sink gets to the byte, and what
/// the sink is to know of it.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    payload: &'a [u8],
    header: Header<'a>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Header<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, &'a str>,
}

impl<'a> Message<'a> {
    /// A message with nothing but a payload, of up to 16 MiB.
    pub fn new(payload: &'a [u8]) -> Self {
        Self {
            payload,
            header: Header::default(),
        }
    }

    /// What it is ordered by, where the queue is
    /// [ordered](crate::QueueOptions::ordered_by_key): the client, say, or the subject. Messages
    /// without a key are in no order.
    #[must_use]
    pub fn key(mut self, key: &'a str) -> Self {
        self.header.key = Some(key);
        self
    }

    /// By what the receiver tells that it has seen the message before: usually the event's `id`. The
    /// queue itself does not compare.
    #[must_use]
    pub fn id(mut self, id: &'a str) -> Self {
        self.header.id = Some(id);
        self
    }

    /// The payload's media type. Operators see text as text.
    #[must_use]
    pub fn content_type(mut self, content_type: &'a str) -> Self {
        self.header.content_type = Some(content_type);
        self
    }

    /// Something else that the sink is to know. A name that is set again is replaced.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.header.headers.insert(name, value);
        self
    }

    /// The form that crosses to the host.
    pub(super) fn frame(&self, queue: u64) -> Result<Vec<u8>, Error> {
        // Room for the header's length is left, and filled in when it is known.
        let mut frame = Vec::with_capacity(160 + self.payload.len());
        frame.extend(queue.to_le_bytes());
        frame.extend([0; 4]);
        let start = frame.len();
        serde_json::to_writer(&mut frame, &self.header)?;
        let length = u32::try_from(frame.len() - start)
            .map_err(|_| Error::new("the headers of a message are longer than 4 GiB"))?;
        frame[start - 4..start].copy_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(self.payload);
        Ok(frame)
    }
}
