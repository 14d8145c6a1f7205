//! Pushes, batches, failures, order and bounds.

use serde_json::json;

use crate::driver::Drive;
use crate::yard::{Yard, courier, dispatch, event_of, eventually, queue};

#[test]
fn what_listeners_push_during_an_event_is_stored_in_one_transaction_and_delivered() {
    let yard = Yard::new();
    yard.script("hang");
    let config = ["a", "b"]
        .map(|name| courier(name, "push = 3\nbatch_messages = 4"))
        .concat();
    let host = yard.try_host(&config).unwrap();
    let before = host.delivery().commits.messages;
    dispatch(&host, "e1");
    let after = host.delivery().commits;
    assert_eq!(after.messages - before, 6);
    assert_eq!(after.groups[3], 1, "one commit of six: {after:?}");
    assert_eq!(queue(&host, "a").waiting, 3);
    yard.script("");
    let delivered = yard.wait_for(6);
    assert_eq!(delivered.iter().filter(|it| *it == "e1/2").count(), 2);
    let first = &yard.delivered()[0];
    assert_eq!(first["id"], "e1");
    assert_eq!(first["key"], "000123");
    assert_eq!(first["type"], "text/plain");
    assert_eq!(
        first["headers"],
        json!({ "subject": "alice", "pushed_by": "courier-build-00000" })
    );
    eventually(|| queue(&host, "a").waiting == 0 && queue(&host, "b").waiting == 0);
    assert_eq!(queue(&host, "a").delivered, 3);
    host.shutdown();
}

#[test]
fn what_waits_is_delivered_after_a_restart() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("");
    for id in ["e1", "e2", "e3"] {
        dispatch(&host, id);
    }
    host.shutdown();
    assert_eq!(host.dispatch(&event_of("late", "000123")).calls, 0);
    assert!(yard.delivered().is_empty());
    yard.script("");
    let host = yard.host("");
    let mut delivered = yard.wait_for(3);
    delivered.sort();
    assert_eq!(delivered, ["e1/0", "e2/0", "e3/0"]);
    eventually(|| queue(&host, "courier").waiting == 0);
}

#[test]
fn what_a_listener_pushed_before_it_failed_is_delivered_all_the_same() {
    let yard = Yard::new();
    let host = yard.host("then_fail = true");
    assert_eq!(host.dispatch(&event_of("e1", "c")).failures, 1);
    assert_eq!(yard.wait_for(1), ["e1/0"]);
}

#[test]
fn a_push_from_a_thread_of_the_listeners_own_is_delivered() {
    let yard = Yard::new();
    let host = yard.host("thread = true\npush = 2");
    dispatch(&host, "e1");
    assert_eq!(yard.wait_for(2).len(), 2);
}

#[test]
fn a_batch_holds_no_more_than_it_may_and_waits_no_longer_than_it_may() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("push = 10\nsize = 100\nbatch_messages = 4");
    dispatch(&host, "e1");
    yard.script("");
    yard.wait_for(10);
    host.shutdown();
    let host = yard.host("push = 10\nsize = 100\nbatch_messages = 4\nbatch_bytes = 250");
    dispatch(&host, "e2");
    yard.wait_for(20);
    host.shutdown();
    for (line, most) in yard
        .delivered()
        .iter()
        .zip([4; 10].into_iter().chain([2; 10]))
    {
        assert!(
            (1..=most).contains(&line["batch"].as_u64().unwrap()),
            "{line}"
        );
    }

    let yard = Yard::new();
    let host = yard.host("batch_messages = 3\nbatch_age_ms = 600000");
    dispatch(&host, "e1");
    dispatch(&host, "e2");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(yard.delivered().is_empty(), "the batch is not full");
    dispatch(&host, "e3");
    assert_eq!(yard.wait_for(3), ["e1/0", "e2/0", "e3/0"]);
}

