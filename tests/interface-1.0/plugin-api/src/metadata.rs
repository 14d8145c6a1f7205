//! The metadata that a library carries in a section of its file, so that a host can read what is
//! in it without running any of it: one JSON object, made at compile time.

/// What is known of a plugin at compile time.
pub struct Metadata {
    /// The id that operators write: see [`plugin_id`].
    pub id: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// Who makes it.
    pub vendor: &'static str,
    /// Its licence, as an SPDX expression.
    pub license: &'static str,
    /// The lowest interface version that it needs, as `major.minor`.
    pub interface: &'static str,
    /// Whether it was built with `panic = "unwind"`.
    pub unwinds: bool,
    /// The crate's name as a path.
    pub crate_name: &'static str,
    /// The module in which `export!` stands.
    pub module: &'static str,
    /// SPI and type of each listener, in order.
    pub listeners: &'static [(&'static str, &'static str)],
}

impl Metadata {
    /// The same, where an operator can write the id, and a host can compare the interface.
    ///
    /// # Panics
    ///
    /// At compile time, with a sentence for the author.
    #[must_use]
    pub const fn checked(self) -> Self {
        assert!(
            is_id(self.id),
            "`id` must be 1 to 64 ASCII letters, digits, `-`, `_` and `.`, the first a letter or digit"
        );
        assert!(
            is_version(self.interface),
            "`interface` must read as `major.minor`, such as \"1.0\""
        );
        self
    }

    /// How many bytes [`Metadata::render`] writes.
    pub const fn length(&self) -> usize {
        self.write(Writer::<0>::new()).length
    }

    /// The JSON text.
    ///
    /// # Panics
    ///
    /// At compile time, if `N` is not [`Metadata::length`].
    pub const fn render<const N: usize>(&self) -> [u8; N] {
        let writer = self.write(Writer::<N>::new());
        assert!(writer.length == N, "the length is that of `length`");
        writer.bytes
    }

    const fn write<const N: usize>(&self, writer: Writer<N>) -> Writer<N> {
        let mut writer = writer
            .raw("{\"op_listener\":1,\"id\":")
            .string(self.id)
            .raw(",\"version\":")
            .string(self.version)
            .raw(",\"vendor\":")
            .string(self.vendor)
            .raw(",\"license\":")
            .string(self.license)
            .raw(",\"interface\":")
            .string(self.interface)
            .raw(",\"built_with\":")
            .string(op_listener_abi::VERSION)
            .raw(",\"panic\":")
            .string(if self.unwinds { "unwind" } else { "abort" })
            .raw(",\"listeners\":[");
        let mut index = 0;
        while index < self.listeners.len() {
            let (spi, class) = self.listeners[index];
            if index > 0 {
                writer = writer.raw(",");
            }
            writer = writer
                .raw("{\"spi\":")
                .string(spi)
                .raw(",\"class\":\"")
                .class(self.crate_name, self.module, class)
                .raw("\"}");
            index += 1;
        }
        writer.raw("]}")
    }
}

/// The id of a plugin whose package is called so: without the prefix that all share.
pub const fn plugin_id(package: &'static str) -> &'static str {
    match strip_prefix(package, "op-listener-") {
        Some(id) if !id.is_empty() => id,
        _ => package,
    }
}

const fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if !bytes[index].is_ascii_alphanumeric() && !matches!(bytes[index], b'-' | b'_' | b'.') {
            return false;
        }
        index += 1;
    }
    0 < index && index <= 64 && bytes[0].is_ascii_alphanumeric()
}

const fn is_version(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut index, mut digits, mut dots) = (0, 0, 0);
    while index < bytes.len() {
        match bytes[index] {
            b'0'..=b'9' => digits += 1,
            b'.' if digits > 0 => {
                digits = 0;
                dots += 1;
            }
            _ => return false,
        }
        index += 1;
    }
    dots == 1 && digits > 0
}

const fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    if !starts_at(text.as_bytes(), 0, prefix) {
        return None;
    }
    Some(text.split_at(prefix.len()).1)
}

