//! `trust = "signed"`: beside the file lies a minisign signature of its bytes by one of the
//! configured keys, named like it with `.minisig` at the end.
//!
//! Only signatures of minisign's present kind are taken, which are made over a hash (`ED`, the
//! default since minisign 0.10); the legacy kind (`Ed`) is refused, so that there is one way to
//! sign. A signature says who made a file and not that it is the latest one: whoever can write to
//! the directory can put an older signed one back. Lock files are for that.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{Error, Signature};

use super::{Distrust, KeyId, PublicKeys, Verdict};
use crate::library::Sealed;
use crate::library::read::{ReadError, read};

/// More than minisign lets a signature with both its comments be, in bytes.
const LONGEST: u64 = 16 << 10;

/// Judges a file by the signature beside it.
pub(super) fn judge(keys: &PublicKeys, sealed: &Sealed) -> Result<Verdict, Distrust> {
    let file = beside(sealed.file());
    let text = read_signature(&file)?;
    verify(keys, sealed.bytes(), &text, file)
}

/// Where the signature of a file lies.
fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".minisig");
    name.into()
}

fn read_signature(file: &Path) -> Result<String, Distrust> {
    let none = |why| Distrust::NotASignature(file.to_owned(), why);
    match read(file, LONGEST) {
        Ok(contents) => {
            String::from_utf8(contents.bytes.to_vec()).map_err(|_| none("it is not UTF-8"))
        }
        Err(ReadError::NotAFile) => Err(none("it is no regular file")),
        Err(ReadError::TooLong(_)) => Err(none("it is too long")),
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(Distrust::NotSigned(file.to_owned()))
        }
        Err(ReadError::Io(error)) => Err(Distrust::SignatureUnreadable(file.to_owned(), error)),
    }
}

fn verify(keys: &PublicKeys, bytes: &[u8], text: &str, file: PathBuf) -> Result<Verdict, Distrust> {
    let Ok(signature) = Signature::decode(text) else {
        let why = "it has not the four lines of one";
        return Err(Distrust::NotASignature(file, why));
    };
    let Some(key) = key_of(text) else {
        return Err(Distrust::NotASignature(file, "it names no key"));
    };
    let mut known = keys.iter().filter(|known| known.id() == key).peekable();
    if known.peek().is_none() {
        return Err(Distrust::UnknownKey {
            signed: key,
            known: keys.iter().map(super::PublicKey::id).collect(),
        });
    }
    // Two keys may have one number by chance.
    for known in known {
        match known.verifier().verify(bytes, &signature, false) {
            Ok(()) => {
                return Ok(Verdict::Signed {
                    key,
                    comment: signature.trusted_comment().to_owned(),
                });
            }
            Err(Error::UnexpectedAlgorithm) => return Err(Distrust::LegacySignature(file)),
            Err(_) => {}
        }
    }
    Err(Distrust::WrongSignature { key, file })
}

/// The number of the key: in the second line, behind two bytes for the algorithm.
fn key_of(text: &str) -> Option<KeyId> {
    let bytes = STANDARD.decode(text.lines().nth(1)?).ok()?;
    let id = bytes.get(2..)?.first_chunk()?;
    Some(KeyId::of(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with minisign 0.11.
    const KEY: &str = "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW";
    const OTHER_KEY: &str = "RWSjyboKcyBJ3ORhgbUPPqZ0EI7xMTiHesRdcjrleRjCvZisE1GRpYQO";
    const BYTES: &[u8] = b"the bytes of a plugin";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUTwV65dE/SbZLtYas+biyrIIjJZAvpnqrvonK18PubSUmZr5vLFUpWLxOlUkKL9q5lNghyx63mLrXI14NvCoewIHQOtSiknzgk=
trusted comment: release 1.2.0
u91zWYSpV65w4lG8SoppkXWPTymus7zYTjf/0FFXA7GRfeXjQKk00L3Jkq2nSkDBza5niM7B2gtzXudSl6aIAg==
";
    /// Of the same bytes by the same key, with `-l`.
    const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWTwV65dE/SbZIo92pc5auQBkfPnZkiMg/08FtJHjd5bVXL0VmtJuo+P1YAt1nfKHNtwv9yU+PtKW8mPPPF3WKd0TrCGsYpg0gE=
trusted comment: legacy
gtWuX3Gv9eZlpWXq+mB/kjP4+jKMD7h2WTJxRiZe2VBdZcBj8xLId6tzt/FrYyrxE65t8QHwOsJuLaJ7IGd9Dg==
";

    fn judged(keys: &[&str], bytes: &[u8], text: &str) -> Result<Verdict, Distrust> {
        let keys = keys.iter().map(|key| key.parse().unwrap()).collect();
        let keys = PublicKeys::new(keys).unwrap();
        verify(&keys, bytes, text, "libx.so.minisig".into())
    }

    #[test]
    fn a_signature_of_minisign_is_good_with_its_key_among_others() {
        for keys in [&[KEY][..], &[OTHER_KEY, KEY], &[KEY, OTHER_KEY]] {
            let verdict = judged(keys, BYTES, SIGNATURE).unwrap();
            assert_eq!(
                verdict.to_string(),
                "signed by key 649BF4135DAE57F0 (\"release 1.2.0\")"
            );
        }
    }

    #[test]
    fn the_key_must_be_known() {
        let refused = judged(&[OTHER_KEY], BYTES, SIGNATURE).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it is signed by key 649BF4135DAE57F0, and known are only DC4920730ABAC9A3: use a build that one of them signed, or add the key to `public_keys` under `[plugins]`"
        );
    }

    #[test]
    fn other_bytes_comments_or_signatures_are_refused() {
        let comment = SIGNATURE.replace("1.2.0", "1.3.0");
        let signature = SIGNATURE.replace("RUTwV65dE/SbZLt", "RUTwV65dE/SbZLu");
        let global = SIGNATURE.replace("u91z", "v91z");
        // That of another key under this one's number.
        let forged = OTHER_KEY.replacen("RWSjyboKcyBJ3O", "RWTwV65dE/SbZO", 1);
        for (keys, bytes, text) in [
            (&[KEY][..], &BYTES[1..], SIGNATURE),
            (&[KEY], b"", SIGNATURE),
            (&[KEY], BYTES, &comment),
            (&[KEY], BYTES, &signature),
            (&[KEY], BYTES, &global),
            (&[&forged], BYTES, SIGNATURE),
        ] {
            let refused = judged(keys, bytes, text);
            let wrong = matches!(refused, Err(Distrust::WrongSignature { .. }));
            assert!(wrong, "{refused:?} of\n{text}");
        }
        // Two keys with one number: the one that fits decides.
        assert!(judged(&[&forged, KEY], BYTES, SIGNATURE).is_ok());
    }

    #[test]
    fn signatures_of_the_legacy_kind_are_refused() {
        let refused = judged(&[KEY], BYTES, LEGACY);
        let legacy = matches!(refused, Err(Distrust::LegacySignature(_)));
        assert!(legacy, "{refused:?}");
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        for text in [
            "",
            "\n\n\n\n",
            KEY,
            &SIGNATURE[..100],
            &SIGNATURE.replace("RUT", "XUT"),
        ] {
            let refused = judged(&[KEY], BYTES, text);
            let none = matches!(refused, Err(Distrust::NotASignature(..)));
            assert!(none, "{refused:?} of\n{text}");
        }
    }
}
