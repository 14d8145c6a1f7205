//! The hash chain. Each record ends with its number, the hash of the record before it, and its own:
//!
//! ```text
//! {"event":{…},"seq":7,"prev":"<64 hex digits>","hash":"<64 hex digits>"}
//! ```
//!
//! The own hash is the SHA-256 of all bytes of the line before `,"hash"`, so it covers the record's
//! number and, by `prev`, all records before it. Numbers begin at 1; the first record has 64 zeros
//! for `prev`. The chain goes on across files and restarts. In a `CloudEvents` record the members
//! are the extension attributes `sequence` (20 digits, so that it sorts as text), `prevhash` and
//! `hash`; in an OCSF record they are the last members of `unmapped`.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::record::Format;

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What stands for the hash of the record before the first.
    pub const ZERO: Self = Self([0; 32]);

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
        let mut hash = [0; 32];
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(hash))
    }

    fn write_hex(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in self.0 {
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A link of the chain: the number and hash of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The record's number, from 1; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Link {
    /// What comes before the first record.
    pub const GENESIS: Self = Self {
        seq: 0,
        hash: Hash::ZERO,
    };
}

/// The longest tail that [`Body::seal`] adds.
pub const LONGEST_TAIL: usize = 256;

/// A record's body, hashed as far as it can be before its place in the chain is known, so that
/// this happens outside of any lock.
pub struct Body<'b> {
    bytes: &'b mut Vec<u8>,
    hasher: Sha256,
    format: Format,
}

impl<'b> Body<'b> {
    /// Hashes a body that [`crate::record::Entry::write`] made.
    pub fn new(bytes: &'b mut Vec<u8>, format: Format) -> Self {
        let hasher = Sha256::new_with_prefix(&*bytes);
        Self {
            bytes,
            hasher,
            format,
        }
    }

    /// How long the body is, in bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Closes it as the record after `head`: the whole line with its end, and the new head.
    pub fn seal(self, head: Link) -> (&'b [u8], Link) {
        let Self {
            bytes,
            mut hasher,
            format,
        } = self;
        let from = bytes.len();
        let seq = head.seq + 1;
        let prev = match format {
            Format::Native | Format::Ocsf => {
                bytes.extend_from_slice(b",\"seq\":");
                bytes.extend_from_slice(seq.to_string().as_bytes());
                b",\"prev\":\"".as_slice()
            }
            Format::CloudEvents => {
                bytes.extend_from_slice(b",\"sequence\":\"");
                bytes.extend_from_slice(format!("{seq:020}").as_bytes());
                b"\",\"prevhash\":\""
            }
        };
        bytes.extend_from_slice(prev);
        head.hash.write_hex(bytes);
        bytes.push(b'"');
        hasher.update(&bytes[from..]);
        let hash = Hash(hasher.finalize().into());
        bytes.extend_from_slice(b",\"hash\":\"");
        hash.write_hex(bytes);
        bytes.extend_from_slice(match format {
            Format::Native | Format::CloudEvents => b"\"}\n",
            Format::Ocsf => b"\"}}\n",
        });
        (bytes, Link { seq, hash })
    }
}

/// The chain's part of a record as it stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The record's number.
    pub seq: u64,
    /// What it says is the hash of the record before it.
    pub prev: Hash,
    /// What it says is its own hash.
    pub hash: Hash,
    /// How many bytes of the line the own hash covers.
    covered: usize,
}

