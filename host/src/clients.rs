//! Registered client metadata by client id, for events that come without. Loaded once from a JSON
//! array; secrets in it are dropped before anything else sees them.

use crate::event::{Fault, json, rules, without_secrets};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The metadata of registered clients (RFC 7591; OpenID Connect Dynamic Client Registration 1.0).
#[derive(Clone, Default)]
pub struct ClientRegistry {
    clients: HashMap<Box<str>, Box<str>>,
}

impl ClientRegistry {
    /// Reads a file that holds a JSON array of client metadata objects, each with its `client_id`.
    ///
    /// # Errors
    /// The file cannot be read, or is not such an array; see [`ClientsErrorKind`].
    pub fn load(path: &Path) -> Result<Self, ClientsError> {
        std::fs::read(path)
            .map_err(ClientsErrorKind::Read)
            .and_then(|bytes| Self::from_json(&bytes))
            .map_err(|kind| ClientsError {
                path: path.to_owned(),
                kind,
            })
    }

    /// Reads such an array from memory.
    ///
    /// # Errors
    /// It is not such an array.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ClientsErrorKind> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = str::from_utf8(bytes).map_err(|error| ClientsErrorKind::NotUtf8 {
            valid: error.valid_up_to(),
        })?;
        let whole: &RawValue = serde_json::from_str(text).map_err(ClientsErrorKind::NotJson)?;
        let found = json::kind(whole.get());
        if found != "an array" {
            return Err(ClientsErrorKind::NotAnArray { found });
        }
        let items: Vec<&RawValue> =
            serde_json::from_str(whole.get()).map_err(ClientsErrorKind::NotJson)?;
        let mut clients = HashMap::with_capacity(items.len());
        let mut indexes: HashMap<Box<str>, usize> = HashMap::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let (client_id, metadata) = read_client(item.get())
                .map_err(|problem| ClientsErrorKind::Client { index, problem })?;
            if let Some(first) = indexes.insert(client_id.clone(), index) {
                let problem = ClientProblem::Repeated { client_id, first };
                return Err(ClientsErrorKind::Client { index, problem });
            }
            clients.insert(client_id, metadata);
        }
        Ok(Self { clients })
    }

    /// The client's metadata without its secrets, the text of a JSON object on one line.
    pub fn get(&self, client_id: &str) -> Option<&str> {
        self.clients.get(client_id).map(AsRef::as_ref)
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

impl fmt::Debug for ClientRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRegistry")
            .field("clients", &self.len())
            .finish()
    }
}

/// One client's `client_id`, and its metadata without secrets.
fn read_client(raw: &str) -> Result<(Box<str>, Box<str>), ClientProblem> {
    /// Levels of the event in which it will be.
    const DEPTH: usize = 128;
    if !json::is_object(raw) {
        let found = json::kind(raw);
        return Err(ClientProblem::NotAnObject { found });
    }
    let metadata = rules::value("client", raw, DEPTH).map_err(|error| match error.fault() {
        Fault::LoneSurrogate => ClientProblem::LoneSurrogate,
        _ => ClientProblem::TooDeep,
    })?;
    let mut values = json::members(raw)
        .filter(|(name, _)| json::decode(name).is_some_and(|name| name == "client_id"))
        .map(|(_, value)| value);
    let client_id = match (values.next(), values.next()) {
        (None, _) => Err("nothing"),
        (_, Some(_)) => Err("two"),
        (Some(value), None) => match json::decode(value) {
            Some(client_id) if client_id.is_empty() => Err("an empty string"),
            Some(client_id) => Ok(client_id.into()),
            None => Err(json::kind(value)),
        },
    };
    let client_id = client_id.map_err(|found| ClientProblem::NoClientId { found })?;
    // On one line, so that it can be embedded in NDJSON as it is.
    let metadata = json::compact(&without_secrets(metadata));
    Ok((client_id, metadata.into()))
}

/// Why a file of client metadata cannot be used.
#[derive(Debug)]
pub struct ClientsError {
    path: PathBuf,
    kind: ClientsErrorKind,
}

impl ClientsError {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &ClientsErrorKind {
        &self.kind
    }
}

impl fmt::Display for ClientsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client metadata {}: {}", self.path.display(), self.kind)
    }
}

impl Error for ClientsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// What is wrong with client metadata. No message shows a value.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientsErrorKind {
    /// The file cannot be read.
    Read(io::Error),
    /// Not valid UTF-8.
    NotUtf8 {
        /// How many bytes before the first wrong one are valid.
        valid: usize,
    },
    /// Not valid JSON.
    NotJson(serde_json::Error),
    /// Valid JSON, but not an array.
    NotAnArray {
        /// What it is instead.
        found: &'static str,
    },
    /// One client is wrong.
    Client {
        /// Its place in the array, from 0.
        index: usize,
        /// What is wrong with it.
        problem: ClientProblem,
    },
}

