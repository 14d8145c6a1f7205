//! The members of each type of event and fact.

use super::*;

#[test]
fn id_token_events_need_client_subject_and_claims() {
    for name in ["client_id", "subject", "claims"] {
        let member = format!("member `{name}`");
        assert_refused(
            without(id_token(), name),
            &[&member, "missing", "id_token_issue"],
        );
        for value in [json!(null), json!(1), json!(""), json!([]), json!(true)] {
            assert_refused(with(id_token(), name, value), &[&member, "expected"]);
        }
    }
    assert_refused(
        with(id_token(), "claims", json!("s3cr3t.to.ken")),
        &["found a string"],
    );
}

#[test]
fn only_access_tokens_may_have_no_subject() {
    assert_eq!(read(&access_token().to_string()).unwrap().subject(), None);
    let null = with(access_token(), "subject", json!(null));
    let event = read(&null).unwrap();
    assert_eq!(event.subject(), None);
    assert_eq!(event.more(), None);
    let named = with(access_token(), "subject", json!("null"));
    assert_eq!(read(&named).unwrap().subject(), Some("null"));
    assert_refused(
        with(access_token(), "subject", json!(7)),
        &["member `subject`"],
    );
    assert_refused(
        without(access_token(), "claims"),
        &["`claims`", "access_token_issue"],
    );
    assert_refused(
        without(access_token(), "client_id"),
        &["`client_id`", "missing"],
    );
    assert_refused(
        with(access_token(), "client_id", json!("")),
        &["`client_id`", "not empty, found \"\""],
    );
}

#[test]
fn subject_events_carry_what_they_have_of_their_own() {
    let text = r#"{"type":"subject_auth_and_consent","time":1000,"issuer":"https://op.example.com",
        "client_id":"c1","x":1.50,"session":{"sid":"s","amr":["pwd"],"expires_at":1000.5,"k":null},
        "subject":"alice","authz_data":null,"scope":["openid"],"consented_claims":[],
        "id_token_claims":{ }}"#;
    let event = read(text).unwrap();
    assert_eq!(event.claims(), Some("{ }"));
    assert_eq!(
        event.more(),
        Some(
            r#"{"scope":["openid"],"consented_claims":[],"authz_data":null,"x":1.50,"session":{"sid":"s","amr":["pwd"],"expires_at":1000.5,"k":null}}"#
        )
    );
    let bare = subject_event().to_string();
    let bare = read(&bare).unwrap();
    assert_eq!((bare.claims(), bare.more()), (None, None));
    assert_refused(
        without(subject_event(), "subject"),
        &["`subject`", "subject_auth_and_consent"],
    );
    for (name, value) in [
        ("subject", json!(null)),
        ("subject", json!("")),
        ("id_token_claims", json!(null)),
        ("id_token_claims", json!([])),
        ("scope", json!("openid")),
        ("scope", json!(["a", 1])),
        ("scope", json!(null)),
        ("consented_claims", json!({})),
        ("consented_claims", json!([null])),
        ("session", json!([])),
        ("session", json!(null)),
    ] {
        let member = format!("member `{name}`");
        assert_refused(with(subject_event(), name, value), &[&member, "expected"]);
    }
}

#[test]
fn a_session_has_members_of_these_types() {
    for (name, value) in [
        ("sid", json!(1)),
        ("sid", json!(null)),
        ("auth_time", json!("1")),
        ("acr", json!(["a"])),
        ("amr", json!("pwd")),
        ("amr", json!([1])),
        ("expires_at", json!("s3cr3t")),
        ("expires_at", json!(null)),
    ] {
        let member = format!("member `session.{name}`");
        let session = json!({ name: value });
        assert_refused(
            with(subject_event(), "session", session),
            &[&member, "expected"],
        );
    }
    let last_counts = subject_event().to_string().replacen(
        '{',
        r#"{"session":{"sid":1,"expires_at":1,"s\u0069d":"s","expires_at":1e300},"#,
        1,
    );
    assert!(
        read(&last_counts)
            .unwrap()
            .more()
            .unwrap()
            .contains("session")
    );
}

