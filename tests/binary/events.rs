//! What listeners see of an event, through every accessor of the interface.

use op_listener_tests::{Library, Setup, access_token};
use serde_json::{Value, json};

/// Runs one event through the puppet and gives what it saw.
fn seen(config: &str, event: &str) -> Value {
    seen_in(&puppet(config), event)
}

fn puppet(config: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "{config}\n[[listener]]\nplugin = \"puppet\"\nconfig = {{ record = \"record.ndjson\" }}"
    ))
}

fn seen_in(setup: &Setup, event: &str) -> Value {
    let run = setup.run([event]).ended(0);
    match <[Value; 1]>::try_from(run.events()) {
        Ok([event]) => event,
        Err(events) => panic!("one event expected: {events:?}\n{}", run.log),
    }
}

#[test]
fn an_id_token_event_shows_all_that_it_has() {
    // Strange spacing and numbers, names that repeat and escapes: all must come through as it is.
    let claims = r#"{ "sub":"pairwise-x" ,"big":123456789012345678901234567890.10e-400, "iat":1523304728,"a\u0062c":"caf\u00e9 ☕ \"q\" \\ \/","n":{"x":[1,{}, null]},"sub2":1,"sub2":2,"":""}"#;
    let event = format!(
        r#"{{"type":"id_token_issue","id":"e-1","txn":"t:1","time":1795291073.677123,"issuer":"https://op.example.com/tenant","client_id":"000123","client":{{"client_id":"000123","client_name":"App \u2603","client_secret":"hush","registration_access_token":"hush"}},"subject":"alice","claims":{claims},"extra":{{"k":[1, 2]}},"more":null}}"#
    );
    let seen = seen("", &event);
    assert_eq!(seen["spi"], "id_token_issue");
    assert_eq!(seen["id"], "e-1");
    assert_eq!(seen["txn"], "t:1");
    assert_eq!(seen["time_micros"], 1_795_291_073_677_123_u64);
    assert_eq!(seen["time"], 1_795_291_073_677_123_u64);
    assert_eq!(seen["issuer"], "https://op.example.com/tenant");
    assert_eq!(seen["client_id"], "000123");
    assert_eq!(
        seen["subject"], "alice",
        "the local subject, not the token's"
    );
    assert_eq!(seen["claims_json"], claims, "byte for byte");
    assert_eq!(
        seen["claims"],
        json!([
            ["sub", "\"pairwise-x\""],
            ["big", "123456789012345678901234567890.10e-400"],
            ["iat", "1523304728"],
            ["abc", "\"caf\\u00e9 ☕ \\\"q\\\" \\\\ \\/\""],
            ["n", r#"{"x":[1,{}, null]}"#],
            ["sub2", "2"],
            ["", "\"\""],
        ])
    );
    let client: Value = serde_json::from_str(seen["client"].as_str().unwrap()).unwrap();
    assert_eq!(
        client,
        json!({"client_id": "000123", "client_name": "App ☃"})
    );
    let more: Value = serde_json::from_str(seen["more"].as_str().unwrap()).unwrap();
    assert_eq!(more, json!({"extra": {"k": [1, 2]}, "more": null}));
}

#[test]
fn an_access_token_event_may_have_no_subject() {
    let with = access_token("e1");
    assert_eq!(seen("", &with)["subject"], "alice");
    let null = with.replace(r#""subject":"alice""#, r#""subject":null"#);
    assert_eq!(seen("", &null)["subject"], Value::Null);
    let without = with.replace(r#""subject":"alice","#, "");
    let seen = seen("", &without);
    assert_eq!(seen["subject"], Value::Null);
    assert_eq!(seen["spi"], "access_token_issue");
    assert_eq!(seen["claims_json"], r#"{"scope":"read","jti":"j-1"}"#);
    assert_eq!(seen["txn"], Value::Null);
    assert_eq!(seen["client"], Value::Null);
    assert_eq!(seen["more"], "{}");
}

#[test]
fn a_subject_event_shows_consent_and_session() {
    let event = r#"{"type":"subject_auth_and_consent","id":"e1","time":100,"issuer":"https://op.example.com","client_id":"000123","subject":"alice","id_token_claims":{"sub":"pw-1",  "acr":"1"},"scope":["openid","émail"],"consented_claims":["email"],"authz_data":[1.0,{"a":null}],"session":{"sid":"s\u0031","auth_time":99.5,"acr":"urn:x","amr":["pwd","otp"],"expires_at":100.5,"device":{"k":1}},"mine":true}"#;
    let seen = seen("", event);
    assert_eq!(seen["subject"], "alice");
    assert_eq!(seen["claims_json"], r#"{"sub":"pw-1",  "acr":"1"}"#);
    assert_eq!(
        seen["claims"],
        json!([["sub", "\"pw-1\""], ["acr", "\"1\""]])
    );
    assert_eq!(seen["scope"], json!(["openid", "émail"]));
    assert_eq!(seen["consented_claims"], json!(["email"]));
    assert_eq!(seen["authz_data"], r#"[1.0,{"a":null}]"#);
    let session = &seen["session"];
    assert_eq!(session["sid"], "s1");
    assert_eq!(session["auth_time"], 99.5);
    assert_eq!(session["acr"], "urn:x");
    assert_eq!(session["amr"], json!(["pwd", "otp"]));
    assert_eq!(session["expires_at"], 100.5);
    let members: Value = serde_json::from_str(session["members"].as_str().unwrap()).unwrap();
    assert_eq!(members["device"], json!({"k": 1}));
}

#[test]
fn a_subject_event_with_nothing_optional_shows_nothing() {
    let event = r#"{"type":"subject_auth_and_consent","issuer":"https://op.example.com","client_id":"c","subject":"s"}"#;
    let seen = seen("", event);
    for absent in [
        "claims_json",
        "claims",
        "scope",
        "consented_claims",
        "authz_data",
        "session",
    ] {
        assert_eq!(seen[absent], Value::Null, "{absent}");
    }
}

#[test]
fn an_expired_session_is_withheld() {
    for (expires_at, shown) in [("100", false), ("99.9", false), ("100.000001", true)] {
        let event = format!(
            r#"{{"type":"subject_auth_and_consent","time":100,"issuer":"https://op.example.com","client_id":"c","subject":"s","session":{{"sid":"s1","expires_at":{expires_at}}}}}"#
        );
        let seen = seen("", &event);
        assert_eq!(!seen["session"].is_null(), shown, "{expires_at}");
        assert_eq!(
            seen.to_string().contains("s1"),
            shown,
            "not by another way either"
        );
    }
}

#[test]
fn what_an_event_lacks_comes_from_the_host() {
    let setup = puppet("issuer = \"https://op.example.com\"\nclients = \"clients.json\"");
    setup.file(
        "clients.json",
        r#"[{"client_id":"000123","client_name":"From the registry","client_secret":"hush"},
            {"client_id":"other"}]"#,
    );
    let before = micros_now();
    let seen = seen_in(
        &setup,
        r#"{"type":"id_token_issue","client_id":"000123","subject":"alice","claims":{}}"#,
    );
    assert_eq!(seen["issuer"], "https://op.example.com");
    let client: Value = serde_json::from_str(seen["client"].as_str().unwrap()).unwrap();
    assert_eq!(
        client,
        json!({"client_id": "000123", "client_name": "From the registry"})
    );
    let time = seen["time_micros"].as_u64().unwrap();
    assert!((before..=micros_now()).contains(&time), "{time}");
    let id = seen["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "7"), "a UUIDv7: {id}");
}

#[test]
fn what_an_event_says_goes_before_what_the_host_knows() {
    let setup = puppet("issuer = \"https://op.example.com\"\nclients = \"clients.json\"");
    setup.file(
        "clients.json",
        r#"[{"client_id":"c","client_name":"registered"}]"#,
    );
    let seen = seen_in(
        &setup,
        r#"{"type":"id_token_issue","issuer":"https://two.example.com","client_id":"c","client":{"client_name":"sent"},"subject":"s","claims":{}}"#,
    );
    assert_eq!(seen["issuer"], "https://two.example.com");
    assert_eq!(seen["client"], r#"{"client_name":"sent"}"#);
}

#[test]
fn streams_may_end_and_space_their_lines_in_several_ways() {
    let setup = puppet("");
    let mut input = b"\xEF\xBB\xBF".to_vec();
    let (one, two, three) = (access_token("e1"), access_token("e2"), access_token("e3"));
    input.extend(format!("{one}\r\n\n \t \r\n  {two}  \n{three}").bytes());
    let run = setup.run_bytes(&input).ended(0);
    assert_eq!(run.event_ids(), ["e1", "e2", "e3"]);
}

#[test]
fn an_event_of_the_greatest_size_and_depth_comes_through() {
    let setup = puppet("");
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    let event = access_token("deep").replace(r#""j-1""#, &format!(r#""j-1","deep":{deep}"#));
    let mut large = access_token("large");
    let fill = "x".repeat((1 << 20) - large.len() - r#","fill":"""#.len());
    large.insert_str(large.len() - 1, &format!(r#","fill":"{fill}""#));
    assert_eq!(large.len(), 1 << 20);
    let run = setup.run([event, large]).ended(0);
    assert_eq!(run.event_ids(), ["deep", "large"]);
}

fn micros_now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_micros()).unwrap()
}
