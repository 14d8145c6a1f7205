//! The logs of this library by their path: listeners that write the same file share one log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use op_listener_api::Logger;

use super::{Log, LogError, Place, RealDisk};
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
        let place = Place::new(path)?;
        let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(place.path()).and_then(Weak::upgrade) {
            return if log.settings() == settings {
                Ok(log)
            } else {
                Err(LogError::OtherSettings(place.path().to_owned()))
            };
        }
        let key = place.path().to_owned();
        let log = Arc::new(Self::open(
            place,
            settings.clone(),
            Box::new(RealDisk),
            logger,
        )?);
        logs.retain(|_, log| log.strong_count() > 0);
        logs.insert(key, Arc::downgrade(&log));
        Ok(log)
    }
}
