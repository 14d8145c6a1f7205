//! The logs of this library by their path: listeners that write the same file share one log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use op_listener_api::Logger;

use super::{Log, LogError, Place, RealDisk, lock};
use crate::config::FileSettings;

static LOGS: LazyLock<Mutex<HashMap<PathBuf, Weak<Log>>>> = LazyLock::new(Mutex::default);

impl Log {
    /// The log at `path`: the one that is open already, or a newly opened one.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or it is open with other settings.
    pub fn shared(
        path: &Path,
        settings: &FileSettings,
        logger: Option<Logger>,
    ) -> Result<Arc<Self>, LogError> {
        Self::shared_within(lock::PATIENCE, &Place::new(path)?, settings, logger)
    }

    /// As [`Log::shared`], without waiting for anybody.
    pub(super) fn shared_at_once(
        place: &Place,
        settings: &FileSettings,
        logger: Option<Logger>,
    ) -> Result<Arc<Self>, LogError> {
        Self::shared_within(Duration::ZERO, place, settings, logger)
    }

    fn shared_within(
        patience: Duration,
        place: &Place,
        settings: &FileSettings,
        logger: Option<Logger>,
    ) -> Result<Arc<Self>, LogError> {
        let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(place.path()).and_then(Weak::upgrade) {
            return if log.settings() == settings {
                Ok(log)
            } else {
                Err(LogError::OtherSettings(place.path().to_owned()))
            };
        }
        let key = place.path().to_owned();
        let log = Arc::new(Self::open_within(
            patience,
            place.clone(),
            settings.clone(),
            Box::new(RealDisk),
            logger,
        )?);
        logs.retain(|_, log| log.strong_count() > 0);
        logs.insert(key, Arc::downgrade(&log));
        Ok(log)
    }
}
