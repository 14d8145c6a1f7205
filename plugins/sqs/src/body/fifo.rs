//! What FIFO queues order and compare by. Both are 1 to 128 letters, digits and punctuation of ASCII
//! (`MessageGroupId` and `MessageDeduplicationId` in SQS's documentation of `SendMessage`).

use std::borrow::Cow;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::Entry;

const LONGEST: usize = 128;

/// Of what a FIFO queue's message groups are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    /// The local subject; the client, where an access token has none.
    #[default]
    Subject,
    /// The client.
    Client,
}

impl Group {
    pub(crate) fn id<'e>(self, entry: &Entry<'e, '_>) -> Cow<'e, str> {
        let of = match self {
            Self::Subject => entry.subject.unwrap_or(entry.client_id),
            Self::Client => entry.client_id,
        };
        fitting(of)
    }
}

/// By what the queue tells, for five minutes, that it has a message already: the event's id.
pub(crate) fn deduplication_id(event_id: &str) -> Cow<'_, str> {
    fitting(event_id)
}

/// The text, if it is what SQS takes; otherwise its SHA-256, which is another for another text.
fn fitting(text: &str) -> Cow<'_, str> {
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        return Cow::Borrowed(text);
    }
    let mut hashed = String::from("sha256:");
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        write!(hashed, "{byte:02x}").expect("writing to memory cannot fail");
    }
    Cow::Owned(hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_hashed() {
        let longest = "x".repeat(128);
        for fits in ["alice", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &longest] {
            assert_eq!(fitting(fits), fits);
        }
        for not in ["", "a b", "ä", "tab\t", "\u{7F}", &"x".repeat(129)] {
            let hashed = fitting(not);
            assert_eq!(hashed.len(), 71, "{not:?}: {hashed}");
            assert!(hashed.starts_with("sha256:"));
        }
        assert_ne!(fitting("a b"), fitting("a  b"));
        // As `printf 'a b' | sha256sum` has it.
        assert_eq!(
            fitting("a b"),
            "sha256:c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65"
        );
    }
}
