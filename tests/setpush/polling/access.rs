//! Who may fetch, and what is no request.

use op_listener_tests::Client;

use super::{INTAKE_TOKEN, OTHER_TOKEN, Polled, TOKEN, config, fields, pushing, setup};

fn two_streams() -> Polled {
    let second = config("", "").split_once("[[listener]]").map(|(_, entry)| {
        entry
            .replace("\"push\"", "\"other\"")
            .replace("\"token\"", "\"other-token\"")
    });
    let both = format!("{}\n[[listener]]{}", config("", ""), second.unwrap());
    Polled::start_in(setup(), &both)
}

fn status(client: &mut Client, path: &str, token: &str) -> u16 {
    let body = "{\"returnImmediately\":true}";
    client.request("POST", path, &fields(token), body).status
}

#[test]
fn a_stream_is_for_its_own_receiver_alone() {
    let host = two_streams();
    let mut client = host.client().0;
    for (path, token, expected) in [
        ("/set/push", TOKEN, 200),
        ("/set/other", OTHER_TOKEN, 200),
        ("/set/push", OTHER_TOKEN, 401),
        ("/set/push", INTAKE_TOKEN, 401),
        ("/set/push", "wrong", 401),
        ("/set/nobody", TOKEN, 401),
        ("/set/PUSH", TOKEN, 401),
        ("/set/", TOKEN, 401),
        ("/set/push/second", TOKEN, 404),
        ("/set/push/", TOKEN, 404),
        ("/set", TOKEN, 404),
        ("/events", TOKEN, 401),
        ("/events", OTHER_TOKEN, 401),
    ] {
        assert_eq!(status(&mut client, path, token), expected, "{path} {token}");
    }
    // Who has no token learns nothing, whatever there is.
    let plain = "Content-Type: application/json\r\n";
    let [there, not] = ["/set/push", "/set/nobody"].map(|path| {
        let answer = client.request("POST", path, plain, "{}");
        let challenge = answer.field("www-authenticate").map(ToOwned::to_owned);
        assert_eq!(challenge.as_deref(), Some("Bearer realm=\"op-listener\""));
        (answer.status, answer.problem())
    });
    assert_eq!(there, not);
    let ended = host.stop();
    assert!(ended.stderr.contains("[OPL0508]"), "{}", ended.stderr);
    for token in [TOKEN, OTHER_TOKEN, INTAKE_TOKEN] {
        assert!(!ended.stderr.contains(token), "{}", ended.stderr);
    }
}

#[test]
fn what_is_no_request_is_refused_and_changes_nothing() {
    let host = Polled::start("", "");
    host.events(&["e1"]);
    let mut client = host.client().0;
    for (method, more, body, expected) in [
        ("GET", "", "", 405),
        ("PUT", "", "{}", 405),
        ("POST", "", "[]", 400),
        ("POST", "", "", 400),
        ("POST", "", "{\"maxEvents\":-1}", 400),
        ("POST", "", "{\"ack\":\"e1\"}", 400),
        ("POST", "", "{\"setErrs\":{\"e1\":{}}}", 400),
        ("POST", "Content-Encoding: gzip\r\n", "{}", 415),
    ] {
        let fields = format!("{}{more}", fields(TOKEN));
        let answer = client.request(method, "/set/push", &fields, body);
        assert_eq!(answer.status, expected, "{method} {body}: {answer:?}");
        let (name, _) = answer.problem();
        let named = match expected {
            400 => "invalid-poll",
            405 => "method-not-allowed",
            _ => "unsupported-media-type",
        };
        assert_eq!(name, named);
    }
    let text = fields(TOKEN).replace("application/json", "application/secevent+jwt");
    assert_eq!(client.request("POST", "/set/push", &text, "{}").status, 415);
    let long = format!("{{\"ack\":[\"{}\"]}}", "x".repeat(1 << 20));
    assert_eq!(
        host.client()
            .0
            .request("POST", "/set/push", &fields(TOKEN), &long)
            .status,
        413
    );
    let many: Vec<_> = (0..20_000).map(|n| format!("\"unknown-{n}\"")).collect();
    let many = format!("{{\"ack\":[{}]}}", many.join(","));
    let answer = client.request("POST", "/set/push", &fields(TOKEN), &many);
    assert_eq!(super::ids(&answer), ["e1"]);
}

#[test]
fn what_an_operator_has_forgotten_is_said_at_the_start() {
    let without = config("", "").replace("[listener.poll]\ntoken_file = \"token\"\n", "");
    let no_file = config("", "").replace("\"token\"", "\"missing\"");
    let no_intake = {
        let whole = config("", "");
        let (before, rest) = whole.split_once("[intake]").unwrap();
        let (_, after) = rest.split_once("[[listener]]").unwrap();
        format!("{before}[[listener]]{after}")
    };
    let endpoint = config("", "endpoint = \"https://receiver.example.com\"");
    for (config, code, said) in [
        (without, 3, "add `[listener.poll]` to the entry"),
        (no_file, 2, "the token file"),
        (no_intake, 2, "`poll` has no effect without"),
        (endpoint, 3, "`endpoint` has no effect with `method"),
    ] {
        let setup = setup().config(&config);
        let ended = setup.start().finish();
        assert_eq!(ended.code(), Some(code), "{said}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
        if code == 2 {
            let checked = setup.call(&["config", "check", "--config", "op-listener.toml"]);
            assert_eq!(checked.code(), Some(2), "{said}: {}", checked.stderr);
            let told = &checked.stderr;
            assert!(told.contains(said) && told.contains('^'), "{told}");
        }
    }
    let settings = pushing().replace(
        "[listener.config]",
        "[listener.poll]\ntoken_file = \"token\"\n[listener.config]",
    );
    let mut host = Polled::start_in(setup(), &settings);
    assert_eq!(status(&mut host.client().0, "/set/push", TOKEN), 404);
    host.reload(&settings);
    let ended = host.stop();
    assert_eq!(
        ended.stderr.matches("[OPL0809]").count(),
        1,
        "{}",
        ended.stderr
    );
}
