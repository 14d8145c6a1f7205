//! One pass over a JSON text (RFC 8259) that checks it whole and finds where its members are,
//! without building anything.
//!
//! This is the hot path of intake, and does in the one pass what `serde_json` leaves unchecked in
//! text that it passes over: the depth of nesting, and surrogate escapes without their other half.
//! Where it stops at a syntax error, `serde_json` is asked to say what is wrong.

use super::error::Fault;

/// A place in a text that is being checked.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth_limit: usize,
}

/// Why a scan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Syntax,
    TooDeep,
    LoneSurrogate,
}

/// The text of a value or a name, and whether there is a backslash in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    pub(crate) text: &'a str,
    pub(crate) escaped: bool,
}

/// The objects and arrays around a place: how many they are, and of the innermost up to 64 a bit for
/// each, set for an object, the innermost lowest. The bits of the others are kept elsewhere, so that these
/// two stay in registers.
#[derive(Clone, Copy, Default)]
struct Nesting {
    depth: usize,
    innermost: u64,
}

impl Nesting {
    const WORD: usize = u64::BITS as usize;

    #[inline]
    fn enter(&mut self, object: bool, outer: &mut Vec<u64>) {
        if self.is_full() {
            keep(outer, self.innermost);
        }
        self.innermost = self.innermost << 1 | u64::from(object);
        self.depth += 1;
    }

    #[inline]
    fn leave(&mut self, outer: &mut Vec<u64>) {
        self.innermost >>= 1;
        self.depth -= 1;
        if self.is_full() {
            self.innermost = take(outer);
        }
    }

    fn is_full(self) -> bool {
        self.depth > 0 && self.depth.is_multiple_of(Self::WORD)
    }

    fn in_object(self) -> bool {
        self.innermost & 1 == 1
    }
}

#[cold]
#[inline(never)]
fn keep(outer: &mut Vec<u64>, word: u64) {
    outer.push(word);
}

#[cold]
#[inline(never)]
fn take(outer: &mut Vec<u64>) -> u64 {
    outer.pop().unwrap_or_default()
}

impl<'a> Scanner<'a> {
    /// At the start of `text`, of which no value may nest deeper than `depth_limit` levels.
    pub(crate) fn new(text: &'a str, depth_limit: usize) -> Self {
        Self {
            text,
            at: 0,
            depth_limit,
        }
    }

    /// The next byte after white space, to which the place moves; 0 at the end, where no byte of
    /// valid JSON is 0.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        self.at = after_space(bytes, self.at);
        byte_at(bytes, self.at)
    }

    /// Passes this byte, which has to come next after white space.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        self.at = after_byte(self.text.as_bytes(), self.at, byte)?;
        Ok(())
    }

    /// That nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Stop> {
        if after_space(self.text.as_bytes(), self.at) == self.text.len() {
            Ok(())
        } else {
            Err(Stop::Syntax)
        }
    }

    /// The name of the next member with its quotes; passes the colon too.
    #[inline]
    pub(crate) fn name(&mut self) -> Result<Span<'a>, Stop> {
        let bytes = self.text.as_bytes();
        let start = after_space(bytes, self.at);
        if byte_at(bytes, start) != b'"' {
            return Err(Stop::Syntax);
        }
        let mut escaped = false;
        let end = after_string(bytes, start, &mut escaped)?;
        self.at = after_byte(bytes, end, b':')?;
        Ok(Span {
            text: &self.text[start..end],
            escaped,
        })
    }

    /// The next value.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Span<'a>, Stop> {
        let bytes = self.text.as_bytes();
        let start = after_space(bytes, self.at);
        let mut escaped = false;
        self.at = if byte_at(bytes, start) == b'"' {
            after_string(bytes, start, &mut escaped)?
        } else {
            after_value(bytes, start, self.depth_limit, &mut escaped)?
        };
        Ok(Span {
            text: &self.text[start..self.at],
            escaped,
        })
    }
}

/// The place behind the value that begins at `at`.
fn after_value(
    bytes: &[u8],
    mut at: usize,
    depth_limit: usize,
    escaped: &mut bool,
) -> Result<usize, Stop> {
    let (mut around, mut outer) = (Nesting::default(), Vec::new());
    let mut named = false;
    loop {
        if named {
            at = after_name(bytes, at, escaped)?;
        }
        match byte_at(bytes, at) {
            b'"' => at = after_string(bytes, at, escaped)?,
            open @ (b'{' | b'[') => {
                if around.depth == depth_limit {
                    return Err(Stop::TooDeep);
                }
                at = after_space(bytes, at + 1);
                // `]` and `}` come two after their opening bracket in ASCII.
                if byte_at(bytes, at) == open + 2 {
                    at += 1;
                } else {
                    named = open == b'{';
                    around.enter(named, &mut outer);
                    continue;
                }
            }
            b'-' | b'0'..=b'9' => at = after_number(bytes, at)?,
            b't' => at = after_word(bytes, at, b"true")?,
            b'f' => at = after_word(bytes, at, b"false")?,
            b'n' => at = after_word(bytes, at, b"null")?,
            _ => return Err(Stop::Syntax),
        }
        // Behind a value: out of what ends here, to the next one.
        loop {
            if around.depth == 0 {
                return Ok(at);
            }
            at = after_space(bytes, at);
            let object = around.in_object();
            match byte_at(bytes, at) {
                b',' => {
                    at = after_space(bytes, at + 1);
                    named = object;
                    break;
                }
                b'}' if object => {}
                b']' if !object => {}
                _ => return Err(Stop::Syntax),
            }
            at += 1;
            around.leave(&mut outer);
        }
    }
}

