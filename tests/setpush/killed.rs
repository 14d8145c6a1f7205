//! The host is killed while SETs are on their way.

use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::Duration;

use op_listener_tests::senders::{assert_arrived, assert_in_order, under_load};
use op_listener_tests::{Door, Numbers, seed};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::receiver::{answer, eventually};
use crate::stage::Stage;

const KILLS: usize = 20;
/// How many SETs are on their way at a time.
const ON_THEIR_WAY: usize = 4;
/// Between two events of a sender.
const PAUSE: Duration = Duration::from_millis(20);

#[test]
fn what_was_answered_arrives_however_often_the_host_is_killed() {
    let Some(mut stage) = Stage::new("kills of the host") else {
        return;
    };
    let settings = "allow_hosts = [\"127.0.0.1\"]\ntimeout_ms = 300\norder = \"client\"";
    stage.configure(&stage.url(), settings);
    let file = stage.setup.path().join("op-listener.toml");
    let config = fs::read_to_string(&file).unwrap();
    let intake =
        "[plugins]\nprobe = false\n[delivery]\ndurability = \"process\"\n[intake]\nunix = \"s\"\n";
    fs::write(&file, format!("{intake}{config}")).unwrap();
    let door = Door::Unix(stage.setup.path().join("s"));
    let mut numbers = Numbers(seed());

    let account = under_load(&door, "e", PAUSE, |_| {
        for run in 0..KILLS {
            // It takes half of what comes, at first.
            let steps = (0..10).map(|_| match numbers.next(6) {
                0 => json!({ "do": "hang" }),
                1 => json!({ "do": "cut" }),
                2 => answer(503),
                _ => answer(500),
            });
            let steps: Vec<Value> = steps.collect();
            stage.receiver.plan(&steps.into());
            let mut running = stage.run();
            if run % 5 == 4 {
                // It has hardly begun.
                thread::sleep(Duration::from_millis(numbers.next(100)));
            } else {
                running.wait_for("[OPL0501]");
                thread::sleep(Duration::from_millis(numbers.next(300)));
            }
            let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
            let ended = running.finish();
            assert_eq!(ended.code(), None, "{}", ended.stderr);
        }
    });
    assert!(account.refused.is_empty(), "{:?}", account.refused);
    assert!(account.answered.len() > KILLS, "there was load");
    let running = stage.run();
    // One at a time, each with a deadline of its own, for as long as some arrive.
    let mut before = 0;
    while stage.queue()["waiting"] != 0 {
        before = eventually(
            || Some(stage.receiver.taken().len()).filter(|taken| *taken != before),
            || format!("{:#}", stage.queue()),
        );
    }
    stage.wait_for_queue(0, 0);
    drop(running);

    let taken = stage.receiver.taken();
    let came: Vec<_> = taken
        .iter()
        .map(|claims| claims["jti"].as_str().unwrap())
        .collect();
    let (without_answer, again) = assert_arrived(&account, &came);
    assert!(again <= KILLS * ON_THEIR_WAY, "{again} came again");
    assert_in_order(came.iter().copied());
    // However often it was sent, and by whichever process: to the byte.
    let mut bytes: HashMap<String, Value> = HashMap::new();
    let requests = stage.receiver.requests();
    for request in &requests {
        let jti = request["claims"]["jti"].to_string();
        let first = bytes
            .entry(jti)
            .or_insert_with(|| request["sha256"].clone());
        assert_eq!(*first, request["sha256"], "{request}");
    }
    println!(
        "{KILLS} kills: {} sent, {} answered, {} arrived in {} requests, of them {without_answer} without \
         an answer; {again} came again (allowed: {})",
        account.sent.len(),
        account.answered.len(),
        came.len() - again,
        requests.len(),
        KILLS * ON_THEIR_WAY,
    );
}
