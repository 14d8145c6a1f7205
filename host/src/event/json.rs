//! Looks into JSON text that is known to be valid, without building values from it. Whether it is
//! valid is checked in [`super::scan`].

use super::scan::Span;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// What kind of value a valid JSON text is, for messages.
pub(crate) fn kind(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "something else",
    }
}

pub(crate) fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

pub(crate) fn is_number(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

pub(crate) fn is_string(raw: &str) -> bool {
    raw.starts_with('"')
}

/// The string that a JSON string's text stands for; `None` for another kind of value.
#[inline]
pub(crate) fn string(raw: Span<'_>) -> Option<Cow<'_, str>> {
    if !is_string(raw.text) {
        None
    } else if raw.escaped {
        unescaped(raw.text)
    } else {
        raw.text.get(1..raw.text.len() - 1).map(Cow::Borrowed)
    }
}

#[cold]
#[inline(never)]
fn unescaped(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// As [`string`], of a text of which nothing is known but that it is valid.
pub(crate) fn decode(raw: &str) -> Option<Cow<'_, str>> {
    string(Span {
        text: raw,
        escaped: memchr(b'\\', raw.as_bytes()).is_some(),
    })
}

/// Whether it is an array of nothing but strings.
pub(crate) fn is_array_of_strings(raw: &str) -> bool {
    if !raw.starts_with('[') {
        return false;
    }
    let mut scan = Scan { text: raw, at: 1 };
    loop {
        match scan.next_byte() {
            Some(b'"') => scan.at = after_string(raw.as_bytes(), scan.at),
            Some(b',') => scan.at += 1,
            Some(b']') => return true,
            _ => return false,
        }
    }
}

/// The members of an object's text: the name's text with its quotes, and the value's.
pub(crate) fn members(raw: &str) -> Members<'_> {
    Members(Scan { text: raw, at: 1 })
}

pub(crate) struct Members<'a>(Scan<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.next_byte() == Some(b',') {
            self.0.at += 1;
        }
        if self.0.next_byte() != Some(b'"') {
            return None;
        }
        let name = self.0.take_value();
        // The colon.
        self.0.next_byte()?;
        self.0.at += 1;
        self.0.next_byte()?;
        Some((name, self.0.take_value()))
    }
}

/// A place in valid JSON text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// The next byte that is not white space; the place moves to it.
    fn next_byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// The text of the value that begins here; the place moves behind it.
    fn take_value(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => self.at = after_string(bytes, self.at),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => {
                    let rest = &bytes[self.at..];
                    let length = rest.iter().position(|byte| {
                        matches!(
                            byte,
                            b',' | b'}' | b']' | b'{' | b'[' | b'"' | b' ' | b'\t' | b'\n' | b'\r'
                        )
                    });
                    self.at += match length {
                        // A comma or white space between values further down.
                        Some(0) => 1,
                        Some(length) => length,
                        None => rest.len(),
                    };
                }
            }
            if depth == 0 {
                break;
            }
        }
        &self.text[start..self.at]
    }
}

/// The place behind the string whose opening quote is at `at`.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// The text without the white space between its tokens.
pub(crate) fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut compacted = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'"' => after_string(bytes, at),
            _ => bytes[at..]
                .iter()
                .position(|byte| matches!(byte, b'"' | b' ' | b'\t' | b'\n' | b'\r'))
                .map_or(bytes.len(), |length| at + length),
        };
        compacted.push_str(&text[at..end]);
        at = end;
    }
    compacted
}

/// Appends `name` as a JSON string.
pub(crate) fn push_string(text: &mut String, name: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if name.bytes().all(plain) {
        text.push('"');
        text.push_str(name);
        text.push('"');
    } else {
        // Writes escapes only where JSON needs them; it cannot fail for a string.
        text.push_str(&serde_json::Value::from(name).to_string());
    }
}

const EXCERPT_CHARS: usize = 60;

/// A text for messages: cut short, with control and invisible formatting characters escaped.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == EXCERPT_CHARS {
            shown.push('…');
            break;
        }
        let invisible = matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if character.is_control() || invisible {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// [`excerpt`] between double quotes.
pub(crate) fn quoted_excerpt(text: &str) -> String {
    format!("\"{}\"", excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            Just(Value::from("\\\"{[,:]}")),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,5}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_found_verbatim(
            values in prop::collection::vec((".{0,6}", any_json()), 0..6), pretty: bool,
        ) {
            let space = if pretty { " \n\t\r" } else { "" };
            let mut text = format!("{{{space}");
            let mut expected = Vec::new();
            for (n, (name, value)) in values.iter().enumerate() {
                let name = Value::from(name.as_str()).to_string();
                let value = if pretty { format!("{value:#}") } else { value.to_string() };
                let comma = if n > 0 { "," } else { "" };
                text += &[comma, space, &name, space, ":", space, &value, space].concat();
                expected.push((name, value));
            }
            text.push('}');
            let found: Vec<_> = members(&text).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn compact_text_is_what_the_serializer_writes(value in any_json()) {
            prop_assert_eq!(compact(&format!("{value:#}")), value.to_string());
        }

        #[test]
        fn strings_are_written_so_that_they_read_back(name in any::<String>()) {
            let mut text = String::new();
            push_string(&mut text, &name);
            prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name.clone());
            prop_assert_eq!(decode(&text).unwrap(), name);
        }
    }

    #[test]
    fn arrays_of_strings_are_told_from_others() {
        for text in ["[]", "[ ]", r#"["a"]"#, r#"[ "a" , "]\"," ]"#] {
            assert!(is_array_of_strings(text), "{text}");
        }
        for text in [
            "{}",
            "[1]",
            r#"["a",null]"#,
            r#"[["a"]]"#,
            r#""a""#,
            r#"["a",{"b":"c"}]"#,
        ] {
            assert!(!is_array_of_strings(text), "{text}");
        }
    }

    #[test]
    fn excerpts_are_short_and_harmless() {
        assert_eq!(
            excerpt("a\n\u{1b}[31m\u{202e}é"),
            "a\\n\\u{1b}[31m\\u{202e}é"
        );
        assert_eq!(
            excerpt(&"x".repeat(1000)).chars().count(),
            EXCERPT_CHARS + 1
        );
    }
}
