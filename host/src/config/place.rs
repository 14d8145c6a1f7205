//! Where in the file something stands: from byte offsets to file, line and column, with the line
//! itself for people to see.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::error::{ConfigError, Problem};
use super::excerpt::{Excerpt, is_unseen};
use super::secrets;

/// A place in a configuration file. Shown as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: Arc<str>,
    line: usize,
    column: usize,
    excerpt: Excerpt,
}

impl Place {
    /// The file's name as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, in characters counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// An error at this place that is found by someone who knows more than the configuration does:
    /// what is wrong, and what to do if that can be said.
    pub fn error(&self, message: impl Into<String>, help: Option<String>) -> ConfigError {
        ConfigError::at(self.clone(), Problem::Found(message.into()), help)
    }

    /// The line and the carets below it.
    pub(super) fn write_snippet(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excerpt { text, pad, carets } = &self.excerpt;
        let gutter = self.gutter();
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{:gutter$} | {text}", self.line)?;
        write!(f, "{:gutter$} | {:pad$}{:^<carets$}", "", "", "")
    }

    /// The width of the line number.
    pub(super) fn gutter(&self) -> usize {
        self.line.to_string().len()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The text of a file while it is being read.
pub(super) struct Source<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// What must not be shown, in order and apart.
    hidden: Vec<Range<usize>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(name: &str, text: &'t str) -> Self {
        let mut this = Self {
            file: clean(name).into(),
            text,
            lines: line_starts(text.as_bytes()),
            hidden: Vec::new(),
        };
        this.hide(secrets::in_text(text));
        this
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// An error that concerns the file as a whole.
    pub(super) fn error(&self, problem: Problem) -> ConfigError {
        ConfigError::in_file(&self.file, problem, None)
    }

    /// Hides more of the text from excerpts.
    pub(super) fn hide(&mut self, spans: Vec<Range<usize>>) {
        self.hidden.extend(spans);
        self.hidden.sort_unstable_by_key(|span| span.start);
        self.hidden.dedup_by(|next, span| {
            let touches = next.start <= span.end;
            if touches {
                span.end = span.end.max(next.end);
            }
            touches
        });
    }

    fn is_hidden(&self, at: usize) -> bool {
        let next = self.hidden.partition_point(|span| span.end <= at);
        self.hidden.get(next).is_some_and(|span| span.contains(&at))
    }

    /// The line in which a byte stands, counted from 0.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1) - 1
    }

    /// The bytes of a line, without its end.
    pub(super) fn line(&self, line: usize) -> Range<usize> {
        let start = self.lines[line];
        let end = self
            .lines
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        let text = &self.text[start..end];
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Whether a line looks like the header of a table.
    pub(super) fn is_header(&self, line: usize) -> bool {
        self.text[self.line(line)].trim_start().starts_with('[')
    }

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let at = self.text.floor_char_boundary(span.start);
        let number = self.line_of(at);
        let line = self.line(number);
        // The end of the file, just behind its last line's end, is the end of that line.
        let at = at.min(line.end);
        let marked = at - line.start..span.end.min(line.end).max(at) - line.start;
        let excerpt = Excerpt::new(&self.text[line.clone()], &marked, |byte| {
            self.is_hidden(line.start + byte)
        });
        Place {
            file: Arc::clone(&self.file),
            line: number + 1,
            column: self.text[line.start..at].chars().count() + 1,
            excerpt,
        }
    }
}

/// Line and column, counted from 1, of a byte of a text that is valid up to there.
pub(super) fn position(valid: &str) -> (usize, usize) {
    let line = valid.rsplit('\n').next().unwrap_or_default();
    (valid.matches('\n').count() + 1, line.chars().count() + 1)
}

/// A file's name, with nothing in it that a terminal would act on.
pub(super) fn clean(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if is_unseen(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn line_starts(text: &[u8]) -> Vec<usize> {
    std::iter::once(0)
        .chain(memchr::memchr_iter(b'\n', text).map(|end| end + 1))
        .collect()
}
