//! The header `Authorization`, from a file that is read for each attempt: whoever renews it need
//! tell nobody. Its content is in no message.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use ureq::http::HeaderValue;

/// No credential is longer, in bytes.
const LONGEST: u64 = 16 << 10;

/// Where the header's value lies.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    file: PathBuf,
}

impl Authorization {
    /// Of a file that can be read as it is now.
    pub(crate) fn open(file: PathBuf) -> Result<Self, AuthorizationError> {
        let authorization = Self { file };
        authorization.value()?;
        Ok(authorization)
    }

    /// The value as it stands now.
    pub(crate) fn value(&self) -> Result<HeaderValue, AuthorizationError> {
        let error = |source| AuthorizationError::Read {
            file: self.file.clone(),
            source,
        };
        let mut text = Vec::new();
        let file = File::open(&self.file).map_err(error)?;
        file.take(LONGEST + 1)
            .read_to_end(&mut text)
            .map_err(error)?;
        let trimmed = text.trim_ascii();
        let visible = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let fits = !trimmed.is_empty() && text.len() as u64 <= LONGEST;
        let value = if fits && trimmed.iter().all(visible) {
            HeaderValue::from_bytes(trimmed).ok()
        } else {
            None
        };
        let mut value = value.ok_or_else(|| AuthorizationError::NoHeader(self.file.clone()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Says so if others than its owner and group can read it; once for a file, though one entry of the
    /// configuration makes several instances.
    pub(crate) fn warn_if_exposed(&self) {
        static SAID: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if is_exposed(&self.file) && !said.contains(&self.file) {
            tracing::warn!(
                "{} can be read by every user of this machine: make it the host's own (chmod 600)",
                self.file.display()
            );
            said.push(self.file.clone());
        }
    }
}

#[cfg(unix)]
fn is_exposed(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0)
}

/// Elsewhere it is not looked at.
#[cfg(not(unix))]
fn is_exposed(_: &Path) -> bool {
    false
}

/// Takes a credential out of a text that the receiver may have put it into.
pub(super) fn without_credentials(text: &str, value: Option<&HeaderValue>) -> String {
    /// What is shorter occurs by chance.
    const SHORTEST: usize = 6;

    let mut text = text.to_owned();
    let words = value.and_then(|value| value.to_str().ok());
    let words = words.into_iter().flat_map(|words| {
        let last = words.split(' ').next_back();
        [Some(words), last].into_iter().flatten()
    });
    for credential in words.filter(|credential| credential.len() >= SHORTEST) {
        text = text.replace(credential, "***");
    }
    text
}

/// Why there is no header.
#[derive(Debug)]
pub(crate) enum AuthorizationError {
    /// The file cannot be read.
    Read {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What it holds is no header's value.
    NoHeader(PathBuf),
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(
                f,
                "`authorization_file`: cannot read {}: {source}",
                file.display()
            ),
            Self::NoHeader(file) => write!(
                f,
                "`authorization_file`: {} has to hold one line with the whole value of the header, \
                 such as `Bearer` and a token",
                file.display()
            ),
        }
    }
}

impl std::error::Error for AuthorizationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::NoHeader(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_holds_one_value_and_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        assert!(Authorization::open(file.clone()).is_err());
        fs::write(&file, "Bearer one\r\n").unwrap();
        let authorization = Authorization::open(file.clone()).unwrap();
        assert_eq!(authorization.value().unwrap(), "Bearer one");
        assert!(!format!("{:?}", authorization.value()).contains("one"));
        fs::write(&file, " Basic dHdv ").unwrap();
        assert_eq!(authorization.value().unwrap(), "Basic dHdv");
        let long = "x".repeat(20_000);
        for wrong in ["", "\n", "Bearer one\nBearer two", "Bearer \u{e9}", &long] {
            fs::write(&file, wrong).unwrap();
            let error = authorization.value().unwrap_err().to_string();
            assert!(error.contains("one line with the whole value"), "{error}");
        }
    }

    #[test]
    fn credentials_are_taken_out_of_texts() {
        let value = HeaderValue::from_static("Bearer s3cr3t-token");
        assert_eq!(
            without_credentials("bad: Bearer s3cr3t-token, s3cr3t-token!", Some(&value)),
            "bad: ***, ***!"
        );
        assert_eq!(without_credentials("bad", None), "bad");
    }
}
