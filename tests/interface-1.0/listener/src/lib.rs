//! Tells of each call in the log, and uses each service of the host.

#![forbid(unsafe_code)]

use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, SubjectAuthAndConsentEvent,
    SubjectAuthAndConsentEventListener,
};

struct Witness;

impl Lifecycle for Witness {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        tracing::info!("init in a host of interface {}", context.host_interface());
        Ok(Self)
    }

    fn shutdown(&self) -> Result<(), Error> {
        tracing::info!("shutdown");
        Ok(())
    }
}

impl IdTokenIssueEventListener for Witness {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let set = context.jwt_signer().set(event).sign()?;
        let parts = set.split('.').count();
        let (id, subject, claims) = (event.id(), event.subject(), event.claims_json());
        tracing::info!("ID token {id} of {subject}: {claims}, a SET in {parts} parts");
        if id == "panic" {
            panic!("as asked");
        }
        Ok(())
    }
}

impl AccessTokenIssueEventListener for Witness {
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let (id, scope) = (event.id(), event.claims().string("scope"));
        tracing::info!("access token {id} for {scope:?} by {}", context.issuer());
        Ok(())
    }
}

impl SubjectAuthAndConsentEventListener for Witness {
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        tracing::info!(
            "subject {} consents to {:?}",
            event.subject(),
            event.scope()
        );
        Ok(())
    }
}

op_listener_api::export! {
    IdTokenIssueEventListener for Witness,
    AccessTokenIssueEventListener for Witness,
    SubjectAuthAndConsentEventListener for Witness,
}
