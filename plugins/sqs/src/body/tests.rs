//! What bodies look like.

use serde_json::value::RawValue;

use super::*;

const CLAIMS: &str = r#"{"iat":1523304728,"sub":"alice","name#ja":"アリス","name":"Alice","n":123456789012345678901234567890.10,"o":{ "x" : [1e999] },"sub":"bob"}"#;
const MORE: &str = r#"{"scope":["openid"],"authz_data":{"n":1e1000},"x_tenant":"t"}"#;

fn names(json: &str) -> Names {
    serde_json::from_str(json).unwrap()
}

fn payload(shape: Shape, claims: Names) -> Payload {
    Payload {
        shape,
        claims,
        fields: Vec::new(),
        constants: Vec::new(),
        attributes: Vec::new(),
        audience: Vec::new(),
    }
}

fn constant(name: &str, json: &str) -> (String, Box<RawValue>) {
    (
        name.to_owned(),
        RawValue::from_string(json.to_owned()).unwrap(),
    )
}

fn text(kind: Kind, subject: Option<&str>, with_claims: bool, payload: &Payload) -> String {
    let claims = JsonObject::parse(CLAIMS).unwrap();
    let more = JsonObject::parse(MORE).unwrap();
    let none = JsonObject::parse("{}").unwrap();
    let consent = kind == Kind::SubjectAuthAndConsent;
    let entry = Entry {
        kind,
        id: "e-1",
        txn: Some("t-1"),
        time_micros: 1_795_291_073_677_000,
        issuer: "https://op.example.com",
        client_id: "000123",
        subject,
        claims: with_claims.then_some(&claims),
        more: if consent { &more } else { &none },
    };
    json::object(|members| match payload.shape {
        Shape::Claims => claims::write(&entry, payload, members),
        Shape::Event => event::write(&entry, payload, members),
        Shape::CloudEvents => cloudevents::write(&entry, payload, members),
        Shape::Set => unreachable!("a SET is no JSON"),
    })
}

fn of_claims(payload: &Payload) -> String {
    text(Kind::IdTokenIssue, Some("alice"), true, payload)
}

#[test]
fn chosen_claims_come_in_the_order_of_their_names_as_they_were() {
    let chosen = |json| of_claims(&payload(Shape::Claims, names(json)));
    assert_eq!(
        chosen(r#"["sub","iat"]"#),
        r#"{"sub":"bob","iat":1523304728}"#
    );
    assert_eq!(
        chosen(r#""o, n name""#),
        r#"{"o":{ "x" : [1e999] },"n":123456789012345678901234567890.10,"name":"Alice","name#ja":"アリス"}"#
    );
    assert_eq!(
        chosen(r#"["name#ja","name"]"#),
        r#"{"name#ja":"アリス","name":"Alice"}"#
    );
    assert_eq!(chosen(r#"["exp"]"#), "{}");
    assert_eq!(chosen("[]"), "{}");
}

#[test]
fn all_claims_come_in_their_own_order() {
    assert_eq!(
        of_claims(&payload(Shape::Claims, Names::default())),
        r#"{"iat":1523304728,"name#ja":"アリス","name":"Alice","n":123456789012345678901234567890.10,"o":{ "x" : [1e999] },"sub":"bob"}"#
    );
}

#[test]
fn fields_and_constants_follow_the_claims_and_go_before_them() {
    let mut payload = payload(Shape::Claims, Names::default());
    payload.fields = vec![
        ("sub".to_owned(), Field::Subject),
        ("event".to_owned(), Field::Type),
        ("id".to_owned(), Field::Id),
        ("at".to_owned(), Field::Time),
        ("scope".to_owned(), Field::Scope),
    ];
    payload.constants = vec![constant("n", "1"), constant("o", r#"{"a":[]}"#)];
    assert_eq!(
        of_claims(&payload),
        r#"{"iat":1523304728,"name#ja":"アリス","name":"Alice","sub":"alice","event":"id_token_issue","id":"e-1","at":1795291073.677,"n":1,"o":{"a":[]}}"#
    );
    // A field that an event does not have leaves the claim where it is.
    payload.constants.clear();
    let client = text(Kind::AccessTokenIssue, None, true, &payload);
    assert!(client.contains(r#""sub":"bob""#), "{client}");
    let consent = text(Kind::SubjectAuthAndConsent, Some("alice"), false, &payload);
    assert_eq!(
        consent,
        r#"{"sub":"alice","event":"subject_auth_and_consent","id":"e-1","at":1795291073.677,"scope":["openid"]}"#
    );
}

#[test]
fn an_event_has_the_members_of_the_providers_format() {
    let mut payload = payload(Shape::Event, names(r#"["sub"]"#));
    payload.constants = vec![constant("x_tenant", "\"other\""), constant("n", "1")];
    assert_eq!(
        text(Kind::SubjectAuthAndConsent, Some("alice"), true, &payload),
        r#"{"type":"subject_auth_and_consent","id":"e-1","txn":"t-1","time":1795291073.677,"issuer":"https://op.example.com","client_id":"000123","subject":"alice","id_token_claims":{"sub":"bob"},"scope":["openid"],"authz_data":{"n":1e1000},"x_tenant":"other","n":1}"#
    );
    assert_eq!(
        text(Kind::AccessTokenIssue, None, true, &payload),
        r#"{"type":"access_token_issue","id":"e-1","txn":"t-1","time":1795291073.677,"issuer":"https://op.example.com","client_id":"000123","claims":{"sub":"bob"},"x_tenant":"other","n":1}"#
    );
}

#[test]
fn a_cloud_event_has_its_attributes_and_extensions() {
    let mut payload = payload(Shape::CloudEvents, names(r#"["sub"]"#));
    payload.constants = vec![constant("stage", "\"prod\"")];
    assert_eq!(
        text(Kind::IdTokenIssue, Some("alice"), true, &payload),
        r#"{"specversion":"1.0","id":"e-1","source":"https://op.example.com","type":"urn:op-listener:event-type:id-token-issued","subject":"alice","time":"2026-11-21T19:57:53.677000Z","datacontenttype":"application/json","txn":"t-1","stage":"prod","data":{"client_id":"000123","subject":"alice","claims":{"sub":"bob"}}}"#
    );
}
