//! Writes JSON objects member by member. Values that came as JSON go out with the same text, so that
//! numbers of any size stay what they are.

/// The members of an object that is being written.
pub(crate) struct Members<'o> {
    out: &'o mut String,
    first: bool,
}

/// The text of an object.
pub(crate) fn object(write: impl FnOnce(&mut Members<'_>)) -> String {
    let mut out = String::with_capacity(512);
    write_object(&mut out, write);
    out
}

fn write_object(out: &mut String, write: impl FnOnce(&mut Members<'_>)) {
    out.push('{');
    write(&mut Members { out, first: true });
    out.push('}');
}

impl Members<'_> {
    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push_str(&quoted(name));
        self.out.push(':');
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        self.raw(name, &quoted(value));
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.push_str(json);
    }

    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        self.name(name);
        write_object(self.out, write);
    }
}

/// A string of JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is a string of JSON")
}

/// The same JSON without the characters that SQS refuses. It takes #x9, #xA, #xD, #x20 to #xD7FF,
/// #xE000 to #xFFFD and #x10000 to #x10FFFF; JSON's strings have none below #x20 (RFC 8259 section 7),
/// and outside of strings it is ASCII. That leaves two, which an escape can stand for.
pub(crate) fn of_allowed_characters(json: String) -> String {
    if json.contains(['\u{FFFE}', '\u{FFFF}']) {
        let json = json.replace('\u{FFFE}', "\\ufffe");
        return json.replace('\u{FFFF}', "\\uffff");
    }
    json
}

/// The same text with those characters that SQS refuses written as escapes of JSON, for texts that are no
/// JSON: the values of attributes.
pub(crate) fn with_escapes(text: &str) -> String {
    let refused =
        |c: char| matches!(c, '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}') && !"\t\n\r".contains(c);
    if !text.contains(refused) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| {
            if refused(c) {
                format!("\\u{:04x}", u32::from(c))
            } else {
                c.into()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule, as SQS's documentation of `SendMessage` has it.
    fn sqs_takes(c: char) -> bool {
        matches!(u32::from(c), 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF)
    }

    #[test]
    fn every_character_comes_through_in_characters_that_sqs_takes() {
        let all: String = (0..=0x11_000).filter_map(char::from_u32).collect();
        let json = of_allowed_characters(object(|members| {
            members.string(&all, &all);
            members.raw("raw", &format!("[1e400,\r\n\t{}]", quoted("\u{FFFF}")));
        }));
        assert_eq!(json.chars().find(|c| !sqs_takes(*c)), None);
        let without_number = json.replace("1e400", "1");
        let read: serde_json::Value = serde_json::from_str(&without_number).unwrap();
        assert_eq!(read[&all], *all);
        assert_eq!(read["raw"][1], "\u{FFFF}");
    }

    #[test]
    fn attributes_show_what_they_cannot_hold() {
        assert_eq!(
            with_escapes("a\u{0}b\u{FFFE}\t\u{7F}ü"),
            "a\\u0000b\\ufffe\t\u{7F}ü"
        );
        assert_eq!(with_escapes("a\\b"), "a\\b");
    }
}