/// What is wrong with one client's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientProblem {
    /// Not an object.
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// No `client_id` that can be one.
    NoClientId {
        /// What there is instead.
        found: &'static str,
    },
    /// The `client_id` of an earlier one.
    Repeated {
        /// The client id.
        client_id: Box<str>,
        /// The place of the earlier one.
        first: usize,
    },
    /// Nested too deep for an event.
    TooDeep,
    /// An escape such as `\ud800` without its other half.
    LoneSurrogate,
}

impl fmt::Display for ClientsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("it cannot be read: check the path and its permissions"),
            Self::NotUtf8 { valid } => write!(f, "not valid UTF-8 at byte {}", valid + 1),
            Self::NotJson(error) => write!(f, "not valid JSON: {error}"),
            Self::NotAnArray { found } => write!(
                f,
                "expected a JSON array of client metadata objects, found {found}"
            ),
            Self::Client { index, problem } => write!(f, "client [{index}]: {problem}"),
        }
    }
}

impl Error for ClientsErrorKind {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::NotJson(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject { found } => {
                write!(f, "expected an object of client metadata, found {found}")
            }
            Self::NoClientId { found } => write!(
                f,
                "member `client_id`: expected one string that is not empty, found {found}"
            ),
            Self::Repeated { client_id, first } => write!(
                f,
                "member `client_id`: {} is that of client [{first}] too: keep one of them",
                json::quoted_excerpt(client_id)
            ),
            Self::TooDeep => f.write_str("nested more than 127 levels deep: flatten it"),
            Self::LoneSurrogate => {
                f.write_str("a lone surrogate escape: write the character itself")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        ClientRegistry::from_json(text.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn clients_are_found_without_their_secrets_and_on_one_line() {
        let text = "\u{feff}[\n {\"client_id\": \"a b\",\n  \"client\\u005fsecret\": \"s\",
            \"registration_access_token\": \"t\", \"client_name\": \"A  \\\"B\"},
            {\"client_name\": \"x\", \"client_id\": \"\\u00e9\"}]";
        let clients = ClientRegistry::from_json(text.as_bytes()).unwrap();
        assert_eq!(clients.len(), 2);
        assert_eq!(
            clients.get("a b"),
            Some(r#"{"client_id":"a b","client_name":"A  \"B"}"#)
        );
        assert_eq!(
            clients.get("é"),
            Some(r#"{"client_name":"x","client_id":"\u00e9"}"#)
        );
        assert_eq!(clients.get("b"), None);
    }

    #[test]
    fn each_error_says_which_client_and_what_and_no_secret() {
        for (text, parts) in [
            ("{}", &["array", "found an object"][..]),
            ("[", &["not valid JSON", "line 1"]),
            ("[] []", &["not valid JSON"]),
            (
                "[{\"client_id\":\"a\"},7]",
                &["client [1]", "found a number"],
            ),
            (
                "[{\"client_secret\":\"s3cr3t\"}]",
                &["client [0]", "client_id", "found nothing"],
            ),
            ("[{\"client_id\":\"\"}]", &["client [0]", "empty"]),
            ("[{\"client_id\":null}]", &["client [0]", "found null"]),
            (
                "[{\"client_id\":\"a\",\"client_id\":\"b\"}]",
                &["client [0]", "two"],
            ),
            (
                "[{\"client_id\":\"a\"},{\"client_id\":\"b\"},{\"client_id\":\"a\"}]",
                &["client [2]", "\"a\"", "client [0]"],
            ),
            (
                "[{\"client_id\":\"a\",\"x\":\"\\ud800\"}]",
                &["client [0]", "surrogate"],
            ),
        ] {
            let error = error(text);
            assert!(
                parts.iter().all(|part| error.contains(part)),
                "{text}: {error}"
            );
            assert!(!error.contains("s3cr3t"));
        }
        let deep = "[".repeat(127) + &"]".repeat(127);
        assert!(error(&format!("[{{\"client_id\":\"a\",\"x\":{deep}}}]")).contains("levels"));
        assert!(matches!(
            ClientRegistry::from_json(b"[\xff]"),
            Err(ClientsErrorKind::NotUtf8 { valid: 1 })
        ));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none.json");
        let error = ClientRegistry::load(&path).unwrap_err();
        assert!(error.to_string().contains("none.json"));
        assert!(error.source().is_some());
        std::fs::write(&path, "[{}]").unwrap();
        let error = ClientRegistry::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("none.json") && error.contains("client [0]"),
            "{error}"
        );
    }
}
