//! The bearer token that is demanded over TCP (RFC 6750).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use super::error::{ServerError, TokenFault};
use crate::log::say;

/// No token is longer, in bytes.
const LONGEST: usize = 4096;

/// A token, as its SHA-256: what is compared takes as long whatever is sent, and the token itself
/// is not kept.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token([u8; SHA256_OUTPUT_LEN]);

/// What a request shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The token.
    Right,
    /// Something else.
    Wrong,
    /// Nothing.
    Nothing,
}

impl Token {
    /// Reads a token from a file; ends of lines at its end are not part of it.
    pub(super) fn read(path: &Path) -> Result<Self, ServerError> {
        let fault = |fault| ServerError::Token {
            file: path.to_owned(),
            fault,
        };
        let file = File::open(path).map_err(|error| fault(TokenFault::Unreadable(error)))?;
        warn_if_exposed(path, &file);
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
        file.take(LONGEST as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| fault(TokenFault::Unreadable(error)))?;
        let token = bytes.trim_ascii_end();
        if token.is_empty() {
            return Err(fault(TokenFault::Empty));
        }
        if bytes.len() > LONGEST {
            return Err(fault(TokenFault::TooLong));
        }
        // RFC 6750 section 2.1: `b64token`.
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        if !token.iter().all(fits) {
            return Err(fault(TokenFault::Characters));
        }
        Ok(Self::of(token))
    }

    /// One that nobody has: comparing with it takes as long as with any other.
    #[cfg(feature = "delivery")]
    pub(super) fn nobodys() -> Self {
        Self([0; SHA256_OUTPUT_LEN])
    }

    fn of(token: &[u8]) -> Self {
        let hash = digest(&SHA256, token);
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(hash.as_ref());
        Self(bytes)
    }

    /// What the field `Authorization` shows.
    pub(super) fn shown(&self, field: Option<&HeaderValue>) -> Shown {
        let Some(field) = field else {
            return Shown::Nothing;
        };
        let field = field.as_bytes();
        let Some((scheme, token)) = field.split_at_checked(7) else {
            return Shown::Wrong;
        };
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return Shown::Wrong;
        }
        let token = Self::of(token.trim_ascii());
        if verify_slices_are_equal(&token.0, &self.0).is_ok() {
            Shown::Right
        } else {
            Shown::Wrong
        }
    }
}

/// Warns of a secret that all users of the machine can read: once for each state of the file, since
/// every reload reads it.
#[cfg(unix)]
pub(super) fn warn_if_exposed(path: &Path, file: &File) {
    use std::os::unix::fs::MetadataExt as _;

    let Ok(metadata) = file.metadata() else {
        return;
    };
    let mode = metadata.mode() & 0o7777;
    if metadata.is_file() && mode & 0o006 != 0 && is_news(path, &metadata) {
        say!(
            SECRET_EXPOSED,
            "Other users can read or change {path:?} (mode {mode:04o}), which holds a secret: \
             `chmod 600` it, and think of replacing it",
        );
    }
}

/// Whether a file is in another state than when it was last asked for in this process.
#[cfg(unix)]
fn is_news(path: &Path, metadata: &std::fs::Metadata) -> bool {
    use std::collections::HashMap;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::PathBuf;
    use std::sync::{Mutex, PoisonError};

    /// Whose change makes it another one: device, inode, mode, and when it was written.
    type State = ([u64; 2], u32, [i64; 2]);

    static SEEN: Mutex<Option<HashMap<PathBuf, State>>> = Mutex::new(None);

    let state = (
        [metadata.dev(), metadata.ino()],
        metadata.mode(),
        [metadata.mtime(), metadata.mtime_nsec()],
    );
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.get_or_insert_default();
    seen.insert(path.to_owned(), state) != Some(state)
}

/// Access lists are not judged here.
#[cfg(not(unix))]
pub(super) fn warn_if_exposed(_: &Path, _: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(field: &'static str) -> Shown {
        let field = HeaderValue::from_static(field);
        Token::of(b"s3cr3t").shown(Some(&field))
    }

    #[test]
    fn only_the_whole_token_under_its_scheme_is_right() {
        assert_eq!(shown("Bearer s3cr3t"), Shown::Right);
        assert_eq!(shown("bearer  s3cr3t"), Shown::Right);
        for wrong in [
            "Bearer s3cr3",
            "Bearer s3cr3tt",
            "Basic s3cr3t",
            "Bearer",
            "",
            "s3cr3t",
        ] {
            assert_eq!(shown(wrong), Shown::Wrong, "{wrong}");
        }
        assert_eq!(Token::of(b"x").shown(None), Shown::Nothing);
    }

    #[test]
    fn a_file_has_a_token_or_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let read = |content: &[u8]| {
            let file = dir.path().join("token");
            std::fs::write(&file, content).unwrap();
            Token::read(&file)
        };
        assert!(read(b"s3cr3t\r\n").unwrap() == Token::of(b"s3cr3t"));
        let longest = vec![b'x'; 5000];
        for (content, said) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"two words", "characters"),
            (&longest, "longer"),
        ] {
            let error = read(content).err().unwrap().to_string();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("two words"));
        }
        let missing = Token::read(&dir.path().join("none")).err().unwrap();
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
