//! Events that are built in code.

use super::*;

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
