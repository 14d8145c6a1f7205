//! Files of lines that somebody else is writing.

use std::fs;
use std::path::Path;

/// The lines of a file that are whole; none where there is no file yet. A reader may see a part of what
/// is being written, even of what is written at once: the last line counts when its end is there.
#[must_use]
pub fn whole_lines(file: &Path) -> Vec<String> {
    let text = fs::read(file).unwrap_or_default();
    let whole = text.iter().rposition(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(&text[..whole.map_or(0, |end| end + 1)]);
    text.lines().map(ToOwned::to_owned).collect()
}
