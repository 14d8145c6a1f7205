//! Events and bytes at random.

use super::*;
use proptest::prelude::*;

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
