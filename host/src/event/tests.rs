//! The event format, sentence by sentence, at the parser and at the builder.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://op.example.com";

fn fixed_clock() -> Timestamp {
    "1700000000.25".parse().unwrap()
}

fn defaults() -> Defaults<'static> {
    Defaults {
        clock: fixed_clock,
        ..Defaults::default()
    }
}

fn read(text: &str) -> Result<Event<'_>, EventError> {
    match parse(text.as_bytes(), Some(7), &defaults())? {
        Message::Event(event) => Ok(event),
        other => panic!("{other:?}"),
    }
}

fn error(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    match parse(text.as_bytes(), Some(7), &defaults()) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_refused(text: impl AsRef<str>, parts: &[&str]) {
    let error = error(text.as_ref());
    for part in ["line 7: "].iter().chain(parts) {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    assert!(!error.contains("s3cr3t"), "{error}");
}

fn id_token() -> Value {
    json!({"type": "id_token_issue", "id": "e1", "txn": "t1", "time": 1_795_291_073.677,
        "issuer": ISSUER, "client_id": "c1", "subject": "alice", "claims": {"sub": "a"}})
}

fn access_token() -> Value {
    json!({"type": "access_token_issue", "issuer": ISSUER, "client_id": "c1", "claims": {}})
}

fn subject_event() -> Value {
    json!({"type": "subject_auth_and_consent", "time": 1000, "issuer": ISSUER, "client_id": "c1",
        "subject": "alice"})
}

fn authorization() -> Value {
    json!({"type": "authorization_completed", "time": 1000, "issuer": ISSUER, "client_id": "c1",
        "subject": "alice", "response_type": "code", "code": "s3cr3t"})
}

fn exchange() -> Value {
    json!({"type": "code_exchanged", "time": 1001, "issuer": ISSUER, "code": "s3cr3t"})
}

fn with(mut event: Value, name: &str, value: Value) -> String {
    event[name] = value;
    event.to_string()
}

fn without(mut event: Value, name: &str) -> String {
    event.as_object_mut().unwrap().remove(name).unwrap();
    event.to_string()
}

#[test]
fn an_ordinary_event_is_borrowed_whole() {
    let text = r#" { "type":"id_token_issue","id":"e.1_:-Z", "txn":"t1","time":1795291073.677,
        "issuer":"https://op.example.com","client_id":"c 1","subject":"山田",
        "claims": { "sub" : "a\u0062", "n":1e999, "n":123456789012345678901234567890 },
        "client":{"client_name":"C"}}"#;
    let event = read(text).unwrap();
    assert_eq!(event.spi(), Spi::IdTokenIssue);
    assert_eq!(event.id(), "e.1_:-Z");
    assert_eq!(event.txn(), Some("t1"));
    assert_eq!(event.time().to_string(), "1795291073.677");
    assert_eq!(event.issuer(), ISSUER);
    assert_eq!(event.client_id(), "c 1");
    assert_eq!(event.subject(), Some("山田"));
    let claims = r#"{ "sub" : "a\u0062", "n":1e999, "n":123456789012345678901234567890 }"#;
    assert_eq!(event.claims(), Some(claims));
    assert_eq!(event.client(), Some(r#"{"client_name":"C"}"#));
    assert_eq!(event.more(), None);
    for text in [&event.id, &event.issuer, &event.client_id] {
        assert!(matches!(text, Cow::Borrowed(_)));
    }
    for text in [&event.txn, &event.subject, &event.claims, &event.client] {
        assert!(matches!(text, Some(Cow::Borrowed(_))));
    }
    assert_eq!(event.clone().into_owned(), event);
}

#[test]
fn names_and_values_may_be_written_with_escapes() {
    let text = r#"{"\u0074ype":"id\u005ftoken_issue","id":"\u0041","issuer":"https:\/\/op.example.com",
        "client_id":"\n","subject":"\ud83d\ude00\"","claims":{},"x\u0022y":1}"#;
    let event = read(text).unwrap();
    assert_eq!(event.id(), "A");
    assert_eq!(event.issuer(), ISSUER);
    assert_eq!(event.client_id(), "\n");
    assert_eq!(event.subject(), Some("😀\""));
    assert_eq!(event.more(), Some(r#"{"x\"y":1}"#));
}

#[test]
fn what_a_line_does_not_say_is_filled_in() {
    let text = json!({"type": "access_token_issue", "client_id": "c", "claims": {}}).to_string();
    let defaults = Defaults {
        issuer: Some(ISSUER),
        ..defaults()
    };
    let Ok(Message::Event(event)) = parse(text.as_bytes(), None, &defaults) else {
        panic!()
    };
    assert_eq!(event.issuer(), ISSUER);
    assert_eq!(event.time(), fixed_clock());
    assert_eq!(event.txn(), None);
    assert_eq!(event.client(), None);
    let id: uuid::Uuid = event.id().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let other = with(access_token(), "issuer", json!("https://other.example.com"));
    let Ok(Message::Event(event)) = parse(other.as_bytes(), None, &defaults) else {
        panic!()
    };
    assert_eq!(event.issuer(), "https://other.example.com");
}

#[test]
fn a_missing_issuer_says_where_to_set_it() {
    assert_refused(
        without(id_token(), "issuer"),
        &["member `issuer`", "configuration file", "issuer = "],
    );
}

#[test]
fn text_that_is_not_one_json_object_is_refused() {
    for (text, parts) in [
        ("", &["not valid JSON", "byte"][..]),
        ("nonsense", &["not valid JSON"]),
        ("[1]", &["expected one JSON object, found an array"]),
        ("\"s3cr3t\"", &["found a string"]),
        ("null", &["found null"]),
        ("\u{feff}{}", &["byte order mark", "very start"]),
        ("{\"type\":\"id_token_issue\"", &["not valid JSON", "EOF"]),
        ("{\"type\":NaN}", &["not valid JSON"]),
        ("{\"type\":-Infinity}", &["not valid JSON"]),
        ("{\"type\":01}", &["not valid JSON"]),
        ("{\"type\":1,}", &["not valid JSON", "byte 11"]),
        ("{'type':1}", &["not valid JSON"]),
        ("{\"type\":1 /* x */}", &["not valid JSON"]),
        ("{} {}", &["not valid JSON", "trailing characters"]),
        (
            "{\"a\":\"\u{1}\"}",
            &["not valid JSON", "control character"],
        ),
        ("{\"a\":\"\\x\"}", &["not valid JSON", "escape"]),
        ("{\n\"a\":\n?}", &["line 3 of the object, byte 1"]),
        ("{}", &["member `type`: missing", "code_exchanged"]),
    ] {
        assert_refused(text, parts);
    }
    let mut invalid = id_token().to_string().into_bytes();
    invalid[20] = 0xff;
    let error = parse(&invalid, Some(3), &defaults()).unwrap_err();
    assert_eq!(error.fault(), &Fault::NotUtf8 { valid: 20 });
    assert_eq!(
        error.to_string(),
        "line 3: not valid UTF-8 at byte 21: send UTF-8"
    );
}

#[test]
fn lone_surrogates_are_refused_wherever_they_are() {
    for lone in [
        r"\ud800",
        r"\udc00",
        r"\ud83dx",
        r"\ud83d\u0041",
        r"\ude00\ud83d",
    ] {
        let deep = format!(r#"{{"type":"x","claims":{{"a":["{lone}"]}}}}"#);
        assert_refused(deep, &["member `claims`", "lone surrogate"]);
        let deep_name = format!(r#"{{"type":"x","y":{{"{lone}":1}}}}"#);
        assert_refused(deep_name, &["member `y`", "lone surrogate"]);
        assert_refused(format!(r#"{{"{lone}":1}}"#), &["lone surrogate"]);
        assert_refused(
            format!(r#"{{"type":"{lone}"}}"#),
            &["member `type`", "lone surrogate"],
        );
    }
    let fine = r#"{"a":"\\ud800 \ud83d\ude00"}"#;
    let line = with(id_token(), "claims", serde_json::from_str(fine).unwrap());
    assert!(read(&line).is_ok());
}

#[test]
fn a_name_that_is_there_twice_at_the_top_level_is_refused() {
    for (twice, name) in [
        (r#""id":"a","id":"a""#, "`id`"),
        (r#""id":"a","\u0069d":"b""#, "`id`"),
        (r#""x":1,"y":2,"x":1"#, "`x`"),
        (r#""x y":1,"x\u0020y":1"#, "`x y`"),
        (r#""":1,"":2"#, "``"),
    ] {
        let text = format!(r#"{{"type":"id_token_issue",{twice}}}"#);
        assert_refused(text, &[name, "twice"]);
    }
    let many: Vec<_> = (0..100).map(|n| format!(r#""x{n}":{n}"#)).collect();
    assert_refused(
        format!(r#"{{{},"x57":0}}"#, many.join(",")),
        &["`x57`", "twice"],
    );
    let deeper = r#"{"type":"access_token_issue","issuer":"https://op.example.com",
        "client_id":"c","claims":{"a":1,"a":2},"x":{"b":1,"b":2}}"#;
    let event = read(deeper).unwrap();
    assert_eq!(event.claims(), Some(r#"{"a":1,"a":2}"#));
    assert_eq!(event.more(), Some(r#"{"x":{"b":1,"b":2}}"#));
}

#[test]
fn nesting_is_limited_and_the_event_is_the_first_level() {
    let nested = |levels: usize| {
        let inner = "[".repeat(levels - 1) + &"]".repeat(levels - 1);
        id_token()
            .to_string()
            .replace(r#"{"sub":"a"}"#, &format!(r#"{{"a":{inner}}}"#))
    };
    assert!(read(&nested(127)).is_ok());
    assert_refused(nested(128), &["128 levels"]);
    assert_refused(nested(100_000), &["128 levels"]);
    let limits = Limits {
        depth: 3,
        ..Limits::default()
    };
    let defaults = Defaults {
        limits,
        ..defaults()
    };
    assert!(parse(nested(2).as_bytes(), None, &defaults).is_ok());
    assert!(parse(nested(3).as_bytes(), None, &defaults).is_err());
    let brackets = with(id_token(), "x", json!("[{".repeat(500)));
    assert!(read(&brackets).is_ok());
    let wide = with(id_token(), "x", json!(vec![json!([]); 500]));
    assert!(read(&wide).is_ok());
}

#[test]
fn a_line_may_be_as_long_as_the_limit() {
    let text = id_token().to_string();
    let limits = |line_bytes| Defaults {
        limits: Limits {
            line_bytes,
            ..Limits::default()
        },
        ..defaults()
    };
    assert!(parse(text.as_bytes(), None, &limits(text.len())).is_ok());
    let error = parse(text.as_bytes(), Some(2), &limits(text.len() - 1)).unwrap_err();
    assert!(error.to_string().starts_with("line 2: longer than "));
    assert_eq!(
        Limits::default(),
        Limits {
            line_bytes: 1_048_576,
            depth: 128
        }
    );
}

#[test]
fn unknown_types_list_the_known_ones() {
    for kind in [
        json!("id_token"),
        json!(""),
        json!(7),
        json!(null),
        json!({"a": "s3cr3t"}),
    ] {
        assert_refused(
            with(id_token(), "type", kind),
            &[
                "member `type`",
                "id_token_issue",
                "access_token_issue",
                "subject_auth_and_consent",
                "authorization_completed",
                "code_exchanged",
            ],
        );
    }
    assert_refused(
        with(id_token(), "type", json!("id_token\n")),
        &[r#"found "id_token\n""#],
    );
}

#[test]
fn ids_are_of_few_characters_and_not_long() {
    for name in ["id", "txn"] {
        let member = format!("member `{name}`");
        for value in [
            json!(""),
            json!("a b"),
            json!("é"),
            json!("a/b"),
            json!("a\n"),
            json!("x".repeat(129)),
            json!(1),
            json!(null),
            json!([]),
        ] {
            assert_refused(
                with(id_token(), name, value),
                &[&member, "1 to 128 characters"],
            );
        }
        for value in ["a", "AZaz09._:-", &"x".repeat(128)] {
            assert!(read(&with(id_token(), name, json!(value))).is_ok());
        }
    }
    assert_refused(
        with(id_token(), "id", json!("x".repeat(5000))),
        &["one of 5000 characters"],
    );
}

#[test]
fn times_are_seconds_and_milliseconds_are_told_apart() {
    let at = |time: &str| id_token().to_string().replace("1795291073.677", time);
    for time in ["0", "-0", "1e3", "253402300799.999"] {
        assert!(read(&at(time)).is_ok(), "{time}");
    }
    assert_refused(
        at("1795291073677"),
        &["member `time`", "milliseconds", "1795291073677"],
    );
    assert_refused(
        at("253402300800"),
        &["member `time`", "less than 253402300800"],
    );
    assert_refused(at("-1"), &["member `time`", "negative"]);
    assert_refused(at("1e400"), &["member `time`"]);
    assert_refused(
        at("\"1795291073\""),
        &["member `time`", "found \"1795291073\""],
    );
    assert_refused(at("null"), &["member `time`", "found null"]);
}

#[test]
fn issuers_are_checked() {
    for issuer in [
        json!(""),
        json!("op.example.com"),
        json!("http://op.example.com"),
        json!("https://op.example.com?x"),
        json!("https://op.example.com#x"),
        json!("https://öp.example.com"),
        json!("https://u:s3cr3t@op.example.com"),
        json!(7),
        json!(null),
    ] {
        assert_refused(
            with(id_token(), "issuer", issuer),
            &["member `issuer`", "absolute"],
        );
    }
    for issuer in [
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://[::1]/op",
    ] {
        assert!(read(&with(id_token(), "issuer", json!(issuer))).is_ok());
    }
}

#[test]
fn secrets_of_a_client_are_dropped() {
    let client =
        r#"{"client\u005fsecret":"s3cr3t","client_name":"A","registration_access_token":"t"}"#;
    let mut text = access_token().to_string();
    text.insert_str(1, &format!(r#""client":{client},"#));
    assert_eq!(
        read(&text).unwrap().client(),
        Some(r#"{"client_name":"A"}"#)
    );
    for client in [json!("s3cr3t"), json!(["s3cr3t"]), json!(null)] {
        assert_refused(
            with(id_token(), "client", client),
            &["member `client`", "an object"],
        );
    }
}

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

#[test]
fn nothing_secret_is_in_debug_output() {
    for fact in [authorization(), exchange()] {
        let text = fact.to_string();
        let message = parse(text.as_bytes(), None, &defaults()).unwrap();
        assert!(!format!("{message:?}").contains("s3cr3t"));
    }
}

#[test]
fn errors_are_short_whatever_the_value() {
    let long = "é\u{202e}\n".repeat(10_000);
    for name in [
        "type",
        "id",
        "time",
        "issuer",
        "client_id",
        "subject",
        "claims",
        "session",
    ] {
        let text = with(subject_event(), name, json!([long]));
        if let Err(error) = parse(text.as_bytes(), None, &defaults()) {
            assert!(error.to_string().len() < 600, "{error}");
        }
        let text = with(subject_event(), name, json!(long));
        if let Err(error) = parse(text.as_bytes(), None, &defaults()) {
            let error = error.to_string();
            assert!(
                error.len() < 600 && !error.contains(['\n', '\u{202e}']),
                "{error}"
            );
        }
    }
    let twice = format!(r#"{{"{0}":1,"{0}":2}}"#, "x".repeat(10_000));
    assert!(error(twice).len() < 600);
}

#[test]
fn a_built_event_is_the_one_that_is_read() {
    let text = r#"{"type":"subject_auth_and_consent","id":"e1","txn":"t1","time":1000,
        "issuer":"https://op.example.com","client_id":"c1","subject":"alice",
        "client":{"client_name":"A","client_secret":"x"},"id_token_claims":{"sub":"a"},
        "scope":["openid","a\"b"],"consented_claims":["sub"],"authz_data":[1],
        "session":{"expires_at":1001},"x y":{"b":1}}"#;
    let built = Event::subject_auth_and_consent("alice", "c1")
        .id("e1")
        .txn("t1")
        .time("1000".parse().unwrap())
        .issuer(ISSUER)
        .client(r#"{"client_name":"A","client_secret":"x"}"#.to_owned())
        .id_token_claims(" {\"sub\":\"a\"} ".to_owned())
        .session(r#"{"expires_at":1001}"#)
        .scope(["openid", "a\"b"])
        .consented_claims(["sub"])
        .authz_data(" [1] ")
        .member("x y", r#"{"b":1}"#)
        .build();
    assert_eq!(built.unwrap(), read(text).unwrap());
    let token = Event::access_token_issue("c1", "{}").issuer(ISSUER);
    assert_eq!(token.clone().build().unwrap().subject(), None);
    assert_eq!(token.subject("bob").build().unwrap().subject(), Some("bob"));
}

#[test]
fn a_builder_has_the_same_rules() {
    let token = || Event::id_token_issue("alice", "c1", "{}").issuer(ISSUER);
    let subject = || {
        Event::subject_auth_and_consent("alice", "c1")
            .issuer(ISSUER)
            .time("1000".parse().unwrap())
    };
    let deep = "[".repeat(128) + &"]".repeat(128);
    for (builder, part) in [
        (Event::id_token_issue("alice", "c1", "{}"), "`issuer`"),
        (
            Event::id_token_issue("", "c1", "{}").issuer(ISSUER),
            "`subject`",
        ),
        (
            Event::id_token_issue("alice", "", "{}").issuer(ISSUER),
            "`client_id`",
        ),
        (
            Event::id_token_issue("alice", "c1", "[]").issuer(ISSUER),
            "`claims`",
        ),
        (
            Event::id_token_issue("alice", "c1", "{").issuer(ISSUER),
            "`claims`: not valid JSON",
        ),
        (
            Event::id_token_issue("alice", "c1", "{} {}").issuer(ISSUER),
            "`claims`",
        ),
        (token().issuer("op"), "`issuer`"),
        (token().id("a b"), "`id`"),
        (token().txn(""), "`txn`"),
        (token().client("[]"), "`client`"),
        (token().member("code", "\"s3cr3t\""), "`code`"),
        (token().member("id", "\"x\""), "`id`: is there twice"),
        (token().member("claims", "{}"), "`claims`: is there twice"),
        (
            token().member("x", "1").member("x", "1"),
            "`x`: is there twice",
        ),
        (
            token().member("x", deep.as_str()),
            "`x`: objects and arrays",
        ),
        (token().member("x", r#""\ud800""#), "`x`: a lone surrogate"),
        (token().member("x", "nul"), "`x`: not valid JSON"),
        (subject().member("scope", "[1]"), "`scope`"),
        (subject().session(r#"{"sid":1}"#), "`session.sid`"),
        (subject().id_token_claims("null"), "`id_token_claims`"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(part), "{part:?} is not in: {error}");
        assert!(!error.contains("s3cr3t"));
    }
    assert!(token().member("x", &deep[1..255]).build().is_ok());
    let withheld = subject().session(r#"{"expires_at":1000}"#).build().unwrap();
    assert_eq!(withheld.more(), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn members_come_out_verbatim(
        subject in ".{1,20}", client_id in ".{1,20}",
        claims in prop::collection::btree_map(any::<String>(), any_json(), 0..5),
        unknown in prop::collection::btree_map("[x-z]\\PC{0,5}", any_json(), 0..5),
        pretty: bool,
    ) {
        let mut event = json!({"type": "id_token_issue", "issuer": ISSUER});
        event["subject"] = json!(subject);
        event["client_id"] = json!(client_id);
        event["claims"] = json!(claims);
        for (name, value) in &unknown {
            event[name] = value.clone();
        }
        let text = if pretty { format!("{event:#}") } else { event.to_string() };
        let read = read(&text).unwrap();
        prop_assert_eq!(read.subject(), Some(subject.as_str()));
        prop_assert_eq!(read.client_id(), client_id);
        prop_assert!(text.contains(read.claims().unwrap()));
        let of_claims: Value = serde_json::from_str(read.claims().unwrap()).unwrap();
        prop_assert_eq!(&of_claims, &event["claims"]);
        match read.more() {
            None => prop_assert!(unknown.is_empty()),
            Some(more) => prop_assert_eq!(
                serde_json::from_str::<Value>(more).unwrap(), json!(unknown)
            ),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, None, &defaults());
    }

    #[test]
    fn no_change_of_a_valid_line_makes_it_panic(
        at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>(), kind in 0..5_usize,
    ) {
        let mut event = [id_token(), access_token(), subject_event(), authorization(), exchange()]
            [kind].clone();
        event["session"] = json!({"sid": "s", "amr": ["pwd"], "expires_at": 5.5});
        event["client"] = json!({"client_secret": "\u{1}é", "x": [1]});
        event["scope"] = json!(["a", "\""]);
        let mut bytes = event.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = parse(&bytes, None, &defaults());
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(parse(&bytes, None, &defaults()).is_err());
    }
}
