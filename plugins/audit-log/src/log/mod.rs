//! The log: a chain of records in files on disk, written by many threads of one process.

mod appender;
mod disk;
mod error;
mod flusher;
mod late;
mod lock;
mod place;
mod recover;
mod registry;
mod round;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use op_listener_api::Logger;

use crate::chain::{Body, Link};
use crate::config::{FileSettings, Fsync};
use appender::Appender;
pub use disk::{Disk, FileId, LogFile, RealDisk, Stat};
pub use error::LogError;
use flusher::Flusher;
pub use late::LateLog;
pub use place::{Place, base_of};
use round::Round;

/// A log that is open for appending. What was written is whole after every call, whatever its
/// result, and forced to disk when it is dropped (unless its settings say never).
pub struct Log {
    /// Before `core`, so that its thread ends first.
    _flusher: Option<Flusher>,
    core: Arc<Core>,
    settings: FileSettings,
}

/// What the flusher's thread shares.
struct Core {
    appender: Mutex<Appender>,
    /// Held by the one who forces records to disk for all who wait.
    turn: Mutex<()>,
    place: Place,
}

impl Log {
    /// Opens the log, or begins it; see [`Log::shared`] for one that listeners can share.
    ///
    /// # Errors
    ///
    /// The file cannot be written, holds something else, or is written by another process.
    pub fn open(
        place: Place,
        settings: FileSettings,
        disk: Box<dyn Disk>,
        logger: Option<Logger>,
    ) -> Result<Self, LogError> {
        Self::open_within(lock::PATIENCE, place, settings, disk, logger)
    }

    /// As [`Log::open`]. An instance of this process that holds the lock still is waited for so
    /// long.
    fn open_within(
        patience: Duration,
        place: Place,
        settings: FileSettings,
        disk: Box<dyn Disk>,
        logger: Option<Logger>,
    ) -> Result<Self, LogError> {
        let appender = Appender::open(place.clone(), settings.clone(), disk, patience)?;
        let core = Arc::new(Core {
            appender: Mutex::new(appender),
            turn: Mutex::default(),
            place,
        });
        let flusher = match settings.fsync {
            Fsync::Never | Fsync::Always => None,
            Fsync::Interval(interval) => {
                let shared = Arc::clone(&core);
                let flush = move || shared.flush_and_report();
                let flush = move || match logger {
                    Some(logger) => logger.scope(&flush),
                    None => flush(),
                };
                let flusher = Flusher::start(interval, flush);
                Some(flusher.map_err(|error| LogError::Thread(Arc::new(error)))?)
            }
        };
        Ok(Self {
            _flusher: flusher,
            core,
            settings,
        })
    }

    /// Appends a record, from any thread. When this returns without an error the record is in the
    /// file, and with [`Fsync::Always`] on disk.
    ///
    /// # Errors
    ///
    /// It could not be written; nothing of it is in the file then. Or it was written but could not
    /// be forced to disk.
    pub fn append(&self, body: Body<'_>) -> Result<(), LogError> {
        let round = self.core.appender().append(body)?;
        if self.settings.fsync == Fsync::Always {
            self.core.wait_for(&round)?;
        }
        Ok(())
    }

    /// Forces all records to disk, unless the settings say never.
    ///
    /// # Errors
    ///
    /// The operating system could not do it.
    pub fn flush(&self) -> Result<(), LogError> {
        if self.settings.fsync == Fsync::Never {
            return Ok(());
        }
        self.core.flush()
    }

    /// With which settings it was opened.
    pub const fn settings(&self) -> &FileSettings {
        &self.settings
    }

    /// The last record.
    pub fn head(&self) -> Link {
        self.core.appender().head()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.settings.fsync != Fsync::Never {
            self.core.flush_and_report();
        }
    }
}

impl Core {
    /// A panic while the lock was held does no harm: before each record the appender makes sure
    /// that the file is as it should be.
    fn appender(&self) -> MutexGuard<'_, Appender> {
        self.appender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the records of a round are on disk. The first one to get its turn forces them
    /// there for all who wrote until then.
    fn wait_for(&self, round: &Round) -> Result<(), LogError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = round.result() {
                return result;
            }
            // Ends this round, unless that has just been done while a file was finished.
            let _ = self.end_round();
        }
    }

    fn flush(&self) -> Result<(), LogError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.end_round()
    }

    /// To be called by the one who has the turn.
    fn end_round(&self) -> Result<(), LogError> {
        let (round, file) = self.appender().close_round();
        let result = match file.map(|file| file.sync()) {
            Some(Err(error)) => Err(LogError::io("force to disk", self.place.path(), error)),
            Some(Ok(())) | None => Ok(()),
        };
        round.end(result.clone());
        result
    }

    fn flush_and_report(&self) {
        if let Err(error) = self.flush() {
            tracing::error!(%error, "audit records may be lost if the machine stops now");
        }
    }
}
