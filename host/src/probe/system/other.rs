//! The operating system, where it is no Unix: the time limit and the exit code are what there is.

use std::fs::File;
use std::io::{self, Stdout};
use std::process::{Child, ExitStatus};

use crate::library::Staged;
use crate::probe::Ended;
use crate::probe::processes::{Bytes, Inside};

/// What decides which libraries the system's loader finds, and what it cannot do without.
pub(in crate::probe) const KEPT_ENVIRONMENT: &[&str] = &["PATH", "SystemRoot", "SystemDrive"];

/// The pipe to the supervisor: standard output itself. What the library writes there is passed
/// over.
pub(in crate::probe) type Reports = Stdout;

pub(in crate::probe) fn confine(orders: &Inside) -> io::Result<(Reports, Staged)> {
    match &orders.bytes {
        Bytes::Copy(path) => {
            let staged = Staged::new(path.clone(), File::open(path)?);
            Ok((io::stdout(), staged))
        }
        Bytes::StandardInput => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "its twin can fail")]
pub(in crate::probe) fn become_supervisor() -> io::Result<Signals> {
    Ok(Signals)
}

/// There are none.
pub(in crate::probe) struct Signals;

impl Signals {
    #[expect(clippy::unused_self, reason = "its twin has something to look at")]
    pub(in crate::probe) fn first(&self) -> Option<String> {
        None
    }
}

/// Left to [`has_ended`].
pub(in crate::probe) fn watch(_: &Child, _: impl FnOnce() + Send + 'static) {}

pub(in crate::probe) fn has_ended(tester: &mut Child) -> bool {
    tester.try_wait().is_ok_and(|status| status.is_some())
}

/// The host ends the supervisor itself.
pub(in crate::probe) fn nobody_listens() -> bool {
    false
}

pub(in crate::probe) fn kill_all(tester: &mut Child) {
    // Fails where it has ended already.
    let _ = tester.kill();
}

pub(in crate::probe) fn kill_the_rest() {}

/// How the tester ended: crashes have exit codes of their own, the numbers of exceptions.
pub(in crate::probe) fn how(status: ExitStatus) -> Ended {
    let code = status.code().unwrap_or(-1);
    let name = match code.cast_unsigned() {
        0xC000_0005 => "STATUS_ACCESS_VIOLATION",
        0xC000_0006 => "STATUS_IN_PAGE_ERROR",
        0xC000_001D => "STATUS_ILLEGAL_INSTRUCTION",
        0xC000_0094 => "STATUS_INTEGER_DIVIDE_BY_ZERO",
        0xC000_00FD => "STATUS_STACK_OVERFLOW",
        0xC000_0409 => "STATUS_STACK_BUFFER_OVERRUN",
        _ => return Ended::ExitCode(code),
    };
    Ended::Signal(name.to_owned())
}

pub(in crate::probe) fn memory_of(_: &Child) -> u64 {
    0
}
