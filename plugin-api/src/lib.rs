#![doc = include_str!("../README.md")]

mod context;
mod error;
mod event;
mod export;
mod ffi;
mod init;
mod listener;
mod logger;
mod metadata;
mod object;
mod queue;
pub mod set;
mod signer;
#[cfg(feature = "testing")]
pub mod testing;
mod unfit;

pub use context::EventContext;
pub use error::Error;
pub use event::{
    AccessTokenIssueEvent, IdTokenIssueEvent, OwnedAccessTokenIssueEvent, OwnedIdTokenIssueEvent,
    OwnedSubjectAuthAndConsentEvent, Session, SubjectAuthAndConsentEvent,
};
pub use init::InitContext;
pub use listener::{
    AccessTokenIssueEventListener, IdTokenIssueEventListener, Lifecycle,
    SubjectAuthAndConsentEventListener,
};
pub use logger::Logger;
pub use object::JsonObject;
pub use queue::{
    Batch, Message, Outcome, Outcomes, Queue, QueueOptions, QueuedMessage, Sink, WhenFull,
};
pub use signer::{JwtSigner, OwnedJwtSigner};

/// What the expansion of [`export!`] names. No part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use abi_stable::library::LibHeader;
    pub use op_listener_abi::ListenerRef;

    pub use crate::ffi::{
        Library, access_token_issue, header, id_token_issue, subject_auth_and_consent,
    };
    pub use crate::metadata::{Metadata, plugin_id};

    /// The lowest interface version that this crate's code needs of a host.
    pub const LOWEST_INTERFACE: &str = "1.0";
}
