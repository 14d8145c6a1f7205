//! Clients that send half of a request, nothing, or too much, that do not read, or that are many.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use op_listener_tests::{Client, access_token, id_token};

use crate::stage::{Service, until};

const HEAD: &str = "POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";

#[test]
fn half_a_header_is_answered_and_the_connection_closed() {
    let service = Service::on_unix("read_timeout_ms = 300");
    let mut client = service.client();
    client.send(HEAD);
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.field("connection")),
        (408, Some("close"))
    );
    assert_eq!(answer.problem().0, "late");
    assert!(client.is_closed());
    let (_, finished) = service.stop();
    assert!(finished.stderr.contains("[OPL0507]"), "{}", finished.stderr);
}

#[test]
fn a_header_that_drips_has_no_more_time_than_any_other() {
    let service = Service::on_unix("read_timeout_ms = 300");
    let mut client = service.client();
    client.send("POST /events HTTP/1.1\r\n");
    // Until it does not take any more.
    until("the end", || {
        let dripped = client.try_send("X-Drip: 1\r\n");
        dripped.is_err().then_some(())
    });
}

#[test]
fn half_a_body_is_answered_and_nothing_of_it_dispatched() {
    let service = Service::on_unix("read_timeout_ms = 300");
    let lines = format!("{}\n{}\n", id_token("e1"), id_token("e2"));
    let head = HEAD.replace("/json", "/x-ndjson");
    let mut client = service.client();
    client.send(format!(
        "{head}Content-Length: {}\r\n\r\n{lines}",
        lines.len() + 10
    ));
    let answer = client.answer();
    assert_eq!((answer.status, &*answer.problem().0), (408, "late"));
    assert!(client.is_closed());

    // And one whose sender goes away.
    let mut stream = UnixStream::connect(service.socket()).unwrap();
    let half = format!("{head}Content-Length: {}\r\n\r\n{lines}", lines.len() + 10);
    stream.write_all(half.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut client = Client::over(stream);
    // Either is right: an answer that the body is not whole, or none.
    if let Ok(Some(answer)) = client.try_answer(true) {
        assert_eq!(answer.problem().0, "broken-body");
    }
    let chunk = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n");
    let mut client = service.client();
    client.send(chunk);
    if let Ok(Some(answer)) = client.try_answer(true) {
        assert_eq!(answer.status, 400);
    }
    assert_eq!(service.client().post(&id_token("e3")).status, 204);
    assert_eq!(service.seen(), ["e3"]);
}

#[test]
fn idle_connections_are_closed_and_busy_ones_are_not() {
    let service = Service::on_unix("idle_timeout = 5");
    let mut idle = service.client();
    let mut used = service.client();
    assert_eq!(used.get("/healthz").status, 200);
    let mut busy = service.client();
    let closed = std::thread::spawn(move || idle.is_closed() && used.is_closed());
    until("the end of the others", || {
        assert_eq!(busy.get("/healthz").status, 200);
        closed.is_finished().then_some(())
    });
    assert!(closed.join().unwrap());
}

#[test]
fn who_does_not_read_is_cut_off_and_nobody_else_waits() {
    let service = Service::on_unix("read_timeout_ms = 500");
    let stream = UnixStream::connect(service.socket()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let request = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
    let mut other = service.client();
    let mut n = 0;
    // As many requests as the host takes, and no answer read: it takes no more, and then closes.
    until("the end of the one who does not read", || {
        n += 1;
        assert_eq!(other.post(&access_token(&format!("e{n}"))).status, 204);
        match (&stream).write(request.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(_) => Some(()),
            Ok(_) => None,
        }
    });
    let (_, finished) = service.stop();
    assert!(finished.stderr.contains("[OPL0507]"), "{}", finished.stderr);
}

#[test]
fn more_connections_than_allowed_are_turned_away() {
    let service = Service::on_unix("max_connections = 3\nidle_timeout = 600");
    let mut clients: Vec<_> = (0..3).map(|_| service.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/healthz").status, 200);
    }
    let mut one_more = service.client();
    let answer = one_more.answer();
    assert_eq!(
        (answer.status, answer.field("retry-after")),
        (503, Some("1"))
    );
    assert!(one_more.is_closed());
    assert_eq!(clients[1].post(&id_token("e1")).status, 204);
    clients.pop();
    let status = until("room", || {
        let mut client = service.client();
        // It may be turned away before it has said anything.
        let _ = client.try_send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = client.try_answer(true).ok()??;
        (answer.status != 503).then_some(answer.status)
    });
    assert_eq!(status, 200);
    let (_, finished) = service.stop();
    assert!(finished.stderr.contains("[OPL0506]"), "{}", finished.stderr);
}

#[test]
fn who_announces_too_much_is_answered_before_any_of_it_has_come() {
    // Whoever waited for the body would wait for longer than this test does.
    let service = Service::on_unix("read_timeout_ms = 3600000\nmax_body = 2000000");
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = service.client();
        client.send(format!("{HEAD}Content-Length: 99999999999\r\n{expect}\r\n"));
        let answer = client.answer();
        assert_eq!((answer.status, &*answer.problem().0), (413, "too-large"));
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(client.is_closed());
    }
    // Who sends it all the same finds the answer.
    let mut client = service.client();
    client.send(format!("{HEAD}Content-Length: 2000001\r\n\r\n"));
    client.send(vec![b' '; 500_000]);
    assert_eq!(client.answer().status, 413);
}

#[test]
fn no_byte_of_a_body_is_taken_for_a_request() {
    let service = Service::on_unix("");
    let event = id_token("e1");
    let hidden = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    let chunk = format!("{:x}\r\n{event}\r\n0\r\n\r\n", event.len());
    let no_host = HEAD.replace("Host: h\r\n", "");
    let cases = [
        (format!("{HEAD}\r\n{hidden}"), 411, "length-required"),
        (
            format!("{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n{chunk}{hidden}"),
            501,
            "transfer-coding",
        ),
        (
            format!("{no_host}Content-Length: 0\r\n\r\n{hidden}"),
            400,
            "no-host",
        ),
        (
            format!("{HEAD}Host: i\r\nContent-Length: 0\r\n\r\n{hidden}"),
            400,
            "no-host",
        ),
    ];
    for (request, status, name) in cases {
        let mut client = service.client();
        client.send(&request);
        let answer = client.answer();
        assert_eq!(
            (answer.status, &*answer.problem().0),
            (status, name),
            "{request}"
        );
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(client.is_closed(), "{request}");
    }
    // Chunks count, whatever length there is beside them; but nothing after them does.
    for length in ["Content-Length: 5\r\n", ""] {
        let mut client = service.client();
        client.send(format!(
            "{HEAD}{length}Transfer-Encoding: chunked\r\n\r\n{chunk}{hidden}"
        ));
        let answer = client.answer();
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(client.is_closed());
    }
    assert_eq!(service.seen(), ["e1"]);
}
