//! Calls to a server of ours that answers as AWS does on a bad day.

use std::sync::atomic::{AtomicUsize, Ordering};

use time::OffsetDateTime;

use super::*;
use crate::aws::fake::{Asked, Fake, Said};
use crate::config::Identity;

/// A service at `fake`, for somebody with keys in the environment, or of the container at `container`.
fn service(fake: &Fake, container: Option<&Fake>) -> Service {
    service_at(&fake.url(), container)
}

fn service_at(url: &str, container: Option<&Fake>) -> Service {
    let settings = AwsSettings {
        region: Some("eu-central-1".to_owned()),
        endpoint: Some(url.to_owned()),
        identity: Identity::Default,
        assume_role: None,
        ca_file: None,
        timeout: Duration::from_mins(1),
    };
    let target = Target::Url(format!("{url}/1/q"));
    let variables = match container {
        Some(container) => [
            ("HOME", "/nowhere".to_owned()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url()),
        ],
        None => [
            ("AWS_ACCESS_KEY_ID", "ID".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "S".to_owned()),
        ],
    };
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    Service::new(settings, target, Environment::These(variables.into())).unwrap()
}

/// Answers one after the other, the last one again and again.
fn one_by_one(answers: Vec<Said>) -> Fake {
    let count = AtomicUsize::new(0);
    Fake::new(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        answers[number.min(answers.len() - 1)].clone()
    })
}

/// Credentials `ID1`, then `ID2`, and so on.
fn numbered_credentials() -> Fake {
    let count = AtomicUsize::new(0);
    Fake::new(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Said::ok(format!(
            r#"{{"AccessKeyId":"ID{number}","SecretAccessKey":"S","Token":"T{number}","Expiration":"2099-01-01T00:00:00Z"}}"#
        ))
    })
}

fn refusal(error: AwsError) -> Refusal {
    match error {
        AwsError::Refused(refusal) => refusal,
        error => panic!("{error}"),
    }
}

#[test]
fn a_call_is_one_signed_request() {
    let fake = one_by_one(vec![Said::ok("{}")]);
    assert_eq!(
        service(&fake, None)
            .call("GetQueueUrl", b"{\"a\":1}")
            .unwrap(),
        b"{}"
    );
    let [asked] = &*fake.asked() else { panic!() };
    assert_eq!((&*asked.method, &*asked.path), ("POST", "/"));
    assert_eq!(asked.body, "{\"a\":1}");
    let header = |name: &str| &*asked.headers[name];
    assert_eq!(header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(header("x-amz-target"), "AmazonSQS.GetQueueUrl");
    assert_eq!(format!("http://{}", header("host")), fake.url());
    assert!(header("user-agent").starts_with("op-listener-sqs/"));
    let signature = header("authorization");
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=ID/"),
        "{signature}"
    );
    assert!(
        signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"),
        "{signature}"
    );
}

#[test]
fn expired_credentials_are_renewed_and_the_call_made_again() {
    let fake = one_by_one(vec![Said::error(400, "ExpiredToken"), Said::ok("{}")]);
    let container = numbered_credentials();
    service(&fake, Some(&container)).call("A", b"").unwrap();
    let tokens: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked: &Asked| asked.headers["x-amz-security-token"].clone())
        .collect();
    assert_eq!(tokens, ["T1", "T2"]);
}

#[test]
fn the_same_credentials_are_not_tried_twice() {
    let fake = one_by_one(vec![Said::error(403, "UnrecognizedClientException")]);
    let error = service(&fake, None).call("A", b"").unwrap_err();
    assert_eq!(refusal(error).code, "UnrecognizedClientException");
    assert_eq!(fake.asked().len(), 1);
}

#[test]
fn a_clock_that_is_wrong_is_allowed_for() {
    let later = OffsetDateTime::now_utc() + time::Duration::hours(2);
    let date = later.format(&Rfc2822).unwrap().replace("+0000", "GMT");
    let skewed = Said::error(403, "RequestExpired").header("date", date);
    let fake = one_by_one(vec![skewed, Said::ok("{}")]);
    let service = service(&fake, None);
    service.call("A", b"").unwrap();
    service.call("A", b"").unwrap();
    // In seconds; a little time goes by between them, and perhaps an hour begins or a day.
    let times: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| {
            let date = &asked.headers["x-amz-date"];
            let number = |at: std::ops::Range<usize>| date[at].parse::<i64>().unwrap();
            number(9..11) * 3600 + number(11..13) * 60 + number(13..15)
        })
        .collect();
    assert_eq!(times.len(), 3);
    let after = |one: i64, other: i64| (other - one).rem_euclid(24 * 3600);
    let two_hours = 2 * 3600 - 5..2 * 3600 + 300;
    assert!(two_hours.contains(&after(times[0], times[1])), "{times:?}");
    assert!(after(times[1], times[2]) < 300, "{times:?}");
}

#[test]
fn refusals_are_read_wherever_they_stand() {
    let cases = [
        (
            Said::error(400, "QueueDoesNotExist"),
            "QueueDoesNotExist",
            None,
        ),
        (
            Said::status(400, "").header("x-amzn-ErrorType", "ThrottlingException:http://x/"),
            "ThrottlingException",
            None,
        ),
        (
            Said::status(503, "<html>").header("Retry-After", "7"),
            "",
            Some(Duration::from_secs(7)),
        ),
        (
            Said::status(429, "{}").header("Retry-After", "Sat, 01 Jan 2000 00:00:00 GMT"),
            "",
            Some(Duration::ZERO),
        ),
    ];
    for (said, code, after) in cases {
        let fake = one_by_one(vec![said]);
        let refusal = refusal(service(&fake, None).call("A", b"").unwrap_err());
        assert_eq!(refusal.code, code);
        assert_eq!(refusal.retry_after, after);
    }
}

#[test]
fn redirects_are_not_followed() {
    let other = one_by_one(vec![Said::ok("{}")]);
    let fake = one_by_one(vec![Said::status(307, "").header("location", other.url())]);
    let error = service(&fake, None).call("A", b"").unwrap_err();
    assert!(matches!(error, AwsError::NotUnderstood(307)), "{error}");
    assert!(other.asked().is_empty());
}

#[test]
fn nobody_at_home_is_an_error_that_says_where() {
    // Nobody is at that port: it is no one's to choose.
    let url = "http://127.0.0.1:1";
    let service = service_at(url, None);
    let error = service.call("A", b"").unwrap_err().to_string();
    assert!(error.starts_with(url), "{error}");
}
