//! What is answered to what, and that it is answered after dispatch.

use op_listener_tests::{access_token, id_token};
use serde_json::json;

use crate::stage::Service;

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn an_event_is_answered_when_it_was_dispatched() {
    let service = Service::on_unix("");
    let mut client = service.client();
    for id in ["e1", "e2", "e3"] {
        let answer = client.post(&id_token(id));
        assert_eq!(
            (answer.status, &*answer.body),
            (204, &b""[..]),
            "{answer:?}"
        );
        assert_eq!(answer.field("content-length"), None);
        // The record is the listener's own, written in the call.
        assert_eq!(service.seen().last().unwrap(), id);
    }
    let (_, finished) = service.stop();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("Stopped: 3 events dispatched"));
}

#[test]
fn lines_are_dispatched_in_their_order() {
    let service = Service::on_unix("");
    let ids: Vec<_> = (0..50).map(|n| format!("e{n}")).collect();
    let mut lines: Vec<_> = ids.iter().map(|id| id_token(id)).collect();
    lines.insert(7, " \t".to_owned());
    let answer = service.client().post_lines(&lines);
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(service.seen(), ids);
    let nothing = service.client().post_lines(&["", "\r"]);
    assert_eq!(nothing.status, 204, "{nothing:?}");
}

#[test]
fn a_bad_event_is_told_with_line_member_and_reason() {
    let service = Service::on_unix("");
    let mut client = service.client();
    let answer = client.post(r#"{"type":"access_token_issue","client_id":7,"issuer":"https://op.example.com","claims":{}}"#);
    assert_eq!(answer.status, 400);
    let (name, problem) = answer.problem();
    assert_eq!(name, "invalid-event");
    assert_eq!(
        (&problem["line"], &problem["member"]),
        (&json!(1), &json!("client_id"))
    );
    assert_eq!(problem["retry"], false);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("member `client_id`: expected a string"),
        "{detail}"
    );

    let answer = client.post("{\n  \"type\": nonsense\n}");
    let (_, problem) = answer.problem();
    assert_eq!((answer.status, &problem["line"]), (400, &json!(2)));
    for body in ["", "[]", "\u{feff}{}", &format!("{0}\n{0}", id_token("e1"))] {
        assert_eq!(client.post(body).status, 400, "{body}");
    }
    // The connection serves on, and nothing of it was dispatched.
    assert_eq!(client.post(&id_token("good")).status, 204);
    let marked = format!("\u{feff}{}", id_token("marked"));
    assert_eq!(client.post(&marked).status, 204);
    assert_eq!(service.seen(), ["good", "marked"]);
}

#[test]
fn of_several_lines_the_good_ones_are_dispatched_and_the_others_told_of() {
    let service = Service::on_unix("max_line = 1000");
    let mut client = service.client();
    let long = id_token(&"x".repeat(2000));
    let lines = [
        id_token("e1"),
        "{".to_owned(),
        r#"{"type":"id_token_issue","claims":{}}"#.to_owned(),
        id_token("e2"),
        long,
        id_token("e1"),
    ];
    let answer = client.post_lines(&lines);
    assert_eq!(answer.status, 207, "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.field("retry-after"), None);
    let mut counts = answer.json();
    let refusals = counts["refusals"].take();
    let expected = json!({"dispatched": 2, "held": 0, "ignored": 0, "duplicates": 1,
        "refused": 3, "failures": 0, "refusals": null});
    assert_eq!(counts, expected);
    let lines: Vec<_> = refusals
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| {
            assert_eq!(refusal["retry"], false);
            (
                refusal["line"].as_u64().unwrap(),
                refusal["member"].as_str(),
            )
        })
        .collect();
    assert_eq!(lines, [(2, None), (3, Some("issuer")), (5, None)]);
    assert!(
        refusals[2]["reason"]
            .as_str()
            .unwrap()
            .contains("1000 bytes")
    );
    assert_eq!(service.seen(), ["e1", "e2"]);

    // Nothing taken is no success, in part or otherwise.
    let answer = client.post_lines(&["{", "x"]);
    let (name, problem) = answer.problem();
    assert_eq!((answer.status, &*name), (400, "invalid-event"));
    assert_eq!(problem["refusals"].as_array().unwrap().len(), 2);
}

