//! A subject's session, and whether listeners may still see it.

use super::time::{Deadline, Timestamp};
use std::borrow::Cow;

/// A valid `session` member, kept apart until it is known when the event is due.
#[derive(Clone, PartialEq, Eq)]
pub struct Session<'a> {
    json: Cow<'a, str>,
    expires_at: Option<Deadline>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(json: &'a str, expires_at: Option<Deadline>) -> Self {
        Self {
            json: Cow::Borrowed(json),
            expires_at,
        }
    }

    /// From what [`Session::json`] and [`Session::expires_at`] gave.
    #[cfg(feature = "redis")]
    pub(crate) fn from_parts(json: Cow<'a, str>, expires_at: Option<Deadline>) -> Self {
        Self { json, expires_at }
    }

    /// When it expires, if it does.
    #[cfg(feature = "redis")]
    pub(crate) fn expires_at(&self) -> Option<Deadline> {
        self.expires_at
    }

    /// The JSON object's text as it came.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Bytes that it takes as a member of an event.
    pub(crate) fn size_in_event(&self) -> usize {
        self.json.len() + r#","session":"#.len()
    }

    /// Whether it has expired at `time`; never, without `expires_at`.
    pub fn has_expired(&self, time: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end.has_come(time))
    }

    /// Detached from what it was read from.
    pub fn into_owned(self) -> Session<'static> {
        Session {
            json: Cow::Owned(self.json.into_owned()),
            expires_at: self.expires_at,
        }
    }
}

impl std::fmt::Debug for Session<'_> {
    /// Without its content, which tells of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
