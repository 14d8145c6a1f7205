//! One line of the file as it is shown under an error, and the carets below the text at fault.
//!
//! Columns of a terminal are not characters: tabs are widened, control characters and invisible
//! ones escaped, wide characters counted twice, combining ones not at all, and long lines cut.

use std::borrow::Cow;
use std::ops::Range;

/// A line to show, and which of its columns are at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Columns before the carets.
    pub(super) pad: usize,
    /// How many carets, at least one.
    pub(super) carets: usize,
}

/// The most columns that are shown of a line.
const WIDTH: usize = 120;
/// How far from the left the carets may begin before the line is cut there.
const LEAD: usize = 60;

struct Cell {
    text: Cow<'static, str>,
    width: usize,
    marked: bool,
}

impl Excerpt {
    /// `marked` and `hidden` count bytes of `line`; a hidden one is shown as `*`. An empty mark
    /// gets one caret.
    pub(super) fn new(line: &str, marked: &Range<usize>, hidden: impl Fn(usize) -> bool) -> Self {
        let mut cells = Vec::new();
        let mut first = 0;
        for (at, character) in line.char_indices() {
            let (text, width) = match character {
                c if hidden(at) && !c.is_whitespace() => (Cow::Borrowed("*"), 1),
                c => shown(c),
            };
            cells.push(Cell {
                text,
                width,
                marked: marked.contains(&at),
            });
            first += usize::from(at < marked.start);
            // What stands far behind the mark is cut off below: a line may be as long as a file.
            if cells.len() > first + WIDTH * 2 {
                break;
            }
        }
        Self::cut(&cells, first)
    }

    /// Cuts a line down to what can be shown, the cell `first` in it.
    fn cut(cells: &[Cell], first: usize) -> Self {
        let mut start = 0;
        let mut pad = total(&cells[..first]);
        let mut text = String::new();
        if pad > LEAD && total(cells) > WIDTH {
            while pad > LEAD {
                pad -= cells[start].width;
                start += 1;
            }
            text.push('…');
            pad += 1;
        }
        let mut width = 0;
        let mut carets = 0;
        for cell in &cells[start..] {
            if width + cell.width > WIDTH {
                text.push('…');
                break;
            }
            width += cell.width;
            text.push_str(&cell.text);
            carets += if cell.marked { cell.width } else { 0 };
        }
        Self {
            text: text.trim_end().to_owned(),
            pad,
            carets: carets.max(1),
        }
    }
}

fn total(cells: &[Cell]) -> usize {
    cells.iter().map(|cell| cell.width).sum()
}

/// How a character is shown, and how many columns that takes.
fn shown(c: char) -> (Cow<'static, str>, usize) {
    if c == '\t' {
        return (Cow::Borrowed("    "), 4);
    }
    if is_unseen(c) {
        let text = c.escape_unicode().to_string();
        let width = text.len();
        return (Cow::Owned(text), width);
    }
    (Cow::Owned(c.to_string()), width(c))
}

/// Characters that show nothing, or change how others are shown (RFC 8265 calls for care with
/// them, and so does Unicode Technical Report 36).
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Columns of a terminal, after Unicode Standard Annex 11 in its main ranges.
fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{1fa70}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// `text` for a message: short, and with nothing in it that a terminal would act on.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut out = String::from("`");
    for (n, c) in text.chars().enumerate() {
        if n == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.extend(c.escape_debug()),
            c if is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('`');
    out
}
