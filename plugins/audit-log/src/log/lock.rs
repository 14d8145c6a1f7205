//! The lock of a log: one process writes it. It is a file of its own, for the log itself is renamed
//! when it is rotated.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::LogError;
use super::disk::owner_only;

/// An instance of this process that is just being dropped still holds the lock for a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How long a holder may take to write its number into the lock.
const SAYS_SO: Duration = Duration::from_millis(200);

/// Takes the lock, waiting so long for another instance of this process; it is held until the file is dropped, or the process ends in whatever way.
pub(super) fn acquire(path: &Path, patience: Duration) -> Result<File, LogError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = owner_only(&mut options).open(path);
    let mut file = file.map_err(|error| LogError::io("open", path, error))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(LogError::io("lock", path, error)),
            Err(TryLockError::WouldBlock) => {
                let pid = read_pid(&mut file);
                let patience = match pid {
                    Some(pid) if pid == std::process::id() => patience,
                    Some(_) => Duration::ZERO,
                    // Whoever has just taken it is about to say so.
                    None => SAYS_SO,
                };
                if begun.elapsed() >= patience {
                    let lock = path.to_owned();
                    return Err(LogError::Held { lock, pid });
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    // A whole block is written, so that a disk without any space shows now; over what is there, so
    // that a holder of the same process is never seen without its number.
    let text = format!("{:<4095}\n", std::process::id());
    let written = file
        .rewind()
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.set_len(text.len() as u64));
    written.map_err(|error| LogError::io("write to", path, error))?;
    Ok(file)
}

/// For the message alone: where it cannot be read, the message does without.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
