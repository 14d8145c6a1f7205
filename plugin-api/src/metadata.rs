//! The metadata that a library carries in a section of its file, so that a host can read what is
//! in it without running any of it: one JSON object, made at compile time.

/// What is known of a plugin at compile time.
pub struct Metadata {
    /// The package's name, or the id that the author chose.
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
            .string(plugin_id(self.id))
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
const fn plugin_id(package: &'static str) -> &'static str {
    match strip_prefix(package, "op-listener-") {
        Some(id) => id,
        None => package,
    }
}

const fn strip_prefix(text: &'static str, prefix: &str) -> Option<&'static str> {
    let (text, prefix) = (text.as_bytes(), prefix.as_bytes());
    if text.len() < prefix.len() {
        return None;
    }
    let (start, rest) = text.split_at(prefix.len());
    let mut index = 0;
    while index < prefix.len() {
        if start[index] != prefix[index] {
            return None;
        }
        index += 1;
    }
    match std::str::from_utf8(rest) {
        Ok(rest) => Some(rest),
        Err(_) => None,
    }
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
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            let byte = bytes[index];
            self = match byte {
                b'"' | b'\\' => self.byte(b'\\').byte(byte),
                0..=0x1f => self
                    .raw("\\u00")
                    .byte(HEX[(byte >> 4) as usize])
                    .byte(HEX[(byte & 15) as usize]),
                _ => self.byte(byte),
            };
            index += 1;
        }
        self
    }

    /// The full path of a type that was written as `class` in `module`.
    const fn class(self, crate_name: &str, module: &str, class: &'static str) -> Self {
        if let Some(path) = strip_prefix(class, "crate::") {
            self.escaped(crate_name).raw("::").escaped(path)
        } else if let Some(path) = strip_prefix(class, "self::") {
            self.escaped(module).raw("::").escaped(path)
        } else {
            self.escaped(module).raw("::").escaped(class)
        }
    }
}
