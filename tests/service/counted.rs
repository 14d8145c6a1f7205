//! `GET /metrics` tells what was posted, by route and by what came of it.

use op_listener_tests::{Client, access_token, id_token, samples, subject};

use crate::stage::{Service, TOKEN, bearer};

const COMPLETED: &str = r#"{"type":"authorization_completed","id":"a1","issuer":"https://op.example.com","client_id":"c","subject":"s","response_type":"code","code":"k1"}"#;
const UNKNOWN: &str =
    r#"{"type":"code_exchanged","id":"x1","issuer":"https://op.example.com","code":"k2"}"#;

/// The page says so.
#[track_caller]
fn tells(client: &mut Client, expected: &[(&str, usize)]) {
    let answer = client.get("/metrics");
    assert_eq!(answer.status, 200);
    let media = answer.field("content-type").unwrap();
    assert!(media.starts_with("application/openmetrics-text"), "{media}");
    let page = String::from_utf8(answer.body).unwrap();
    let samples = samples(&page);
    for (series, value) in expected {
        let told = samples.get(series).map(ToString::to_string);
        assert_eq!(told, Some(value.to_string()), "{series}\n{page}");
    }
}

#[test]
fn what_was_posted_is_counted_by_what_came_of_it() {
    let service = Service::on_unix("");
    let mut client = service.client();
    let mut bytes = 0;
    let mut post = |lines: &[String], status| {
        bytes += lines.join("\n").len();
        let answer = match lines {
            [event] => client.post(event),
            lines => client.post_lines(lines),
        };
        assert_eq!(answer.status, status, "{answer:?}");
    };
    for n in 0..3 {
        post(&[id_token(&format!("i{n}"))], 204);
    }
    let lines: Vec<_> = (0..40).map(|n| access_token(&format!("t{n}"))).collect();
    post(&lines, 204);
    post(&lines[30..], 200);
    post(&[subject("s1"), "nonsense".to_owned(), subject("s2")], 207);
    post(&["nonsense".to_owned()], 400);
    post(&[COMPLETED.to_owned()], 204);
    post(&[UNKNOWN.to_owned()], 200);
    assert_eq!(client.get("/events").status, 405);
    assert_eq!(client.get("/nowhere").status, 404);
    for _ in 0..2 {
        assert_eq!(client.get("/healthz").status, 200);
    }
    assert_eq!(client.get("/readyz").status, 200);

    let dispatched = "op_listener_events_dispatched_total";
    let requests = "op_listener_http_requests_total";
    let calls = |spi: &str| {
        format!(
            "op_listener_calls_total{{listener=\"puppet\",spi=\"{spi}\",class=\"op_listener_puppet::Puppet\"}}"
        )
    };
    let expected = [
        (format!("{dispatched}{{spi=\"id_token_issue\"}}"), 3),
        (format!("{dispatched}{{spi=\"access_token_issue\"}}"), 40),
        (
            format!("{dispatched}{{spi=\"subject_auth_and_consent\"}}"),
            2,
        ),
        (calls("id_token_issue"), 3),
        (calls("access_token_issue"), 40),
        (calls("subject_auth_and_consent"), 2),
        ("op_listener_facts_held_total".to_owned(), 1),
        (
            "op_listener_events_refused_total{reason=\"invalid\"}".to_owned(),
            2,
        ),
        (
            "op_listener_exchanges_ignored_total{reason=\"unknown_code\"}".to_owned(),
            1,
        ),
        ("op_listener_http_duplicates_total".to_owned(), 10),
        ("op_listener_http_body_bytes_total".to_owned(), bytes),
        ("op_listener_http_connections_accepted_total".to_owned(), 1),
        ("op_listener_http_connections".to_owned(), 1),
        // Three single ones, a batch, one with duplicates, one in part, a fact, an exchange.
        (
            format!("{requests}{{route=\"events\",status=\"2xx\"}}"),
            3 + 5,
        ),
        (format!("{requests}{{route=\"events\",status=\"4xx\"}}"), 2),
        (format!("{requests}{{route=\"other\",status=\"4xx\"}}"), 1),
        (format!("{requests}{{route=\"healthz\",status=\"2xx\"}}"), 2),
        (format!("{requests}{{route=\"readyz\",status=\"2xx\"}}"), 1),
        // The page is read before it is answered.
        (format!("{requests}{{route=\"metrics\",status=\"2xx\"}}"), 0),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(series, value)| (&**series, *value))
        .collect();
    tells(&mut client, &expected);
}

#[test]
fn who_is_on_this_machine_reads_the_counts_without_a_token() {
    let (_service, door) = Service::on_tcp("");
    let mut client = Client::connect(&door);
    let mut post = |fields: &str, id| {
        client
            .request("POST", "/events", fields, &id_token(id))
            .status
    };
    assert_eq!(post(&bearer(TOKEN), "e1"), 204);
    assert_eq!(post(&bearer("wrong"), "e2"), 401);
    assert_eq!(post("Content-Type: application/json\r\n", "e3"), 401);
    let requests = "op_listener_http_requests_total{route=\"events\"";
    tells(
        &mut client,
        &[
            (&format!("{requests},status=\"2xx\"}}"), 1),
            (&format!("{requests},status=\"4xx\"}}"), 2),
            ("op_listener_http_refusals_total{reason=\"token\"}", 2),
            (
                "op_listener_events_dispatched_total{spi=\"id_token_issue\"}",
                1,
            ),
        ],
    );
}
