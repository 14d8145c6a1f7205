//! Which files make up a log, and in which order: by the number of the first record of each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::VerifyError;
use crate::chain::Sealed;
use crate::log::{Place, base_of};

/// The files of one log, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSet {
    /// The log's path.
    pub log: PathBuf,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// Finds the logs that are meant by paths: a log's path (with its rotated files), a directory with
/// logs in it, or all files of one log one by one.
///
/// # Errors
///
/// There is no log there, or it cannot be read.
pub fn find(paths: &[PathBuf]) -> Result<Vec<FileSet>, VerifyError> {
    match paths {
        [dir] if dir.is_dir() => in_directory(dir),
        [one] => Ok(vec![with_rotated(one)?]),
        several => {
            let log = several.first().cloned().unwrap_or_default();
            let files = in_order(several.to_vec())?;
            Ok(vec![FileSet { log, files }])
        }
    }
}

/// A log by its path; a rotated file is taken by itself.
fn with_rotated(path: &Path) -> Result<FileSet, VerifyError> {
    let there = path.try_exists().map_err(VerifyError::unreadable(path))?;
    let mut files = Vec::new();
    if base_of(path).is_none() {
        // A file that is no log's has a name that makes no place; then it stands alone.
        let place = Place::new(path);
        if let Ok(place) = &place {
            files = place
                .list_rotated()
                .map_err(VerifyError::unreadable(place.dir()))?;
        }
    }
    if there {
        files.push(path.to_owned());
    }
    if files.is_empty() {
        return Err(VerifyError::NothingThere(path.to_owned()));
    }
    Ok(FileSet {
        log: path.to_owned(),
        files: in_order(files)?,
    })
}

fn in_directory(dir: &Path) -> Result<Vec<FileSet>, VerifyError> {
    let mut logs: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut others = Vec::new();
    for entry in fs::read_dir(dir).map_err(VerifyError::unreadable(dir))? {
        let path = entry.map_err(VerifyError::unreadable(dir))?.path();
        if !path.is_file() {
            continue;
        }
        match base_of(&path) {
            Some((log, _)) => logs.entry(log).or_default().push(path),
            None => others.push(path),
        }
    }
    let mut empty = Vec::new();
    for path in others {
        let was_a_log = is_empty_log(&path)?;
        if was_a_log {
            empty.push(path.clone());
        }
        if was_a_log || logs.contains_key(&path) || first_record(&path)?.is_some() {
            logs.entry(path.clone()).or_default().push(path);
        }
    }
    if logs.is_empty() {
        return Err(VerifyError::NothingThere(dir.to_owned()));
    }
    if logs.len() == empty.len() && logs.values().all(|files| files.len() == 1) {
        empty.sort();
        return Err(VerifyError::NoRecords(empty));
    }
    let sets = logs.into_iter().map(|(log, files)| {
        Ok(FileSet {
            log,
            files: in_order(files)?,
        })
    });
    sets.collect()
}

/// Whether a file without a byte in it is a log, as far as can be seen: by its name, or since a process
/// that wrote it has left its lock beside.
fn is_empty_log(path: &Path) -> Result<bool, VerifyError> {
    let metadata = fs::metadata(path).map_err(VerifyError::unreadable(path))?;
    if metadata.len() > 0 {
        return Ok(false);
    }
    let is_named_so = path.extension().is_some_and(|end| end == "ndjson");
    let lock = Place::new(path).map(|place| place.lock());
    Ok(is_named_so || lock.is_ok_and(|lock| lock.is_file()))
}

/// A rotated file's name says the number of its first record; for the others the record is read.
/// Where that cannot be relied on, the file is taken for the newest, so that what is wrong with it
/// is found in its turn.
fn in_order(files: Vec<PathBuf>) -> Result<Vec<PathBuf>, VerifyError> {
    let mut keyed = Vec::with_capacity(files.len());
    for path in files {
        let seq = match base_of(&path) {
            Some((_, seq)) => seq,
            None => first_record(&path)?.unwrap_or(u64::MAX),
        };
        keyed.push((seq, path));
    }
    keyed.sort();
    Ok(keyed.into_iter().map(|(_, path)| path).collect())
}

/// The number of the first record, if it is an intact one.
fn first_record(path: &Path) -> Result<Option<u64>, VerifyError> {
    let file = File::open(path).map_err(VerifyError::unreadable(path))?;
    let mut line = Vec::new();
    let read = BufReader::new(file).read_until(b'\n', &mut line);
    read.map_err(VerifyError::unreadable(path))?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(Sealed::read(line)
        .filter(|sealed| sealed.is_intact(line))
        .map(|sealed| sealed.seq))
}
