//! The names of a log's files. Beside `audit.ndjson` there are
//!
//! - `audit.000000000001.20261121T190000Z.ndjson`: a rotated file, with the number of its first
//!   record and the time of its rotation. The names sort in the order of the records;
//! - `audit.000000000042.20261121T190000Z.torn`: what a crash left of a record that was being
//!   written, with the number that the record would have had;
//! - `audit.ndjson.lock`: held by the process that writes.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::LogError;
use crate::record::basic;

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    dir: PathBuf,
    /// The name up to the extension.
    stem: String,
    /// The extension with its dot; empty if there is none.
    extension: String,
}

impl Place {
    /// The place of the log at `path`, the same however the path is written.
    ///
    /// # Errors
    ///
    /// The directory does not exist, or what `path` names is no regular file.
    pub fn new(path: &Path) -> Result<Self, LogError> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = path.file_name();
                let name = name.ok_or_else(|| LogError::NotAFile(path.to_owned()))?;
                let dir = match path.parent() {
                    Some(dir) if !dir.as_os_str().is_empty() => dir,
                    _ => Path::new("."),
                };
                let dir = fs::canonicalize(dir);
                dir.map_err(|error| LogError::io("open", path, error))?
                    .join(name)
            }
            Err(error) => return Err(LogError::io("open", path, error)),
        };
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(LogError::NotAFile(path)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(LogError::io("open", path, error)),
        }
        Self::of(path)
    }

    /// Takes a path as it is.
    fn of(path: PathBuf) -> Result<Self, LogError> {
        let text = |part: &OsStr| part.to_str().map(str::to_owned);
        let stem = path.file_stem().and_then(text);
        let extension = path.extension().map_or(Some(String::new()), text);
        let (Some(stem), Some(extension), Some(dir)) = (stem, extension, path.parent()) else {
            let error = io::Error::new(io::ErrorKind::InvalidFilename, "its name is not UTF-8");
            return Err(LogError::io("use", path, error));
        };
        if extension == "torn" {
            let error = io::Error::new(
                io::ErrorKind::InvalidFilename,
                "names that end in `.torn` are for what a crash leaves",
            );
            return Err(LogError::io("use", path, error));
        }
        let dot = if extension.is_empty() { "" } else { "." };
        Ok(Self {
            dir: dir.to_owned(),
            stem,
            extension: format!("{dot}{extension}"),
            path,
        })
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        let Self {
            stem, extension, ..
        } = self;
        self.dir.join(format!("{stem}{extension}.lock"))
    }

    /// A name for a rotated file that is not taken yet.
    pub fn rotated(&self, first_seq: u64, now: SystemTime) -> PathBuf {
        self.free(first_seq, now, &self.extension)
    }

    /// A name for what a crash left, that is not taken yet.
    pub fn torn(&self, seq: u64, now: SystemTime) -> PathBuf {
        self.free(seq, now, ".torn")
    }

    fn free(&self, seq: u64, now: SystemTime, extension: &str) -> PathBuf {
        let Self { dir, stem, .. } = self;
        let name = format!("{stem}.{seq:012}.{}", basic(now));
        let mut path = dir.join(format!("{name}{extension}"));
        let mut number = 2;
        while path.symlink_metadata().is_ok() {
            path = dir.join(format!("{name}_{number}{extension}"));
            number += 1;
        }
        path
    }

    /// The rotated files, oldest first.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn list_rotated(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if let Some((base, seq)) = base_of(&path)
                && base == self.path
            {
                found.push((seq, path));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

/// The log to which a rotated file belongs, and the number of its first record, both by its name;
/// `None` if it is no rotated file's name.
pub fn base_of(path: &Path) -> Option<(PathBuf, u64)> {
    let name = path.file_name()?.to_str()?;
    let with_extension = || {
        let (name, extension) = name.rsplit_once('.')?;
        let (stem, seq) = stem_and_seq(name)?;
        (extension != "torn").then(|| (format!("{stem}.{extension}"), seq))
    };
    let without = || stem_and_seq(name).map(|(stem, seq)| (stem.to_owned(), seq));
    let (base, seq) = with_extension().or_else(without)?;
    Some((path.with_file_name(base), seq))
}

/// Takes `audit.000000000001.20261121T190000Z` apart, from its end: the stem may have dots too.
fn stem_and_seq(name: &str) -> Option<(&str, u64)> {
    let (start, time) = name.rsplit_once('.')?;
    let (stem, seq) = start.rsplit_once('.')?;
    let is_number = seq.len() >= 12 && seq.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = !stem.is_empty() && is_number && is_time(time);
    is_whole.then(|| seq.parse().ok().map(|seq| (stem, seq)))?
}

/// `20261121T190000Z`, with a number behind it where a name was taken.
fn is_time(text: &str) -> bool {
    let (time, number) = text.split_once('_').unwrap_or((text, "2"));
    let shape = time
        .bytes()
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"00000000T000000Z") && number.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn rotated_names_sort_and_lead_back_to_the_log() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["audit.ndjson", "a.b.c", "plain", "x.20261121T190000Z"] {
            let place = Place::new(&dir.path().join(name)).unwrap();
            let first = place.rotated(1, at(1_795_291_200));
            fs::write(&first, "").unwrap();
            let again = place.rotated(1, at(1_795_291_200));
            fs::write(&again, "").unwrap();
            let later = place.rotated(10_000, at(1_795_291_100));
            fs::write(&later, "").unwrap();
            fs::write(place.torn(10_001, at(0)), "").unwrap();
            fs::write(place.lock(), "").unwrap();
            fs::write(place.path(), "").unwrap();
            assert_eq!(
                place.list_rotated().unwrap(),
                [first, again, later],
                "{name}"
            );
        }
    }

    #[test]
    fn the_name_says_number_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(&dir.path().join("audit.ndjson")).unwrap();
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            name(place.rotated(42, at(1_795_291_200))),
            "audit.000000000042.20261121T200000Z.ndjson"
        );
        assert_eq!(
            name(place.torn(42, at(0))),
            "audit.000000000042.19700101T000000Z.torn"
        );
        assert_eq!(name(place.lock()), "audit.ndjson.lock");
    }

    #[test]
    fn a_link_and_its_target_are_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audit.ndjson");
        fs::write(&file, "").unwrap();
        let dotted = dir.path().join(".").join("audit.ndjson");
        assert_eq!(Place::new(&file).unwrap(), Place::new(&dotted).unwrap());
        #[cfg(unix)]
        {
            let link = dir.path().join("link");
            std::os::unix::fs::symlink(&file, &link).unwrap();
            assert_eq!(Place::new(&file).unwrap(), Place::new(&link).unwrap());
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let torn = Place::new(&dir.path().join("a.torn")).unwrap_err();
        assert!(
            torn.is_config() && torn.to_string().contains("`.torn`"),
            "{torn}"
        );
        let missing = Place::new(&dir.path().join("no/such.ndjson")).unwrap_err();
        assert!(missing.is_config());
        assert!(
            missing.to_string().contains("the directory must exist"),
            "{missing}"
        );
        let is_dir = Place::new(dir.path()).unwrap_err();
        assert!(is_dir.to_string().contains("no regular file"), "{is_dir}");
    }
}
