//! Cuts a stream into its lines (NDJSON), in bounded memory whatever comes. What a line means is
//! decided elsewhere; it need not even be UTF-8.

use memchr::memchr;
use std::fmt;
use std::io::{self, BufRead, ErrorKind};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The lines of a stream, without their ends (`\n` or `\r\n`), a byte order mark at the very start,
/// and lines of nothing but spaces and tabs.
///
/// A line is borrowed from the reader's own buffer where that holds all of it; only lines that
/// cross its end are copied, into one buffer that is kept.
pub struct Lines<R> {
    reader: R,
    limit: usize,
    number: u64,
    /// Bytes at the front of the reader's buffer that were handed out as a line.
    handed_out: usize,
    crossing: Vec<u8>,
    /// Whether the end of the line at hand was there.
    ended: bool,
    failed: bool,
}

/// One line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'b> {
    /// Its number, from 1; lines that are passed over count.
    pub number: u64,
    /// Its bytes, or that there are too many.
    pub bytes: Result<&'b [u8], TooLong>,
    /// Whether its end was there too: not if the stream ended in the middle of it.
    pub ended: bool,
}

impl fmt::Debug for Line<'_> {
    /// Without its content, in which there may be a code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("number", &self.number)
            .field("length", &self.bytes.map(<[u8]>::len))
            .finish()
    }
}

/// A line that is longer than allowed. It was passed over to its end without being kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The limit in bytes, the line's end not counted.
    pub limit: usize,
}

/// Where a line is.
#[derive(Clone, Copy)]
enum Place {
    /// The first so many bytes of the reader's buffer.
    Buffer(usize),
    Crossing,
    Nowhere,
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            number: 0,
            handed_out: 0,
            crossing: Vec::new(),
            ended: false,
            failed: false,
        }
    }

    /// From the next line on they may be so long.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next line; `None` at the end, and after an error.
    ///
    /// # Errors
    /// The reader's own. What was read of the line at which it stopped is dropped.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let place = loop {
            if self.failed {
                return Ok(None);
            }
            let place = match self.advance() {
                Ok(Some(place)) => place,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            };
            let blank = |line: &[u8]| line.iter().all(|byte| matches!(byte, b' ' | b'\t'));
            if !matches!(self.line(place)?.bytes, Ok(line) if blank(line)) {
                break place;
            }
        };
        self.line(place).map(Some)
    }

    /// Moves behind the next line.
    fn advance(&mut self) -> io::Result<Option<Place>> {
        self.reader.consume(std::mem::take(&mut self.handed_out));
        self.crossing.clear();
        // With the end's `\r` and the byte order mark, which do not count.
        let most = self.limit.saturating_add(1 + BYTE_ORDER_MARK.len());
        let mut begun = false;
        let mut too_long = false;
        self.ended = true;
        loop {
            let buffer = fill(&mut self.reader)?;
            if buffer.is_empty() {
                if !begun {
                    return Ok(None);
                }
                self.ended = false;
                break;
            }
            let end = memchr(b'\n', buffer);
            if let (Some(end), false) = (end, begun) {
                self.handed_out = end + 1;
                self.number += 1;
                return Ok(Some(Place::Buffer(end)));
            }
            begun = true;
            let part = &buffer[..end.unwrap_or(buffer.len())];
            too_long = too_long || part.len() > most - self.crossing.len();
            if !too_long {
                self.crossing.extend_from_slice(part);
            }
            let read = part.len() + usize::from(end.is_some());
            self.reader.consume(read);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        Ok(Some(if too_long {
            Place::Nowhere
        } else {
            Place::Crossing
        }))
    }

    fn line(&mut self, place: Place) -> io::Result<Line<'_>> {
        let too_long = TooLong { limit: self.limit };
        let bytes = match place {
            // Nothing was consumed since, so the buffer still holds it.
            Place::Buffer(length) => {
                let buffer = self.reader.fill_buf()?;
                buffer.get(..length).unwrap_or(buffer)
            }
            Place::Crossing => &self.crossing,
            Place::Nowhere => {
                return Ok(Line {
                    number: self.number,
                    bytes: Err(too_long),
                    ended: self.ended,
                });
            }
        };
        let bytes = match self.number {
            1 => bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes),
            _ => bytes,
        };
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Line {
            number: self.number,
            bytes: if bytes.len() > self.limit {
                Err(too_long)
            } else {
                Ok(bytes)
            },
            ended: self.ended,
        })
    }
}

#[cfg(feature = "server")]
impl<'b> Lines<&'b [u8]> {
    /// Goes on with what [`Self::left`] has given.
    pub(crate) fn resume((bytes, number): (&'b [u8], u64), limit: usize) -> Self {
        let mut lines = Self::new(bytes, limit);
        lines.number = number;
        lines
    }

    /// What is not read yet, and how many lines were.
    pub(crate) fn left(&self) -> (&'b [u8], u64) {
        let bytes = self.reader.get(self.handed_out..).unwrap_or_default();
        (bytes, self.number)
    }
}

/// The reader's buffer, filled if it was empty; waiting goes on after a signal.
fn fill<R: BufRead>(reader: &mut R) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            // Asking again at the end would wait for a terminal's second end.
            Ok([]) => return Ok(&[]),
            // Asked again, since a borrow cannot leave a loop on one way only; it is filled, so
            // this reads nothing.
            Ok(_) => break,
        }
    }
    reader.fill_buf()
}

#[cfg(test)]
mod tests;