impl Sealed {
    /// Reads the end of a line (without the line's end); `None` if it is no record's.
    pub fn read(line: &[u8]) -> Option<Self> {
        let rest = line
            .strip_suffix(b"\"}")
            .or_else(|| line.strip_suffix(b"\"}}"))?;
        let (rest, hash) = hex_at_end(rest)?;
        let covered = rest.strip_suffix(b",\"hash\":\"")?;
        let (rest, prev) = hex_at_end(covered.strip_suffix(b"\"")?)?;
        let (rest, before) = match rest.strip_suffix(b",\"prev\":\"") {
            Some(rest) => (rest, b",\"seq\":".as_slice()),
            None => (
                rest.strip_suffix(b"\",\"prevhash\":\"")?,
                b",\"sequence\":\"".as_slice(),
            ),
        };
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let (rest, digits) = rest.split_at(rest.len() - digits.count());
        if !rest.ends_with(before) {
            return None;
        }
        let seq = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self {
            seq,
            prev,
            hash,
            covered: covered.len(),
        })
    }

    /// Whether the line, the same as was read, has the hash that it says it has.
    pub fn is_intact(&self, line: &[u8]) -> bool {
        Hash(Sha256::digest(&line[..self.covered]).into()) == self.hash
    }

    /// The link that it is.
    pub const fn link(&self) -> Link {
        Link {
            seq: self.seq,
            hash: self.hash,
        }
    }
}

fn hex_at_end(bytes: &[u8]) -> Option<(&[u8], Hash)> {
    let (rest, digits) = bytes.split_last_chunk::<64>()?;
    Some((rest, Hash::from_hex(digits)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(body: &str, format: Format, head: Link) -> (Vec<u8>, Link) {
        let mut bytes = body.as_bytes().to_vec();
        let before = bytes.len();
        let (_, link) = Body::new(&mut bytes, format).seal(head);
        assert!(bytes.len() - before <= LONGEST_TAIL);
        assert_eq!(bytes.pop(), Some(b'\n'));
        (bytes, link)
    }

    #[test]
    fn the_tail_is_what_the_documentation_says() {
        let (native, _) = line("{\"event\":{}", Format::Native, Link::GENESIS);
        // Made with the shell: printf '%s' '{"event":{},"seq":1,"prev":"000…"' | sha256sum
        let covered = format!("{{\"event\":{{}},\"seq\":1,\"prev\":\"{}\"", "0".repeat(64));
        let hash = "2d27a525e30b54c392aa540e14e68b8f20eeda839047af20297c8a8c3e9d21d0";
        assert_eq!(
            String::from_utf8(native).unwrap(),
            format!("{covered},\"hash\":\"{hash}\"}}")
        );
        let (cloud, _) = line("{\"data\":{}", Format::CloudEvents, Link::GENESIS);
        let cloud = String::from_utf8(cloud).unwrap();
        assert!(cloud.starts_with(&format!(
            "{{\"data\":{{}},\"sequence\":\"00000000000000000001\",\"prevhash\":\"{}\",\"hash\":\"",
            "0".repeat(64)
        )));
        let (ocsf, _) = line("{\"unmapped\":{\"x\":1", Format::Ocsf, Link::GENESIS);
        assert!(ocsf.ends_with(b"\"}}"));
        assert!(serde_json::from_slice::<serde_json::Value>(&ocsf).is_ok());
    }

    #[test]
    fn what_was_sealed_is_read_again() {
        let largest = Link {
            seq: u64::MAX - 1,
            hash: Hash([0xab; 32]),
        };
        for format in [Format::Native, Format::CloudEvents, Format::Ocsf] {
            for head in [Link::GENESIS, largest] {
                let (record, link) = line("{\"unmapped\":{\"x\":1", format, head);
                let sealed = Sealed::read(&record).unwrap();
                assert_eq!(sealed.link(), link);
                assert_eq!((sealed.seq, sealed.prev), (head.seq + 1, head.hash));
                assert!(sealed.is_intact(&record));
            }
        }
    }

    #[test]
    fn each_changed_byte_shows() {
        let (line, _) = line("{\"event\":{\"a\":\"b\"}", Format::Native, Link::GENESIS);
        for index in 0..line.len() {
            let mut changed = line.clone();
            changed[index] ^= 1;
            let intact = Sealed::read(&changed).is_some_and(|sealed| sealed.is_intact(&changed));
            assert!(!intact, "byte {index}");
        }
    }

    #[test]
    fn other_lines_are_no_records() {
        for other in [
            "",
            "{}",
            "x",
            "{\"seq\":1,\"prev\":\"\",\"hash\":\"\"}",
            "\"}",
            "\"}}",
        ] {
            assert_eq!(Sealed::read(other.as_bytes()), None, "{other}");
        }
    }
}