#[test]
fn a_failing_message_holds_back_its_key_and_no_other() {
    for order in ["key", "key-in-batches"] {
        let yard = Yard::new();
        yard.script("hang");
        let settings = format!("order = \"{order}\"\nattempts = 1000000");
        let host = yard.host(&settings);
        for (id, client) in [
            ("a1", "a"),
            ("b1", "b"),
            ("a2", "a"),
            ("b2", "b"),
            ("a3", "a"),
        ] {
            assert_eq!(host.dispatch(&event_of(id, client)).failures, 0);
        }
        // All but the second message, which is b's first, fail.
        yard.script("only 2");
        assert_eq!(yard.wait_for(1), ["b1/0"]);
        yard.script("only 4");
        assert_eq!(yard.wait_for(2), ["b1/0", "b2/0"], "{order}");
        yard.script("");
        assert_eq!(yard.wait_for(5)[2..], ["a1/0", "a2/0", "a3/0"], "{order}");
        host.shutdown();
    }
}

#[test]
fn a_refused_message_becomes_a_dead_letter_and_lets_the_next_of_its_key_go() {
    let yard = Yard::new();
    yard.script("gone");
    let host = yard.host("order = \"key\"");
    dispatch(&host, "e1");
    eventually(|| queue(&host, "courier").dead == 1);
    yard.script("");
    dispatch(&host, "e2");
    assert_eq!(yard.wait_for(1), ["e2/0"]);
    let state = queue(&host, "courier");
    assert_eq!((state.died, state.dead), (1, 1));
}

#[test]
fn attempts_come_to_an_end_and_a_receiver_that_asks_for_time_gets_it() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("attempts = 3");
    dispatch(&host, "e1");
    eventually(|| queue(&host, "courier").dead == 1);
    assert_eq!(queue(&host, "courier").retried, 2);
    yard.script("busy 600000");
    dispatch(&host, "e2");
    eventually(|| queue(&host, "courier").retried == 3);
    yard.script("");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(queue(&host, "courier").waiting, 1, "it is left alone");
    assert!(yard.delivered().is_empty());
}

#[test]
fn a_panic_and_outcomes_that_are_missing_are_failures_like_others() {
    let yard = Yard::new();
    for script in ["panic", "short"] {
        yard.script(script);
        let host = yard.host("pause_after_ms = 0");
        dispatch(&host, script);
        eventually(|| queue(&host, "courier").retried >= 2);
        yard.script("");
        eventually(|| queue(&host, "courier").waiting == 0);
        host.shutdown();
    }
    assert_eq!(yard.payloads(), ["panic/0", "short/0"]);
}

#[test]
fn a_full_queue_refuses_pushes_or_drops_its_oldest_messages() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("max_messages = 3");
    for id in ["e1", "e2", "e3"] {
        dispatch(&host, id);
    }
    let dispatched = host.dispatch(&event_of("e4", "c"));
    assert_eq!(dispatched.failures, 1);
    let state = queue(&host, "courier");
    assert_eq!((state.waiting, state.rejected), (3, 1));
    yard.script("");
    yard.wait_for(3);
    eventually(|| queue(&host, "courier").waiting == 0);
    dispatch(&host, "e5");
    host.shutdown();

    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("max_messages = 3\ndrop_oldest = true\norder = \"key\"");
    for id in ["e1", "e2", "e3", "e4", "e5"] {
        dispatch(&host, id);
    }
    let state = queue(&host, "courier");
    assert_eq!((state.waiting, state.dropped), (3, 2));
    yard.script("");
    assert_eq!(yard.wait_for(3), ["e3/0", "e4/0", "e5/0"]);
}

#[test]
fn a_queue_pauses_itself_and_one_message_brings_it_back() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("pause_after_ms = 50\nattempts = 5\npush = 20\nbatch_messages = 1");
    dispatch(&host, "e1");
    eventually(|| queue(&host, "courier").halted);
    let retried = queue(&host, "courier").retried;
    // Probes go on, and use up nobody's attempts.
    eventually(|| queue(&host, "courier").retried > retried + 10);
    assert_eq!(queue(&host, "courier").dead, 0);
    host.shutdown();
    // It is so still after a restart.
    let host = yard.host("pause_after_ms = 50\nbatch_messages = 1");
    assert!(queue(&host, "courier").halted);
    yard.script("");
    assert_eq!(yard.wait_for(20).len(), 20);
    eventually(|| !queue(&host, "courier").halted);
}

