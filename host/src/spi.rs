//! The service provider interfaces (SPIs) that listeners implement. Each event belongs to one of
//! them: the event's `type` is the SPI's name.

use std::fmt;

/// A kind of listener, and so a kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spi {
    /// An ID token was issued.
    IdTokenIssue,
    /// An access token was issued.
    AccessTokenIssue,
    /// A subject was authenticated and consented.
    SubjectAuthAndConsent,
}

impl Spi {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [
        Self::IdTokenIssue,
        Self::AccessTokenIssue,
        Self::SubjectAuthAndConsent,
    ];

    /// The name in configuration files, plugin metadata and an event's `type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdTokenIssue => "id_token_issue",
            Self::AccessTokenIssue => "access_token_issue",
            Self::SubjectAuthAndConsent => "subject_auth_and_consent",
        }
    }

    /// The SPI of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|spi| spi.name() == name)
    }

    /// How logs for people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::IdTokenIssue => "ID token issue",
            Self::AccessTokenIssue => "access token issue",
            Self::SubjectAuthAndConsent => "subject auth + consent",
        }
    }
}

impl fmt::Display for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
