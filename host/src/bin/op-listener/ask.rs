//! Questions on the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal. Whatever is no clear yes is a no.
pub(crate) fn agreed(question: &str) -> bool {
    let mut terminal = io::stderr().lock();
    let asked = terminal
        .write_all(question.as_bytes())
        .and_then(|()| terminal.flush());
    let mut answer = String::new();
    asked.is_ok()
        && io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES")
}
