//! expect: `Cell<u32>` cannot be shared between threads safely

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
};

struct Audit {
    _seen: std::cell::Cell<u32>,
}

impl Lifecycle for Audit {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self { _seen: 0.into() })
    }
}

impl IdTokenIssueEventListener for Audit {
    fn id_token_issued(
        &self,
        _: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

op_listener_api::export!(IdTokenIssueEventListener for Audit);

fn main() {}
