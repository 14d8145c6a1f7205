//! The intake over HTTP beside the stream of events, where the build has one.

use std::sync::Arc;
use std::time::Duration;

use op_listener_host::Host;
use op_listener_host::config::Config;
use op_listener_host::feed::{Feed, Totals};
use op_listener_host::reload::Reloader;

use crate::exit::Exit;

/// What serves, if anything is configured to.
#[cfg(feature = "server")]
pub(crate) struct Serving(Option<Arc<op_listener_host::server::Server>>);

#[cfg(feature = "server")]
impl Serving {
    pub(crate) fn start(config: &Config, host: &Arc<Host>, feed: &Arc<Feed>) -> Result<Self, Exit> {
        use op_listener_host::server::{Server, ServerError};

        if !config.intake.listen.is_somewhere() {
            return Ok(Self(None));
        }
        match Server::start(config, Arc::clone(host), Arc::clone(feed)) {
            Ok(server) => Ok(Self(Some(Arc::new(server)))),
            Err(error @ ServerError::Threads(_)) => Err(Exit::Internal.because(error)),
            Err(error) => Err(Exit::Usage.because(error)),
        }
    }

    /// Has what guards it reloaded with all else.
    pub(crate) fn reloaded_by(&self, reloader: Reloader) -> Reloader {
        match &self.0 {
            Some(server) => {
                reloader.with_part(Arc::<op_listener_host::server::Server>::clone(server))
            }
            None => reloader,
        }
    }

    /// Whether there is something to wait for beside the stream.
    pub(crate) fn serves(&self) -> bool {
        self.0.is_some()
    }

    /// Accepts nothing more, lets requests that have begun end within that time, and adds what
    /// came of all of them. Says whether they have ended.
    pub(crate) fn stop(&self, limit: Duration, totals: &mut Totals) -> bool {
        let Some(server) = &self.0 else {
            return true;
        };
        let left = server.stop(limit);
        totals.add(&server.counts().events);
        left == 0
    }
}

/// A build without the feature `server` refuses a configuration that needs it.
#[cfg(not(feature = "server"))]
pub(crate) struct Serving;

#[cfg(not(feature = "server"))]
impl Serving {
    pub(crate) fn start(config: &Config, _: &Arc<Host>, _: &Arc<Feed>) -> Result<Self, Exit> {
        if config.intake.listen.is_somewhere() {
            return Err(Exit::Usage.because(
                "this build has no intake over HTTP: remove `unix` and `http` from [intake], or \
                 build it with the feature `server`",
            ));
        }
        Ok(Self)
    }

    pub(crate) fn reloaded_by(&self, reloader: Reloader) -> Reloader {
        reloader
    }

    pub(crate) fn serves(&self) -> bool {
        false
    }

    pub(crate) fn stop(&self, _: Duration, _: &mut Totals) -> bool {
        true
    }
}
