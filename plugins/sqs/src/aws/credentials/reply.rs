//! Credentials as JSON, as programs, containers and instances hand them over.

use std::time::SystemTime;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::{Credentials, CredentialsError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Reads them.
pub(super) fn read(json: &[u8], place: &'static str) -> Result<Credentials, CredentialsError> {
    // What is wrong with it is not for messages: it holds secrets.
    let wrong = |why: &str| CredentialsError::NotUnderstood(place, why.to_owned());
    let reply: Reply = serde_json::from_slice(json)
        .map_err(|_| wrong("it is no JSON with `AccessKeyId` and `SecretAccessKey`"))?;
    let expires = match reply.expiration.as_deref() {
        None | Some("") => None,
        Some(text) => Some(moment(text).ok_or_else(|| wrong("`Expiration` is no time"))?),
    };
    Ok(Credentials {
        access_key_id: reply.access_key_id,
        secret_access_key: Zeroizing::new(reply.secret_access_key),
        session_token: reply.session_token.map(Zeroizing::new),
        expires,
    })
}

/// A time of ISO 8601 as all of AWS writes it, which RFC 3339 covers.
pub(super) fn moment(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(time.into())
}
