//! Reads log lines in the text layout, strictly: a line that does not have it is a failed test.

#![allow(
    clippy::missing_panics_doc,
    reason = "a line that cannot be read fails the test"
)]

use std::fmt;

/// A line of the log:
/// `2026-11-21T19:00:00,123 INFO main MAIN - [OP0211] message`.
#[derive(Clone, PartialEq, Eq)]
pub struct LogLine {
    /// As it came.
    pub whole: String,
    /// `2026-11-21T19:00:00,123`
    pub time: String,
    /// `INFO`
    pub level: String,
    /// `main`
    pub thread: String,
    /// `MAIN`
    pub logger: String,
    /// The code, or the instance that speaks.
    pub tag: Option<String>,
    /// What follows the tag.
    pub message: String,
}

impl fmt::Debug for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

impl LogLine {
    /// Reads a line; `None` if it does not have the layout.
    pub fn parse(whole: &str) -> Option<Self> {
        let (head, text) = whole.split_once(" - ")?;
        let [time, level, thread, logger] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        let known = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level);
        if shape != "0000-00-00T00:00:00,000" || !known {
            return None;
        }
        let tagged = text
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "));
        let (tag, message) = match tagged {
            Some((tag, message)) => (Some(tag.to_owned()), message),
            None => (None, text),
        };
        Some(Self {
            whole: whole.to_owned(),
            time: time.to_owned(),
            level: level.to_owned(),
            thread: thread.to_owned(),
            logger: logger.to_owned(),
            tag,
            message: message.to_owned(),
        })
    }

    /// Whether it stands under that code (or speaks for that instance).
    pub fn is(&self, tag: &str) -> bool {
        self.tag.as_deref() == Some(tag)
    }
}

/// Reads all of a log.
pub fn parse_lines(log: &str) -> Vec<LogLine> {
    log.lines()
        .map(|line| {
            LogLine::parse(line).unwrap_or_else(|| panic!("not a log line: {line:?}\nin:\n{log}"))
        })
        .collect()
}