#[test]
fn the_list_of_refused_lines_is_bounded() {
    let service = Service::on_unix("");
    let odd = format!(
        r#"{{"type":"{}"}}"#,
        "\u{1}\u{202e}é".repeat(5000).replace('\u{1}', "\\u0001")
    );
    let mut lines = vec![odd; 150];
    lines.push(id_token("e1"));
    let answer = service.client().post_lines(&lines);
    assert_eq!(answer.status, 207);
    assert!(answer.body.len() < 100_000, "{}", answer.body.len());
    let counts = answer.json();
    assert_eq!(counts["refused"], 150);
    assert_eq!(counts["refusals"].as_array().unwrap().len(), 100);
}

#[test]
fn facts_are_held_dispatched_and_ignored() {
    let service = Service::on_unix("");
    let mut client = service.client();
    let completed = r#"{"type":"authorization_completed","id":"a1","issuer":"https://op.example.com","client_id":"c","subject":"s","response_type":"code","code":"k1"}"#;
    let exchanged = r#"{"type":"code_exchanged","issuer":"https://op.example.com","code":"k1"}"#;
    assert_eq!(client.post(completed).status, 204);
    assert_eq!(service.seen(), [""; 0]);
    assert_eq!(client.post(exchanged).status, 204);
    assert_eq!(service.seen(), ["a1"]);
    let again = client.post(exchanged);
    assert_eq!((again.status, &again.json()["ignored"]), (200, &json!(1)));
    let taken = client.post(&completed.replace("a1", "a2"));
    assert_eq!(
        taken.status, 204,
        "an exchanged code may come again: {taken:?}"
    );
    let pending = client.post(&completed.replace("a1", "a3"));
    let (_, problem) = pending.problem();
    assert_eq!((pending.status, &problem["member"]), (400, &json!("code")));
    assert!(!String::from_utf8_lossy(&pending.body).contains("k1"));
}