/// Whether `part` stands in `text` at that place.
const fn starts_at(text: &[u8], at: usize, part: &str) -> bool {
    let part = part.as_bytes();
    if text.len() < at + part.len() {
        return false;
    }
    let mut index = 0;
    while index < part.len() {
        if text[at + index] != part[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The module around `module`.
const fn parent(module: &str) -> &str {
    let bytes = module.as_bytes();
    let mut end = bytes.len();
    while end > 0 {
        end -= 1;
        if starts_at(bytes, end, "::") {
            return module.split_at(end).0;
        }
    }
    module
}

/// Whether a byte can stand in a path, so that what follows it begins no path.
const fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' || byte >= 0x80
}

/// Writes into an array, or only counts where the array is too small.
#[derive(Clone, Copy)]
struct Writer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Writer<N> {
    const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    const fn byte(mut self, byte: u8) -> Self {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
        self
    }

    const fn raw(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self = self.byte(bytes[index]);
            index += 1;
        }
        self
    }

    const fn string(self, text: &str) -> Self {
        self.byte(b'"').escaped(text).byte(b'"')
    }

    const fn escaped(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self = self.escaped_byte(bytes[index]);
            index += 1;
        }
        self
    }

    const fn escaped_byte(self, byte: u8) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match byte {
            b'"' | b'\\' => self.byte(b'\\').byte(byte),
            0..=0x1f => self
                .raw("\\u00")
                .byte(HEX[(byte >> 4) as usize])
                .byte(HEX[(byte & 15) as usize]),
            _ => self.byte(byte),
        }
    }

    /// The full path of a type that was written as `class` in `module`. Type arguments are made
    /// absolute where they begin with `crate`, `self` or `super`; others may be of the prelude, and
    /// stay as they are.
    const fn class(mut self, crate_name: &str, module: &str, class: &str) -> Self {
        let bytes = class.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            if index > 0 && in_path(bytes[index - 1]) {
                self = self.escaped_byte(bytes[index]);
                index += 1;
            } else if starts_at(bytes, index, "crate::") {
                self = self.escaped(crate_name);
                index += "crate".len();
            } else if starts_at(bytes, index, "self::") {
                self = self.escaped(module);
                index += "self".len();
            } else if starts_at(bytes, index, "super::") {
                let mut module = parent(module);
                index += "super".len();
                while starts_at(bytes, index, "::super::") {
                    module = parent(module);
                    index += "::super".len();
                }
                self = self.escaped(module);
            } else if starts_at(bytes, index, "::") {
                index += "::".len();
                // The path goes on from here as it is written.
                if index < bytes.len() {
                    self = self.escaped_byte(bytes[index]);
                    index += 1;
                }
            } else {
                if index == 0 && in_path(bytes[0]) {
                    self = self.escaped(module).raw("::");
                }
                self = self.escaped_byte(bytes[index]);
                index += 1;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const PLAIN: Metadata = Metadata {
        id: "audit-log",
        version: "1.2.3",
        vendor: "example.com",
        license: "MIT",
        interface: "1.0",
        unwinds: true,
        crate_name: "op_listener_audit_log",
        module: "op_listener_audit_log",
        listeners: &[("id_token_issue", "Audit"), ("access_token_issue", "Audit")],
    };

    /// Renders at run time what `export!` renders at compile time.
    fn read(metadata: &Metadata) -> Value {
        let writer = metadata.write(Writer::<4096>::new());
        assert_eq!(writer.length, metadata.length());
        serde_json::from_slice(&writer.bytes[..writer.length]).expect("valid JSON")
    }

    fn class(module: &'static str, class: &'static str) -> String {
        let writer = Writer::<256>::new().class("my_plugin", module, class);
        String::from_utf8(writer.bytes[..writer.length].to_vec()).expect("UTF-8")
    }

    #[test]
    fn the_section_says_all_that_is_known() {
        const TEXT: [u8; PLAIN.length()] = PLAIN.render();
        let text = std::str::from_utf8(&TEXT).expect("UTF-8");
        let built_with = op_listener_abi::VERSION;
        assert_eq!(
            text,
            format!(
                r#"{{"op_listener":1,"id":"audit-log","version":"1.2.3","vendor":"example.com","license":"MIT","interface":"1.0","built_with":"{built_with}","panic":"unwind","listeners":[{{"spi":"id_token_issue","class":"op_listener_audit_log::Audit"}},{{"spi":"access_token_issue","class":"op_listener_audit_log::Audit"}}]}}"#
            )
        );
    }

    #[test]
    fn any_vendor_is_valid_json() {
        let nasty = "a \"b\" \\c\\ \u{0}\t\n\u{1b}\u{7f} Grüße \u{1f511} </script> \\u0000 '{}[],:";
        let read = read(&Metadata {
            vendor: nasty,
            unwinds: false,
            ..PLAIN
        });
        assert_eq!(read["vendor"], nasty);
        assert_eq!(read["panic"], "abort");
    }

    #[test]
    fn the_id_leaves_out_the_shared_prefix() {
        assert_eq!(plugin_id("op-listener-audit-log"), "audit-log");
        assert_eq!(plugin_id("my-op-listener-x"), "my-op-listener-x");
        assert_eq!(plugin_id("op-listener"), "op-listener");
        assert_eq!(plugin_id("op-listener-"), "op-listener-");
        assert_eq!(plugin_id("op"), "op");
    }

    #[test]
    fn classes_are_absolute_however_they_were_written() {
        assert_eq!(class("my_plugin", "Meter"), "my_plugin::Meter");
        assert_eq!(
            class("my_plugin", "sinks::Meter"),
            "my_plugin::sinks::Meter"
        );
        assert_eq!(class("my_plugin::a", "crate::Meter"), "my_plugin::Meter");
        assert_eq!(class("my_plugin::a", "self::Meter"), "my_plugin::a::Meter");
        assert_eq!(
            class("my_plugin::a::b", "super::Meter"),
            "my_plugin::a::Meter"
        );
        assert_eq!(
            class("my_plugin::a::b", "super::super::Meter"),
            "my_plugin::Meter"
        );
        assert_eq!(class("my_plugin::a", "::other::Meter"), "other::Meter");
        assert_eq!(
            class(
                "my_plugin::a",
                "Tee<crate::Meter, self::Tee<u8>, ::other::X, Vec<u8>>"
            ),
            "my_plugin::a::Tee<my_plugin::Meter, my_plugin::a::Tee<u8>, other::X, Vec<u8>>"
        );
        assert_eq!(
            class("my_plugin", "my_crate::X<4>"),
            "my_plugin::my_crate::X<4>"
        );
        assert_eq!(class("my_plugin", "(u8, Meter)"), "(u8, Meter)");
    }

    #[test]
    fn only_ids_that_can_be_written_and_interfaces_that_can_be_compared_pass() {
        for id in ["a", "audit-log", "x_1.2"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "a b", "a/b", "ä", "a\""] {
            assert!(!is_id(id), "{id}");
        }
        for version in ["1.0", "12.34"] {
            assert!(is_version(version), "{version}");
        }
        for version in ["", "1", "1.", ".1", "1.0.0", "1.x", "1 .0"] {
            assert!(!is_version(version), "{version}");
        }
    }
}
