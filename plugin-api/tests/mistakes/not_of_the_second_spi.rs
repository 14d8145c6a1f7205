//! expect: `Audit` is exported as a subject auth + consent event listener but is none
//! expect: implement `op_listener_api::SubjectAuthAndConsentEventListener` for this type

use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, InitContext,
    Lifecycle,
};

struct Audit;

impl Lifecycle for Audit {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl AccessTokenIssueEventListener for Audit {
    fn access_token_issued(
        &self,
        _: &AccessTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

op_listener_api::export! {
    AccessTokenIssueEventListener for Audit,
    SubjectAuthAndConsentEventListener for Audit,
}

fn main() {}
