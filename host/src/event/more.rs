//! The one JSON object that holds all members of an event that have no field of their own.

use super::json;

/// Collects members, each value's text verbatim.
#[derive(Debug, Default)]
pub(crate) struct More(String);

impl More {
    /// Goes on where an earlier one ended.
    pub(crate) fn reopen(text: Option<String>) -> Self {
        let mut text = text.unwrap_or_default();
        text.pop();
        Self(text)
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// `name` is the decoded name, `value` valid JSON text.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        json::push_string(&mut self.0, name);
        self.0.push(':');
        self.0.push_str(value);
    }

    /// `None` when nothing was pushed.
    pub(crate) fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}
