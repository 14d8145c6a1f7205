//! What Redis can say in place of doing what it is asked, as an operator reads it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use op_listener_host::flow::Outcome;
use op_listener_host::intake::{Pipeline, Refusal};

use crate::facts::{authorization, exchange};
use crate::hosts::{at, library};
use crate::server::Redis;

/// Why a fact cannot be decided now.
fn not_now(pipeline: &Pipeline, line: &str) -> String {
    match pipeline.process(line.as_bytes(), None) {
        Err(refusal @ Refusal::NotNow(_)) => {
            assert!(refusal.is_retryable());
            refusal.to_string()
        }
        other => panic!("{other:?}"),
    }
}

fn held(pipeline: &Pipeline, line: &str) {
    let decision = pipeline.process(line.as_bytes(), None);
    assert!(
        matches!(&decision, Ok(decision) if matches!(decision.outcome, Outcome::Held)),
        "{decision:?}"
    );
}

#[test]
fn each_way_in_which_redis_refuses_has_its_advice() {
    let Some(redis) = Redis::start("what Redis refuses") else {
        return;
    };
    redis.ask(&["ACL", "SETUSER", "poor", "on", ">right", "~*", "+get"]);
    let url = redis.url();
    for (url, advice) in [
        (format!("{url}?user=poor&pass=wrong"), "WRONGPASS"),
        (format!("{url}?user=poor&pass=right"), "host/FLOW.md"),
        (format!("{url}?db=99"), "out of range"),
    ] {
        let (rule, pipeline) = library(&at(&url));
        let said = not_now(&pipeline, &authorization(1));
        assert!(said.contains(advice), "{said}");
        assert!(rule.ready().is_err());
        assert!(!rule.store_stats().unwrap().answers);
    }
    let (rule, pipeline) = library(&at(&url));
    held(&pipeline, &authorization(1));
    rule.ready().unwrap();

    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let said = not_now(&pipeline, &authorization(2));
    assert!(said.contains("`maxmemory`"), "{said}");
    assert!(rule.ready().is_err(), "it can be read, but not written");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    held(&pipeline, &authorization(2));

    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let said = not_now(&pipeline, &authorization(3));
    assert!(said.contains("the primary"), "{said}");
    redis.ask(&["REPLICAOF", "NO", "ONE"]);
    held(&pipeline, &authorization(3));
    rule.ready().unwrap();

    redis.ask(&["CONFIG", "SET", "requirepass", "s3cr3t"]);
    let (_, stranger) = library(&at(&url));
    let said = not_now(&stranger, &authorization(4));
    assert!(said.contains("`redis_password_file`"), "{said}");
}

#[test]
fn what_is_no_redis_at_all_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let web = thread::spawn(move || {
        let (mut host, _) = listener.accept().unwrap();
        let mut bytes = [0; 1000];
        let _ = host.read(&mut bytes);
        let _ = host.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let (_, pipeline) = library(&at(&url));
    let said = not_now(&pipeline, &authorization(1));
    assert!(said.contains("does not speak as Redis does"), "{said}");
    web.join().unwrap();
}

#[test]
fn a_cluster_is_refused_in_words() {
    let Some(redis) = Redis::start_with("a cluster", &["--cluster-enabled", "yes"]) else {
        return;
    };
    let (_, pipeline) = library(&at(&redis.url()));
    let said = not_now(&pipeline, &authorization(1));
    assert!(said.contains("part of a cluster"), "{said}");
}

#[test]
fn what_others_wrote_under_the_prefix_is_not_taken_for_a_code() {
    let Some(redis) = Redis::start("damaged records") else {
        return;
    };
    let (_, pipeline) = library(&format!("{}\nredis_prefix = \"p:\"", at(&redis.url())));
    held(&pipeline, &authorization(1));
    let key = redis.ask(&["KEYS", "p:code:*"]);
    // No text at all.
    redis.ask(&[
        "EVAL",
        "return redis.call('HSET', KEYS[1], 'rev', '\\255s3cr3t')",
        "1",
        &key,
    ]);
    let said = not_now(&pipeline, &exchange(1));
    assert!(
        said.contains("no text") && !said.contains("s3cr3t"),
        "{said}"
    );
    for (record, part) in [
        ("{\"v\":2}", "same version"),
        ("{}", "redis_prefix"),
        ("x", "redis_prefix"),
    ] {
        redis.ask(&["HSET", &key, "rev", "r", "record", record]);
        let said = not_now(&pipeline, &exchange(1));
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn what_is_kept_has_no_code_and_goes_by_itself() {
    let Some(redis) = Redis::start("what is kept") else {
        return;
    };
    let (_, pipeline) = library(&format!("{}\nredis_grace = 100", at(&redis.url())));
    held(&pipeline, &authorization(1));
    let key = redis.ask(&["KEYS", "op-listener:code:*"]);
    let record = redis.ask(&["HGETALL", &key]);
    assert!(!format!("{key}{record}").contains(crate::facts::SECRET));
    let seconds: i64 = redis.ask(&["TTL", &key]).parse().unwrap();
    // Its 600 seconds by the clock of the facts, and the grace.
    assert!((600..=700).contains(&seconds), "{seconds}");
}
