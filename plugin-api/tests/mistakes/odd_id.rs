//! expect: `id` must be 1 to 64 ASCII letters, digits, `-`, `_` and `.`, the first a letter or digit

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
};

struct Audit;

impl Lifecycle for Audit {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self)
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

op_listener_api::export!(id = "audit log"; IdTokenIssueEventListener for Audit);

fn main() {}
