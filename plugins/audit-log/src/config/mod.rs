//! The listener's configuration: what may be written into its table, and what it comes to once it
//! has been checked. Finding and opening the file is left to [`crate::log`].

mod lists;
mod set;
mod units;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::claims::ClaimsFilter;
use crate::record::Format;
pub use lists::Names;
pub use set::SetSetting;
pub use units::{Size, Span};

/// The switch alone. Read first: while it is off, nothing else is looked at.
#[derive(Debug, Deserialize)]
pub struct Switch {
    /// Whether events are wanted.
    #[serde(default = "on")]
    pub enable: bool,
}

const fn on() -> bool {
    true
}

/// The table as an operator writes it. The package's README describes each key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(rename = "enable")]
    _enable: Option<bool>,
    path: Option<PathBuf>,
    #[serde(default)]
    format: Format,
    claims: Option<Names>,
    mask: Option<Names>,
    members: Option<Names>,
    #[serde(default)]
    set: SetSetting,
    rotate: Option<RotateTable>,
    keep: Option<usize>,
    fsync: Option<FsyncWord>,
    fsync_interval: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateTable {
    max_size: Option<Size>,
    max_age: Option<Span>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FsyncWord {
    Never,
    Interval,
    Always,
}

/// When records are forced to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the operating system likes to.
    Never,
    /// By a thread of the log's own, this often.
    Interval(Duration),
    /// Before the event's call returns.
    Always,
}

/// What is settled per file: instances that share a file must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The shape of the records.
    pub format: Format,
    /// A file is rotated before a record would make it larger than this many bytes.
    pub max_size: Option<u64>,
    /// A file is rotated once it is this old.
    pub max_age: Option<Duration>,
    /// How many rotated files are kept; all, if `None`.
    pub keep: Option<usize>,
    /// When records are forced to disk.
    pub fsync: Fsync,
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file as configured; `None` for `audit.ndjson` in the instance's data directory.
    pub path: Option<PathBuf>,
    /// What concerns the file.
    pub file: FileSettings,
    /// Which claims are recorded, and how.
    pub claims: ClaimsFilter,
    /// The further members of an event that are recorded; all, if `None`.
    pub members: Option<Names>,
    /// Whether a signed SET of each event is recorded, and for whom it is.
    pub set: SetSetting,
}

