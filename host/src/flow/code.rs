//! Authorisation codes as the flow rule keeps them: never but as a hash.

use crate::event::Code;
#[cfg(feature = "redis")]
use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

/// The SHA-256 of an issuer and a code it issued.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CodeHash([u8; 32]);

impl CodeHash {
    pub(super) fn new(issuer: &str, code: &Code<'_>) -> Self {
        let mut context = Context::new(&SHA256);
        // The length first, so that no other issuer and code make the same bytes.
        context.update(&(issuer.len() as u64).to_be_bytes());
        context.update(issuer.as_bytes());
        context.update(code.0.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// As it stands in the name of a key.
    #[cfg(feature = "redis")]
    pub(super) fn hex(&self) -> String {
        self.0
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(issuer: &str, code: &str) -> CodeHash {
        CodeHash::new(issuer, &Code(code.into()))
    }

    #[test]
    fn issuer_and_code_are_told_apart() {
        assert!(hash("https://a", "bc") == hash("https://a", "bc"));
        assert!(hash("https://a", "bc") != hash("https://ab", "c"));
        assert!(hash("https://a", "bc") != hash("https://b", "bc"));
    }
}
