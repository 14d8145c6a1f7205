//! Signing with the provider's key.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::ffi::HostLink;
use crate::set::{SetBuilder, SetSubject};

/// Signs JSON Web Tokens with the provider's key. Borrowed for the length of a call;
/// [`JwtSigner::to_owned`] makes one that may be kept and used from other threads.
#[derive(Clone, Debug)]
pub struct JwtSigner<'a> {
    host: HostLink,
    issuer: Cow<'a, str>,
}

/// A [`JwtSigner`] that may be kept and used from other threads.
pub type OwnedJwtSigner = JwtSigner<'static>;

#[derive(Serialize)]
struct SignRequest<'a> {
    typ: &'a str,
    claims: &'a RawValue,
}

impl<'a> JwtSigner<'a> {
    pub(crate) const fn new(host: HostLink, issuer: &'a str) -> Self {
        Self {
            host,
            issuer: Cow::Borrowed(issuer),
        }
    }

    /// Signs a claims set of any content as a compact JWS (RFC 7515 section 7.1), header `typ:
    /// JWT`. Takes as long as the signature does: about a millisecond for RS256.
    ///
    /// # Errors
    ///
    /// The claims do not serialise to a JSON object, or the host cannot sign, such as after this
    /// listener was shut down.
    pub fn sign(&self, claims: &(impl Serialize + ?Sized)) -> Result<String, Error> {
        self.sign_with_type("JWT", claims)
    }

    /// Signs like [`JwtSigner::sign`] with a header `typ` of your choice (RFC 8725 section 3.11).
    ///
    /// # Errors
    ///
    /// As for [`JwtSigner::sign`].
    pub fn sign_with_type(
        &self,
        typ: &str,
        claims: &(impl Serialize + ?Sized),
    ) -> Result<String, Error> {
        let claims = serde_json::value::to_raw_value(claims)?;
        if !claims.get().starts_with('{') {
            return Err(Error::new(
                "a claims set is a JSON object (RFC 7519 section 4): sign a map or a struct",
            ));
        }
        let request = serde_json::to_string(&SignRequest {
            typ,
            claims: &claims,
        })?;
        self.host.sign(&request)
    }

    /// Starts a Security Event Token (RFC 8417) of an event.
    pub fn set<'e>(&self, event: &'e impl SetSubject) -> SetBuilder<'e> {
        SetBuilder::new(self.to_owned(), event)
    }

    /// The issuer for which it signs: what belongs into a claim `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A signer that may be kept and used from other threads.
    pub fn to_owned(&self) -> OwnedJwtSigner {
        JwtSigner {
            host: self.host,
            issuer: Cow::Owned(self.issuer.clone().into_owned()),
        }
    }
}