/// Why a configuration cannot be used although each of its values can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The path is empty.
    EmptyPath,
    /// `rotate` without a condition.
    RotateNever,
    /// `keep` without `rotate`.
    KeepWithoutRotate,
    /// `keep = 0`.
    KeepNothing,
    /// A size or time of zero: the key.
    Zero(&'static str),
    /// `fsync_interval` while `fsync` is another.
    IntervalUnused,
    /// A claim that stands in `claims` and in `mask`.
    KeptAndMasked(String),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EmptyPath => f.write_str("`path` is empty: name a file, or leave `path` out"),
            Self::RotateNever => f.write_str(
                "`rotate` says neither `max_size` nor `max_age`: give at least one of them, or \
                 leave `rotate` out",
            ),
            Self::KeepWithoutRotate => f.write_str(
                "`keep` bounds the rotated files, but nothing is rotated: add `rotate`, or leave \
                 `keep` out",
            ),
            Self::KeepNothing => f.write_str(
                "`keep = 0` would delete each file as soon as it is full: keep at least 1, or \
                 leave `keep` out to keep all",
            ),
            Self::Zero(key) => write!(f, "`{key}` is zero: give a value above it"),
            Self::IntervalUnused => f.write_str(
                "`fsync_interval` is of use with `fsync = \"interval\"` alone: set that, or leave \
                 `fsync_interval` out",
            ),
            Self::KeptAndMasked(claim) => write!(
                f,
                "the claim `{claim}` stands in `claims` and in `mask`: it can be recorded or \
                 masked, not both"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Table {
    /// Checks what the values mean together.
    ///
    /// # Errors
    ///
    /// Values that contradict each other, or that would have no effect.
    pub fn check(self) -> Result<Settings, ConfigError> {
        if self
            .path
            .as_ref()
            .is_some_and(|path| path.as_os_str().is_empty())
        {
            return Err(ConfigError::EmptyPath);
        }
        let fsync = match (self.fsync, self.fsync_interval) {
            (None | Some(FsyncWord::Interval), interval) => {
                Fsync::Interval(interval.map_or(Duration::from_secs(1), |span| span.0))
            }
            (Some(_), Some(_)) => return Err(ConfigError::IntervalUnused),
            (Some(FsyncWord::Never), None) => Fsync::Never,
            (Some(FsyncWord::Always), None) => Fsync::Always,
        };
        if fsync == Fsync::Interval(Duration::ZERO) {
            return Err(ConfigError::Zero("fsync_interval"));
        }
        let (max_size, max_age) = match self.rotate {
            None => (None, None),
            Some(RotateTable {
                max_size: None,
                max_age: None,
            }) => return Err(ConfigError::RotateNever),
            Some(rotate) => (
                rotate.max_size.map(|size| size.0),
                rotate.max_age.map(|span| span.0),
            ),
        };
        if max_size == Some(0) {
            return Err(ConfigError::Zero("rotate.max_size"));
        }
        if max_age == Some(Duration::ZERO) {
            return Err(ConfigError::Zero("rotate.max_age"));
        }
        match self.keep {
            Some(0) => return Err(ConfigError::KeepNothing),
            Some(_) if max_size.is_none() && max_age.is_none() => {
                return Err(ConfigError::KeepWithoutRotate);
            }
            _ => {}
        }
        Ok(Settings {
            path: self.path,
            file: FileSettings {
                format: self.format,
                max_size,
                max_age,
                keep: self.keep,
                fsync,
            },
            claims: ClaimsFilter::new(self.claims, self.mask)?,
            members: self.members,
            set: self.set,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Settings, String> {
        let table: Table = serde_json::from_str(json).map_err(|error| error.to_string())?;
        table.check().map_err(|error| error.to_string())
    }

    fn refused(json: &str, because: &str) {
        let error = check(json).unwrap_err();
        assert!(error.contains(because), "{json}: {error}");
    }

    #[test]
    fn an_empty_table_serves() {
        let settings = check("{}").unwrap();
        assert!(settings.path.is_none());
        assert_eq!(settings.file.format, Format::Native);
        assert_eq!(settings.file.fsync, Fsync::Interval(Duration::from_secs(1)));
        assert!(!settings.set.is_on());
        assert!(serde_json::from_str::<Switch>("{}").unwrap().enable);
    }

    #[test]
    fn every_key_is_read() {
        let settings = check(
            r#"{"enable":true,"path":"a/b.ndjson","format":"ocsf","claims":"sub, iat","mask":["email"],
                "members":["scope"],"set":{"audience":["https://siem.example.com"]},
                "rotate":{"max_size":"10 MiB","max_age":"1d"},"keep":7,
                "fsync":"interval","fsync_interval":"250ms"}"#,
        )
        .unwrap();
        assert_eq!(settings.path.unwrap(), PathBuf::from("a/b.ndjson"));
        assert_eq!(
            settings.file,
            FileSettings {
                format: Format::Ocsf,
                max_size: Some(10 << 20),
                max_age: Some(Duration::from_hours(24)),
                keep: Some(7),
                fsync: Fsync::Interval(Duration::from_millis(250)),
            }
        );
        assert!(settings.members.unwrap().contains("scope"));
        assert_eq!(settings.set.audience(), ["https://siem.example.com"]);
    }

    #[test]
    fn a_switched_off_table_is_not_looked_at_further() {
        let switch: Switch = serde_json::from_str(r#"{"enable":false,"formt":1}"#).unwrap();
        assert!(!switch.enable);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        refused(r#"{"pth":"x"}"#, "unknown field `pth`");
        refused(r#"{"path":""}"#, "`path` is empty");
        refused(r#"{"format":"xml"}"#, "unknown variant `xml`");
        refused(r#"{"rotate":{}}"#, "neither `max_size` nor `max_age`");
        refused(r#"{"rotate":{"max_size":0}}"#, "`rotate.max_size` is zero");
        refused(r#"{"rotate":{"max_age":"0s"}}"#, "`rotate.max_age` is zero");
        refused(r#"{"keep":3}"#, "nothing is rotated");
        refused(r#"{"rotate":{"max_age":"1d"},"keep":0}"#, "`keep = 0`");
        refused(
            r#"{"fsync":"always","fsync_interval":"1s"}"#,
            "`fsync_interval`",
        );
        refused(r#"{"fsync_interval":0}"#, "`fsync_interval` is zero");
        refused(r#"{"claims":["sub"],"mask":["sub"]}"#, "not both");
        refused(r#"{"set":{"audiences":"x"}}"#, "unknown field `audiences`");
    }
}
