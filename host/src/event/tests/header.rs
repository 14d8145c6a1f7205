//! The members that every event may have.

use super::*;

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
