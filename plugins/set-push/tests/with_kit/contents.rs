//! What the SETs say.

use op_listener_api::testing::{
    AccessTokenIssue, Host, IdTokenIssue, SubjectAuthAndConsent, TestEvent, read_jwt,
};
use op_listener_set_push::SetPush;
use serde_json::{Map, Value, json};

use crate::receiver::Receiver;
use crate::{NAME, deliver, enabled, to};

/// Makes the listener for an event's SPI.
trait Make: TestEvent + Sized {
    fn call(host: &Host, settings: &Value, event: &Self);
}

macro_rules! make {
    ($($event:ident by $method:ident),*) => {
        $(impl Make for $event {
            fn call(host: &Host, settings: &Value, event: &Self) {
                let push = host.$method::<SetPush>(NAME, settings).unwrap();
                push.call(event).unwrap();
            }
        })*
    };
}

make!(
    IdTokenIssue by id_token_issue,
    AccessTokenIssue by access_token_issue,
    SubjectAuthAndConsent by subject_auth_and_consent
);

/// The SET of an event with these settings.
fn set_of<E: Make>(event: &E, more: &Value) -> Map<String, Value> {
    let (host, receiver) = (Host::new(), Receiver::new());
    let mut settings = enabled(&to(&receiver));
    settings
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    E::call(&host, &settings, event);
    let queued = host.queue(NAME).waiting().remove(0);
    let set = read_jwt(&String::from_utf8(queued.payload).unwrap()).unwrap();
    assert_eq!(set.header["typ"], "secevent+jwt");
    assert_eq!(queued.id.as_deref(), set.claims["jti"].as_str());
    assert!(!set.claims.contains_key("sub") && !set.claims.contains_key("exp"));
    assert_eq!(set.claims["events"].as_object().unwrap().len(), 1);
    set.claims
}

fn payload(set: &Map<String, Value>) -> &Value {
    set["events"].as_object().unwrap().values().next().unwrap()
}

#[test]
fn a_set_tells_who_and_when_and_no_more_unless_asked_to() {
    let event = IdTokenIssue::new()
        .id("e-1")
        .txn("t-1")
        .claim("email", "alice@example.com");
    let set = set_of(&event, &json!({}));
    assert_eq!(set["iss"], "https://op.example.com");
    assert_eq!((&set["jti"], &set["txn"]), (&json!("e-1"), &json!("t-1")));
    assert_eq!(set["toe"], 1_760_000_000);
    assert_eq!(
        set["sub_id"],
        json!({ "format": "iss_sub", "iss": "https://op.example.com", "sub": "alice" })
    );
    assert!(!set.contains_key("aud"));
    assert_eq!(
        set["events"],
        json!({ "urn:op-listener:event-type:id-token-issued": { "client_id": "000123" } })
    );
}

#[test]
fn each_kind_of_event_has_its_type_which_can_be_another() {
    let types = json!({ "event_types": {
        "id_token_issue": "https://schemas.example.com/id",
        "access_token_issue": "https://schemas.example.com/access",
        "subject_auth_and_consent": "https://schemas.example.com/subject",
    }});
    let type_of = |set: Map<String, Value>| {
        set["events"]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .unwrap()
            .clone()
    };
    for (plain, other) in [
        (
            type_of(set_of(&IdTokenIssue::new(), &json!({}))),
            type_of(set_of(&IdTokenIssue::new(), &types)),
        ),
        (
            type_of(set_of(&AccessTokenIssue::new(), &json!({}))),
            type_of(set_of(&AccessTokenIssue::new(), &types)),
        ),
        (
            type_of(set_of(&SubjectAuthAndConsent::new(), &json!({}))),
            type_of(set_of(&SubjectAuthAndConsent::new(), &types)),
        ),
    ] {
        assert!(plain.starts_with("urn:op-listener:event-type:"), "{plain}");
        assert!(other.starts_with("https://schemas.example.com/"), "{other}");
    }
}

#[test]
fn audiences_are_one_or_several() {
    let event = IdTokenIssue::new();
    let one = set_of(
        &event,
        &json!({ "audience": "https://receiver.example.com" }),
    );
    assert_eq!(one["aud"], "https://receiver.example.com");
    let two = set_of(&event, &json!({ "audience": ["a", "b"] }));
    assert_eq!(two["aud"], json!(["a", "b"]));
}

#[test]
fn claims_are_chosen_or_masked_and_members_are_chosen() {
    let event = SubjectAuthAndConsent::new()
        .id_token_claims(&json!({ "sub": "alice", "acr": "2", "email": "alice@example.com" }))
        .scope(&["openid", "email"]);
    let more = json!({ "claims": "acr, amr", "mask": ["email", "phone_number"], "members": ["scope", "session"] });
    assert_eq!(
        payload(&set_of(&event, &more)),
        &json!({
            "client_id": "000123",
            "claims": { "acr": "2", "email": "***" },
            "scope": ["openid", "email"],
        })
    );
}

