//! Registered client metadata by client id, for events that come without. Loaded once from a JSON
//! array; secrets in it are dropped before anything else sees them.

use crate::event::{json, rules, without_secrets};
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
            let client_id: Box<str> = client_id(item.get())
                .map_err(|problem| ClientsErrorKind::Client { index, problem })?
                .into();
            if let Some(first) = indexes.insert(client_id.clone(), index) {
                let problem = ClientProblem::Repeated { client_id, first };
                return Err(ClientsErrorKind::Client { index, problem });
            }
            // On one line, so that it can be embedded in NDJSON as it is.
            let metadata = json::compact(&without_secrets(item.get(), true));
            clients.insert(client_id, metadata.into());
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

/// The `client_id` of one client's metadata.
fn client_id(raw: &str) -> Result<String, ClientProblem> {
    /// Levels that are left for the metadata within an event.
    const DEPTH: usize = 127;
    if !json::is_object(raw) {
        let found = json::kind(raw);
        return Err(ClientProblem::NotAnObject { found });
    }
    if rules::depth(DEPTH, raw).is_err() {
        return Err(ClientProblem::TooDeep);
    }
    if json::has_lone_surrogate(raw) {
        return Err(ClientProblem::LoneSurrogate);
    }
    let mut values = json::members(raw)
        .filter(|(name, _)| json::string(name).is_some_and(|name| name == "client_id"))
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Err(ClientProblem::NoClientId { found: "nothing" }),
        (_, Some(_)) => Err(ClientProblem::NoClientId { found: "two" }),
        (Some(value), None) => match json::string(value) {
            Some(client_id) if !client_id.is_empty() => Ok(client_id.into_owned()),
            Some(_) => Err(ClientProblem::NoClientId {
                found: "an empty string",
            }),
            None => Err(ClientProblem::NoClientId {
                found: json::kind(value),
            }),
        },
    }
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
