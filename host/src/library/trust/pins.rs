//! The lock file: which bytes may stand under which name. Written by `op-listener pin`, meant to be
//! read by people too, and kept under version control.
//!
//! ```toml
//! format = 1
//!
//! [[file]]
//! name = "libop_listener_audit_log.so"
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! plugin = "audit-log"
//! version = "0.1.0"
//! ```
//!
//! Name and hash decide; id and version of the plugin say what that is. Making one of a directory
//! is left to [`crate::pinning`].

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::permissions::{self, Identity};
use super::{Distrust, Exposure, Part};
use crate::library::Sha256;
use crate::library::read::{ReadError, read};

/// The contents of a lock file: what is pinned, by file name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<String, Pin>);

/// What is pinned of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// The id of the plugin in it.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
}

/// The longest lock file, in bytes: some thousands of plugins.
const LONGEST: u64 = 4 << 20;

/// The format that this host reads and writes.
const FORMAT: i64 = 1;

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Spanned<i64>,
    #[serde(default, rename = "file")]
    files: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    sha256: Spanned<String>,
    plugin: String,
    version: String,
}

impl Pins {
    /// Reads a lock file; `None` if there is none. It is read only if nobody but root and the
    /// host's user could have written it, as `trust = "permissions"` judges (where the system has
    /// such permissions): whoever can write it decides what is loaded.
    ///
    /// # Errors
    ///
    /// It cannot be read, others could have written it, or it is not such a file.
    pub fn read(path: &Path) -> Result<Option<Self>, PinsError> {
        let failed = |problem| PinsError {
            path: path.to_owned(),
            problem,
        };
        let contents = match read(path, LONGEST) {
            Ok(contents) => contents,
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(ReadError::Io(error)) => return Err(failed(PinsProblem::Unreadable(error))),
            Err(ReadError::NotAFile) => return Err(failed(PinsProblem::NotAFile)),
            Err(ReadError::TooLong(_)) => return Err(failed(PinsProblem::TooLong)),
        };
        if cfg!(unix) {
            let access = contents.access.map_err(PinsProblem::Unreadable);
            let access = access.map_err(failed)?;
            if let Err(Distrust::Exposed { part, exposure }) =
                permissions::judge(&access, Identity::current())
            {
                return Err(failed(PinsProblem::Exposed { part, exposure }));
            }
        }
        Self::parse(&contents.bytes).map(Some).map_err(failed)
    }

    fn parse(bytes: &[u8]) -> Result<Self, PinsProblem> {
        let wrong = |at: usize, what: String| {
            let before = String::from_utf8_lossy(&bytes[..at.min(bytes.len())]);
            PinsProblem::Contents {
                line: before.matches('\n').count() + 1,
                what,
            }
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| wrong(error.valid_up_to(), "not UTF-8 from here on".to_owned()))?;
        // Asked first: a later format may have other members.
        let format = toml::from_str::<Format>(text).ok();
        if let Some(found) = format.and_then(|file| file.format)
            && *found.get_ref() != FORMAT
        {
            return Err(wrong(
                found.span().start,
                format!(
                    "it has format {}, and this host knows format {FORMAT}",
                    found.get_ref()
                ),
            ));
        }
        let file: File = toml::from_str(text).map_err(|error| {
            let Range { start, .. } = error.span().unwrap_or_default();
            wrong(start, one_line(error.message()))
        })?;
        debug_assert_eq!(*file.format.get_ref(), FORMAT, "others were refused above");
        let mut pins = BTreeMap::new();
        for entry in file.files {
            let name = entry.name.get_ref();
            let at = entry.name.span().start;
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(wrong(at, format!("{name:?} is not the name of a file")));
            }
            let Some(sha256) = Sha256::parse(entry.sha256.get_ref()) else {
                let at = entry.sha256.span().start;
                let what = "`sha256` is not of 64 hexadecimal digits".to_owned();
                return Err(wrong(at, what));
            };
            let pin = Pin {
                sha256,
                plugin: entry.plugin,
                version: entry.version,
            };
            if pins.contains_key(name) {
                return Err(wrong(at, format!("{name:?} is pinned twice")));
            }
            pins.insert(entry.name.into_inner(), pin);
        }
        Ok(Self(pins))
    }

    /// What is pinned under that name.
    pub fn get(&self, name: &str) -> Option<&Pin> {
        self.0.get(name)
    }

    /// All that is pinned, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Pin)> {
        self.0.iter().map(|(name, pin)| (name.as_str(), pin))
    }

    /// How many files are pinned.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no file is pinned.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Pins a file.
    pub(crate) fn insert(&mut self, name: String, pin: Pin) {
        self.0.insert(name, pin);
    }
}

