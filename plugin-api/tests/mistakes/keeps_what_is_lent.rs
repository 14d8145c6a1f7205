//! expect: borrowed data escapes outside of method

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
};

struct Audit {
    seen: std::sync::Mutex<Vec<&'static str>>,
}

impl Lifecycle for Audit {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self {
            seen: Default::default(),
        })
    }
}

impl IdTokenIssueEventListener for Audit {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        self.seen.lock().unwrap().push(event.id());
        Ok(())
    }
}

op_listener_api::export!(IdTokenIssueEventListener for Audit);

fn main() {}
