//! Tokens that need no key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::Error;

/// A token that a [`Host`](super::Host) signed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Jwt {
    /// The header.
    pub header: Map<String, Value>,
    /// The claims set.
    pub claims: Map<String, Value>,
}

/// Reads a token that the test kit signed, which is an unsecured JWS (RFC 7515 appendix A.5):
/// header `alg: none`, and no signature, so that nobody takes it for a real one.
///
/// # Errors
///
/// The text is not such a token.
pub fn read_jwt(token: &str) -> Result<Jwt, Error> {
    let parts: Vec<&str> = token.split('.').collect();
    let &[header, claims, ""] = &*parts else {
        return Err(Error::new(
            "not a token of the test kit: it has to be `header.claims.`",
        ));
    };
    let header: Map<String, Value> = decode(header).map_err(|error| error.context("header"))?;
    if header.get("alg") != Some(&json!("none")) {
        return Err(Error::new("not a token of the test kit: `alg` is not none"));
    }
    let claims = decode(claims).map_err(|error| error.context("claims set"))?;
    Ok(Jwt { header, claims })
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Error> {
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
}

#[derive(Deserialize)]
struct Request<'a> {
    typ: Option<String>,
    #[serde(borrow)]
    claims: &'a RawValue,
}

/// What the host's service of signing does.
pub(super) fn sign(request: &str) -> Result<String, Error> {
    let request: Request<'_> = serde_json::from_str(request)?;
    let claims = request.claims.get();
    if !claims.starts_with('{') {
        return Err(Error::new("the claims set is no JSON object"));
    }
    let typ = request.typ.as_deref().unwrap_or("JWT");
    let header = json!({ "alg": "none", "typ": typ }).to_string();
    Ok(format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    ))
}
