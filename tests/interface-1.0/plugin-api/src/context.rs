//! What comes with every event.

use std::fmt;

use crate::JsonObject;
use crate::ffi::{HostLink, Lent};
use crate::signer::JwtSigner;

/// The context of an event: who issued, for which client, and the means to sign.
pub struct EventContext<'a> {
    lent: Lent<'a>,
    client: JsonObject<'a>,
    host: HostLink,
}

impl<'a> EventContext<'a> {
    #[inline]
    pub(crate) fn new(lent: Lent<'a>, host: HostLink) -> Self {
        Self {
            lent,
            client: JsonObject::trusted(lent.client().unwrap_or("{}")),
            host,
        }
    }

    /// The issuer URL. One host may serve several issuers, so it comes with each event.
    pub fn issuer(&self) -> &'a str {
        self.lent.issuer()
    }

    /// The registered metadata of the client (RFC 7591 section 2 and OpenID Connect Dynamic Client
    /// Registration 1.0 section 2), where the host knows it. Never with the client's secret.
    pub fn client(&self) -> Option<&JsonObject<'a>> {
        self.lent.client().map(|_| &self.client)
    }

    /// Signs with the provider's key.
    pub fn jwt_signer(&self) -> JwtSigner<'a> {
        JwtSigner::new(self.host, self.lent.issuer())
    }
}

impl fmt::Debug for EventContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventContext")
            .field("issuer", &self.issuer())
            .finish_non_exhaustive()
    }
}
