//! What a probe needs of the operating system. Unix has all of it; elsewhere there is the time
//! limit and the exit code.

use std::io;
use std::path::PathBuf;

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use other as platform;
#[cfg(unix)]
use unix as platform;

pub(super) use platform::{
    KEPT_ENVIRONMENT, Reports, Signals, become_supervisor, confine, has_ended, how, kill_all,
    kill_the_rest, memory_of, nobody_listens, watch,
};

/// This program, to be executed anew.
pub(super) fn this_program() -> io::Result<PathBuf> {
    // On Linux the program itself, even where its file was replaced since it was started.
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe()
}
