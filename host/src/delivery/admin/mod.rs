//! What an operator does with the store: looks into it (`look`), tries messages again, drops them,
//! pauses and resumes queues (`change`). Works on the file alone, whether a host has it or not; a host
//! that runs notices within a fraction of a second.
//!
//! What is found there is told in the types of `state`; how it is shown is [`super::view`]'s.

mod change;
mod look;
mod state;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use self::state::{Activity, Holder, MessageState, Place, QueueState, Selection};
use super::error::{StoreError, StoreErrorKind};
use super::schema::{self, Found};
use super::{connect, store};

/// The store, as an operator has it.
#[derive(Debug)]
pub struct Admin {
    path: PathBuf,
    connection: Connection,
    /// The schema's version: a host brings it up, not an operator's look.
    version: i64,
}

impl Admin {
    /// Opens the store at that path.
    ///
    /// # Errors
    ///
    /// There is none, it is none of this version, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::new(path, StoreErrorKind::Missing));
        }
        let connection = connect::aside(path)?;
        match schema::look(&connection, path)? {
            Found::Store(version) => Ok(Self {
                path: path.to_owned(),
                connection,
                version,
            }),
            Found::Empty => Err(StoreError::new(path, StoreErrorKind::Missing)),
        }
    }

    /// Who delivers from the store.
    pub fn holder(&self) -> Holder {
        store::holder(&self.path)
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }
}
