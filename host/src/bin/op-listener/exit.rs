//! Exit codes, and how errors that end the command are told.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// How the command ended. The numbers are documented and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All well.
    Well = 0,
    /// Some events were refused.
    EventsRefused = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// A listener could not be loaded, and the policy says abort; or one does not conform.
    ListenerRefused = 3,
    /// Something failed inside, or in the system below.
    Internal = 4,
}

impl Exit {
    /// Tells on standard error why the command ends so.
    pub(crate) fn because(self, why: impl Display) -> Self {
        tell(&why);
        self
    }
}

impl Exit {
    /// Ends the process here and now: no other thread is waited for, and nothing of what libraries
    /// want to have done at the end of the process is done. For when a thread is still in one.
    pub(crate) fn at_once(self) -> ! {
        #[cfg(unix)]
        signal_hook::low_level::exit(self as i32);
        #[cfg(not(unix))]
        std::process::exit(self as i32);
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Tells something on standard error. Where nobody can read it, nobody can be told.
pub(crate) fn tell(what: impl Display) {
    let _ = writeln!(io::stderr(), "op-listener: {what}");
}

/// Prints a result on standard output.
pub(crate) fn print(result: impl Display) -> Exit {
    let mut out = io::stdout().lock();
    match write!(out, "{result}").and_then(|()| out.flush()) {
        Ok(()) => Exit::Well,
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Well,
        Err(error) => Exit::Internal.because(format_args!("standard output: {error}")),
    }
}
