//! Credentials that are kept until shortly before they end, and got anew by one thread at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::{Chain, Credentials, CredentialsError};

/// How long before their end new ones are got. Until then others go on with those that there are.
const EARLY: Duration = Duration::from_mins(5);
/// How long credentials must be good to be used: a request takes a while to arrive.
const AT_LEAST: Duration = Duration::from_secs(10);

pub(crate) struct Cache {
    chain: Chain,
    kept: Mutex<Option<Arc<Credentials>>>,
    /// Held by the thread that gets new ones.
    refreshing: Mutex<()>,
}

impl Cache {
    pub(crate) fn new(chain: Chain) -> Self {
        Self {
            chain,
            kept: Mutex::new(None),
            refreshing: Mutex::new(()),
        }
    }

    /// Credentials that are good. Waits where others are getting them and there are none.
    pub(crate) fn get(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let usable = match self.kept() {
            Some(kept) if kept.last(EARLY) => return Ok(kept),
            kept => kept.filter(|kept| kept.last(AT_LEAST)),
        };
        let _refreshing = match (&usable, self.refreshing.try_lock()) {
            (_, Ok(guard)) => guard,
            (_, Err(TryLockError::Poisoned(poisoned))) => poisoned.into_inner(),
            (Some(usable), Err(TryLockError::WouldBlock)) => return Ok(Arc::clone(usable)),
            (None, Err(TryLockError::WouldBlock)) => locked(&self.refreshing),
        };
        // Another thread may have got them in the meantime.
        if let Some(kept) = self.kept()
            && kept.last(EARLY)
        {
            return Ok(kept);
        }
        match self.chain.credentials().and_then(not_ended) {
            Ok(new) => {
                let new = Arc::new(new);
                *locked(&self.kept) = Some(Arc::clone(&new));
                Ok(new)
            }
            Err(error) => match usable {
                Some(usable) => {
                    tracing::warn!(%error, "credentials cannot be renewed; those at hand still last");
                    Ok(usable)
                }
                None => Err(error),
            },
        }
    }

    /// Forgets credentials that a service does not take any more, unless there are others already.
    pub(crate) fn forget(&self, refused: &Arc<Credentials>) {
        let mut kept = locked(&self.kept);
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, refused)) {
            *kept = None;
        }
    }

    fn kept(&self) -> Option<Arc<Credentials>> {
        locked(&self.kept).clone()
    }
}

/// Some places hand over what they have kept for too long.
fn not_ended(new: Credentials) -> Result<Credentials, CredentialsError> {
    if new.last(Duration::ZERO) {
        Ok(new)
    } else {
        Err(CredentialsError::Ended)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
