//! The file that the verifiers read: a line of JSON for each token made, or refused to be made.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use op_listener_api::Error;
use serde::Serialize;

/// One token.
#[derive(Serialize)]
pub(crate) struct Note {
    /// The event's id.
    pub(crate) id: String,
    /// `set`, `jwt` or `at+jwt`.
    pub(crate) made: &'static str,
    /// The format of a SET's subject identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_id: Option<&'static str>,
    /// Whether it was made in the call or later.
    pub(crate) later: bool,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Token(String),
    Refused(String),
}

pub(crate) struct Notes(File);

impl Notes {
    /// Opens the file for lines at its end: instances share it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(file.map_err(|error| {
            Error::config(format_args!("`path`: {}: {error}", path.display()))
        })?))
    }

    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Writes all of them at a time, so that no line of another writer falls between.
    pub(crate) fn write(&self, notes: &[Note]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for note in notes {
            serde_json::to_writer(&mut lines, note)?;
            lines.push(b'\n');
        }
        Ok((&self.0).write_all(&lines)?)
    }
}
