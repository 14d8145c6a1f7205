//! `trust = "off"`: every file is loaded, whoever wrote it. For a directory that something else
//! protects, such as a read-only image.

use super::Verdict;

/// Judges nothing.
pub(super) fn judge() -> Verdict {
    Verdict::Off
}
