//! JSON objects as listeners read them, beside what `serde_json` makes of the same text.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;

use op_listener_api::JsonObject;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[test]
fn of_two_members_of_one_name_the_last_counts_and_keeps_its_place() {
    let object = JsonObject::parse(r#"{"a":1,"b":2,"\u0061":3,"c":4,"b":5}"#).unwrap();
    let members: Vec<_> = object
        .iter()
        .map(|(name, value)| (name, value.get()))
        .collect();
    assert_eq!(members, [("a", "3"), ("c", "4"), ("b", "5")]);
    assert_eq!(object.raw("a").unwrap().get(), "3");
    assert_eq!(
        serde_json::to_string(&object).unwrap(),
        r#"{"a":3,"c":4,"b":5}"#
    );
    assert_eq!(
        object.json(),
        r#"{"a":1,"b":2,"\u0061":3,"c":4,"b":5}"#,
        "as it came"
    );
}

#[test]
fn escapes_are_undone_in_names_and_values() {
    let text = r#"{"a\n\"\u00e9\ud83d\udd11":"x\\\/\"\u0000","plain":"é\u007f","":"empty"}"#;
    let object = JsonObject::parse(text).unwrap();
    assert_eq!(object.string("a\n\"é🔑").unwrap(), "x\\/\"\0");
    assert_eq!(object.string("plain").unwrap(), "é\u{7f}");
    assert_eq!(object.string("").unwrap(), "empty");
    assert!(!object.contains("a"));
}

#[test]
fn numbers_keep_their_digits() {
    let text = r#"{"big":123456789012345678901234567890,"huge":1e999,"exact":0.10,"minus":-0}"#;
    let object = JsonObject::parse(text).unwrap();
    assert_eq!(
        object.raw("big").unwrap().get(),
        "123456789012345678901234567890"
    );
    assert_eq!(
        object.get::<u128>("big").unwrap(),
        Some(123_456_789_012_345_678_901_234_567_890)
    );
    assert_eq!(object.raw("huge").unwrap().get(), "1e999");
    assert!(object.get::<f64>("huge").is_err());
    assert!(object.to_map().is_err());
    assert_eq!(serde_json::to_string(&object).unwrap(), text);
}

#[test]
fn what_is_missing_is_none_and_what_does_not_fit_is_an_error_that_names_the_member() {
    let object = JsonObject::parse(r#"{"n":1,"s":"x","null":null}"#).unwrap();
    assert_eq!(object.get::<u8>("absent").unwrap(), None);
    assert_eq!(object.string("n"), None);
    assert_eq!(object.string("null"), None);
    assert_eq!(object.get::<Option<u8>>("null").unwrap(), Some(None));
    let error = object.get::<u8>("s").unwrap_err().to_string();
    assert_eq!(error, "member `s`: invalid type: string, expected u8");
    assert_eq!(object.get::<&str>("s").unwrap(), Some("x"), "borrowed");
}

#[test]
fn errors_tell_of_types_and_never_of_what_was_in_the_claims() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Claims {
        sub: String,
        auth_time: Option<u64>,
        amr: Option<Vec<String>>,
    }
    let said = |claims: &str| {
        let object = JsonObject::parse(claims).unwrap();
        object.to::<Claims>().unwrap_err().to_string()
    };
    for between in ["", "\n", "\r\n  "] {
        let claims =
            format!(r#"{{"sub":"alice",{between}"auth_time":{between}"SECRET",{between}"a":"é"}}"#);
        assert_eq!(
            said(&claims),
            "member `auth_time`: invalid type: string, expected u64"
        );
    }
    assert_eq!(
        said(r#"{"sub":"alice","amr":["pwd",4711]}"#),
        "member `amr`: invalid type: integer, expected a string"
    );
    assert_eq!(said(r#"{"auth_time":1}"#), "missing field `sub`");
    let not_an_object = JsonObject::parse(r#""SECRET""#).unwrap_err().to_string();
    assert_eq!(
        not_an_object,
        "invalid type: string, expected a JSON object"
    );
}

#[test]
fn what_is_no_single_object_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "\"{}\"",
        "{",
        "{}{}",
        "{} x",
        "{'a':1}",
        r#"{"a":1,}"#,
        "{a:1}",
    ] {
        assert!(JsonObject::parse(text).is_err(), "{text}");
    }
    assert!(
        JsonObject::parse(" {\t} \n")
            .unwrap()
            .iter()
            .next()
            .is_none()
    );
}

#[test]
fn a_deep_value_is_handed_on_unread() {
    let deep = format!(
        r#"{{"deep":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let object = JsonObject::parse(&deep).unwrap();
    assert_eq!(object.raw("deep").unwrap().get().len(), 200_000);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// The text with every character of every string written as an escape.
fn escaped(value: &Value) -> String {
    let string = |text: &str| {
        let mut units = String::new();
        for unit in text.encode_utf16() {
            write!(units, "\\u{unit:04x}").unwrap();
        }
        format!("\"{units}\"")
    };
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(escaped).collect();
            format!("[{}]", items.join(" ,\n"))
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{} : {}", string(name), escaped(value));
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{ {} }}", members.join("\t,"))
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn members_are_those_that_serde_json_reads(
        members in prop::collection::vec((prop_oneof![".{0,3}", "[ab]"], value()), 0..8),
        escape in any::<bool>(),
    ) {
        let written = members.iter().map(|(name, value)| {
            let name = Value::from(name.as_str());
            if escape {
                format!("{}:{}", escaped(&name), escaped(value))
            } else {
                format!("{name}:{value}")
            }
        });
        let text = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
        let object = JsonObject::parse(&text).unwrap();
        // The last of each name, as in a map.
        let expected: Map<String, Value> = members.into_iter().collect();

        let read = |raw: &serde_json::value::RawValue| -> Value {
            serde_json::from_str(raw.get()).unwrap()
        };
        let all: Map<String, Value> =
            object.iter().map(|(name, raw)| (name.to_owned(), read(raw))).collect();
        prop_assert_eq!(&all, &expected);
        prop_assert_eq!(object.iter().count(), expected.len());
        prop_assert_eq!(&object.to_map().unwrap(), &expected);
        for (name, value) in &expected {
            prop_assert_eq!(&read(object.raw(name).unwrap()), value);
            let string = object.string(name);
            prop_assert_eq!(string.as_deref(), value.as_str());
        }
        let again = serde_json::to_string(&object).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), json!(expected));
    }

    #[test]
    fn what_serde_json_reads_is_read_and_nothing_panics(
        text in r#"\{([ab"\\]|"a":|[0-9e.-]{1,3}|[\[\]{},: \n]|\\u00[0-9]{2}|null|"b"){0,12}\}"#,
    ) {
        let ours = JsonObject::parse(&text);
        if let Ok(theirs) = serde_json::from_str::<Map<String, Value>>(&text) {
            prop_assert_eq!(ours.unwrap().to_map().unwrap(), theirs);
        }
    }
}
