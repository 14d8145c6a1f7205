//! The intake over HTTP beside the stream of events, where the build has one.

use std::sync::Arc;
use std::time::Duration;

use op_listener_host::Host;
use op_listener_host::config::Config;
use op_listener_host::feed::{Feed, Totals};

use crate::exit::Exit;

/// How long requests that have begun may take to end when the host stops.
const DRAIN: Duration = Duration::from_secs(10);

/// What serves, if anything is configured to.
#[cfg(feature = "server")]
pub(crate) struct Serving(Option<op_listener_host::server::Server>);

#[cfg(feature = "server")]
impl Serving {
    pub(crate) fn start(config: &Config, host: &Arc<Host>, feed: &Arc<Feed>) -> Result<Self, Exit> {
        use op_listener_host::server::{Server, ServerError};

        if !config.intake.listen.is_somewhere() {
            return Ok(Self(None));
        }
        match Server::start(config, Arc::clone(host), Arc::clone(feed)) {
            Ok(server) => Ok(Self(Some(server))),
            Err(error @ ServerError::Threads(_)) => Err(Exit::Internal.because(error)),
            Err(error) => Err(Exit::Usage.because(error)),
        }
    }

    /// Whether there is something to wait for beside the stream.
    pub(crate) fn serves(&self) -> bool {
        self.0.is_some()
    }

    /// Lets requests end, and adds what came of all of them.
    pub(crate) fn stop(&self, totals: &mut Totals) {
        if let Some(server) = &self.0 {
            server.stop(DRAIN);
            totals.add(&server.counts().events);
        }
    }
}

/// A build without the feature `server` refuses a configuration that needs it.
#[cfg(not(feature = "server"))]
pub(crate) struct Serving;

#[cfg(not(feature = "server"))]
impl Serving {
    pub(crate) fn start(config: &Config, _: &Arc<Host>, _: &Arc<Feed>) -> Result<Self, Exit> {
        let _ = DRAIN;
        if config.intake.listen.is_somewhere() {
            return Err(Exit::Usage.because(
                "this build has no intake over HTTP: remove `unix` and `http` from [intake], or \
                 build it with the feature `server`",
            ));
        }
        Ok(Self)
    }

    pub(crate) fn serves(&self) -> bool {
        false
    }

    pub(crate) fn stop(&self, _: &mut Totals) {}
}