#[test]
fn a_sink_that_hangs_keeps_neither_other_queues_nor_the_end_of_the_host() {
    let yard = Yard::new();
    yard.script("hang");
    let mut config = courier("a", "") + &courier("b", "script = \"other\"");
    config += "[delivery]\nstop_timeout = 1\n";
    let host = yard.try_host(&config).unwrap();
    dispatch(&host, "e1");
    eventually(|| queue(&host, "b").delivered == 1);
    assert_eq!(queue(&host, "a").waiting, 1);
    host.shutdown();
    drop(host);
    // What it had in hand is delivered by the next host, in this same process.
    let host = yard.try_host(&config).unwrap();
    yard.script("");
    eventually(|| queue(&host, "a").delivered == 1);
    assert_eq!(yard.wait_for(2).len(), 2);
}

#[test]
fn several_instances_of_one_entry_share_a_queue_and_several_queues_of_one_instance_do_not() {
    let yard = Yard::new();
    let config = courier("a", "queue = \"one\"") + &courier("b", "queue = \"one\"");
    let host = yard.try_host(&config).unwrap();
    dispatch(&host, "e1");
    eventually(|| queue(&host, "a/one").delivered == 1 && queue(&host, "b/one").delivered == 1);
    host.shutdown();
    let refused = yard.try_host(&courier("a", "queue = \"../one\""));
    assert!(refused.is_err());
}

#[test]
fn the_operators_settings_take_the_place_of_the_listeners() {
    let yard = Yard::new();
    yard.script("fail");
    let config = courier("courier", "attempts = 1000000\nbatch_messages = 2");
    let config =
        config + "[listener.queue]\nattempts = 1\nbatch_messages = 50\npause_after_ms = 0\n";
    let host = yard.try_host(&config).unwrap();
    dispatch(&host, "e1");
    eventually(|| queue(&host, "courier").dead == 1);
    assert_eq!(queue(&host, "courier").retried, 0);
}

#[test]
fn what_waits_is_put_in_order_when_a_listener_comes_to_want_it() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("");
    for id in ["e1", "e2", "e3"] {
        dispatch(&host, id);
    }
    host.shutdown();
    let host = yard.host("order = \"key\"");
    yard.script("");
    assert_eq!(yard.wait_for(3), ["e1/0", "e2/0", "e3/0"]);
    host.shutdown();
}

#[test]
fn two_hosts_do_not_have_one_store() {
    let yard = Yard::new();
    let host = yard.host("");
    let refused = yard.try_host(&courier("courier", ""));
    assert!(refused.is_err());
    dispatch(&host, "e1");
    assert_eq!(yard.wait_for(1), ["e1/0"]);
    host.shutdown();
    drop(host);
    yard.host("").shutdown();
}

/// The memory of a process that is its own, in KiB.
#[cfg(target_os = "linux")]
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_backlog_takes_no_memory() {
    for script in ["fail", "hang"] {
        let yard = Yard::new();
        yard.script(script);
        let config = courier("courier", "push = 500\nsize = 1000\npause_after_ms = 0")
            + "[delivery]\ndurability = \"process\"\nstop_timeout = 1\n";
        let drive = Drive {
            dir: yard.path(),
            config: &config,
            run: "0",
            threads: 1,
            events: Some(120),
            env: Vec::new(),
        };
        let driver = drive.start();
        driver.wait_for(20);
        let before = memory(driver.id());
        driver.wait_for(100);
        let after = memory(driver.id());
        // What came meanwhile has 50 MB.
        assert!(
            after < before + 16_384,
            "{script}: {before} KiB, then {after} KiB"
        );
        assert!(driver.end().ended);
    }
}

#[test]
fn as_many_calls_of_a_sink_are_under_way_as_it_asks_for() {
    let yard = Yard::new();
    yard.script("hang");
    let host = yard.host("concurrency = 3\nbatch_messages = 1\npush = 3");
    dispatch(&host, "e1");
    let hanging = yard.path().join("script.hanging");
    eventually(|| std::fs::read(&hanging).is_ok_and(|calls| calls.len() == 3));
    yard.script("");
    // Each of the three comes back from its hanging once, and is then delivered at its second attempt.
    yard.wait_for(3);
    let attempts: Vec<_> = yard
        .delivered()
        .iter()
        .map(|line| line["attempt"].clone())
        .collect();
    assert_eq!(attempts, [2, 2, 2]);
    host.shutdown();
}
