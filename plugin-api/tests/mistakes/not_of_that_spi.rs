//! expect: `Audit` is exported as an ID token issue event listener but is none
//! expect: implement `op_listener_api::IdTokenIssueEventListener` for this type

use op_listener_api::{Error, InitContext, Lifecycle};

struct Audit;

impl Lifecycle for Audit {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

op_listener_api::export!(IdTokenIssueEventListener for Audit);

fn main() {}
