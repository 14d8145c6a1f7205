//! How much an event may ask of the host.

/// Bounds on what is read. The defaults are those of the event format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line, without its end. Default 1 MiB.
    pub line_bytes: usize,
    /// Levels of objects and arrays, the event itself being the first. Default 128.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 1024 * 1024,
            depth: 128,
        }
    }
}