#[test]
fn an_odd_claim_loses_no_event() {
    let odd = r#"{"sub":"alice","big":1e999,"deep":{"big":[-1e999]},"whole":12345678901234567}"#;
    let event = IdTokenIssue::new().claims_json(odd);
    assert_eq!(
        payload(&set_of(&event, &json!({ "claims": "big deep whole" })))["claims"],
        json!({ "big": "1e999", "deep": r#"{"big":[-1e999]}"#, "whole": 12_345_678_901_234_567_u64 })
    );
    let long = IdTokenIssue::new().subject(&"ä".repeat(40_000));
    let set = set_of(&long, &json!({ "order": "subject" }));
    assert_eq!(set["sub_id"]["sub"].as_str().unwrap().len(), 80_000);
}

#[test]
fn the_subject_goes_by_the_name_that_is_wanted() {
    let event = IdTokenIssue::new()
        .claim("sub", "pairwise-7")
        .claim("email", "alice@example.com");
    let sub_id = |event: &IdTokenIssue, more: Value| set_of(event, &more)["sub_id"].clone();
    assert_eq!(
        sub_id(&event, json!({ "subject": "token" })),
        json!({ "format": "iss_sub", "iss": "https://op.example.com", "sub": "pairwise-7" })
    );
    assert_eq!(
        sub_id(&event, json!({ "sub_id": "opaque" })),
        json!({ "format": "opaque", "id": "alice" })
    );
    assert_eq!(
        sub_id(&event, json!({ "sub_id": "opaque", "subject": "token" })),
        json!({ "format": "opaque", "id": "pairwise-7" })
    );
    assert_eq!(
        sub_id(&event, json!({ "sub_id": "email" })),
        json!({ "format": "email", "email": "alice@example.com" })
    );
    assert_eq!(
        sub_id(&IdTokenIssue::new(), json!({ "sub_id": "email" }))["format"],
        "iss_sub"
    );
    let odd = IdTokenIssue::new().subject("a@b");
    assert_eq!(
        sub_id(&odd, json!({ "sub_id": "account" })),
        json!({ "format": "account", "uri": "acct:a%40b@op.example.com" })
    );
    assert_eq!(
        sub_id(
            &odd,
            json!({ "sub_id": "account", "account_host": "example.com" })
        )["uri"],
        "acct:a%40b@example.com"
    );
}

#[test]
fn without_an_end_user_the_subject_is_the_client() {
    let event = AccessTokenIssue::new()
        .without_subject()
        .claims(&json!({ "scope": "read" }));
    for subject in ["local", "token"] {
        let set = set_of(&event, &json!({ "subject": subject }));
        assert_eq!(set["sub_id"]["sub"], "000123");
    }
}

#[test]
fn a_local_subject_is_not_told_where_the_tokens_is_wanted() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let mut settings = enabled(&to(&receiver));
    settings["subject"] = "token".into();
    let push = host
        .subject_auth_and_consent::<SetPush>(NAME, &settings)
        .unwrap();
    let failure = push.call(&SubjectAuthAndConsent::new()).unwrap_err();
    assert!(
        failure.message().contains("there is no claim `sub`"),
        "{failure}"
    );
    assert!(host.queue(NAME).waiting().is_empty());
}

#[test]
fn a_token_never_gets_into_a_set() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let mut settings = enabled(&to(&receiver));
    settings["claims"] = "vault".into();
    let push = host.id_token_issue::<SetPush>(NAME, &settings).unwrap();
    let event = IdTokenIssue::new().claim("vault", "eyJhbGciOiJub25lIn0.e30.");
    let failure = push.call(&event).unwrap_err();
    assert!(failure.message().contains("holds a token"), "{failure}");
}

#[test]
fn a_jti_can_be_the_instances_own() {
    let set = set_of(
        &IdTokenIssue::new().id("e-1"),
        &json!({ "jti": "instance" }),
    );
    assert_eq!(set["jti"], "e-1:push");
}

#[test]
fn sets_are_ordered_as_asked() {
    for (order, keys) in [
        ("none", [None, None]),
        ("client", [Some("000123"), Some("000123")]),
        ("subject", [Some("alice"), Some("000123")]),
        ("all", [Some("all"), Some("all")]),
    ] {
        let (host, receiver) = (Host::new(), Receiver::new());
        let mut settings = enabled(&to(&receiver));
        settings["order"] = order.into();
        let push = host.access_token_issue::<SetPush>(NAME, &settings).unwrap();
        push.call(&AccessTokenIssue::new()).unwrap();
        push.call(&AccessTokenIssue::new().without_subject())
            .unwrap();
        let queue = host.queue(NAME);
        let waiting = queue.waiting();
        let found: Vec<_> = waiting.iter().map(|queued| queued.key.as_deref()).collect();
        assert_eq!(found, keys, "{order}");
        assert!(deliver(&queue).is_delivered(), "one at a time");
    }
}
