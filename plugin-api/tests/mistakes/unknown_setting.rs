//! expect: `name` is no setting of `export!`: there are `id`, `vendor` and `interface`

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

op_listener_api::export!(name = "audit"; IdTokenIssueEventListener for Audit);

fn main() {}
