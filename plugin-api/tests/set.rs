//! Security Event Tokens: what RFC 8417 and the OpenID Shared Signals Framework 1.0 ask of them
//! holds whatever a listener does.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use op_listener_api::set::{self, SubjectIdentifier};
use op_listener_api::testing::{
    AccessTokenIssue, Host, IdTokenIssue, SubjectAuthAndConsent, read_jwt,
};
use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
};
use serde_json::{Value, json};

#[test]
fn a_set_has_what_the_profile_asks_for_and_nothing_by_which_it_passes_for_an_id_token() {
    let event = IdTokenIssue::new()
        .id("e-1")
        .txn("t-1")
        .claim("nonce", "n")
        .time(UNIX_EPOCH + Duration::from_micros(1_700_000_000_999_999))
        .to_event();
    let host = Host::new();
    let signer = host.jwt_signer();
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let before = now();
    let token = signer
        .set(&event.event())
        .audience("https://rp.example.com")
        .sign()
        .unwrap();
    let mut jwt = read_jwt(&token).unwrap();

    assert_eq!(jwt.header["typ"], "secevent+jwt");
    let issued_at = jwt.claims.remove("iat").unwrap().as_u64().unwrap();
    assert!((before..=now()).contains(&issued_at));
    assert_eq!(
        Value::from(jwt.claims),
        json!({
            "iss": "https://op.example.com",
            "jti": "e-1",
            "txn": "t-1",
            "toe": 1_700_000_000,
            "aud": "https://rp.example.com",
            "sub_id": { "format": "iss_sub", "iss": "https://op.example.com", "sub": "alice" },
            "events": { set::ID_TOKEN_ISSUED: { "client_id": "000123" } },
        })
    );
}

#[test]
fn each_event_has_its_type_and_an_access_token_without_a_user_the_client_as_its_subject() {
    let host = Host::new();
    let signer = host.jwt_signer();
    let access = AccessTokenIssue::new().without_subject().to_event();
    let claims = signer.set(&access.event()).claims_set().unwrap();
    assert_eq!(claims["sub_id"]["sub"], "000123");
    assert!(claims["events"].get(set::ACCESS_TOKEN_ISSUED).is_some());
    assert!(!claims.contains_key("txn") && !claims.contains_key("aud"));

    let consent = SubjectAuthAndConsent::new().to_event();
    let consent = consent.event();
    let claims = signer
        .set(&consent)
        .audience("a")
        .audience("b")
        .jti("second")
        .event_type("https://example.com/consent")
        .subject(SubjectIdentifier::Email {
            email: "a@example.com".to_owned(),
        })
        .payload("n", 1)
        .claims(["sub"])
        .unwrap()
        .claims_set()
        .unwrap();
    assert_eq!(claims["aud"], json!(["a", "b"]));
    assert_eq!(claims["jti"], "second");
    assert_eq!(
        claims["sub_id"],
        json!({ "format": "email", "email": "a@example.com" })
    );
    assert_eq!(
        claims["events"],
        json!({ "https://example.com/consent": { "client_id": "000123", "n": 1, "claims": {} } })
    );
    for forbidden in ["sub", "exp"] {
        assert!(!claims.contains_key(forbidden));
    }
}

#[test]
fn only_the_claims_that_were_asked_for_come_along() {
    let host = Host::new();
    let event = IdTokenIssue::new()
        .claim("email", "a@example.com")
        .to_event();
    let event = event.event();
    let set = host
        .jwt_signer()
        .set(&event)
        .claims(["email", "absent"])
        .unwrap();
    assert_eq!(
        set.claims_set().unwrap()["events"][set::ID_TOKEN_ISSUED]["claims"],
        json!({ "email": "a@example.com" })
    );
}

#[test]
fn a_token_in_the_payload_is_refused_wherever_it_hides() {
    let host = Host::new();
    let event = IdTokenIssue::new().to_event();
    let event = event.event();
    let payload = |value: Value| {
        let set = host.jwt_signer().set(&event).payload("p", value);
        set.sign().map_err(|error| error.to_string())
    };
    let jws = "eyJhbGciOiJub25lIn0.e30.c2ln";
    for hidden in [
        json!(jws),
        json!(format!("Bearer {jws}")),
        json!(["x", { "y": jws }]),
        json!({ "deep": { "access_token": "opaque" } }),
        json!({ "id_token": ["opaque"] }),
        json!({ "refresh_token": "x" }),
        json!({ "code": "x" }),
        json!({ "client_secret": "x" }),
        // `{ "alg"…`, `{` and a line end; an unsecured one; a JWE.
        json!("eyAiYWxnIjoibm9uZSJ9.e30.c2ln"),
        json!("ewoiYWxnIjoibm9uZSJ9.e30.c2ln"),
        json!("eyJhbGciOiJub25lIn0.e30."),
        json!("eyJhbGciOiJkaXIifQ..aXY.Y3Q.dGFn"),
    ] {
        let message = payload(hidden.clone()).expect_err(&hidden.to_string());
        assert!(message.contains("holds a token: leave it out"), "{message}");
        assert!(message.contains("`p"), "names the member: {message}");
        assert!(
            !message.contains("eyJ") && !message.contains("opaque"),
            "keeps it secret"
        );
    }
    for harmless in [
        json!("www.example.com"),
        json!("eyes.example.com"),
        json!("eyJ"),
        // Names of people that begin as tokens do.
        json!("ewoud.van.dijk"),
        json!("eyAd.al.din"),
        json!("by ewok.of.endor"),
        json!({ "code": 7, "at_hash": "x", "country_code": "DE" }),
        json!("1.2.3"),
        json!(null),
    ] {
        payload(harmless).unwrap();
    }
}

#[test]
fn an_event_type_is_a_uri_and_a_jti_is_not_empty() {
    let host = Host::new();
    let event = IdTokenIssue::new().to_event();
    let event = event.event();
    let with = |uri: &str| host.jwt_signer().set(&event).event_type(uri).claims_set();
    for wrong in [
        "",
        "token-issued",
        "1a:b",
        ":b",
        "a:",
        "a b:c",
        "urn:a b",
        "urn:ä",
    ] {
        let message = with(wrong).unwrap_err().to_string();
        assert!(message.contains("is no absolute URI"), "{message}");
    }
    for right in ["urn:a", "https://example.com/a#b"] {
        with(right).unwrap();
    }
    assert!(host.jwt_signer().set(&event).jti("").claims_set().is_err());
}

#[test]
fn nothing_is_signed_once_the_host_is_gone() {
    let signer = Host::new().jwt_signer();
    let event = IdTokenIssue::new().to_event();
    assert!(signer.set(&event.event()).sign().is_err());
}

/// Signs in `init`, where there is no event.
struct Early;

impl Lifecycle for Early {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let signer = context.jwt_signer("https://op.example.com");
        assert_eq!(signer.issuer(), "https://op.example.com");
        let token = signer.sign_with_type("secevent+jwt", &json!({ "jti": "1" }))?;
        tracing::info!("{token}");
        Ok(Self)
    }
}

impl IdTokenIssueEventListener for Early {
    fn id_token_issued(
        &self,
        _: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_token_of_no_event_can_be_signed_in_init() {
    let host = Host::new();
    let _early = host.id_token_issue::<Early>("early", &json!({})).unwrap();
    let signed = read_jwt(&host.records()[0].message).unwrap();
    assert_eq!(signed.header["typ"], "secevent+jwt");
    assert_eq!(signed.claims["jti"], "1");
}
