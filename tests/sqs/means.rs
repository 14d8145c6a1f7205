//! By which means SQS is reached: TLS with authorities of an operator's own, and the credentials of roles.

use std::fs;

use op_listener_tests::or_say;

use crate::aws::{Aws, Server, eventually};
use crate::stage::{Stage, publisher, publisher_at};

const EVENT: &str = "{\"type\":\"id_token_issue\",\"id\":\"e-1\",\"client_id\":\"000123\",\
                     \"subject\":\"alice\",\"claims\":{\"sub\":\"alice\"}}\n";

#[test]
fn a_server_is_believed_by_the_authority_that_is_configured_and_by_no_other() {
    const TEST: &str = "TLS before SQS";

    let Some(mut aws) = Aws::start(TEST, Server::Moto) else {
        return;
    };
    let Some(authority) = or_say(TEST, aws.secure()) else {
        return;
    };
    let queue = aws.create("events");
    let stranger = Stage::new(&[publisher(&aws, "sqs", &queue, "")]);
    let mut host = stranger.start();
    host.wait_for("OPL0001");
    host.send(EVENT);
    eventually("a failure that says why", || {
        let waiting = stranger.queue(&["show", "sqs"]).to_string();
        waiting.contains("certificate")
    });
    assert_eq!(host.finish().code(), Some(0));
    assert!(
        aws.seen().is_empty(),
        "nothing is sent to a server that is not believed"
    );

    let ca_file = format!("ca_file = {authority:?}");
    let stage = Stage::new(&[publisher(&aws, "sqs", &queue, &ca_file)]);
    let mut host = stage.start();
    host.send(EVENT);
    assert_eq!(aws.receive_all(&queue, 1)[0].body, r#"{"sub":"alice"}"#);
    aws.assert_signatures();
    assert_eq!(host.finish().code(), Some(0));
}

const ROLE: &str = "arn:aws:iam::123456789012:role/publisher";

/// The server has the service that hands out the credentials of roles, too.
#[test]
fn roles_are_assumed_with_keys_and_with_a_web_identity() {
    let Some(aws) = Aws::start("roles of AWS", Server::Moto) else {
        return;
    };
    let queue = aws.create("events");
    let server = aws.server();
    let role = format!("assume_role = {{ role_arn = \"{ROLE}\", external_id = \"x y\" }}");
    let with_keys = Stage::new(&[publisher_at(&server, "sqs", &queue, &role)]);
    let mut host = with_keys.start_with(&[
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_STS", &server),
    ]);
    host.send(EVENT);
    assert_eq!(aws.receive_all(&queue, 1).len(), 1);
    assert_eq!(host.finish().code(), Some(0));

    let with_token = Stage::new(&[publisher_at(&server, "sqs", &queue, "")]);
    let token = with_token.path().join("token");
    fs::write(&token, "header.payload.signature").unwrap();
    let mut host = with_token.start_with(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL_STS", &server),
    ]);
    host.send(EVENT);
    assert_eq!(aws.receive_all(&queue, 1).len(), 1);
    assert_eq!(host.finish().code(), Some(0));
}
