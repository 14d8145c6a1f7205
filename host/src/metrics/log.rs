//! Lines of the log by their codes.

use super::Page;
use super::families as of;
use crate::log::{Severity, said};

pub(super) fn tell(page: &mut Page) {
    for (code, count) in said() {
        // Also those that were never said, so that the first time is a rise and not a beginning.
        if matches!(code.severity, Severity::Warn | Severity::Error) {
            page.count(of::LOG_LINES, &[code.id, code.severity.name()], count);
        }
    }
}
