//! Walks along the chain to its end, or to the first thing that is wrong, and judges what that is.
//!
//! One broken link has several explanations. The next record tells them apart: an original record
//! names the hash of the original before it.

use std::path::Path;

use super::lines::{Line, Lines};
use super::{FileSet, Finding, FindingKind, Report, VerifyError};
use crate::chain::{Hash, Link};

/// Verifies a log. `expected` are records noted earlier, somewhere safe: they must still be there,
/// by which a cut-off end is found too.
///
/// # Errors
///
/// A file cannot be read.
pub fn verify(set: &FileSet, expected: &[Link]) -> Result<Report, VerifyError> {
    let mut walk = Walk {
        lines: Lines::new(&set.files)?,
        first: None,
        last: None,
        records: 0,
        notes: Vec::new(),
        awaited: expected.to_vec(),
    };
    let finding = walk.run(&set.files)?;
    Ok(Report {
        log: set.log.clone(),
        files: set.files.clone(),
        intact: finding.is_none(),
        records: walk.records,
        first: walk.first.map(|(first, _)| first.link.into()),
        head: walk.last.map(|last| last.link.into()),
        notes: walk.notes,
        finding,
    })
}

struct Walk<'f> {
    lines: Lines<'f>,
    first: Option<(Place, Hash)>,
    last: Option<Place>,
    records: u64,
    notes: Vec<String>,
    awaited: Vec<Link>,
}

/// A record that was found to be in its place.
#[derive(Clone, Copy)]
struct Place {
    link: Link,
    file: usize,
    number: u64,
}

