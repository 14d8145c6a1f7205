//! Walks along the chain to its end, or to the first thing that is wrong, and judges what that is.
//!
//! One broken link has several explanations. The next record tells them apart: an original record
//! names the hash of the original before it.

use std::path::{Path, PathBuf};

use super::lines::{Line, Lines};
use super::{FileSet, Finding, FindingKind, Report, VerifyError};
use crate::chain::{Hash, Link, Sealed};
use crate::log::base_of;

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
    if walk.records == 0 && finding.is_none() {
        walk.notes.push(format!(
            "{}: there is no record in it: nothing was written yet, or all that was is gone; which \
             of the two is known by a record alone that was noted earlier (`--expect`)",
            set.log.display()
        ));
    }
    Ok(Report {
        log: set.log.clone(),
        files: set.files.clone(),
        intact: finding.is_none(),
        records: walk.records,
        first: walk.first.map(|first| first.link.into()),
        head: walk.last.map(|last| last.link.into()),
        notes: walk.notes,
        finding,
    })
}

struct Walk<'f> {
    lines: Lines<'f>,
    first: Option<Place>,
    last: Option<Place>,
    records: u64,
    notes: Vec<String>,
    awaited: Vec<Link>,
}

/// A record that was found to be in its place.
#[derive(Clone, Copy)]
struct Place {
    link: Link,
    prev: Hash,
    file: usize,
    number: u64,
}

impl Walk<'_> {
    fn run(&mut self, files: &[PathBuf]) -> Result<Option<Finding>, VerifyError> {
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
            prev: sealed.prev,
            file: line.file,
            number: line.number,
        };
        let Some(last) = self.last else {
            return self.begin(line, here);
        };
        if (sealed.seq, sealed.prev) == (last.link.seq + 1, last.link.hash) {
            self.accept(here);
            return Ok(None);
        }
        self.misplaced(line, here, last).map(Some)
    }

    /// The first record of the set. A rotated file's name says which record it begins with.
    fn begin(&mut self, line: &Line, here: Place) -> Result<Option<Finding>, VerifyError> {
        let Link { seq, .. } = here.link;
        let named = base_of(self.lines.path(line)).map_or(seq, |(_, named)| named);
        if named < seq {
            return self.gap(line, here, named).map(Some);
        }
        if seq > 1 {
            self.notes.push(format!(
                "the set begins with record {seq}: those before it are in older files, which were \
                 deleted (`keep`) or not given",
            ));
        } else if here.prev != Hash::ZERO || seq == 0 {
            let message = "the first record was rewritten: nothing comes before it, but it names \
                           something";
            return Ok(Some(self.at(line, FindingKind::Changed, Some(1), message)));
        }
        self.first = Some(here);
        self.accept(here);
        Ok(None)
    }

    fn accept(&mut self, place: Place) {
        self.awaited.retain(|link| *link != place.link);
        self.last = Some(place);
        self.records += 1;
    }

    /// A line that is no record, or does not have the hash that it says.
    fn not_original(&self, line: &Line) -> Finding {
        let before = self.last.map_or(Hash::ZERO, |last| last.link.hash);
        if self.next_follows(before) {
            let message = "this line was inserted: it is no record of the chain, which goes on \
                           with the next line";
            return self.at(line, FindingKind::Inserted, None, message);
        }
        let seq = match self.last {
            Some(last) => Some(last.link.seq + 1),
            None => self.next().map(|next| next.seq.saturating_sub(1)),
        };
        let what = if line.sealed.is_some() {
            "was changed: its bytes do not have the hash that it ends with"
        } else {
            "was changed: the line does not end with the hashes of a record"
        };
        let message = match seq {
            Some(seq) => format!("record {seq} {what}"),
            None => format!("the record {what}"),
        };
        self.at(line, FindingKind::Changed, seq, &message)
    }

    /// A whole record that does not follow the one before it.
    fn misplaced(&mut self, line: &Line, here: Place, last: Place) -> Result<Finding, VerifyError> {
        let seq = here.link.seq;
        if let Some(first) = self.first.filter(|first| first.prev == here.link.hash) {
            let message = format!(
                "record {} stands before record {seq}, which was written earlier: they were \
                 reordered",
                first.link.seq
            );
            return Ok(self.by_place(first, FindingKind::Reordered, &message));
        }
        let swapped = self.next().is_some_and(|next| next.hash == here.prev);
        if self.next_follows(last.link.hash) && !swapped {
            let message = format!(
                "this record (number {seq}) was inserted: the chain goes on with the next line"
            );
            return Ok(self.at(line, FindingKind::Inserted, Some(seq), &message));
        }
        if here.prev == last.prev && self.next_follows(here.link.hash) {
            let message = format!(
                "this record (number {}) was inserted: the chain goes on with another one in its \
                 place, in the next line",
                last.link.seq
            );
            return Ok(self.by_place(last, FindingKind::Inserted, &message));
        }
        let due = last.link.seq + 1;
        if seq > due {
            return self.gap(line, here, due);
        }
        if seq < due {
            let message = format!(
                "record {seq} stands here, but the one before it is {}: it was inserted",
                last.link.seq
            );
            return Ok(self.at(line, FindingKind::Inserted, Some(seq), &message));
        }
        // Whoever rewrote this one had no reason to have it name a wrong hash.
        let message = format!(
            "record {} was rewritten, its hash included: the next one names another",
            last.link.seq
        );
        Ok(self.by_place(last, FindingKind::Changed, &message))
    }

    /// A record stands where an earlier one, `due`, should be: that one comes later, or never.
    fn gap(&mut self, line: &Line, here: Place, due: u64) -> Result<Finding, VerifyError> {
        let seq = here.link.seq;
        while let Some(later) = self.lines.take()? {
            if later.intact && later.sealed.is_some_and(|sealed| sealed.seq == due) {
                let message = format!(
                    "record {seq} stands here, before record {due}, which comes later: they were \
                     reordered"
                );
                return Ok(self.at(line, FindingKind::Reordered, Some(seq), &message));
            }
        }
        let message = if seq - due == 1 {
            format!("record {due} was removed: in its place comes {seq}")
        } else {
            format!(
                "records {due} to {} were removed: in their place comes {seq}",
                seq - 1
            )
        };
        Ok(self.at(line, FindingKind::Removed, Some(due), &message))
    }

    /// The next line, if it is a whole record.
    fn next(&self) -> Option<Sealed> {
        self.lines.peek().filter(|next| next.intact)?.sealed
    }

    /// Whether the next line is a whole record that follows one with this hash.
    fn next_follows(&self, hash: Hash) -> bool {
        self.next().is_some_and(|next| next.prev == hash)
    }

    /// What was expected and did not come.
    fn not_there(&mut self, files: &[PathBuf]) -> Option<Finding> {
        let first_seq = self.first.map_or(1, |first| first.link.seq);
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
            let file = files.last().map_or(Path::new(""), PathBuf::as_path);
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

    fn by_place(&self, place: Place, kind: FindingKind, message: &str) -> Finding {
        Finding {
            kind,
            file: self.lines.file(place.file).to_owned(),
            line: place.number,
            seq: Some(place.link.seq),
            message: message.to_owned(),
        }
    }
}
