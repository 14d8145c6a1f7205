//! The listener, and the misdeeds of its end.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
    Logger,
};

use crate::{at_events, at_init, does};

/// Shared by all instances, as it should not be.
pub(crate) static ENDED: AtomicBool = AtomicBool::new(false);

pub struct Mischief {
    enabled: bool,
    asked: AtomicU32,
    /// Taken by the first `shutdown`.
    handle: Mutex<Option<()>>,
    pub(crate) ended: AtomicBool,
    pub(crate) busy: Mutex<()>,
    lock: Option<PathBuf>,
}

impl Lifecycle for Mischief {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let enabled = at_init::read(context)?;
        at_init::begin(context)?;
        let lock = does("lock").then(|| context.data_dir()).transpose()?;
        Ok(Self {
            enabled,
            asked: AtomicU32::new(0),
            handle: Mutex::new(Some(())),
            ended: AtomicBool::new(false),
            busy: Mutex::new(()),
            lock: lock.map(|dir| dir.join("lock")),
        })
    }

    fn is_enabled(&self) -> bool {
        if does("enabled-panic") {
            panic!("never asked before");
        }
        if does("enabled-fickle") {
            return self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        }
        if does("share-state") && ENDED.load(Ordering::Relaxed) {
            return false;
        }
        self.enabled
    }

    fn shutdown(&self) -> Result<(), Error> {
        if does("shutdown-error") {
            return Err(Error::new("the bucket leaks"));
        }
        if does("shutdown-panic") {
            panic!("not yet");
        }
        let taken = self
            .handle
            .lock()
            .map_err(|_| Error::new("poisoned"))?
            .take();
        if does("shutdown-once") {
            taken.expect("it is shut down once");
        }
        self.ended.store(true, Ordering::Relaxed);
        ENDED.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Mischief {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            let _ = std::fs::remove_file(lock);
        }
        if does("release-panic") {
            panic!("hold on");
        }
    }
}

impl IdTokenIssueEventListener for Mischief {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        at_events::take(self, event, context)
    }
}

/// Talks on when all is over.
pub(crate) fn chatter(logger: Logger) -> Result<(), Error> {
    let talk = move || {
        for _ in 0..500 {
            logger.scope(|| tracing::info!("still here"));
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    std::thread::Builder::new().spawn(talk)?;
    Ok(())
}
