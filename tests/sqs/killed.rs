//! The host is killed while messages are on their way to SQS.

use std::fs;
use std::thread;
use std::time::Duration;

use op_listener_tests::senders::{assert_arrived, assert_in_order, under_load};
use op_listener_tests::{Door, Numbers, Running, seed};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::aws::{Aws, Received, Server, eventually};
use crate::stage::{Stage, publisher};

const KILLS: usize = 20;
/// How many messages there are in a batch, …
const BATCH: usize = 10;
/// … and how many batches are on their way to a queue at a time.
const BATCHES: usize = 4;
fn id(received: &Received) -> String {
    let body: Value = serde_json::from_str(&received.body).unwrap();
    body["jti"].as_str().unwrap().to_owned()
}

/// What the server does not take, or whose answer gets lost, by chance.
fn faults(numbers: &mut Numbers) -> Value {
    let faults = (0..6).map(|_| match numbers.next(6) {
        0 => json!({ "refuse": "RequestThrottled" }),
        1 => json!({ "refuse": "InternalFailure", "status": 500 }),
        2 => json!({ "cut": true }),
        3 => json!({ "lose": true }),
        4 => json!({ "fail": "ServiceUnavailable", "fault": false, "entries": 2 }),
        _ => json!({}),
    });
    faults.collect()
}

fn end(running: Running, signal: Signal) {
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
    let ended = running.finish();
    let expected = (signal == Signal::TERM).then_some(0);
    assert_eq!(ended.code(), expected, "{}", ended.stderr);
}

/// How many messages wait in all queues. None is a dead letter.
fn waiting(stage: &Stage) -> u64 {
    let listed = stage.queue(&["list"]);
    let queues = listed["queues"].as_array().unwrap().iter();
    let waiting = queues.map(|queue| {
        assert_eq!(queue["dead"], 0, "{queue}");
        queue["waiting"].as_u64().unwrap()
    });
    waiting.sum()
}

/// Takes all that a queue holds.
fn take_all(aws: &Aws, url: &str) -> Vec<String> {
    let mut all = Vec::new();
    // Not at the first time that nothing comes: what is behind others of its group comes a little later.
    let mut vain = 0;
    while vain < 5 {
        let some = aws.receive(url);
        vain = if some.is_empty() { vain + 1 } else { 0 };
        all.extend(some.iter().map(id));
    }
    assert_eq!(aws.depth(url), 0);
    all
}

/// Each sender makes a pause after each event.
fn killed_again_and_again(server: Server, pause: Duration) {
    let Some(aws) = Aws::start("kills before SQS", server) else {
        return;
    };
    let [plain, fifo] = ["events", "events.fifo"].map(|name| aws.create(name));
    let stage = Stage::new(&[
        publisher(&aws, "plain", &plain, ""),
        publisher(&aws, "fifo", "events.fifo", ""),
    ]);
    let file = stage.path().join("op-listener.toml");
    let config = fs::read_to_string(&file).unwrap();
    let config = config.replace(
        "[intake]\n",
        "[plugins]\nprobe = false\n[delivery]\ndurability = \"process\"\n[intake]\nunix = \"s\"\n",
    );
    fs::write(&file, config).unwrap();
    let mut numbers = Numbers(seed());

    let door = Door::Unix(stage.path().join("s"));
    let account = under_load(&door, "e", pause, |_| {
        for run in 0..KILLS {
            aws.faults(&faults(&mut numbers));
            let mut running = stage.start();
            if run % 5 == 4 {
                // It has hardly begun.
                thread::sleep(Duration::from_millis(numbers.next(100)));
            } else {
                running.wait_for("[OPL0501]");
                thread::sleep(Duration::from_millis(numbers.next(300)));
            }
            end(running, Signal::KILL);
        }
    });
    assert!(account.refused.is_empty(), "{:?}", account.refused);
    assert!(account.answered.len() > KILLS, "there was load");
    let running = stage.start();
    // With a deadline for each step, as long as some are taken.
    let mut before = u64::MAX;
    while before != 0 {
        let mut left = before;
        eventually("that some of what waits is taken", || {
            left = waiting(&stage);
            left < before
        });
        before = left;
    }
    end(running, Signal::TERM);

    // A FIFO queue knows a message by the id of its event: each is there once, in its order.
    let came = take_all(&aws, &fifo);
    let came: Vec<_> = came.iter().map(|id| &**id).collect();
    let (without_answer, again) = assert_arrived(&account, &came);
    assert_eq!(again, 0);
    assert_in_order(came.iter().copied());
    // To the other one at least once: again came what was on its way at a kill, or was tried again since
    // its answer was lost or late.
    let listed = stage.queue(&["list"]);
    let mut queues = listed["queues"].as_array().unwrap().iter();
    let listed = queues.find(|queue| queue["name"] == "plain").unwrap();
    let tried_again = usize::try_from(listed["retried"].as_u64().unwrap()).unwrap();
    let most = KILLS * BATCHES * BATCH + tried_again;
    let came = take_all(&aws, &plain);
    let came: Vec<_> = came.iter().map(|id| &**id).collect();
    let (also_without, again) = assert_arrived(&account, &came);
    assert!(again <= most, "{again} came again");
    // Both were pushed in one transaction.
    assert_eq!(without_answer, also_without);
    aws.assert_signatures();
    println!(
        "{KILLS} kills before {server:?}: {} sent, {} answered, {without_answer} arrived without an answer; \
         {again} came again (allowed: {most})",
        account.sent.len(),
        account.answered.len(),
    );
}

#[test]
fn what_was_answered_arrives_at_moto_however_often_the_host_is_killed() {
    // Which becomes slow with the number of messages that it holds.
    killed_again_and_again(Server::Moto, Duration::from_millis(400));
}

#[test]
fn what_was_answered_arrives_at_fauxqs_however_often_the_host_is_killed() {
    killed_again_and_again(Server::Fauxqs, Duration::from_millis(50));
}
