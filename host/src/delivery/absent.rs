//! The delivery queue of a host that was built without it: listeners that ask for a queue are told so.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::{Config, QueueSettings};

/// How batches get to a sink: they do not.
#[expect(dead_code, reason = "as where there is a queue")]
pub(crate) trait Courier: Send + Sync {
    /// The sink's number.
    fn sink(&self) -> u64;

    /// Hands over a batch.
    fn deliver(&self, batch: &[u8]) -> Result<Vec<u8>, String>;
}

/// This host has no delivery queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Absent;

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this host was built without the delivery queue: use one with the feature `delivery`",
        )
    }
}

impl std::error::Error for Absent {}

/// What a listener pushes.
#[expect(
    dead_code,
    clippy::struct_field_names,
    reason = "as where there is a queue"
)]
pub(crate) struct Content {
    pub(crate) key: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Option<String>,
    pub(crate) payload: Vec<u8>,
}

/// What a listener asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Requested {}

/// How a queue works.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Options {}

impl Options {
    pub(crate) fn new(_: &Requested, _: &QueueSettings) -> Self {
        Self {}
    }
}

/// A queue that is open: there is none.
pub(crate) enum Opening {}

/// A message on its way: there is none.
pub(crate) enum Push {}

impl Opening {
    pub(crate) fn number(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn options(&self) -> &Options {
        match *self {}
    }

    pub(crate) fn push(&self, content: Content) -> Result<Push, Absent> {
        drop(content);
        match *self {}
    }
}

/// The queues of a host: it has none.
pub(crate) struct Delivery;

impl Delivery {
    pub(crate) fn new(_: &Config) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn open(
        &self,
        _: &str,
        _: Options,
        _: Box<dyn Courier>,
    ) -> Result<Arc<Opening>, Absent> {
        Err(Absent)
    }

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn open_polled(&self, _: &str, _: Options) -> Result<Arc<Opening>, Absent> {
        Err(Absent)
    }

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn leave(&self, opening: &Opening) {
        match *opening {}
    }

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn close(&self, opening: &Arc<Opening>) -> bool {
        match **opening {}
    }

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn commit(&self, _: Vec<Push>) -> Result<(), Absent> {
        Err(Absent)
    }

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn stop(&self) {}

    #[expect(clippy::unused_self, reason = "as where there is one")]
    pub(crate) fn end(&self) {}
}
