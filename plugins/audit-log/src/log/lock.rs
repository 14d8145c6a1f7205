//! The lock of a log: one process writes it. It is a file of its own, for the log itself is renamed
//! when it is rotated.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::LogError;
use super::disk::owner_only;

/// An instance of this process that is just being dropped still holds the lock for a moment.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes the lock; it is held until the file is dropped, or the process ends in whatever way.
pub(super) fn acquire(path: &Path) -> Result<File, LogError> {
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
                if pid != Some(std::process::id()) || begun.elapsed() > PATIENCE {
                    let lock = path.to_owned();
                    return Err(LogError::Held { lock, pid });
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    // A whole block is written, so that a disk without any space shows now.
    let text = format!("{:<4095}\n", std::process::id());
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(text.as_bytes()));
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
