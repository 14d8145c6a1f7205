//! Events as listeners see them. Everything is borrowed from the host for the length of the call;
//! `to_owned()` makes a copy that may be kept and sent to other threads.

/// The methods that all three event types have.
macro_rules! common_methods {
    () => {
        /// The stable identifier of the event: the same wherever it shows up.
        #[inline]
        pub fn id(&self) -> &'a str {
            self.fields.lent.id()
        }

        /// Shared by all events of one request or grant, if the provider says.
        pub fn txn(&self) -> Option<&'a str> {
            self.fields.lent.txn()
        }

        /// When it happened, to the microsecond.
        pub fn time(&self) -> std::time::SystemTime {
            self.fields.time()
        }

        /// When it happened, in microseconds since the Unix epoch.
        pub fn time_micros(&self) -> u64 {
            self.fields.lent.time_micros()
        }

        /// The OAuth 2.0 client.
        #[inline]
        pub fn client_id(&self) -> &'a str {
            self.fields.lent.client_id()
        }

        /// The members of the event that have no method here, such as those that the provider
        /// adds of its own.
        pub fn more(&self) -> &crate::JsonObject<'a> {
            &self.fields.more
        }
    };
}

/// An owned event: the same fields in memory of its own.
macro_rules! owned_event {
    ($owned:ident, $event:ident) => {
        impl $event<'_> {
            /// A copy that may be kept and sent to other threads.
            pub fn to_owned(&self) -> $owned {
                $owned(self.fields.lent.to_owned())
            }
        }

        /// Names the event; what it says of people is left out.
        impl std::fmt::Debug for $event<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($event))
                    .field("id", &self.id())
                    .field("client_id", &self.client_id())
                    .finish_non_exhaustive()
            }
        }

        /// An event that owns its memory; see `event()`. Clones share it.
        #[derive(Clone)]
        pub struct $owned(crate::ffi::OwnedFields);

        impl $owned {
            #[cfg(feature = "testing")]
            pub(crate) fn new(fields: crate::ffi::OwnedFields) -> Self {
                Self(fields)
            }

            /// The event.
            pub fn event(&self) -> $event<'_> {
                $event::new(self.0.lend())
            }
        }

        impl std::fmt::Debug for $owned {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.event().fmt(f)
            }
        }
    };
}

mod access_token;
mod id_token;
mod session;
mod subject;

use std::time::{Duration, SystemTime};

pub use access_token::{AccessTokenIssueEvent, OwnedAccessTokenIssueEvent};
pub use id_token::{IdTokenIssueEvent, OwnedIdTokenIssueEvent};
pub use session::Session;
pub use subject::{OwnedSubjectAuthAndConsentEvent, SubjectAuthAndConsentEvent};

use crate::JsonObject;
use crate::ffi::Lent;

/// What every event has. The event types wrap it with documented methods of their own.
pub(crate) struct Fields<'a> {
    pub(crate) lent: Lent<'a>,
    pub(crate) claims: JsonObject<'a>,
    pub(crate) more: JsonObject<'a>,
}

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn new(lent: Lent<'a>) -> Self {
        Self {
            lent,
            claims: JsonObject::trusted(lent.claims().unwrap_or("{}")),
            more: JsonObject::trusted(lent.more().unwrap_or("{}")),
        }
    }

    pub(crate) fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.lent.time_micros())
    }
}