#[test]
fn a_failing_listener_does_not_change_the_answer() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\nconfig = { event = \"panic\" }",
    );
    let mut client = service.client();
    assert_eq!(client.post(&id_token("e1")).status, 204);
    let answer = client.post_lines(&[id_token("e2"), "x".to_owned()]);
    let counts = answer.json();
    assert_eq!(
        (&counts["dispatched"], &counts["failures"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn other_resources_and_methods_are_told_apart() {
    let service = Service::on_unix("");
    let mut client = service.client();
    assert_eq!(client.get("/healthz").json(), json!({"status": "serving"}));
    assert_eq!(client.get("/readyz").json()["ready"], true);
    let keys = client.get("/.well-known/jwks.json");
    assert_eq!(keys.field("content-type"), Some("application/jwk-set+json"));
    assert!(keys.field("cache-control").unwrap().contains("max-age"));
    assert_eq!(keys.json()["keys"][0]["kty"], "RSA");
    let head = client.request("HEAD", "/healthz", "", "");
    assert_eq!((head.status, &*head.body), (200, &b""[..]));
    for path in ["/", "/event", "/events/", "/metrics/x", "/../healthz"] {
        let answer = client.get(path);
        assert_eq!((answer.status, &*answer.problem().0), (404, "not-found"));
    }
    for (method, path, allow) in [
        ("GET", "/events", "POST"),
        ("PUT", "/events", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/.well-known/jwks.json", "GET, HEAD"),
    ] {
        let answer = client.request(method, path, "", "");
        assert_eq!(
            (answer.status, answer.field("allow")),
            (405, Some(allow)),
            "{method} {path}"
        );
    }
}

#[test]
fn other_media_types_and_codings_are_refused() {
    let service = Service::on_unix("");
    let mut client = service.client();
    for fields in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/json; charset=iso-8859-1\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ] {
        let answer = client.request("POST", "/events", fields, &id_token("e1"));
        assert_eq!(answer.status, 415, "{fields}");
        assert_eq!(answer.problem().0, "unsupported-media-type");
    }
    let fields = "content-TYPE: Application/JSON;charset=utf-8\r\nContent-Encoding: identity\r\n";
    let answer = client.request("POST", "/events", fields, &id_token("e1"));
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[test]
fn bodies_are_bounded_however_they_come() {
    let service = Service::on_unix("max_body = 2000");
    let large = format!("{}{}", id_token("e1"), " ".repeat(3000));
    let mut client = service.client();
    let answer = client.post(&large);
    assert_eq!((answer.status, &*answer.problem().0), (413, "too-large"));
    assert_eq!(
        client.post(&id_token("e2")).status,
        204,
        "the same connection"
    );
    client.send(format!(
        "POST /events HTTP/1.1\r\nHost: h\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n"
    ));
    client.send(format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()));
    assert_eq!(client.answer().status, 413);
    // Far more than is read only to be thrown away.
    let mut client = service.client();
    client.send(format!(
        "POST /events HTTP/1.1\r\nHost: h\r\n{JSON}Content-Length: 90000000\r\n\r\n"
    ));
    let _ = client.try_send(vec![b' '; 4 << 20]);
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.field("connection")),
        (413, Some("close"))
    );
    assert!(client.is_closed());
    let mut client = service.client();
    client.send(format!("POST /events HTTP/1.1\r\nHost: h\r\n{JSON}\r\n"));
    assert_eq!(client.answer().problem().0, "length-required");
    assert_eq!(service.seen(), ["e2"]);
}

#[test]
fn one_event_that_is_too_long_is_so_whatever_the_body_may_be() {
    let service = Service::on_unix("max_line = 100");
    let answer = service.client().post(&id_token("e1"));
    assert_eq!(
        (answer.status, &*answer.problem().0),
        (413, "invalid-event")
    );
}

#[test]
fn headers_are_bounded_and_what_is_no_http_is_refused() {
    let service = Service::on_unix("max_header = 2000");
    let mut client = service.client();
    let field = format!("X-Long: {}\r\n", "x".repeat(3000));
    assert_eq!(client.request("POST", "/events", &field, "{}").status, 431);
    assert!(client.is_closed());
    let mut client = service.client();
    client.send("\u{1}\u{2} nonsense\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert!(client.is_closed());
    assert_eq!(service.client().post(&id_token("e1")).status, 204);
}

#[test]
fn requests_come_in_chunks_in_pipelines_and_with_a_closed_end() {
    let service = Service::on_unix("");
    let mut client = service.client();
    let event = id_token("e1");
    let (first, second) = event.split_at(20);
    client.send(format!(
        "POST /events HTTP/1.1\r\nHost: h\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n14\r\n{first}\r\n"
    ));
    client.send(format!(
        "{:x}\r\n{second}\r\n0\r\nTrailer: x\r\n\r\n",
        second.len()
    ));
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.field("connection")),
        (204, Some("close"))
    );
    assert!(client.is_closed());

    let mut client = service.client();
    let post = |id: &str| {
        let event = access_token(id);
        let length = event.len();
        format!("POST /events HTTP/1.1\r\nHost: h\r\n{JSON}Content-Length: {length}\r\n\r\n{event}")
    };
    let requests: String = (2..12).map(|n| post(&format!("e{n}"))).collect();
    client.send(requests);
    for _ in 2..12 {
        assert_eq!(client.answer().status, 204);
    }
    let expected: Vec<_> = (1..12).map(|n| format!("e{n}")).collect();
    assert_eq!(service.seen(), expected);

    let mut stream = std::os::unix::net::UnixStream::connect(service.socket()).unwrap();
    std::io::Write::write_all(&mut stream, post("last").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut client = op_listener_tests::Client::over(stream);
    assert_eq!(client.answer().status, 204);
    assert!(client.is_closed());
}

#[test]
fn who_asks_before_sending_a_body_is_told() {
    let service = Service::on_unix("");
    let mut client = service.client();
    let event = id_token("e1");
    let ask = |media: &str| {
        let length = event.len();
        format!(
            "POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: {media}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    client.send(ask("application/json"));
    assert_eq!(client.answer().status, 100);
    client.send(&event);
    assert_eq!(client.answer().status, 204);
    client.send(ask("text/plain"));
    assert_eq!(client.answer().status, 415);
    assert!(client.is_closed());
}

#[test]
fn events_are_escaped_where_they_come_into_the_log() {
    let service = Service::on_unix("");
    let event = r#"{"type":"id_token_issue\u000a2026-11-21T19:00:00,123 INFO main MAIN - [OPL0002] forged"}"#;
    assert_eq!(service.client().post(event).status, 400);
    let (_, finished) = service.stop();
    let lines = op_listener_tests::parse_lines(&finished.stderr);
    assert_eq!(lines.iter().filter(|line| line.is("OPL0513")).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.is("OPL0002")).count(), 1);
}
