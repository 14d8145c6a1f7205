//! Bytes of a file in memory of their own, which goes back to the system when they are dropped:
//! what an allocator would keep for later adds up over a directory of libraries.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;

use memmap2::{MmapMut, MmapOptions};

/// What was read of a file.
pub(super) struct Bytes {
    memory: MmapMut,
    length: usize,
}

impl Bytes {
    /// Reads a file to its end, but no more than `limit` bytes and one, which tells that there are
    /// more. `expected` is how many it should have; it may grow while it is read.
    pub(super) fn read(mut file: &File, expected: u64, limit: u64) -> io::Result<Self> {
        let most = size(limit.saturating_add(1))?;
        let mut bytes = Self {
            // One more than expected, since the end shows only where there is room left.
            memory: memory_of(size(expected.saturating_add(1))?.min(most))?,
            length: 0,
        };
        while bytes.length < most {
            if bytes.length == bytes.memory.len() {
                bytes.grow(most)?;
            }
            match file.read(&mut bytes.memory[bytes.length..]) {
                Ok(0) => break,
                Ok(count) => bytes.length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    fn grow(&mut self, most: usize) -> io::Result<()> {
        let larger = self.memory.len().saturating_mul(2).min(most);
        let mut memory = memory_of(larger)?;
        memory[..self.length].copy_from_slice(&self.memory);
        self.memory = memory;
        Ok(())
    }
}

/// Memory that is there at once, where the system can do that, rather than page by page when it is
/// written to.
fn memory_of(length: usize) -> io::Result<MmapMut> {
    MmapOptions::new().len(length).populate().map_anon()
}

/// A number of bytes as one of memory.
fn size(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| ErrorKind::FileTooLarge.into())
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::Bytes;

    fn read(contents: &[u8], expected: u64, limit: u64) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(contents).unwrap();
        file.rewind().unwrap();
        Bytes::read(&file, expected, limit).unwrap().to_vec()
    }

    #[test]
    fn a_file_is_read_to_its_end_whatever_length_it_was_said_to_have() {
        let contents: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for expected in [0, 1, 4095, 9_999, 10_000, 10_001, 100_000] {
            assert_eq!(read(&contents, expected, 1 << 20), contents, "{expected}");
        }
        assert!(read(&[], 0, 100).is_empty());
    }

    #[test]
    fn no_more_is_read_than_tells_that_there_is_too_much() {
        for expected in [0, 100, 1000, u64::MAX] {
            assert_eq!(read(&[7; 1000], expected, 100), [7; 101]);
        }
    }
}
