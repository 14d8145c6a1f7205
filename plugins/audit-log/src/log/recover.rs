//! Where a log stopped: finds the last record on disk, and deals with what a crash left of one that
//! was being written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::SystemTime;

use super::disk::owner_only;
use super::{LogError, Place};
use crate::chain::{Link, Sealed};

/// No record is as long as this, so no end of line within it means that the file is no log.
const LONGEST_LINE: u64 = 256 << 20;
const CHUNK: u64 = 64 << 10;

/// The state in which a file was found, or brought.
pub(super) struct Recovered {
    pub(super) head: Link,
    /// The number of the first record in the file; of the next one, if it is empty.
    pub(super) first_seq: u64,
}

/// Brings the log's current file, if there is one, into a state in which it can be appended to.
pub(super) fn recover(place: &Place, now: SystemTime) -> Result<Recovered, LogError> {
    let path = place.path();
    let file = OpenOptions::new().read(true).write(true).open(path);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return from_rotated(place),
        Err(error) => return Err(LogError::io("open", path, error)),
    };
    let found = tail(&mut file, path)?;
    let last = match &found.line {
        Some(line) => {
            let Some(sealed) = Sealed::read(line) else {
                return Err(LogError::NotALog(path.to_owned()));
            };
            if !sealed.is_intact(line) {
                tracing::error!(
                    file = %path.display(),
                    record = sealed.seq,
                    "the last record was changed since it was written; the chain goes on from it, \
                     and its verification will name it",
                );
            }
            Some(sealed.link())
        }
        None if found.fragment.is_empty() || begins_a_record(&found.fragment) => None,
        None => return Err(LogError::NotALog(path.to_owned())),
    };
    let mut head = match last {
        Some(head) => head,
        None => from_rotated(place)?.head,
    };
    if !found.fragment.is_empty() {
        head = settle(&mut file, place, &found, head, now)?;
    }
    let first_seq = first_seq(&mut file).map_err(|error| LogError::io("read", path, error))?;
    Ok(Recovered {
        head,
        first_seq: first_seq.unwrap_or(head.seq + 1),
    })
}

/// Whether the log's current file, if there is one, is a log that this process may write. Changes
/// nothing: somebody else may be writing it.
pub(super) fn check(place: &Place) -> Result<(), LogError> {
    let path = place.path();
    let file = OpenOptions::new().read(true).write(true).open(path);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LogError::io("open", path, error)),
    };
    match tail(&mut file, path)?.line {
        Some(line) if Sealed::read(&line).is_none() => Err(LogError::NotALog(path.to_owned())),
        _ => Ok(()),
    }
}

/// The end of a file.
struct Tail {
    /// The last line that has an end, without it.
    line: Option<Vec<u8>>,
    /// What comes after it.
    fragment: Vec<u8>,
    /// Where that begins.
    fragment_at: u64,
}

fn tail(file: &mut File, path: &Path) -> Result<Tail, LogError> {
    let wrong = |error| LogError::io("read", path, error);
    let len = file.metadata().map_err(wrong)?.len();
    // The end of the file, grown to the front until it holds two ends of lines, or all.
    let mut end = Vec::new();
    let mut from = len;
    loop {
        let breaks = memrchr2(&end);
        if let (Some(last), before) = breaks
            && (before.is_some() || from == 0)
        {
            let begin = before.map_or(0, |before| before + 1);
            return Ok(Tail {
                line: Some(end[begin..last].to_vec()),
                fragment: end[last + 1..].to_vec(),
                fragment_at: from + last as u64 + 1,
            });
        }
        if from == 0 {
            return Ok(Tail {
                line: None,
                fragment: end,
                fragment_at: 0,
            });
        }
        if len - from > LONGEST_LINE {
            return Err(LogError::NotALog(path.to_owned()));
        }
        // Doubles, so that long lines are not read over and over.
        let step = CHUNK.max(len - from).min(from);
        from -= step;
        file.seek(SeekFrom::Start(from)).map_err(wrong)?;
        let mut more = Vec::new();
        file.take(step).read_to_end(&mut more).map_err(wrong)?;
        more.extend_from_slice(&end);
        end = more;
    }
}

/// The last and the last but one end of line.
fn memrchr2(bytes: &[u8]) -> (Option<usize>, Option<usize>) {
    let mut ends = bytes
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    (ends.next().map(|(at, _)| at), ends.next().map(|(at, _)| at))
}

/// Whether a fragment may be the beginning of a record; after a loss of power it may be zeros.
fn begins_a_record(fragment: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 3] = [
        b"{\"event\":{\"type\":",
        b"{\"specversion\":",
        b"{\"category_uid\":",
    ];
    let begins = |beginning: &&[u8]| {
        let len = beginning.len().min(fragment.len());
        fragment[..len] == beginning[..len]
    };
    BEGINNINGS.iter().any(begins) || fragment.iter().all(|byte| *byte == 0)
}

/// Deals with a line that has no end: a whole record gets one, anything else is set aside in a file
/// of its own.
fn settle(
    file: &mut File,
    place: &Place,
    found: &Tail,
    head: Link,
    now: SystemTime,
) -> Result<Link, LogError> {
    let fragment = &found.fragment;
    let wrong = |error| LogError::io("repair", place.path(), error);
    if let Some(sealed) = Sealed::read(fragment)
        && sealed.is_intact(fragment)
        && (sealed.prev, sealed.seq) == (head.hash, head.seq + 1)
    {
        file.seek(SeekFrom::End(0)).map_err(wrong)?;
        file.write_all(b"\n").map_err(wrong)?;
        return Ok(sealed.link());
    }
    let aside = place.torn(head.seq + 1, now);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner_only(&mut options)
        .open(&aside)
        .and_then(|mut aside| {
            aside.write_all(fragment)?;
            aside.sync_all()
        })
        .map_err(|error| LogError::io("set an unfinished record aside in", &aside, error))?;
    file.set_len(found.fragment_at).map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    tracing::warn!(
        file = %place.path().display(),
        aside = %aside.display(),
        bytes = fragment.len(),
        "the log ended with an unfinished record, as a crash leaves it; it was set aside",
    );
    Ok(head)
}

/// The head by the newest rotated file that has a record, where the current file has none: it is
/// new, or the process ended between the two steps of a rotation.
fn from_rotated(place: &Place) -> Result<Recovered, LogError> {
    let rotated = place.list_rotated();
    let rotated = rotated.map_err(|error| LogError::io("read", place.dir(), error))?;
    let mut head = Link::GENESIS;
    for path in rotated.iter().rev() {
        let file = File::open(path);
        let mut file = file.map_err(|error| LogError::io("open", path, error))?;
        if let Some(line) = tail(&mut file, path)?.line {
            let sealed = Sealed::read(&line).ok_or_else(|| LogError::NotALog(path.clone()))?;
            head = sealed.link();
            break;
        }
    }
    Ok(Recovered {
        head,
        first_seq: head.seq + 1,
    })
}

/// The number of the first record, if it can be read.
fn first_seq(file: &mut File) -> io::Result<Option<u64>> {
    file.rewind()?;
    let mut line = Vec::new();
    BufReader::new(file.take(LONGEST_LINE)).read_until(b'\n', &mut line)?;
    Ok(line
        .strip_suffix(b"\n")
        .and_then(Sealed::read)
        .map(|sealed| sealed.seq))
}
