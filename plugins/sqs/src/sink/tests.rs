//! Both listeners in the test kit, before a server of ours that answers as SQS does: what is sent, and
//! what becomes of each message.

use std::collections::HashSet;
use std::fs;

use op_listener_api::testing::{
    AccessTokenIssue, Failure, Host, IdTokenIssue, Instance, SubjectAuthAndConsent, TestQueue,
    read_jwt,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::aws::fake::{Asked, Fake, Said};
use crate::body::LARGEST;
use crate::{SubjectEventSqsPublisher, TokenEventSqsPublisher};

/// A host with a publisher of ID token events to a server.
struct Stage {
    host: Host,
    fake: Fake,
    config: Value,
    _keys: TempDir,
}

impl Stage {
    fn new(answer: impl Fn(&Asked) -> Said + Send + 'static, more: &Value) -> Self {
        let fake = Fake::new(answer);
        let keys = tempfile::tempdir().unwrap();
        let key = keys.path().join("key");
        fs::write(&key, "KEY").unwrap();
        let mut config = json!({
            "enable": true,
            "queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/events",
            "endpoint": fake.url(),
            "credentials": { "access_key_id_file": key, "secret_access_key_file": key },
        });
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        // Named instead.
        if config.get("queue_name").is_some() {
            config.as_object_mut().unwrap().remove("queue_url");
            config["region"] = "eu-central-1".into();
        }
        Self {
            host: Host::new(),
            fake,
            config,
            _keys: keys,
        }
    }

    fn id_tokens(&self) -> Instance<IdTokenIssue> {
        self.host
            .id_token_issue::<TokenEventSqsPublisher>("sqs", &self.config)
            .unwrap()
    }

    fn queue(&self) -> TestQueue {
        self.host.queue("sqs")
    }

    /// Delivers until nothing waits.
    fn drain(&self) {
        for _ in 0..50 {
            if self.queue().deliver().is_empty() {
                return;
            }
        }
        panic!(
            "something is tried again and again: {:?}",
            self.queue().waiting()
        );
    }

    /// The entries of each request.
    fn requests(&self) -> Vec<Vec<Value>> {
        let batches = self.fake.asked().into_iter();
        let batches = batches.filter(|asked| asked.headers["x-amz-target"].ends_with("Batch"));
        batches
            .map(|asked| asked.json()["Entries"].as_array().unwrap().clone())
            .collect()
    }

    /// The bodies of all entries.
    fn bodies(&self) -> Vec<String> {
        let entries = self.requests().into_iter().flatten();
        entries
            .map(|entry| entry["MessageBody"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Takes all.
fn takes(asked: &Asked) -> Said {
    takes_but(asked, |_| None)
}

/// Takes those entries for which `refused` has no code and fault.
fn takes_but(asked: &Asked, refused: impl Fn(&Value) -> Option<(&'static str, bool)>) -> Said {
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    for entry in asked.json()["Entries"].as_array().unwrap() {
        match refused(entry) {
            None => {
                sent.push(json!({ "Id": entry["Id"], "MessageId": "m" }));
            }
            Some((code, fault)) => failed.push(json!({
                "Id": entry["Id"], "SenderFault": fault, "Code": code, "Message": "because"
            })),
        }
    }
    Said::ok(json!({ "Successful": sent, "Failed": failed }).to_string())
}

fn alice() -> IdTokenIssue {
    IdTokenIssue::new().claims_json(r#"{"iat":1523304728,"sub":"alice","exp":1523308328}"#)
}

#[test]
fn chosen_claims_arrive_as_one_object() {
    let stage = Stage::new(takes, &json!({ "claims": ["sub", "iat"] }));
    let publisher = stage.id_tokens();
    assert_eq!(publisher.is_enabled(), Ok(true));
    assert_eq!(publisher.call(&alice().id("e-1")), Ok(()));
    assert!(stage.fake.asked().is_empty(), "a login waits for nobody");
    let became = stage.queue().deliver();
    assert!(became[0].1.is_delivered());
    assert_eq!(stage.bodies(), [r#"{"sub":"alice","iat":1523304728}"#]);
    let asked = &stage.fake.asked()[0];
    let request = asked.json();
    assert_eq!(
        request["QueueUrl"],
        "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
    );
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    assert_eq!(
        request["Entries"][0]["MessageAttributes"],
        json!({
            "type": text("id_token_issue"),
            "id": text("e-1"),
            "content_type": text("application/json"),
        })
    );
    assert!(request["Entries"][0].get("MessageGroupId").is_none());
    assert!(asked.headers["authorization"].contains("Credential=KEY/"));
    assert_eq!(publisher.shutdown(), Ok(()));
}

#[test]
fn it_is_off_without_a_configuration_and_looks_at_nothing_else() {
    let host = Host::new();
    for config in [
        json!({}),
        json!({ "enable": false, "queu_url": 1, "profile": "gone" }),
    ] {
        let tokens = host
            .access_token_issue::<TokenEventSqsPublisher>("sqs", &config)
            .unwrap();
        assert_eq!(tokens.is_enabled(), Ok(false));
        assert_eq!(tokens.call(&AccessTokenIssue::new()), Ok(()));
        let subjects = host
            .subject_auth_and_consent::<SubjectEventSqsPublisher>("sqs", &config)
            .unwrap();
        assert_eq!(subjects.is_enabled(), Ok(false));
        assert_eq!(subjects.call(&SubjectAuthAndConsent::new()), Ok(()));
    }
    assert!(host.queue("sqs").waiting().is_empty());
}

#[test]
fn wrong_keys_are_found_and_secrets_are_not_shown() {
    let refused = |config: Value| match Host::new()
        .id_token_issue::<TokenEventSqsPublisher>("sqs", &config)
    {
        Err(Failure::Config(message)) => message,
        other => panic!("{other:?}"),
    };
    let url = "https://sqs.eu-central-1.amazonaws.com/1/q";
    let said = refused(json!({ "enable": true, "queue_url": url, "claim": "sub" }));
    assert!(said.contains("unknown field `claim`"), "{said}");
    let said = refused(json!({ "enable": true }));
    assert!(said.contains("set `queue_url` or `queue_name`"), "{said}");
    let said = refused(
        json!({ "enable": true, "queue_url": url, "constants": { "a": 1 }, "claims": "a" }),
    );
    assert!(said.contains("rename one of them"), "{said}");
    let said = refused(json!({ "enable": true, "queue_url": url, "ca_file": "/nowhere.pem" }));
    assert!(said.contains("/nowhere.pem"), "{said}");
    let keys = json!({ "access_key_id": "S3CRET", "secret_access_key": "S3CRET" });
    let said = refused(json!({ "enable": true, "queue_url": url, "credentials": keys }));
    assert!(
        said.contains("access_key_id") && !said.contains("S3CRET"),
        "{said}"
    );
}

#[test]
fn numbers_of_any_size_and_control_characters_arrive() {
    let stage = Stage::new(takes, &json!({}));
    let publisher = stage.id_tokens();
    let claims = format!(
        r#"{{"n":123456789012345678901234567890.10,"e":1E-400,"s":"\u0000\u001f{}{}\ufffe"}}"#,
        '\u{FFFF}', '\u{85}'
    );
    publisher
        .call(&IdTokenIssue::new().claims_json(&claims))
        .unwrap();
    stage.queue().deliver();
    let expected = claims.replace('\u{FFFF}', "\\uffff");
    assert_eq!(stage.bodies(), [expected]);
}

#[test]
fn a_fifo_queue_has_groups_ids_and_an_order() {
    let answered = |asked: &Asked| match &*asked.headers["x-amz-target"] {
        "AmazonSQS.GetQueueUrl" => {
            assert_eq!(asked.json(), json!({ "QueueName": "events.fifo" }));
            Said::ok(r#"{"QueueUrl":"https://q.example.com/1/events.fifo"}"#)
        }
        _ => takes(asked),
    };
    let config = json!({ "queue_name": "events.fifo", "claims": "sub" });
    let stage = Stage::new(answered, &config);
    let publisher = stage.id_tokens();
    let of = |id: &str, subject: &str| publisher.call(&alice().id(id).subject(subject)).unwrap();
    of("e-1", "alice");
    of("e-2", "a b");
    of("e-3", "alice");
    stage.drain();
    let requests = stage.requests();
    let [first, second] = &*requests else {
        panic!("{requests:?}");
    };
    let ids = |entries: &[Value]| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        entries
            .iter()
            .map(|entry| {
                (
                    text(&entry["MessageGroupId"]),
                    text(&entry["MessageDeduplicationId"]),
                )
            })
            .collect()
    };
    assert_eq!(ids(first)[0], ("alice".to_owned(), "e-1".to_owned()));
    let (group, id) = &ids(first)[1];
    assert!(group.starts_with("sha256:c8687a08") && id == "e-2");
    // Of each group one at a time: the order is kept whatever happens to the first.
    assert_eq!(ids(second), [("alice".to_owned(), "e-3".to_owned())]);
    assert_eq!(
        stage.fake.asked()[1].json()["QueueUrl"],
        "https://q.example.com/1/events.fifo"
    );
    let asked_for_url = |asked: &&Asked| asked.headers["x-amz-target"].ends_with("GetQueueUrl");
    assert_eq!(stage.fake.asked().iter().filter(asked_for_url).count(), 1);
}

#[test]
fn groups_may_be_of_clients_and_are_where_there_is_no_subject() {
    let name = "https://sqs.eu-central-1.amazonaws.com/1/q.fifo";
    for (more, group) in [
        (json!({}), "alice"),
        (json!({ "group": "client" }), "000123"),
    ] {
        let mut config = more;
        config["queue_url"] = name.into();
        let stage = Stage::new(takes, &config);
        let publisher = stage.id_tokens();
        publisher.call(&alice()).unwrap();
        assert_eq!(stage.queue().waiting()[0].key.as_deref(), Some(group));
        let tokens = stage
            .host
            .access_token_issue::<TokenEventSqsPublisher>("sqs", &stage.config)
            .unwrap();
        tokens
            .call(&AccessTokenIssue::new().without_subject())
            .unwrap();
        assert_eq!(stage.queue().waiting()[1].key.as_deref(), Some("000123"));
    }
}

#[test]
fn an_entry_that_is_refused_dies_alone_if_it_is_at_fault() {
    let refused = |entry: &Value| match entry["MessageBody"].as_str().unwrap() {
        body if body.contains("fault") => Some(("InvalidMessageContents", true)),
        body if body.contains("unknown") => Some(("SomethingNew", true)),
        body if body.contains("server") => Some(("InternalError", false)),
        body if body.contains("rights") => Some(("KmsAccessDenied", true)),
        _ => None,
    };
    let stage = Stage::new(
        move |asked| takes_but(asked, refused),
        &json!({ "claims": "sub" }),
    );
    let publisher = stage.id_tokens();
    for sub in ["fine", "fault", "unknown", "server", "rights"] {
        publisher
            .call(&IdTokenIssue::new().claim("sub", sub))
            .unwrap();
    }
    let became: Vec<_> = stage
        .queue()
        .deliver()
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect();
    assert!(became[0].is_delivered());
    assert!(became[1].is_dead() && became[2].is_dead());
    assert_eq!(became[1].reason(), Some("InvalidMessageContents: because"));
    assert!(became[3].is_retry() && became[4].is_retry());
    assert_eq!(stage.queue().waiting().len(), 2);
    assert_eq!(stage.queue().dead().len(), 2);
}

#[test]
fn an_entry_of_which_nothing_is_said_is_tried_again() {
    let stage = Stage::new(
        |_| Said::ok(r#"{"Successful":[{"Id":"1"},{"Id":"7"},{"Id":"x"}],"Failed":[]}"#),
        &json!({}),
    );
    let publisher = stage.id_tokens();
    publisher.call(&alice()).unwrap();
    publisher.call(&alice()).unwrap();
    let became = stage.queue().deliver();
    assert!(became[0].1.is_retry() && became[1].1.is_delivered());
    // An answer without entries is none.
    let stage = Stage::new(|_| Said::ok("{}"), &json!({}));
    let publisher = stage.id_tokens();
    publisher.call(&alice()).unwrap();
    assert!(stage.queue().deliver()[0].1.is_retry());
}

#[test]
fn what_an_operator_can_mend_and_what_passes_kills_no_message() {
    let cases = [
        Said::error(403, "AccessDeniedException"),
        Said::error(400, "QueueDoesNotExist"),
        Said::error(403, "InvalidSignatureException"),
        Said::error(400, "KmsDisabled"),
        Said::error(400, "NeverHeardOf"),
        Said::error(500, "InternalFailure"),
        Said::status(403, "<html>a proxy says no</html>"),
        Said::status(502, ""),
        Said::status(302, ""),
        Said::ok("<html>welcome to this hotel</html>"),
        Said::error(400, "RequestThrottled").header("retry-after", "9"),
    ];
    for said in cases {
        let answer = said.clone();
        let stage = Stage::new(move |_| answer.clone(), &json!({}));
        let publisher = stage.id_tokens();
        for _ in 0..12 {
            publisher.call(&alice()).unwrap();
        }
        for _ in 0..50 {
            let became = stage.queue().deliver();
            assert_eq!(became.len(), 10);
            assert!(
                became.iter().all(|(_, outcome)| outcome.is_retry()),
                "{said:?}"
            );
            if said == Said::error(400, "RequestThrottled").header("retry-after", "9") {
                assert_eq!(became[0].1.retry_after().unwrap().as_secs(), 9);
            }
        }
        assert!(stage.queue().dead().is_empty());
        // One request each time: the others of a batch would fare no better.
        assert_eq!(stage.fake.asked().len(), 50);
    }
}

#[test]
fn nobody_at_home_kills_no_message() {
    let mut stage = Stage::new(takes, &json!({}));
    let publisher = stage.id_tokens();
    publisher.call(&alice()).unwrap();
    let queue = stage.queue();
    stage.fake = Fake::new(takes);
    let (_, outcome) = &queue.deliver()[0];
    assert!(outcome.is_retry(), "{outcome:?}");
}

#[test]
fn a_request_that_is_refused_for_one_entry_is_taken_apart() {
    let answer = |asked: &Asked| {
        let bad = asked.body.contains("poison");
        if bad {
            Said::error(400, "InvalidMessageContents")
        } else {
            takes(asked)
        }
    };
    let stage = Stage::new(answer, &json!({ "claims": "sub" }));
    let publisher = stage.id_tokens();
    for sub in ["a", "poison", "b"] {
        publisher
            .call(&IdTokenIssue::new().claim("sub", sub))
            .unwrap();
    }
    let became = stage.queue().deliver();
    let dead: Vec<_> = became
        .iter()
        .map(|(_, outcome)| outcome.is_dead())
        .collect();
    assert_eq!(dead, [false, true, false]);
    let sizes: Vec<_> = stage.requests().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 1, 1, 1]);
}

/// A message of so many bytes as SQS counts.
fn sized(bytes: usize, id: &str) -> IdTokenIssue {
    // {"sub":"…"} and three attributes with their names and types.
    let attributes = [
        "type",
        "id_token_issue",
        "id",
        id,
        "content_type",
        "application/json",
    ];
    let around = 10 + attributes.map(str::len).iter().sum::<usize>() + 3 * "String".len();
    IdTokenIssue::new()
        .id(id)
        .claim("sub", &"x".repeat(bytes - around))
}

#[test]
fn a_message_may_have_a_mebibyte_and_not_a_byte_more() {
    let stage = Stage::new(takes, &json!({ "claims": "sub" }));
    let publisher = stage.id_tokens();
    publisher.call(&sized(LARGEST, "fits")).unwrap();
    publisher.call(&sized(LARGEST + 1, "too-large")).unwrap();
    stage.drain();
    assert_eq!(stage.requests().len(), 1);
    let [dead] = &*stage.queue().dead() else {
        panic!()
    };
    assert_eq!(dead.id.as_deref(), Some("too-large"));
    let reason = dead.last.as_ref().unwrap().reason().unwrap();
    assert!(
        reason.contains("1048577 bytes") && reason.contains("1048576"),
        "{reason}"
    );
}

#[test]
fn a_batch_has_ten_entries_and_a_mebibyte_at_most() {
    let stage = Stage::new(takes, &json!({ "claims": "sub" }));
    let publisher = stage.id_tokens();
    for number in 0..25 {
        publisher
            .call(&IdTokenIssue::new().claim("sub", &number))
            .unwrap();
    }
    stage.drain();
    let sizes: Vec<_> = stage.requests().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 5]);

    // The host counts payloads alone: what goes beyond with the attributes goes into another request.
    let stage = Stage::new(takes, &json!({ "claims": "sub" }));
    let publisher = stage.id_tokens();
    publisher.call(&sized(LARGEST - 100, "first")).unwrap();
    publisher.call(&sized(150, "second")).unwrap();
    let became = stage.queue().deliver();
    assert_eq!(became.len(), 2);
    assert!(became.iter().all(|(_, outcome)| outcome.is_delivered()));
    assert_eq!(stage.requests().len(), 2);
}

#[test]
fn events_cloudevents_and_sets_are_bodies_too() {
    let body_of = |shape: &str, more: Value| {
        let mut config = more;
        config["body"] = shape.into();
        let stage = Stage::new(takes, &config);
        let subjects = stage
            .host
            .subject_auth_and_consent::<SubjectEventSqsPublisher>("sqs", &stage.config)
            .unwrap();
        let event = SubjectAuthAndConsent::new().id("e-1").scope(&["openid"]);
        subjects
            .call(&event.id_token_claims(&json!({ "sub": "p", "acr": "1" })))
            .unwrap();
        stage.queue().deliver();
        let content_type = stage.requests()[0][0]["MessageAttributes"]["content_type"].clone();
        let content_type = content_type["StringValue"].as_str().unwrap().to_owned();
        (stage.bodies().remove(0), content_type)
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();

    let (event, content_type) = body_of("event", json!({}));
    assert_eq!(content_type, "application/json");
    assert_eq!(json(&event)["type"], "subject_auth_and_consent");
    assert_eq!(json(&event)["id_token_claims"]["acr"], "1");

    let (event, content_type) = body_of("cloudevents", json!({ "constants": { "stage": "x" } }));
    assert_eq!(content_type, "application/cloudevents+json");
    assert_eq!(
        (&json(&event)["specversion"], &json(&event)["stage"]),
        (&"1.0".into(), &"x".into())
    );

    let more =
        json!({ "audience": "https://a.example.com", "claims": ["acr"], "constants": { "n": 1 } });
    let (set, content_type) = body_of("set", more);
    assert_eq!(content_type, "application/secevent+jwt");
    let set = read_jwt(&set).unwrap();
    assert_eq!(set.claims["jti"], "e-1");
    assert_eq!(set.claims["aud"], "https://a.example.com");
    let payload = set.claims["events"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert_eq!(payload["n"], 1);
    assert_eq!(payload["claims"], json!({ "acr": "1" }));
}

#[test]
fn attributes_are_those_that_are_chosen() {
    let attributes = ["subject", "client_id", "issuer", "time", "txn"];
    let stage = Stage::new(takes, &json!({ "attributes": attributes }));
    let publisher = stage.id_tokens();
    publisher
        .call(&alice().subject("a\u{1}b").txn("t-1"))
        .unwrap();
    publisher.call(&alice()).unwrap();
    stage.queue().deliver();
    let requests = stage.requests();
    let first = &requests[0][0]["MessageAttributes"];
    assert_eq!(first["subject"]["StringValue"], "a\\u0001b");
    let names = |entry: &Value| -> HashSet<String> {
        entry["MessageAttributes"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(&requests[0][0]), attributes.map(str::to_owned).into());
    // An event without a `txn` has no such attribute: SQS takes none that is empty.
    assert!(!names(&requests[0][1]).contains("txn"));
    let stage = Stage::new(takes, &json!({ "attributes": [] }));
    let publisher = stage.id_tokens();
    publisher.call(&alice()).unwrap();
    stage.queue().deliver();
    assert!(stage.requests()[0][0].get("MessageAttributes").is_none());
}

#[test]
fn a_queue_that_moved_is_looked_for_again() {
    let answer = |asked: &Asked| match &*asked.headers["x-amz-target"] {
        "AmazonSQS.GetQueueUrl" => Said::ok(r#"{"QueueUrl":"https://q.example.com/1/q"}"#),
        _ if asked.body.contains("never") => Said::error(400, "QueueDoesNotExist"),
        _ => takes(asked),
    };
    let stage = Stage::new(
        answer,
        &json!({ "queue_name": "q", "queue_owner": "123456789012" }),
    );
    let publisher = stage.id_tokens();
    publisher
        .call(&IdTokenIssue::new().claim("sub", "never"))
        .unwrap();
    stage.queue().deliver();
    stage.queue().deliver();
    let targets: Vec<_> = stage
        .fake
        .asked()
        .iter()
        .map(|asked| asked.headers["x-amz-target"].replace("AmazonSQS.", ""))
        .collect();
    assert_eq!(
        targets,
        [
            "GetQueueUrl",
            "SendMessageBatch",
            "GetQueueUrl",
            "SendMessageBatch"
        ]
    );
    assert_eq!(
        stage.fake.asked()[0].json()["QueueOwnerAWSAccountId"],
        "123456789012"
    );
}

#[test]
fn what_was_pushed_for_a_standard_queue_does_not_go_to_a_fifo_queue() {
    let stage = Stage::new(takes, &json!({}));
    let publisher = stage.id_tokens();
    publisher.call(&alice()).unwrap();
    drop(publisher);
    let fifo = "https://sqs.eu-central-1.amazonaws.com/1/q.fifo";
    let mut config = stage.config.clone();
    config["queue_url"] = fifo.into();
    let _publisher = stage
        .host
        .id_token_issue::<TokenEventSqsPublisher>("sqs", &config)
        .unwrap();
    let (_, outcome) = &stage.queue().deliver()[0];
    assert!(
        outcome.is_dead() && outcome.reason().unwrap().contains("no group"),
        "{outcome:?}"
    );
}

#[test]
fn an_event_that_cannot_be_queued_is_an_error_that_names_it() {
    let stage = Stage::new(takes, &json!({}));
    let publisher = stage.id_tokens();
    stage.host.refuse_pushes(Some("the queue is full"));
    let failure = publisher.call(&alice().id("e-9")).unwrap_err();
    assert_eq!(failure.message(), "event e-9: the queue is full");
}
