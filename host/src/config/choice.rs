//! Settings that are one word out of a few, and those words.

use super::settings::OnFailure;
use crate::Spi;
use crate::log::Format;
use crate::signing::Algorithm;

/// A value that is written as one of a few words.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];

    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .map(|(word, _)| *word)
            .expect("WORDS names every value")
    }
}

impl Choice for OnFailure {
    const WORDS: &'static [(&'static str, Self)] = &[("abort", Self::Abort), ("skip", Self::Skip)];
}

impl Choice for Algorithm {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("RS256", Self::Rs256),
        ("PS256", Self::Ps256),
        ("ES256", Self::Es256),
        ("EdDSA", Self::EdDsa),
    ];
}

impl Choice for Format {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Choice for Spi {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::IdTokenIssue.name(), Self::IdTokenIssue),
        (Self::AccessTokenIssue.name(), Self::AccessTokenIssue),
        (
            Self::SubjectAuthAndConsent.name(),
            Self::SubjectAuthAndConsent,
        ),
    ];
}
