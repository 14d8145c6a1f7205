//! minisign public keys, as they stand in the configuration.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A minisign public key (an Ed25519 key with a number of its own).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    text: String,
    id: KeyId,
    key: minisign_verify::PublicKey,
}

/// The number of a key. Shown as minisign shows it: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Of the eight bytes that stand in keys and signatures.
    pub(super) fn of(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // minisign takes the bytes for a number with the least byte first.
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a minisign public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// It is a secret key.
    Secret,
    /// It is a whole file, comment and all, or the comment alone.
    Comment,
    /// It is not base64.
    NotBase64,
    /// It has another length than 42 bytes.
    Length(usize),
    /// It is a key for something else than Ed25519.
    Algorithm,
}

/// How a minisign public key begins: the algorithm `Ed`.
const ALGORITHM: [u8; 2] = *b"Ed";

impl PublicKey {
    /// The key's number.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key as it stands in the second line of the file that `minisign -G` makes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn verifier(&self) -> &minisign_verify::PublicKey {
        &self.key
    }

    /// Where secret keys of minisign seem to begin in a text. They begin with the base64 of `Ed`,
    /// of the key derivation `Sc` or none, and of the checksum `B2`.
    pub(crate) fn secret_starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
        let starts = ["RWRTY0Iy", "RWQAAEIy"];
        starts
            .into_iter()
            .flat_map(|start| text.match_indices(start))
    }

    /// Whether a secret key seems to stand in a text.
    pub(crate) fn is_secret(text: &str) -> bool {
        Self::secret_starts(text).next().is_some()
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        if Self::is_secret(text) {
            return Err(PublicKeyError::Secret);
        }
        if text.contains("comment:") {
            return Err(PublicKeyError::Comment);
        }
        let bytes = STANDARD.decode(text);
        let bytes = bytes.map_err(|_| PublicKeyError::NotBase64)?;
        let (Some((algorithm, rest)), 42) = (bytes.split_first_chunk(), bytes.len()) else {
            return Err(PublicKeyError::Length(bytes.len()));
        };
        let (ALGORITHM, Some(id)) = (*algorithm, rest.first_chunk()) else {
            return Err(PublicKeyError::Algorithm);
        };
        let key = minisign_verify::PublicKey::from_base64(text);
        Ok(Self {
            text: text.to_owned(),
            id: KeyId::of(*id),
            key: key.map_err(|_| PublicKeyError::Algorithm)?,
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => f.write_str("is a secret key"),
            Self::Comment => f.write_str("holds a comment"),
            Self::NotBase64 => f.write_str("is not base64"),
            Self::Length(length) => write!(f, "is of {length} bytes and not of 42"),
            Self::Algorithm => f.write_str("is not an Ed25519 key"),
        }
    }
}

impl Error for PublicKeyError {}

impl PublicKeyError {
    /// What to do.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Secret => {
                "only the public key belongs here, the second line of the `.pub` file; whoever may have seen the secret one can sign plugins: think of replacing it"
            }
            _ => {
                "a minisign public key is the second line of the `.pub` file: 56 characters that begin with `RW`"
            }
        }
    }
}

/// One or more public keys: a signature by any of them is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

impl<'k> IntoIterator for &'k PublicKeys {
    type Item = &'k PublicKey;
    type IntoIter = std::slice::Iter<'k, PublicKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PublicKeys {
    /// `None` if there is no key at all.
    pub fn new(keys: Vec<PublicKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The keys, at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, PublicKey> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of minisign's own documentation, and the number that it shows for it.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn a_key_has_the_number_that_minisign_shows() {
        let key: PublicKey = KEY.parse().unwrap();
        assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
        assert_eq!(key.as_str(), KEY);
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_reason() {
        let whole = format!("untrusted comment: minisign public key E7620F1842B4E81F\n{KEY}");
        for (text, error) in [
            (&KEY[..52], PublicKeyError::Length(39)),
            (&KEY[1..], PublicKeyError::NotBase64),
            (&format!(" {KEY}"), PublicKeyError::NotBase64),
            (&KEY.replacen("RW", "SW", 1), PublicKeyError::Algorithm),
            (&whole, PublicKeyError::Comment),
            ("RWRTY0IyEFXi6ck8BwAAAAAA", PublicKeyError::Secret),
            ("", PublicKeyError::Length(0)),
        ] {
            assert_eq!(text.parse::<PublicKey>(), Err(error), "{text}");
        }
    }
}
