//! The lines of a log's files, one after the other, with a look at the next one.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use super::VerifyError;
use crate::chain::Sealed;

/// A line and what it is.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The index of its file.
    pub(super) file: usize,
    /// From 1.
    pub(super) number: u64,
    /// The chain's part, if it is a record at all.
    pub(super) sealed: Option<Sealed>,
    /// Whether it is a record, valid JSON, and has the hash that it says.
    pub(super) intact: bool,
    /// Whether it has an end.
    pub(super) ended: bool,
}

/// Reads lines.
pub(super) struct Lines<'f> {
    files: &'f [PathBuf],
    /// The index of the file that `reader` reads.
    file: usize,
    number: u64,
    reader: Option<BufReader<File>>,
    buffer: Vec<u8>,
    next: Option<Line>,
}

impl<'f> Lines<'f> {
    pub(super) fn new(files: &'f [PathBuf]) -> Result<Self, VerifyError> {
        let mut lines = Self {
            files,
            file: 0,
            number: 0,
            reader: None,
            buffer: Vec::new(),
            next: None,
        };
        lines.next = lines.read()?;
        Ok(lines)
    }

    /// The line after the one that was taken.
    pub(super) const fn peek(&self) -> Option<&Line> {
        self.next.as_ref()
    }

    pub(super) fn take(&mut self) -> Result<Option<Line>, VerifyError> {
        let Some(line) = self.next.take() else {
            return Ok(None);
        };
        self.next = self.read()?;
        Ok(Some(line))
    }

    pub(super) fn path(&self, line: &Line) -> &'f Path {
        self.file(line.file)
    }

    pub(super) fn file(&self, index: usize) -> &'f Path {
        &self.files[index]
    }

    fn read(&mut self) -> Result<Option<Line>, VerifyError> {
        loop {
            let Some(path) = self.files.get(self.file) else {
                return Ok(None);
            };
            let reader = if let Some(reader) = &mut self.reader {
                reader
            } else {
                let file = File::open(path).map_err(VerifyError::unreadable(path))?;
                self.reader.insert(BufReader::with_capacity(1 << 18, file))
            };
            self.buffer.clear();
            let read = reader.read_until(b'\n', &mut self.buffer);
            if read.map_err(VerifyError::unreadable(path))? == 0 {
                self.reader = None;
                self.file += 1;
                self.number = 0;
                continue;
            }
            self.number += 1;
            let (line, ended) = match self.buffer.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (&*self.buffer, false),
            };
            let sealed = Sealed::read(line);
            let intact = sealed.is_some_and(|sealed| sealed.is_intact(line))
                && serde_json::from_slice::<IgnoredAny>(line).is_ok();
            return Ok(Some(Line {
                file: self.file,
                number: self.number,
                sealed,
                intact,
                ended,
            }));
        }
    }
}
