//! expect: `IdTokenListener` is no SPI: there are `IdTokenIssueEventListener`, `AccessTokenIssueEventListener` and `SubjectAuthAndConsentEventListener`

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

op_listener_api::export!(IdTokenListener for Audit);

fn main() {}
