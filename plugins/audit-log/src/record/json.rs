//! Writes JSON objects member by member. Values that came as JSON go out with the same text, so
//! that numbers of any size stay what they are.

/// The members of an object that is being written. It stays open until [`Members::close`].
pub(crate) struct Members<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Members<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// `name` is one of ours, with nothing in it that needs an escape.
    fn name(&mut self, name: &'static str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }

    pub(crate) fn string(&mut self, name: &'static str, value: &str) {
        self.name(name);
        write_string(self.out, value);
    }

    pub(crate) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    /// A value that is JSON already; any name.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.comma();
        write_string(self.out, name);
        self.out.push(b':');
        write_json(self.out, json);
    }

    /// A string; any name.
    pub(crate) fn string_named(&mut self, name: &str, value: &str) {
        self.comma();
        write_string(self.out, name);
        self.out.push(b':');
        write_string(self.out, value);
    }

    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        self.comma();
        write_string(self.out, name);
        self.out.push(b':');
        let mut members = Members::open(self.out);
        write(&mut members);
        members.close();
    }

    /// An object inside this one that is to stay open, as this one does.
    pub(crate) fn open_object(mut self, name: &'static str) -> Members<'o> {
        self.name(name);
        Members::open(self.out)
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }
}

fn write_string(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("writing text to memory cannot fail");
}

/// Line breaks between tokens become spaces: a record is one line. Inside strings there are none,
/// JSON does not allow them (RFC 8259 section 7).
fn write_json(out: &mut Vec<u8>, json: &str) {
    let from = out.len();
    out.extend_from_slice(json.as_bytes());
    for byte in &mut out[from..] {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_text_on_one_line() {
        let mut out = Vec::new();
        let mut members = Members::open(&mut out);
        members.raw("n", "[1e400,\r\n\t-0.10, \"a\\nb\"]");
        members.string_named("a\"\n", "\u{0}\u{2028}ü");
        members.object("o", |members| members.number("u", u64::MAX));
        members.close();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"n\":[1e400,  \t-0.10, \"a\\nb\"],\"a\\\"\\n\":\"\\u0000\u{2028}ü\",\
             \"o\":{\"u\":18446744073709551615}}"
        );
    }
}
