//! What a library says of itself in a section of its file.

use serde::Deserialize;

use super::{InterfaceVersion, Reason};
use crate::Spi;

/// What a library says of itself: found without running it.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The plugin's id.
    pub id: String,
    /// The plugin's version.
    pub version: String,
    /// Who makes it; may be empty.
    pub vendor: String,
    /// Its licence; may be empty.
    pub license: String,
    /// The lowest interface version that it needs of a host.
    pub interface: InterfaceVersion,
    /// What it does on panic.
    pub panic: PanicStrategy,
    /// Its listeners, in the order of the export.
    pub listeners: Vec<ListenerMetadata>,
}

/// What a library does on panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanicStrategy {
    /// It unwinds, so that a panic can be kept inside.
    Unwind,
    /// It ends the process.
    Abort,
}

/// A listener of a library.
#[derive(Clone, Debug)]
pub struct ListenerMetadata {
    /// The name of the SPI; a later host may know more of them than this one.
    pub spi: String,
    /// The full path of the type, as the author wrote it.
    pub class: String,
}

impl ListenerMetadata {
    /// The SPI, if this host knows it.
    pub fn known_spi(&self) -> Option<Spi> {
        Spi::from_name(&self.spi)
    }
}

/// The JSON in the section. Unknown members are those of a later interface.
#[derive(Deserialize)]
struct Json {
    op_listener: u32,
    id: String,
    version: String,
    #[serde(default)]
    vendor: String,
    #[serde(default)]
    license: String,
    interface: String,
    panic: PanicStrategy,
    listeners: Vec<JsonListener>,
}

#[derive(Deserialize)]
struct JsonListener {
    spi: String,
    class: String,
}

/// The longest id: it stands in log lines and names.
const LONGEST_ID: usize = 64;

impl Metadata {
    /// Reads the contents of a metadata section: one JSON object, and then perhaps zero bytes.
    ///
    /// # Errors
    ///
    /// It is not that, or of a later format; or its id is none.
    pub fn parse(section: &[u8]) -> Result<Self, Reason> {
        let end = section.iter().rposition(|byte| *byte != 0);
        let json = &section[..end.map_or(0, |end| end + 1)];
        let json: Json =
            serde_json::from_slice(json).map_err(|error| Reason::Metadata(in_a_line(&error)))?;
        if json.op_listener != 1 {
            return Err(Reason::Metadata(format!(
                "it has format {}, and this host knows format 1",
                json.op_listener
            )));
        }
        let Some(interface) = InterfaceVersion::parse(&json.interface) else {
            return Err(Reason::Metadata(format!(
                "`interface` is {:?}, and not of the form `major.minor`",
                json.interface
            )));
        };
        if !is_id(&json.id) {
            return Err(Reason::Metadata(format!(
                "`id` is {:?}, and not of 1 to {LONGEST_ID} characters of `A-Z a-z 0-9 . _ -`, the first a letter or digit",
                json.id
            )));
        }
        let listeners = json.listeners.into_iter();
        Ok(Self {
            id: json.id,
            version: json.version,
            vendor: json.vendor,
            license: json.license,
            interface,
            panic: json.panic,
            listeners: listeners
                .map(|listener| ListenerMetadata {
                    spi: listener.spi,
                    class: listener.class,
                })
                .collect(),
        })
    }
}

/// What is wrong with the JSON, in one line: the parser quotes the file.
fn in_a_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let escaped = text.chars().map(|character| {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    });
    escaped.collect()
}

fn is_id(id: &str) -> bool {
    id.len() <= LONGEST_ID
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_stays_on_the_line_that_quotes_it() {
        let odd = r#"{"op_listener":1,"id":"a","version":"1","interface":"1.0","panic":"x\n[OP0211] y","listeners":[]}"#;
        let reason = Metadata::parse(odd.as_bytes()).unwrap_err().to_string();
        assert!(reason.contains(r"x\n[OP0211] y"), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }
}
