//! expect: `Audit` is a listener without a life cycle
//! expect: implement `op_listener_api::Lifecycle` for this type: at least `init`

use op_listener_api::{Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener};

struct Audit;

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
