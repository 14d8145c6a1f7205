//! What the configuration masks is in nothing that `op-listener queue show` prints: on the queues of
//! both plugins that have some, and on a running host as on a stopped one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use op_listener_tests::{Setup, set_push, sqs_publisher, start};
use serde_json::{Value, json};

use crate::yard::eventually;

/// What is to be seen nowhere: the subject, which is also what messages are ordered by, what a receiver
/// repeats, and what is deep in a claim.
const VALUES: [&str; 4] = [
    "alice-in-hiding",
    "alice@secret.test",
    "Hidden Lane",
    "555-0100",
];
const MASK: &str = r#"mask = ["sub", "email", "address", "phone_number"]"#;
const QUEUES: [&str; 5] = ["claims", "event", "clouds", "sets", "push"];

/// Refuses all SETs, and says of whom they are. Ends with the process.
fn refusing() -> u16 {
    fn answer(mut from: TcpStream) -> std::io::Result<()> {
        let mut seen = Vec::new();
        let mut some = [0; 4096];
        while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
            match from.read(&mut some)? {
                0 => return Ok(()),
                count => seen.extend_from_slice(&some[..count]),
            }
        }
        let body = json!({
            "err": "invalid_request",
            "description": format!("there is no {} with {}", VALUES[0], VALUES[1]),
        });
        let body = body.to_string();
        write!(
            from,
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        // Until it has read that.
        while from.read(&mut some)? > 0 {}
        Ok(())
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            thread::spawn(|| answer(connection.unwrap()));
        }
    });
    port
}

fn configuration(port: u16, mask: &str) -> String {
    let publisher = |name: &str, more: &str| {
        format!(
            "[[listener]]\nplugin = \"sqs\"\nname = \"{name}\"\n\
             queue = {{ pause_after_ms = 0 }}\n\
             [listener.config]\nenable = true\nregion = \"us-east-1\"\n\
             endpoint = \"http://127.0.0.1:1\"\n\
             queue_url = \"http://127.0.0.1:1/000000000000/{name}.fifo\"\n{more}\n"
        )
    };
    let head = "issuer = \"https://op.example.com\"\n[signing]\nalgorithm = \"ES256\"\n";
    [
        format!("{head}[delivery]\n{mask}\n"),
        publisher(QUEUES[0], "attributes = [\"id\", \"subject\"]"),
        publisher(QUEUES[1], "body = \"event\""),
        publisher(QUEUES[2], "body = \"cloudevents\""),
        publisher(
            QUEUES[3],
            "body = \"set\"\naudience = \"https://a.test\"\nclaims = [\"sub\", \"email\", \"address\"]",
        ),
        format!(
            "[[listener]]\nplugin = \"set-push\"\nname = \"{}\"\n\
             [listener.config]\nenable = true\nendpoint = \"http://127.0.0.1:{port}/\"\n\
             audience = \"https://a.test\"\nallow_hosts = [\"127.0.0.1\"]\norder = \"subject\"\n\
             claims = [\"email\", \"address\"]\n",
            QUEUES[4]
        ),
    ]
    .concat()
}

/// All that the command can be asked to show of a queue.
fn shown(setup: &Setup, queue: &str, config: &str) -> Vec<String> {
    let numbers = |dead: bool| -> Vec<String> {
        let mut arguments = vec!["queue", "show", queue, "--json", "--config", config];
        arguments.extend(dead.then_some("--dead"));
        let done = setup.call(&arguments);
        assert_eq!(done.code(), Some(0), "{}", done.stderr);
        let listed: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
        let numbers = listed.iter().map(|message| message["number"].to_string());
        numbers.collect()
    };
    let numbers = [numbers(false), numbers(true)].concat();
    let mut ways: Vec<Vec<&str>> = vec![vec![], vec!["--payload"]];
    ways.extend([vec!["--dead"], vec!["--dead", "--payload"]]);
    ways.push(numbers.iter().map(String::as_str).collect());
    let mut all = Vec::new();
    for way in ways {
        for format in [&["--json"][..], &[]] {
            let common = ["queue", "show", queue, "--config", config];
            let done = setup.call(&[&common, &way[..], format].concat());
            assert_eq!(done.code(), Some(0), "{}", done.stderr);
            all.extend([done.stdout, done.stderr]);
        }
    }
    let of_all = setup.call(&["queue", "list", "--config", config]);
    all.push(of_all.stdout);
    all
}

fn assert_nothing_is_seen(setup: &Setup, when: &str) {
    for queue in QUEUES {
        // It would be seen, were it not masked: a SET once it is decoded.
        let open = shown(setup, queue, "open.toml").concat();
        let set = matches!(queue, "sets" | "push");
        assert!(open.contains(if set { "eyJ" } else { VALUES[0] }), "{open}");
        for config in ["op-listener.toml", "all.toml"] {
            let shown = shown(setup, queue, config).concat();
            for value in VALUES.into_iter().chain(["eyJ"]) {
                assert!(!shown.contains(value), "{when}, {config}, {value}: {shown}");
            }
            assert!(shown.contains("(hidden)"), "{shown}");
            // By what else than its id would an operator know it?
            assert!(shown.contains("event-7"), "{shown}");
        }
    }
}

#[test]
fn what_is_masked_is_seen_in_no_format_of_any_queue() {
    let mut setup = Setup::new();
    setup.add("sqs", &sqs_publisher());
    setup.add("set_push", &set_push());
    let port = refusing();
    setup.file("open.toml", configuration(port, ""));
    setup.file("all.toml", configuration(port, "mask = [\"*\"]"));
    let setup = setup.config(&configuration(port, MASK));
    let mut command = setup.command(&["run", "--config", "op-listener.toml"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    let mut host = start(&mut command);
    let event = json!({
        "type": "id_token_issue",
        "id": "event-7",
        "issuer": "https://op.example.com",
        "client_id": "000123",
        "subject": VALUES[0],
        "claims": {
            "sub": VALUES[0],
            "email": VALUES[1],
            "address": { "street_address": VALUES[2], "more": [{ "of": VALUES[3] }] },
            "phone_number": VALUES[3],
            "iat": 1_523_304_728,
        },
    });
    host.send(&format!("{event}\n"));
    eventually(|| {
        let list = setup.call(&["queue", "list", "--json", "--config", "op-listener.toml"]);
        let list: Value = serde_json::from_str(&list.stdout).unwrap_or_default();
        let queues = list["queues"].as_array().cloned().unwrap_or_default();
        queues.len() == QUEUES.len()
            && queues.iter().all(|queue| {
                let (waiting, dead) = (&queue["waiting"], &queue["dead"]);
                (waiting, dead) == (&0.into(), &1.into())
                    || (waiting == 1 && queue["retried"].as_u64() > Some(0))
            })
    });
    assert_nothing_is_seen(&setup, "running");
    let finished = host.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_nothing_is_seen(&setup, "stopped");
}
