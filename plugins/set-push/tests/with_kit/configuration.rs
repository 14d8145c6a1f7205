//! From the entry in the configuration to a listener.

use std::fs;

use op_listener_api::testing::{
    AccessTokenIssue, Failure, Host, IdTokenIssue, SubjectAuthAndConsent,
};
use op_listener_set_push::SetPush;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::{NAME, enabled, listener, to};

#[track_caller]
fn refused(host: &Host, settings: &Value) -> String {
    match host.id_token_issue::<SetPush>(NAME, &enabled(settings)) {
        Err(Failure::Config(message)) => message,
        other => panic!("{settings}: {other:?}"),
    }
}

#[test]
fn without_configuration_it_is_disabled() {
    let host = Host::new();
    for off in [json!({}), json!({ "enable": false, "endpiont": 7 })] {
        let push = host.id_token_issue::<SetPush>(NAME, &off).unwrap();
        assert_eq!(push.is_enabled(), Ok(false));
        push.call(&IdTokenIssue::new()).unwrap();
        push.shutdown().unwrap();
    }
    assert!(host.records().is_empty());
}

#[test]
fn enabled_it_needs_an_endpoint_and_says_so() {
    let host = Host::new();
    assert!(refused(&host, &json!({})).contains("`endpoint` is missing"));
    let message = refused(
        &host,
        &json!({ "endpiont": "https://receiver.example.com" }),
    );
    assert!(
        message.contains("unknown field `endpiont`, expected one of"),
        "{message}"
    );
    let message = refused(
        &host,
        &json!({ "endpoint": "https://a:hunter2@receiver.example.com" }),
    );
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn files_that_cannot_be_used_are_found_at_the_start() {
    let host = Host::new();
    let file = |name: &str, content: &str| fs::write(host.base_dir().join(name), content).unwrap();
    file("empty", "");
    file(
        "no.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    file("proxy", "proxy.internal hunter2");
    let endpoint = "https://receiver.example.com/";
    for (settings, because) in [
        (json!({ "authorization_file": "missing" }), "cannot read"),
        (
            json!({ "authorization_file": "empty" }),
            "one line with the whole value",
        ),
        (json!({ "proxy_file": "missing" }), "cannot read"),
        (json!({ "proxy_file": "proxy" }), "no URL of an HTTP proxy"),
        (json!({ "ca_file": "missing" }), "cannot read"),
        (json!({ "ca_file": "empty" }), "has no certificate in it"),
        (
            json!({ "ca_file": "no.pem" }),
            "has no authority that can be used",
        ),
        (
            json!({ "client_certificate": "empty", "client_key": "empty" }),
            "has no certificate in it",
        ),
        (
            json!({ "client_certificate": "no.pem", "client_key": "empty" }),
            "has no private key in it",
        ),
    ] {
        let mut settings = settings;
        settings["endpoint"] = endpoint.into();
        let message = refused(&host, &settings);
        assert!(message.contains(because), "{settings}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_credential_that_everybody_can_read_is_warned_of() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let file = host.base_dir().join("token");
    fs::write(&file, "Bearer s3cr3t-token").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut settings = to(&receiver);
    settings["authorization_file"] = "token".into();
    let _push = listener(&host, &settings);
    assert_eq!(
        host.record("can be read by every user").is_some(),
        cfg!(unix)
    );
    let records = format!("{:?}", host.records());
    assert!(!records.contains("s3cr3t"));
}

#[test]
fn the_instances_of_one_entry_share_a_queue() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let settings = enabled(&to(&receiver));
    let id = host.id_token_issue::<SetPush>(NAME, &settings).unwrap();
    let access = host.access_token_issue::<SetPush>(NAME, &settings).unwrap();
    let subject = host
        .subject_auth_and_consent::<SetPush>(NAME, &settings)
        .unwrap();
    id.call(&IdTokenIssue::new()).unwrap();
    access.call(&AccessTokenIssue::new()).unwrap();
    subject.call(&SubjectAuthAndConsent::new()).unwrap();
    let queue = host.queue(NAME);
    assert_eq!(queue.waiting().len(), 3);
    while !queue.deliver().is_empty() {}
    assert_eq!(receiver.requests().len(), 3);
}

#[test]
fn an_event_that_cannot_be_queued_or_signed_is_an_error_with_its_id() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    let event = IdTokenIssue::new().id("e-1");
    host.refuse_pushes(Some("the queue is full"));
    let failure = push.call(&event).unwrap_err();
    assert_eq!(
        failure,
        Failure::Error("event e-1: the queue is full".to_owned())
    );
    host.refuse_pushes(None);
    host.refuse_signing(Some("no key"));
    assert!(
        push.call(&event)
            .unwrap_err()
            .message()
            .starts_with("event e-1: ")
    );
    host.refuse_signing(None);
    push.call(&event).unwrap();
    assert_eq!(host.queue(NAME).waiting().len(), 1);
}
