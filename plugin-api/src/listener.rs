//! What a listener implements: its life cycle and one or more of the SPIs.

use crate::{
    AccessTokenIssueEvent, Error, EventContext, IdTokenIssueEvent, InitContext,
    SubjectAuthAndConsentEvent,
};

/// The life of a listener, common to all SPIs.
///
/// The host calls `init`, then `is_enabled` once, then the event methods, from any thread and
/// several at a time, then, when no call is under way, `shutdown`. A type that is exported for two
/// SPIs has two instances, each with an `init` of its own.
///
/// A panic in any of these is caught, logged and counted as an error of that one call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a listener without a life cycle",
    label = "implement `op_listener_api::Lifecycle` for this type: at least `init`"
)]
pub trait Lifecycle: Send + Sync + Sized + 'static {
    /// Makes an instance from its configuration.
    ///
    /// A host that has not seen the library before calls this in a probe, too: see
    /// [`InitContext::is_probe`].
    ///
    /// # Errors
    ///
    /// Whatever keeps the listener from doing its work, such as a bad configuration. The host then
    /// refuses to start, or goes on without the listener, as its operator chose.
    fn init(context: &InitContext<'_>) -> Result<Self, Error>;

    /// Whether events are wanted. A listener that says no stays loaded, is logged with
    /// `enabled=false`, and gets no event.
    fn is_enabled(&self) -> bool {
        true
    }

    /// Finishes: no event comes after this. The instance is dropped afterwards.
    ///
    /// # Errors
    ///
    /// Whatever was left undone; the host logs it and goes on.
    fn shutdown(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Is told of every ID token issued.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as an ID token issue event listener but is none",
    label = "implement `op_listener_api::IdTokenIssueEventListener` for this type"
)]
pub trait IdTokenIssueEventListener: Lifecycle {
    /// An ID token was issued. Called synchronously: the provider's answer waits for it.
    ///
    /// # Errors
    ///
    /// Logged and counted by the host. The token is issued already: a listener cannot veto.
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error>;
}

/// Is told of every access token issued.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as an access token issue event listener but is none",
    label = "implement `op_listener_api::AccessTokenIssueEventListener` for this type"
)]
pub trait AccessTokenIssueEventListener: Lifecycle {
    /// An access token was issued. Called synchronously: the provider's answer waits for it.
    ///
    /// # Errors
    ///
    /// Logged and counted by the host. The token is issued already: a listener cannot veto.
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error>;
}

/// Is told of every subject (end-user) that was authenticated and consented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a subject auth + consent event listener but is none",
    label = "implement `op_listener_api::SubjectAuthAndConsentEventListener` for this type"
)]
pub trait SubjectAuthAndConsentEventListener: Lifecycle {
    /// A subject was authenticated and consented. Called synchronously: the provider's answer
    /// waits for it. For the code flow that is the answer to the token request, for the implicit
    /// and hybrid flows the answer to the authorisation request.
    ///
    /// # Errors
    ///
    /// Logged and counted by the host. The consent stands: a listener cannot veto.
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error>;
}
