//! A message, as it was pushed and as it is kept.

use aws_lc_rs::digest;

/// What a listener pushes.
#[expect(clippy::struct_field_names, reason = "the field's name")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// What it is ordered by.
    pub(crate) key: Option<String>,
    /// By what its receiver tells that it has seen it before.
    pub(crate) id: Option<String>,
    /// The payload's media type.
    pub(crate) content_type: Option<String>,
    /// A JSON object of strings.
    pub(crate) headers: Option<String>,
    pub(crate) payload: Vec<u8>,
}

impl Content {
    /// How much it counts against the bound of its queue, in bytes.
    pub(super) fn size(&self) -> u64 {
        let [key, id, content_type, headers] = self.texts();
        let texts = [key, id, content_type, headers].into_iter().flatten();
        let texts: usize = texts.map(str::len).sum();
        (texts + self.payload.len()) as u64
    }

    /// A sum of it and of the queue that it is in, by which damage shows, since SQLite keeps none of what
    /// is in its tables: the first bytes of a SHA-256.
    pub(super) fn sum(&self, queue: i64) -> i64 {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&queue.to_le_bytes());
        for text in self.texts() {
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            context.update(&length.to_le_bytes());
            context.update(text.unwrap_or_default().as_bytes());
        }
        context.update(&self.payload);
        let sum = context.finish();
        let first = sum.as_ref().first_chunk().copied();
        i64::from_le_bytes(first.unwrap_or_default())
    }

    fn texts(&self) -> [Option<&str>; 4] {
        [&self.key, &self.id, &self.content_type, &self.headers].map(|text| text.as_deref())
    }
}

/// A message of the store, on its way to a sink.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) number: i64,
    pub(crate) content: Content,
    pub(crate) pushed_ms: i64,
    /// How often it was tried before.
    pub(crate) attempts: u32,
    /// The key, where the queue is ordered.
    pub(super) ordered_by: Option<String>,
    /// What the sum was when it was pushed.
    pub(super) sum: i64,
    /// The number of its queue.
    pub(super) queue: i64,
}

impl Stored {
    pub(super) fn is_whole(&self) -> bool {
        self.content.sum(self.queue) == self.sum
    }
}

/// Why a message was not delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) status: Option<u32>,
    pub(crate) answer: Option<String>,
}

/// What a sink says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// To be tried again, and not before so many milliseconds, where the receiver asks for that.
    Retry(Refusal, Option<u64>),
    /// Refused for good.
    Dead(Refusal),
}

/// The time, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// A duration in milliseconds.
pub(super) fn in_ms(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_tells_all_parts_apart() {
        let content = Content {
            key: Some("ab".into()),
            payload: b"c".to_vec(),
            ..Content::default()
        };
        let mut other = content.clone();
        other.key = Some("a".into());
        other.id = Some("b".into());
        assert_ne!(content.sum(1), other.sum(1));
        let mut other = content.clone();
        other.payload[0] ^= 1;
        assert_ne!(content.sum(1), other.sum(1));
        assert_eq!(content.sum(1), content.clone().sum(1));
        assert_ne!(content.sum(1), content.sum(2));
        assert_eq!(content.size(), 3);
    }
}