/// Only what tells the format.
#[derive(Deserialize)]
struct Format {
    format: Option<Spanned<i64>>,
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Pins {
    /// The whole file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Which plugin files the host loads where `trust = \"pinned\"` is set. Written by\n\
             # `op-listener pin`, which shows what changes before it does.\n",
        )?;
        writeln!(f, "format = {FORMAT}")?;
        for (name, pin) in self.iter() {
            let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
            writeln!(f, "\n[[file]]\nname = {}", quoted(name))?;
            writeln!(f, "sha256 = \"{}\"", pin.sha256)?;
            writeln!(f, "plugin = {}", quoted(&pin.plugin))?;
            writeln!(f, "version = {}", quoted(&pin.version))?;
        }
        Ok(())
    }
}

/// A lock file cannot be used.
#[derive(Debug)]
pub struct PinsError {
    path: PathBuf,
    problem: PinsProblem,
}

#[derive(Debug)]
enum PinsProblem {
    Unreadable(io::Error),
    NotAFile,
    TooLong,
    Exposed { part: Part, exposure: Exposure },
    Contents { line: usize, what: String },
}

impl fmt::Display for PinsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.problem {
            PinsProblem::Unreadable(error) => write!(
                f,
                "the lock file {path:?} cannot be read: {error}; let the user who runs the host read it"
            ),
            PinsProblem::NotAFile => write!(
                f,
                "{path:?} is no regular file, so it cannot be the lock file: name another with `pins` under `[plugins]`"
            ),
            PinsProblem::TooLong => write!(
                f,
                "the lock file {path:?} is longer than {} MiB, which none is: write it anew with `op-listener pin`",
                LONGEST >> 20
            ),
            PinsProblem::Exposed { part, exposure } => {
                let part = match part {
                    Part::File => "it",
                    Part::Directory => "its directory",
                    Part::TargetDirectory => "the directory that its link leads to",
                };
                write!(
                    f,
                    "the lock file {path:?} cannot be relied on: {part} {exposure}"
                )
            }
            PinsProblem::Contents { line, what } => write!(
                f,
                "the lock file {path:?} is wrong in line {line}: {what}; restore it, or remove it and run `op-listener pin`"
            ),
        }
    }
}

impl Error for PinsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            PinsProblem::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "format = 1\n[[file]]\nname = \"liba.so\"\n\
        sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
        plugin = \"a\"\nversion = \"1.0.0\"\n";

    fn refusal(text: &str) -> String {
        match Pins::parse(text.as_bytes()) {
            Err(PinsProblem::Contents { line, what }) => format!("{line}: {what}"),
            other => panic!("{other:?} of\n{text}"),
        }
    }

    #[test]
    fn a_lock_file_is_read() {
        let pins = Pins::parse(GOOD.as_bytes()).unwrap();
        let pin = pins.get("liba.so").unwrap();
        assert_eq!(pin.sha256, Sha256::of(b"abc"));
        assert_eq!((&*pin.plugin, &*pin.version), ("a", "1.0.0"));
        assert_eq!(pins.len(), 1);
        assert_eq!(pins.get("libA.so"), None);
    }

    #[test]
    fn an_empty_one_pins_nothing_and_an_empty_file_is_none() {
        assert!(Pins::parse(b"format = 1").unwrap().is_empty());
        assert_eq!(refusal(""), "1: missing field `format`");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (from, to, said) in [
            (
                "format = 1",
                "format = 2\nmore = 3",
                "1: it has format 2, and this host knows format 1",
            ),
            (
                "plugin =",
                "plugni =",
                "5: unknown field `plugni`, expected one of `name`, `sha256`, `plugin`, `version`",
            ),
            (
                "liba.so",
                "../liba.so",
                "3: \"../liba.so\" is not the name of a file",
            ),
            ("liba.so", "..", "3: \"..\" is not the name of a file"),
            ("liba.so", "", "3: \"\" is not the name of a file"),
            (
                "ba78",
                "xyz8",
                "4: `sha256` is not of 64 hexadecimal digits",
            ),
            ("ba78", "", "4: `sha256` is not of 64 hexadecimal digits"),
        ] {
            assert_eq!(refusal(&GOOD.replace(from, to)), said);
        }
        let twice = format!("{GOOD}{}", &GOOD["format = 1\n".len()..]);
        assert_eq!(refusal(&twice), "8: \"liba.so\" is pinned twice");
        let Err(PinsProblem::Contents { line: 2, what }) = Pins::parse(b"format = 1\n# \xff")
        else {
            panic!("not UTF-8");
        };
        assert_eq!(what, "not UTF-8 from here on");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            entries in prop::collection::btree_map("[^/\u{0}]{1,12}", ("\\PC{0,8}", any::<String>()), 0..5),
        ) {
            let mut pins = Pins::default();
            for (name, (plugin, version)) in entries {
                if Path::new(&name).file_name() == Some(name.as_ref()) {
                    let sha256 = Sha256::of(name.as_bytes());
                    pins.insert(name, Pin { sha256, plugin, version });
                }
            }
            let text = pins.to_string();
            prop_assert_eq!(Pins::parse(text.as_bytes()).unwrap(), pins, "{}", text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Pins::parse(&bytes);
        }
    }
}