impl Walk<'_> {
    fn run(&mut self, files: &[std::path::PathBuf]) -> Result<Option<Finding>, VerifyError> {
        while let Some(line) = self.lines.take()? {
            if !line.ended {
                if self.lines.peek().is_some() {
                    let message = "the line does not end, although records follow in newer files: \
                                   a record that was cut off, or bytes that somebody added";
                    return Ok(Some(self.at(&line, FindingKind::Unfinished, None, message)));
                }
                self.notes.push(format!(
                    "{}:{}: the last line does not end: a record that is being written just now, \
                     or was when the process ended; it was passed over",
                    self.lines.path(&line).display(),
                    line.number
                ));
                break;
            }
            if let Some(finding) = self.judge(&line)? {
                return Ok(Some(finding));
            }
        }
        Ok(self.not_there(files))
    }

    fn judge(&mut self, line: &Line) -> Result<Option<Finding>, VerifyError> {
        let Some(sealed) = line.sealed.filter(|_| line.intact) else {
            return Ok(Some(self.not_original(line)));
        };
        let here = Place {
            link: sealed.link(),
            file: line.file,
            number: line.number,
        };
        let Some(last) = self.last else {
            if sealed.seq > 1 {
                self.notes.push(format!(
                    "the set begins with record {}: those before it are in older files, which were \
                     deleted (`keep`) or not given",
                    sealed.seq
                ));
            } else if sealed.prev != Hash::ZERO || sealed.seq == 0 {
                let message = "the first record was rewritten: nothing comes before it, but it \
                               names something";
                return Ok(Some(self.at(line, FindingKind::Changed, Some(1), message)));
            }
            self.first = Some((here, sealed.prev));
            self.accept(here);
            return Ok(None);
        };
        let due = last.link.seq + 1;
        if (sealed.seq, sealed.prev) == (due, last.link.hash) {
            self.accept(here);
            return Ok(None);
        }
        self.misplaced(line, sealed.link(), last, due).map(Some)
    }

    fn accept(&mut self, place: Place) {
        self.awaited.retain(|link| *link != place.link);
        self.last = Some(place);
        self.records += 1;
    }

    /// A line that is no record, or does not have the hash that it says.
    fn not_original(&self, line: &Line) -> Finding {
        let due = self.last.map(|last| last.link.seq + 1);
        if self.next_follows(self.last.map(|last| last.link.hash)) {
            let message = "this line was inserted: it is no record of the chain, which goes on \
                           with the next line";
            return self.at(line, FindingKind::Inserted, None, message);
        }
        let seq = due.or(line.sealed.map(|sealed| sealed.seq));
        let message = if line.sealed.is_some() {
            "was changed: its bytes do not have the hash that it ends with"
        } else {
            "was changed: the line does not end with the hashes of a record"
        };
        let message = match seq {
            Some(seq) => format!("record {seq} {message}"),
            None => format!("the record {message}"),
        };
        self.at(line, FindingKind::Changed, seq, &message)
    }

    /// A whole record that does not follow the one before it.
    fn misplaced(
        &mut self,
        line: &Line,
        found: Link,
        last: Place,
        due: u64,
    ) -> Result<Finding, VerifyError> {
        if let Some((first, before_first)) = self.first
            && before_first == found.hash
        {
            let message = format!(
                "record {} stands before record {}, which was written earlier",
                first.link.seq, found.seq
            );
            let seq = Some(first.link.seq);
            return Ok(self.by_place(first, FindingKind::Reordered, seq, &message));
        }
        let continues = self.next_follows(Some(found.hash));
        if self.next_follows(Some(last.link.hash)) {
            let message = format!(
                "this record (number {}) was inserted: the chain goes on with the next line",
                found.seq
            );
            return Ok(self.at(line, FindingKind::Inserted, Some(found.seq), &message));
        }
        if found.seq == due {
            if continues {
                let message = format!(
                    "record {} was rewritten, its hash included: the next one names another",
                    last.link.seq
                );
                let seq = Some(last.link.seq);
                return Ok(self.by_place(last, FindingKind::Changed, seq, &message));
            }
            let message = format!(
                "record {due} or the one before it was rewritten: it names another hash than that \
                 record has"
            );
            return Ok(self.at(line, FindingKind::Changed, Some(due), &message));
        }
        if found.seq < due {
            let message = format!(
                "record {} stands here, but the one before it is {}: it was inserted",
                found.seq, last.link.seq
            );
            return Ok(self.at(line, FindingKind::Inserted, Some(found.seq), &message));
        }
        // The line itself stays as it is read: what follows decides nothing but its name.
        while let Some(later) = self.lines.take()? {
            let same = |sealed: &crate::chain::Sealed| sealed.seq == due;
            if later.intact && later.sealed.as_ref().is_some_and(same) {
                let message = format!(
                    "record {} stands here, before record {due}, which comes later: they were \
                     reordered",
                    found.seq
                );
                return Ok(self.at(line, FindingKind::Reordered, Some(found.seq), &message));
            }
        }
        let message = match found.seq - due {
            1 => format!(
                "record {due} was removed: after {} comes {}",
                due - 1,
                found.seq
            ),
            _ => format!(
                "records {due} to {} were removed: after {} comes {}",
                found.seq - 1,
                due - 1,
                found.seq
            ),
        };
        Ok(self.at(line, FindingKind::Removed, Some(due), &message))
    }

    /// Whether the next line is an original that follows a record with this hash.
    fn next_follows(&self, hash: Option<Hash>) -> bool {
        let next = self.lines.peek().filter(|next| next.intact);
        let hash = hash.unwrap_or(Hash::ZERO);
        next.and_then(|next| next.sealed)
            .is_some_and(|next| next.prev == hash)
    }

    /// What was expected and did not come.
    fn not_there(&mut self, files: &[std::path::PathBuf]) -> Option<Finding> {
        let first_seq = self.first.map_or(1, |(first, _)| first.link.seq);
        for link in std::mem::take(&mut self.awaited) {
            if link.seq < first_seq {
                self.notes.push(format!(
                    "record {} was expected, but is older than the set: it could not be looked for",
                    link.seq
                ));
                continue;
            }
            let message = format!(
                "record {} with the hash {} is expected but is not there: the end was cut off, or \
                 all was rewritten",
                link.seq, link.hash
            );
            let file = files.last().map_or_else(|| Path::new(""), |file| file);
            return Some(Finding {
                kind: FindingKind::Removed,
                file: file.to_owned(),
                line: self.last.map_or(1, |last| last.number + 1),
                seq: Some(link.seq),
                message,
            });
        }
        None
    }

    fn at(&self, line: &Line, kind: FindingKind, seq: Option<u64>, message: &str) -> Finding {
        Finding {
            kind,
            file: self.lines.path(line).to_owned(),
            line: line.number,
            seq,
            message: message.to_owned(),
        }
    }

    fn by_place(
        &self,
        place: Place,
        kind: FindingKind,
        seq: Option<u64>,
        message: &str,
    ) -> Finding {
        Finding {
            kind,
            file: self.lines.file(place.file).to_owned(),
            line: place.number,
            seq,
            message: message.to_owned(),
        }
    }
}
