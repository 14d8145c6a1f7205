//! Everything that the event format calls an error, each at the first, a middle and the last line
//! of a stream: one clear line, and nothing else lost.

use op_listener_tests::{Library, Setup, access_token, id_token};

fn listening(config: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "{config}\n[[listener]]\nplugin = \"puppet\"\nconfig = {{ record = \"record.ndjson\" }}"
    ))
}

/// Members that every event has.
const ALL: &str = r#""issuer":"https://op.example.com","client_id":"c""#;

fn with(members: &str) -> String {
    format!("{{{ALL},{members}}}")
}

/// What is refused, and how the line about it ends.
fn refused() -> Vec<(Vec<u8>, &'static str)> {
    let id_token = |members: &str| {
        with(&format!(
            r#""type":"id_token_issue","subject":"s","claims":{{}},{members}"#
        ))
    };
    let subject = |members: &str| {
        with(&format!(
            r#""type":"subject_auth_and_consent","subject":"s",{members}"#
        ))
    };
    let completed = |members: &str| {
        with(&format!(
            r#""type":"authorization_completed","subject":"s",{members}"#
        ))
    };
    let raw: Vec<(&[u8], &'static str)> = vec![
        (
            b"nonsense",
            "not valid JSON: expected ident at byte 2: send one JSON object (RFC 8259)",
        ),
        (
            b"{\"type\":",
            "not valid JSON: EOF while parsing a value at byte 8: send one JSON object (RFC 8259)",
        ),
        (b"[]", "expected one JSON object, found an array"),
        (b"\"text\"", "expected one JSON object, found a string"),
        (
            b"{} {}",
            "not valid JSON: trailing characters at byte 4: send one JSON object (RFC 8259)",
        ),
        (b"{\"a\":\"\xFF\"}", "not valid UTF-8 at byte 7: send UTF-8"),
        (
            b"{\"a\":NaN}",
            "not valid JSON: expected value at byte 6: send one JSON object (RFC 8259)",
        ),
    ];
    let mut all: Vec<(Vec<u8>, &'static str)> = Vec::new();
    all.extend(raw.into_iter().map(|(line, why)| (line.to_vec(), why)));
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let objects: Vec<(String, &'static str)> = vec![
        (with(r#""subject":"s""#), "member `type`: missing: every event needs it, one of id_token_issue, access_token_issue, subject_auth_and_consent, authorization_completed, code_exchanged"),
        (with(r#""type":"logout""#), "member `type`: expected one of id_token_issue, access_token_issue, subject_auth_and_consent, authorization_completed, code_exchanged, found \"logout\""),
        (with(r#""type":1"#), "member `type`: expected one of id_token_issue, access_token_issue, subject_auth_and_consent, authorization_completed, code_exchanged, found a number, 1"),
        (id_token(r#""id":"a","id":"b""#), "member `id`: is there twice: send it once"),
        (id_token(r#""zz":1,"z\u007a":2"#), "member `zz`: is there twice: send it once"),
        (id_token(r#""id":"""#), "member `id`: expected a string of 1 to 128 characters out of A-Z a-z 0-9 . _ : -, found \"\""),
        (id_token(r#""id":"a b""#), "member `id`: expected a string of 1 to 128 characters out of A-Z a-z 0-9 . _ : -, found \"a b\""),
        (id_token(r#""id":"eyJhbGciOiJSUzI1NiJ9/secret""#), "member `id`: expected a string of 1 to 128 characters out of A-Z a-z 0-9 . _ : -, found \"eyJhbGci…\", 27 characters long"),
        (id_token(&format!(r#""id":"{}""#, "x".repeat(129))), "member `id`: expected a string of 1 to 128 characters out of A-Z a-z 0-9 . _ : -, found one of 129 characters"),
        (id_token(r#""txn":7"#), "member `txn`: expected a string of 1 to 128 characters out of A-Z a-z 0-9 . _ : -, found a number, 7"),
        (id_token(r#""time":"now""#), "member `time`: expected a number of Unix seconds, at least 0 and less than 253402300800, found \"now\""),
        (id_token(r#""time":-1"#), "member `time`: expected a number of Unix seconds, at least 0 and less than 253402300800, found -1: it is negative"),
        (id_token(r#""time":1795291073677"#), "member `time`: expected a number of Unix seconds, at least 0 and less than 253402300800, found 1795291073677: it looks like milliseconds: divide it by 1000"),
        (id_token(r#""client":[]"#), "member `client`: expected an object, found an array"),
        (id_token(r#""code":"x""#), "member `code`: unwanted: a code belongs in the facts authorization_completed and code_exchanged only; don't send it in an event"),
        (id_token(r#""x":"\ud800""#), "member `x`: a lone surrogate escape: write the character itself, or both halves of the pair"),
        (id_token(&format!(r#""x":{deep}"#)), "objects and arrays nested more than 128 levels deep: flatten them, or raise the limit"),
        (id_token(&format!(r#""x":"{}""#, "x".repeat(1 << 20))), "longer than 1048576 bytes: send less in one event, or raise the limit"),
        (with(r#""type":"id_token_issue","claims":{}"#), "member `subject`: missing: an id_token_issue needs it, a string that is not empty"),
        (with(r#""type":"id_token_issue","subject":"","claims":{}"#), "member `subject`: expected a string that is not empty, found an empty string"),
        (with(r#""type":"id_token_issue","subject":null,"claims":{}"#), "member `subject`: expected a string that is not empty, found null"),
        (with(r#""type":"id_token_issue","subject":"s""#), "member `claims`: missing: an id_token_issue needs it, an object"),
        (with(r#""type":"id_token_issue","subject":"s","claims":"eyJ""#), "member `claims`: expected an object, found a string"),
        (with(r#""type":"access_token_issue","subject":5,"claims":{}"#), "member `subject`: expected a string that is not empty, found a number"),
        (with(r#""type":"subject_auth_and_consent""#), "member `subject`: missing: a subject_auth_and_consent needs it, a string that is not empty"),
        (subject(r#""scope":"openid""#), "member `scope`: expected an array of strings, found a string"),
        (subject(r#""consented_claims":[1]"#), "member `consented_claims`: expected an array of strings, found an array that holds something else"),
        (subject(r#""id_token_claims":null"#), "member `id_token_claims`: expected an object, found null"),
        (subject(r#""session":"s1""#), "member `session`: expected an object whose sid and acr are strings, auth_time and expires_at numbers, and amr an array of strings, found a string"),
        (subject(r#""session":{"sid":1}"#), "member `session.sid`: expected a string, found a number"),
        (subject(r#""session":{"amr":"pwd"}"#), "member `session.amr`: expected an array of strings, found a string"),
        (subject(r#""session":{"auth_time":"1"}"#), "member `session.auth_time`: expected a number of Unix seconds, found a string"),
        (subject(r#""code":"x""#), "member `code`: unwanted: a code belongs in the facts authorization_completed and code_exchanged only; don't send it in an event"),
        (completed(r#""x":1"#), "member `response_type`: missing: an authorization_completed needs it, one or more of the words code, id_token and token, each once, one space between"),
        (completed(r#""response_type":"none""#), "member `response_type`: expected one or more of the words code, id_token and token, each once, one space between, found \"none\""),
        (completed(r#""response_type":"code  token","code":"x""#), "member `response_type`: expected one or more of the words code, id_token and token, each once, one space between, found \"code  token\""),
        (completed(r#""response_type":"code""#), "member `code`: missing: a response_type with the word code needs it, a string that is not empty"),
        (completed(r#""response_type":"code","code":"""#), "member `code`: expected a string that is not empty, found an empty string"),
        (completed(r#""response_type":"code","code":"x","code_expires_at":"soon""#), "member `code_expires_at`: expected a number of Unix seconds, found \"soon\""),
        (with(r#""type":"code_exchanged""#), "member `code`: missing: a code_exchanged needs it, a string that is not empty"),
        (r#"{"type":"id_token_issue","client_id":"c","subject":"s","claims":{}}"#.to_owned(), "member `issuer`: missing, and no default is configured: set `issuer = \"https://…\"` at the top of the configuration file, or send the member with each event"),
        (r#"{"type":"id_token_issue","issuer":"https://op.example.com","subject":"s","claims":{}}"#.to_owned(), "member `client_id`: missing: an id_token_issue needs it, a string that is not empty"),
    ];
    all.extend(
        objects
            .into_iter()
            .map(|(line, why)| (line.into_bytes(), why)),
    );
    all
}

#[test]
fn each_error_is_one_line_and_nothing_else_is_lost() {
    let setup = listening("");
    // Good and bad lines by turns: each bad one stands between two good ones.
    let mut input = Vec::new();
    let mut expected = Vec::new();
    let refused = refused();
    for (index, (line, why)) in refused.iter().enumerate() {
        input.extend(access_token(&format!("good-{index}")).bytes());
        input.push(b'\n');
        input.extend(line);
        input.push(b'\n');
        expected.push(format!("line {}: {why}", 2 * index + 2));
    }
    input.extend(access_token("last").bytes());
    let run = setup.run_bytes(&input).ended(1);
    assert_eq!(run.messages("OPL0301"), expected, "each in one line");
    let good: Vec<_> = (0..refused.len())
        .map(|index| format!("good-{index}"))
        .chain(["last".to_owned()])
        .collect();
    assert_eq!(run.event_ids(), good);
    let all = format!(
        "{} events dispatched, 0 facts held, 0 exchanges ignored, {} lines refused",
        good.len(),
        refused.len()
    );
    assert!(
        run.message("OPL0002").contains(&all),
        "{}",
        run.message("OPL0002")
    );
    let levels: Vec<_> = run
        .lines()
        .into_iter()
        .filter(|line| line.is("OPL0301"))
        .map(|line| line.level)
        .collect();
    assert!(levels.iter().all(|level| level == "ERROR"));
}

#[test]
fn an_error_at_the_first_or_last_line_loses_nothing() {
    for (index, (line, why)) in refused().into_iter().enumerate().step_by(5) {
        let setup = listening("");
        let mut input = line.clone();
        input.extend(format!("\n{}\n", id_token("good")).bytes());
        input.extend(&line);
        let run = setup.run_bytes(&input).ended(1);
        assert_eq!(run.event_ids(), ["good"], "number {index}");
        assert_eq!(
            run.messages("OPL0301"),
            [format!("line 1: {why}"), format!("line 3: {why}")]
        );
    }
}

#[test]
fn issuers_that_are_none_are_refused_with_the_reason() {
    let issuers = [
        "http://op.example.com",
        "ftp://op.example.com",
        "op.example.com",
        "https://op.example.com?access_token=hush",
        "https://op.example.com/#hush",
        "https://",
        "https://öp.example.com",
        "",
    ];
    let lines = issuers.map(|issuer| id_token("e").replace("https://op.example.com", issuer));
    let setup = listening("");
    let run = setup.run(&lines).ended(1);
    let messages = run.messages("OPL0301");
    assert_eq!(messages.len(), issuers.len(), "{messages:?}");
    for (index, message) in messages.iter().enumerate() {
        let start = format!("line {}: member `issuer`: expected ", index + 1);
        assert!(message.starts_with(&start), "{message}");
    }
    // What stands there may be a token.
    assert!(messages[3].contains("found \"https://op.example.com?…\", which has a query"));
    assert!(messages[4].contains("found \"https://op.example.com/#…\", which has a fragment"));
    assert!(!run.log.contains("hush"), "{}", run.log);
    // User information may be a password.
    let with_password = id_token("e").replace("https://", "https://user:hush@");
    let run = listening("");
    let run = run.run([with_password]).ended(1);
    assert!(run.message("OPL0301").contains("member `issuer`"));
    assert!(!run.log.contains("hush"), "{}", run.log);
    // Local ones may go without TLS.
    let local = [
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]/x",
    ];
    let lines = local.map(|issuer| id_token("e").replace("https://op.example.com", issuer));
    assert_eq!(listening("").run(lines).ended(0).events().len(), 3);
}

#[test]
fn limits_on_length_and_depth_can_be_set() {
    let setup = listening("[intake]\nmax_line = 300\nmax_depth = 3");
    let deep = access_token("deep").replace(r#""j-1""#, r#""j-1","d":{"e":{}}"#);
    let long = access_token("long").replace(r#""j-1""#, &format!(r#""{}""#, "x".repeat(300)));
    let run = setup.run([deep, long, access_token("fits")]).ended(1);
    assert_eq!(run.event_ids(), ["fits"]);
    assert_eq!(
        run.messages("OPL0301"),
        [
            "line 1: objects and arrays nested more than 3 levels deep: flatten them, or raise the limit",
            "line 2: longer than 300 bytes: send less in one event, or raise the limit",
        ]
    );
}

#[test]
fn a_line_of_forty_mebibytes_is_refused_and_the_next_one_read() {
    let setup = listening("");
    let mut input = vec![b'x'; 40 << 20];
    input.push(b'\n');
    input.extend(id_token("after").bytes());
    let run = setup.run_bytes(&input).ended(1);
    assert_eq!(run.event_ids(), ["after"]);
}

#[test]
fn nothing_secret_of_a_refused_event_gets_into_the_log() {
    let setup = listening("[log]\nlevel = \"trace\"");
    let lines = [
        with(r#""type":"id_token_issue","subject":"s","claims":"hush""#),
        with(r#""type":"id_token_issue","subject":"s","claims":{},"client":"hush""#),
        with(r#""type":"id_token_issue","subject":"s","claims":{},"code":"hush""#),
        with(
            r#""type":"authorization_completed","subject":"s","response_type":"token","code":"hush""#,
        ),
        with(r#""type":"code_exchanged","code":["hush"]"#),
        with(r#""type":"code_exchanged","code":"hush""#),
        with(r#""type":"subject_auth_and_consent","subject":"s","session":"hush""#),
    ];
    let run = setup.run(lines).ended(1);
    assert_eq!(run.messages("OPL0301").len(), 6);
    assert!(!run.log.contains("hush"), "{}", run.log);
}
