//! What a line must be before its members count.

use super::*;

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
fn nothing_secret_is_in_debug_output() {
    for fact in [authorization(), exchange()] {
        let text = fact.to_string();
        let message = parse(text.as_bytes(), None, &defaults()).unwrap();
        assert!(!format!("{message:?}").contains("s3cr3t"));
    }
}