/// The byte there; 0 behind the end, where no byte of valid JSON is 0.
#[inline]
fn byte_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

#[inline]
fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The place behind this byte, which has to come next after white space.
#[inline]
fn after_byte(bytes: &[u8], at: usize, byte: u8) -> Result<usize, Stop> {
    let at = after_space(bytes, at);
    if bytes.get(at) == Some(&byte) {
        Ok(at + 1)
    } else {
        Err(Stop::Syntax)
    }
}

/// The place of the value that follows the name at `at`.
#[inline]
fn after_name(bytes: &[u8], at: usize, escaped: &mut bool) -> Result<usize, Stop> {
    if byte_at(bytes, at) != b'"' {
        return Err(Stop::Syntax);
    }
    let end = after_string(bytes, at, escaped)?;
    Ok(after_space(bytes, after_byte(bytes, end, b':')?))
}

/// The place behind the string whose opening quote is at `at`.
#[inline]
fn after_string(bytes: &[u8], at: usize, escaped: &mut bool) -> Result<usize, Stop> {
    let mut at = at + 1;
    loop {
        at = after_plain(bytes, at);
        match byte_at(bytes, at) {
            b'"' => return Ok(at + 1),
            b'\\' => {
                *escaped = true;
                at = after_escape(bytes, at)?;
            }
            _ => return Err(Stop::Syntax),
        }
    }
}

/// The place behind the escape whose backslash is at `at`; both halves of a surrogate pair count
/// as one.
#[cold]
fn after_escape(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    match byte_at(bytes, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' => match (code_unit(bytes, at)?, at + 6) {
            (0xD800..=0xDBFF, second) if bytes[second..].starts_with(b"\\u") => {
                match code_unit(bytes, second)? {
                    0xDC00..=0xDFFF => Ok(second + 6),
                    _ => Err(Stop::LoneSurrogate),
                }
            }
            (0xD800..=0xDFFF, _) => Err(Stop::LoneSurrogate),
            (_, end) => Ok(end),
        },
        _ => Err(Stop::Syntax),
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Result<u32, Stop> {
    let digits = bytes.get(at + 2..at + 6).ok_or(Stop::Syntax)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(Stop::Syntax)?;
        Ok(unit << 4 | digit)
    })
}

#[inline]
fn after_number(bytes: &[u8], mut at: usize) -> Result<usize, Stop> {
    if byte_at(bytes, at) == b'-' {
        at += 1;
    }
    at = match byte_at(bytes, at) {
        b'0' => at + 1,
        _ => after_digits(bytes, at)?,
    };
    if byte_at(bytes, at) == b'.' {
        at = after_digits(bytes, at + 1)?;
    }
    if let b'e' | b'E' = byte_at(bytes, at) {
        at += 1;
        if let b'+' | b'-' = byte_at(bytes, at) {
            at += 1;
        }
        at = after_digits(bytes, at)?;
    }
    Ok(at)
}

/// The place behind one or more digits.
#[inline]
fn after_digits(bytes: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    while byte_at(bytes, at).is_ascii_digit() {
        at += 1;
    }
    if at > start {
        Ok(at)
    } else {
        Err(Stop::Syntax)
    }
}

fn after_word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Stop> {
    if bytes[at..].starts_with(word) {
        Ok(at + word.len())
    } else {
        Err(Stop::Syntax)
    }
}

impl Stop {
    /// What is wrong with `text`. `limit` is the one to name: of the event, not of its value.
    pub(crate) fn fault(self, text: &str, limit: usize) -> Fault {
        match self {
            Self::TooDeep => Fault::TooDeep { limit },
            Self::LoneSurrogate => Fault::LoneSurrogate,
            Self::Syntax => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Err(error) => Fault::not_json(&error),
                Ok(_) => Fault::NotJson {
                    reason: "unreadable".into(),
                    row: 1,
                    column: 1,
                },
            },
        }
    }
}

/// The place of the next quote, backslash or control character; characters of a string that need no
/// look are passed eight bytes at a time.
#[inline]
fn after_plain(bytes: &[u8], mut at: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH << 7;
    // The high bit of each byte that is less than `least` (exact up to the first such byte).
    let below = |word: u64, least: u8| word.wrapping_sub(EACH * u64::from(least)) & !word;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let control = below(word, b' ');
        let quote = below(word ^ (EACH * u64::from(b'"')), 1);
        let backslash = below(word ^ (EACH * u64::from(b'\\')), 1);
        let found = (control | quote | backslash) & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, 0..b' ' | b'"' | b'\\') {
            break;
        }
        at += 1;
    }
    at
}

/// The one value of which `text` consists, without white space around it.
pub(crate) fn whole(text: &str, depth_limit: usize) -> Result<Span<'_>, Stop> {
    let mut scanner = Scanner::new(text, depth_limit);
    let value = scanner.value()?;
    scanner.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests;
