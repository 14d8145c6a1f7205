//! Configurations that are right, and those that are refused by name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::aws::Environment;

const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/events";

fn check(json: &str) -> Result<Settings, String> {
    let table: Table = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let environment = Environment::of([("STAGE", "pro\"d"), ("KEY", "k")]);
    table
        .check(&environment, |path| Path::new("/etc/op").join(path))
        .map_err(|error| error.to_string())
}

fn with_url(more: &str) -> String {
    format!(r#"{{"queue_url":"{URL}"{more}}}"#)
}

#[track_caller]
fn refused(json: &str, because: &str) {
    let error = check(json).unwrap_err();
    assert!(error.contains(because), "{json}: {error}");
}

#[test]
fn it_is_off_until_it_is_switched_on() {
    assert!(!serde_json::from_str::<Switch>("{}").unwrap().enable);
    let switch: Switch = serde_json::from_str(r#"{"enable":false,"queu_url":1}"#).unwrap();
    assert!(!switch.enable);
    assert!(serde_json::from_str::<Switch>(r#"{"enable":"yes"}"#).is_err());
}

#[test]
fn a_queue_is_enough() {
    let settings = check(&with_url("")).unwrap();
    assert_eq!(settings.target, Target::Url(URL.to_owned()));
    assert_eq!(settings.group, None);
    assert_eq!(settings.payload.shape, Shape::Claims);
    assert_eq!(settings.payload.attributes, Attribute::DEFAULT);
    assert_eq!(settings.aws.identity, Identity::Default);
    assert_eq!(settings.aws.timeout, Duration::from_secs(10));
    let settings = check(r#"{"queue_name":"q.fifo","queue_owner":"123456789012"}"#).unwrap();
    assert_eq!(settings.group, Some(Group::Subject));
}

#[test]
fn every_key_is_read() {
    let settings = check(
        r#"{"enable":true,"queue_url":"http://localhost:4566/0/q.fifo","region":"eu-central-1",
            "endpoint":"http://localhost:4566","timeout":30,"ca_file":"ca.pem",
            "credentials":{"access_key_id_env":"KEY","secret_access_key_file":"secret",
                           "session_token_file":"/run/token"},
            "assume_role":{"role_arn":"arn:aws:iam::123456789012:role/r","external_id":"x",
                           "session_name":"s","duration":900},
            "body":"claims","claims":"sub, iat","fields":{"local_sub":"subject"},
            "constants":{"n":1.5,"list":[1,true]},"environment":{"stage":"STAGE"},
            "attributes":["type","subject"],"group":"client"}"#,
    )
    .unwrap();
    assert_eq!(settings.group, Some(Group::Client));
    let payload = &settings.payload;
    assert_eq!(payload.claims.listed().unwrap(), ["sub", "iat"]);
    assert_eq!(payload.fields, [("local_sub".to_owned(), Field::Subject)]);
    let constants: Vec<_> = payload
        .constants
        .iter()
        .map(|(name, value)| (name.as_str(), value.get()))
        .collect();
    assert_eq!(
        constants,
        [("list", "[1,true]"), ("n", "1.5"), ("stage", r#""pro\"d""#)]
    );
    assert_eq!(payload.attributes, [Attribute::Type, Attribute::Subject]);
    let aws = settings.aws;
    assert_eq!(aws.region.as_deref(), Some("eu-central-1"));
    assert_eq!(aws.ca_file, Some(PathBuf::from("/etc/op/ca.pem")));
    assert_eq!(aws.timeout, Duration::from_secs(30));
    assert_eq!(
        aws.identity,
        Identity::Named(NamedKeys {
            access_key_id: Secret::Variable("KEY".to_owned()),
            secret_access_key: Secret::File(PathBuf::from("/etc/op/secret")),
            session_token: Some(Secret::File(PathBuf::from("/run/token"))),
        })
    );
    let role = aws.assume_role.unwrap();
    assert_eq!(role.duration, Some(Duration::from_mins(15)));
    assert_eq!(role.external_id.as_deref(), Some("x"));
}

#[test]
fn what_cannot_be_meant_of_the_queue_is_refused() {
    refused("{}", "no queue is named");
    refused(r#"{"queu_url":"x"}"#, "unknown field `queu_url`");
    refused(r#"{"queue_url":"x"}"#, "`queue_url` is no absolute URL");
    refused(r#"{"queue_url":"https://u:p@a/1/q"}"#, "a user in it");
    refused(
        r#"{"queue_url":"https://sqs.eu-central-1.amazonaws.com/q"}"#,
        "names no queue",
    );
    refused(&with_url(r#","queue_name":"q""#), "exclude each other");
    refused(
        &with_url(r#","queue_owner":"123456789012""#),
        "`queue_owner` has no effect",
    );
    for name in ["", "a b", ".fifo", "q.fifo.fifo", &"q".repeat(81)] {
        refused(
            &format!(r#"{{"queue_name":"{name}"}}"#),
            "is no name of a queue",
        );
    }
    refused(r#"{"queue_name":"q","queue_owner":"12345"}"#, "12 digits");
    refused(&with_url(r#","group":"client""#), "`group` has no effect");
    refused(
        &with_url(r#","region":"eu-west-1""#),
        "but `queue_url` is of",
    );
    refused(
        &with_url(r#","region":"EU west""#),
        "is no name of a region",
    );
    refused(
        &with_url(r#","endpoint":"localhost:4566""#),
        "`endpoint` is",
    );
    refused(&with_url(r#","timeout":0"#), "1 to 300 seconds");
}

#[test]
fn what_cannot_be_meant_of_credentials_is_refused() {
    refused(&with_url(r#","profile":"""#), "`profile` is empty");
    let keys = r#""credentials":{"access_key_id_env":"KEY","secret_access_key_env":"KEY"}"#;
    refused(
        &with_url(&format!(r#","profile":"p",{keys}"#)),
        "exclude each other",
    );
    refused(
        &with_url(r#","credentials":{}"#),
        "neither `access_key_id_file`",
    );
    refused(
        &with_url(r#","credentials":{"access_key_id_env":"KEY"}"#),
        "neither `secret_access_key_file`",
    );
    refused(
        &with_url(r#","credentials":{"access_key_id_env":"KEY","access_key_id_file":"f"}"#),
        "exclude each other",
    );
    refused(
        &with_url(
            r#","credentials":{"access_key_id_env":"NOT_SET","secret_access_key_env":"KEY"}"#,
        ),
        "NOT_SET is not set",
    );
    // A key itself is no reference, and is not shown.
    let error = check(&with_url(
        r#","credentials":{"secret_access_key":"S3CRET"}"#,
    ))
    .unwrap_err();
    assert!(
        error.contains("unknown field `secret_access_key`"),
        "{error}"
    );
    assert!(!error.contains("S3CRET"), "{error}");
    refused(
        &with_url(r#","assume_role":{"role_arn":"admin"}"#),
        "is no role",
    );
    refused(
        &with_url(r#","assume_role":{"role_arn":"arn:aws:iam::1:role/r","duration":60}"#),
        "900 to 43200 seconds",
    );
}

#[test]
fn what_cannot_be_meant_of_bodies_is_refused() {
    refused(&with_url(r#","body":"xml""#), "unknown variant `xml`");
    refused(
        &with_url(r#","body":"event","fields":{"a":"id"}"#),
        "`fields` has no effect",
    );
    refused(&with_url(r#","audience":"x""#), "`audience` has no effect");
    refused(
        &with_url(r#","fields":{"a":"subjct"}"#),
        "unknown variant `subjct`",
    );
    refused(
        &with_url(r#","claims":["sub","sub"]"#),
        "lists \"sub\" twice",
    );
    refused(
        &with_url(r#","attributes":["id","id"]"#),
        "lists \"id\" twice",
    );
    refused(
        &with_url(r#","claims":["a"],"constants":{"a":1}"#),
        "`claims` and in `constants`",
    );
    refused(
        &with_url(r#","fields":{"a":"id"},"environment":{"a":"STAGE"}"#),
        "`fields` and in `environment`",
    );
    refused(
        &with_url(r#","environment":{"a":"NOT_SET"}"#),
        "NOT_SET is not set",
    );
    refused(&with_url(r#","environment":{"a":"A=B"}"#), "A=B is not set");
    refused(
        &with_url(r#","body":"event","constants":{"id":1}"#),
        "of their own",
    );
    refused(
        &with_url(r#","body":"set","constants":{"claims":1}"#),
        "of their own",
    );
    refused(
        &with_url(r#","body":"cloudevents","constants":{"data":1}"#),
        "of their own",
    );
    refused(
        &with_url(r#","body":"cloudevents","constants":{"a_b":1}"#),
        "lower-case",
    );
    refused(
        &with_url(r#","body":"cloudevents","constants":{"a":[]}"#),
        "`constants.a`",
    );
    refused(
        &with_url(r#","body":"cloudevents","constants":{"a":4294967296}"#),
        "32 bits",
    );
    assert!(
        check(&with_url(
            r#","body":"cloudevents","constants":{"a":-5,"b":"x","c":true}"#
        ))
        .is_ok()
    );
}
