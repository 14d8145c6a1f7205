//! The verification event of the OpenID Shared Signals Framework 1.0, section 8.1.4: shows that SETs
//! arrive, and are understood. One is pushed for each new `verify` of the configuration, into the same
//! queue as all others, whether that is pushed or fetched from.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use op_listener_api::{Error, InitContext, Message, Queue};
use serde_json::{Value, json};

use crate::client::SET_TYPE;
use crate::config::{Settings, Verify};

/// The event type.
const EVENT_TYPE: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";
/// What was verified last, in the data directory of the instance.
const VERIFIED: &str = "verified.json";

/// Pushes the event unless that was done before, at whatever start.
///
/// # Errors
///
/// The host cannot sign, the queue is full, or the data directory cannot be written to.
pub(crate) fn push_once(
    context: &InitContext<'_>,
    settings: &Settings,
    verify: &Verify,
    queue: &Queue,
) -> Result<(), Error> {
    /// One entry of the configuration makes an instance for each SPI, all of one name.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let file = context.data_dir()?.join(VERIFIED);
    let this = json!({
        "endpoint": settings.delivery.as_ref().map(|delivery| delivery.endpoint.to_string()),
        "issuer": verify.issuer,
        "state": verify.state,
        "stream_id": verify.stream_id,
    });
    if was_verified(&file, &this) {
        return Ok(());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let jti = format!("verification:{}:{}", context.name(), now.as_micros());
    let audience = &settings.content.audience;
    let mut claims = json!({
        "iss": verify.issuer,
        "iat": now.as_secs(),
        "jti": jti,
        "sub_id": { "format": "opaque", "id": verify.stream_id },
        "events": { EVENT_TYPE: { "state": verify.state } },
    });
    match &**audience {
        [] => {}
        [one] => claims["aud"] = one.as_str().into(),
        several => claims["aud"] = several.into(),
    }
    let signer = context.jwt_signer(verify.issuer.as_str());
    let set = signer.sign_with_type("secevent+jwt", &claims)?;
    queue.push(&Message::new(set.as_bytes()).id(&jti).content_type(SET_TYPE))?;
    if let Some(delivery) = &settings.delivery {
        tracing::info!(
            "a verification event is on its way to {}",
            delivery.endpoint
        );
    } else {
        tracing::info!("a verification event is there to be fetched");
    }
    // After the push: a crash in between sends a second one, and none is forgotten.
    fs::write(&file, this.to_string()).map_err(|error| Error::from(error).context(file.display()))
}

fn was_verified(file: &Path, this: &Value) -> bool {
    let before = fs::read(file).unwrap_or_default();
    serde_json::from_slice::<Value>(&before).is_ok_and(|before| before == *this)
}