#[test]
fn an_expired_session_is_withheld() {
    for (expires_at, shown) in [
        (json!(1_000.000_001), true),
        (json!(1000), false),
        (json!(999), false),
        (json!(-1), false),
        (json!(1e300), true),
    ] {
        let session = json!({"sid": "s", "expires_at": expires_at});
        let mut event = subject_event();
        event["x"] = json!(1);
        let text = with(event, "session", session.clone());
        let more: Value = serde_json::from_str(read(&text).unwrap().more().unwrap()).unwrap();
        assert_eq!(
            more.get("session"),
            shown.then_some(&session),
            "{expires_at}"
        );
        assert_eq!(more["x"], 1);
    }
}

#[test]
fn members_of_other_types_are_unknown_ones_and_passed_on() {
    let mut event = id_token();
    event["scope"] = json!(7);
    event["session"] = json!(null);
    event["response_type"] = json!("x");
    event["id_token_claims"] = json!(1);
    let text = event.to_string();
    let more: Value = serde_json::from_str(read(&text).unwrap().more().unwrap()).unwrap();
    assert_eq!(
        more,
        json!({"scope": 7, "session": null, "response_type": "x", "id_token_claims": 1})
    );
    let text = with(subject_event(), "claims", json!(7));
    assert_eq!(read(&text).unwrap().more(), Some(r#"{"claims":7}"#));
}

#[test]
fn a_code_in_an_event_is_refused_and_not_shown() {
    for event in [id_token(), access_token(), subject_event()] {
        assert_refused(
            with(event, "code", json!("s3cr3t")),
            &["member `code`", "unwanted"],
        );
    }
}

#[test]
fn authorizations_need_a_response_type_and_its_code() {
    let taken = |text: &str| parse(text.as_bytes(), None, &defaults()).is_ok();
    assert!(taken(&authorization().to_string()));
    assert_refused(
        without(authorization(), "response_type"),
        &["`response_type`", "missing"],
    );
    for value in [
        json!("none"),
        json!("code  token"),
        json!("code none"),
        json!(null),
        json!(""),
    ] {
        assert_refused(
            with(authorization(), "response_type", value),
            &["`response_type`", "words"],
        );
    }
    assert_refused(
        without(authorization(), "code"),
        &["`code`", "missing", "response_type"],
    );
    for code in [
        json!(""),
        json!(null),
        json!(["s3cr3t"]),
        json!({"a": "s3cr3t"}),
    ] {
        assert_refused(with(authorization(), "code", code), &["`code`", "expected"]);
    }
    assert_refused(
        with(authorization(), "response_type", json!("token")),
        &["`code`", "unwanted"],
    );
    assert_refused(
        with(authorization(), "code_expires_at", json!("1")),
        &["`code_expires_at`"],
    );
    assert_refused(
        with(authorization(), "session", json!({"sid": 1})),
        &["`session.sid`"],
    );
    assert_refused(
        without(authorization(), "subject"),
        &["`subject`", "authorization_completed"],
    );
    assert_refused(
        without(authorization(), "client_id"),
        &["`client_id`", "missing"],
    );
    assert_refused(without(authorization(), "issuer"), &["`issuer`"]);
}

#[test]
fn exchanges_need_only_their_code_and_an_issuer() {
    assert!(matches!(
        parse(exchange().to_string().as_bytes(), None, &defaults()),
        Ok(Message::CodeExchanged(_))
    ));
    assert_refused(
        without(exchange(), "code"),
        &["`code`", "missing", "code_exchanged"],
    );
    assert_refused(without(exchange(), "issuer"), &["`issuer`"]);
    for (name, value) in [
        ("code", json!(7)),
        ("client_id", json!("")),
        ("client_id", json!(null)),
        ("id_token_claims", json!("s3cr3t")),
        ("client", json!("s3cr3t")),
        ("id", json!("a b")),
        ("time", json!("x")),
    ] {
        let member = format!("member `{name}`");
        assert_refused(with(exchange(), name, value), &[&member, "expected"]);
    }
}
