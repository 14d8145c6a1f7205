//! A listener that reads two fields and adds to a counter: the least that one can do.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
    export,
};

struct Counter(AtomicUsize);

impl Lifecycle for Counter {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self(AtomicUsize::new(0)))
    }
}

impl IdTokenIssueEventListener for Counter {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        let sum = event.subject().len() + event.client_id().len();
        self.0.fetch_add(sum, Relaxed);
        Ok(())
    }
}

export!(IdTokenIssueEventListener for Counter);
