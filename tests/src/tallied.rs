//! The listener in C that writes down each call (`fixtures/tally.c`): its library in as many versions
//! as a test wants, and what stands in its record.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "what cannot be built or read fails the test"
)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::fixtures::tally;
use crate::growing::whole_lines;

/// The bytes of the listener that writes down each call.
pub fn library(defines: &'static [&'static str]) -> Vec<u8> {
    // One compiler at a time for one file.
    static COMPILING: Mutex<()> = Mutex::new(());

    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let name: String = defines.concat();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    fs::read(tally(
        &format!("tally{}{name}", std::process::id()),
        defines,
    ))
    .unwrap()
}

/// A version of the listener: other bytes that do the same.
pub fn version(number: usize) -> Vec<u8> {
    static PLAIN: OnceLock<Vec<u8>> = OnceLock::new();

    let mut bytes = PLAIN.get_or_init(|| library(&[])).clone();
    bytes.extend_from_slice(format!("version {number}").as_bytes());
    bytes
}

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `init`, `event`, `shutdown` or `release`.
    pub call: String,
    /// Which instance.
    pub object: String,
    /// What the call was given: the id of an event, say.
    pub what: String,
}

/// Reads a record; an empty one where there is none.
pub fn read_record(path: &Path) -> Vec<Line> {
    whole_lines(path)
        .iter()
        .map(|line| {
            let mut words = line.split(' ').map(ToOwned::to_owned);
            let mut next = || words.next().unwrap();
            Line {
                call: next(),
                object: next(),
                what: next(),
            }
        })
        .collect()
}

/// The calls of a kind.
pub fn of<'r>(record: &'r [Line], call: &str) -> Vec<&'r Line> {
    record.iter().filter(|line| line.call == call).collect()
}

/// That every instance got its events between its `init` and its `shutdown`, and was released
/// after that; how many are not at their end.
#[track_caller]
pub fn assert_orderly(record: &[Line]) -> usize {
    let mut states = HashMap::new();
    for line in record {
        let state = states.entry(line.object.clone()).or_insert("none");
        let (before, after): (&[&str], _) = match &*line.call {
            "init" => (&["none"], "init"),
            "event" => (&["init"], "init"),
            "shutdown" => (&["init"], "shutdown"),
            "release" => (&["shutdown"], "release"),
            other => panic!("{other}"),
        };
        assert!(before.contains(state), "{line:?} after {state}");
        *state = after;
    }
    states.values().filter(|state| **state != "release").count()
}
