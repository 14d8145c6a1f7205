//! A log as one listener has it: open, or still in the hands of the instance that this one
//! replaces, or closed.
//!
//! A host that reloads makes the new instance before it shuts the old one down, and there is one
//! writer to a log. So the new one checks at its `init` whatever can be checked without the lock,
//! and takes the lock, and reads where the chain stopped, at its first event: by then the old one
//! is about to let go, and every record of it is in the file.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use op_listener_api::Logger;

use super::{Log, LogError, Place, recover};
use crate::chain::Body;
use crate::config::FileSettings;

/// How long the first events wait for the old instance. It lets go as soon as no call is under way
/// in any listener that goes.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// A log, or the prospect of one.
pub struct LateLog {
    state: RwLock<State>,
    place: Place,
    settings: FileSettings,
    logger: Option<Logger>,
}

enum State {
    Open(Arc<Log>),
    Waiting {
        /// Whether somebody has waited in vain. Nobody waits as long again.
        in_vain: bool,
    },
    Closed,
}

impl LateLog {
    /// The log at `path`, shared with other instances of this library. With `takes_over` it may
    /// still be in the hands of an instance in this process that is about to end.
    ///
    /// # Errors
    ///
    /// As [`Log::shared`].
    pub fn new(
        path: &Path,
        settings: &FileSettings,
        logger: Option<Logger>,
        takes_over: bool,
    ) -> Result<Self, LogError> {
        let place = Place::new(path)?;
        let state = if takes_over {
            match Log::shared_at_once(&place, settings, logger) {
                Ok(log) => State::Open(log),
                Err(error) if error.is_of_this_process() => {
                    recover::check(&place)?;
                    State::Waiting { in_vain: false }
                }
                Err(error) => return Err(error),
            }
        } else {
            State::Open(Log::shared(path, settings, logger)?)
        };
        Ok(Self {
            state: RwLock::new(state),
            place,
            settings: settings.clone(),
            logger,
        })
    }

    /// Appends a record, as [`Log::append`] does.
    ///
    /// # Errors
    ///
    /// As [`Log::append`]; or the log was not handed over yet, or was closed.
    pub fn append(&self, body: Body<'_>) -> Result<(), LogError> {
        self.log()?.append(body)
    }

    /// Forces all records to disk, as [`Log::flush`] does, and lets go of the log.
    ///
    /// # Errors
    ///
    /// As [`Log::flush`].
    pub fn close(&self) -> Result<(), LogError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Closed) {
            State::Open(log) => log.flush(),
            State::Waiting { .. } | State::Closed => Ok(()),
        }
    }

    fn log(&self) -> Result<Arc<Log>, LogError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Open(log) => return Ok(Arc::clone(log)),
            State::Closed => return Err(LogError::Closed(self.place.path().to_owned())),
            State::Waiting { .. } => {}
        }
        drop(state);
        self.take()
    }

    /// Takes the log over as soon as it is free. Others who have an event wait behind this one.
    #[cold]
    fn take(&self) -> Result<Arc<Log>, LogError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let in_vain = match &*state {
            State::Open(log) => return Ok(Arc::clone(log)),
            State::Closed => return Err(LogError::Closed(self.place.path().to_owned())),
            State::Waiting { in_vain } => *in_vain,
        };
        let begun = Instant::now();
        loop {
            match Log::shared_at_once(&self.place, &self.settings, self.logger) {
                Ok(log) => {
                    *state = State::Open(Arc::clone(&log));
                    return Ok(log);
                }
                Err(error) if !error.is_of_this_process() => return Err(error),
                Err(_) if in_vain || begun.elapsed() >= PATIENCE => {
                    *state = State::Waiting { in_vain: true };
                    return Err(LogError::NotHandedOver(self.place.path().to_owned()));
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
}
