//! The intake over HTTP beside the stream of events, where the build has one.

use std::sync::Arc;
use std::time::Duration;

use op_listener_host::Host;
use op_listener_host::config::{Config, ConfigError, ConfigErrors};
use op_listener_host::feed::{Feed, Totals};
use op_listener_host::reload::Reloader;

use crate::exit::Exit;

/// What serves, if anything is configured to.
#[cfg(feature = "server")]
pub(crate) struct Serving(Option<Arc<op_listener_host::server::Server>>);

/// Where it will serve.
#[cfg(feature = "server")]
pub(crate) struct Doors(Option<op_listener_host::server::Doors>);

#[cfg(feature = "server")]
impl Doors {
    /// Listens where the configuration says, before anything is loaded. Who comes waits.
    pub(crate) fn open(config: &Config) -> Result<Self, Exit> {
        if !config.intake.listen.is_somewhere() {
            return Ok(Self(None));
        }
        match op_listener_host::server::Doors::open(config) {
            Ok(doors) => Ok(Self(Some(doors))),
            Err(error) => Err(refused(&error)),
        }
    }
}

/// Whether `[intake]` will serve, as far as that can be told before anything is loaded. Gives what is to
/// be warned of.
#[cfg(feature = "server")]
pub(crate) fn judge(config: &Config) -> Result<Vec<ConfigError>, ConfigErrors> {
    let mut judgement = op_listener_host::server::Judgement::of(config);
    let warnings = std::mem::take(&mut judgement.warnings);
    judgement.into_result().map(|()| warnings)
}

#[cfg(not(feature = "server"))]
#[expect(clippy::unnecessary_wraps, reason = "its twin can fail")]
pub(crate) fn judge(_: &Config) -> Result<Vec<ConfigError>, ConfigErrors> {
    Ok(Vec::new())
}

#[cfg(feature = "server")]
fn refused(error: &op_listener_host::server::ServerError) -> Exit {
    use op_listener_host::server::ServerError;

    op_listener_host::log::doors_closed(error);
    match error {
        ServerError::Threads(_) => Exit::Internal,
        _ => Exit::Usage,
    }
}

#[cfg(feature = "server")]
impl Serving {
    /// Serves at these doors.
    pub(crate) fn start(doors: Doors, host: &Arc<Host>, feed: &Arc<Feed>) -> Result<Self, Exit> {
        let serve = |doors: op_listener_host::server::Doors| {
            doors.serve(Arc::clone(host), Arc::clone(feed))
        };
        match doors.0.map(serve).transpose() {
            Ok(server) => Ok(Self(server.map(Arc::new))),
            Err(error) => Err(refused(&error)),
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

    /// Whether events that were posted go on: see [`op_listener_host::server::Server::moves_within`].
    pub(crate) fn moves_within(&self, time: Duration) -> bool {
        self.0
            .as_ref()
            .is_none_or(|server| server.moves_within(time))
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
pub(crate) struct Doors;

#[cfg(not(feature = "server"))]
impl Doors {
    pub(crate) fn open(config: &Config) -> Result<Self, Exit> {
        if config.intake.listen.is_somewhere() {
            return Err(Exit::Usage.because(
                "this build has no intake over HTTP: remove `unix` and `http` from [intake], or \
                 build it with the feature `server`",
            ));
        }
        Ok(Self)
    }
}

#[cfg(not(feature = "server"))]
#[expect(clippy::unused_self, reason = "its twin serves")]
impl Serving {
    #[expect(clippy::unnecessary_wraps, reason = "its twin can fail")]
    pub(crate) fn start(_: Doors, _: &Arc<Host>, _: &Arc<Feed>) -> Result<Self, Exit> {
        Ok(Self)
    }

    pub(crate) fn reloaded_by(&self, reloader: Reloader) -> Reloader {
        reloader
    }

    pub(crate) fn serves(&self) -> bool {
        false
    }

    pub(crate) fn moves_within(&self, _: Duration) -> bool {
        true
    }

    pub(crate) fn stop(&self, _: Duration, _: &mut Totals) -> bool {
        true
    }
}
