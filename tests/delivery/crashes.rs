//! The process is killed at any moment, again and again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use op_listener_tests::Numbers;

use crate::driver::Drive;
use crate::yard::{Yard, courier, eventually, queue};

/// How often it is killed (the program that is served, [`crate::killed`], is more often), …
const KILLS: usize = 20;
/// … in each of so many directories at a time.
const YARDS: u64 = 4;
const THREADS: usize = 8;
/// The most messages in a batch of each courier.
const BATCH: usize = 16;

fn sinks(order: &str, out: &str) -> String {
    format!(
        "order = \"{order}\"\nout = \"{out}\"\nbatch_messages = {BATCH}\nsize = 600\nattempts = 1000000\nbackoff_ms = 1\nbackoff_max_ms = 4"
    )
}

/// The ids in a courier's file, in order.
fn ids(yard: &Yard, out: &str) -> Vec<String> {
    let text = std::fs::read_to_string(yard.path().join(out)).unwrap_or_default();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().unwrap().to_owned()
    });
    lines.collect()
}

/// `run-thread-number` as (key, place).
fn place(id: &str) -> (usize, (usize, usize)) {
    let parts: Vec<usize> = id.split('-').map(|part| part.parse().unwrap()).collect();
    (parts[1], (parts[0], parts[2]))
}

#[test]
fn what_was_answered_is_delivered_however_often_the_process_is_killed() {
    std::thread::scope(|scope| {
        for seed in 1..=YARDS {
            scope.spawn(move || kill_again_and_again(seed));
        }
    });
}

fn kill_again_and_again(seed: u64) {
    let yard = Yard::new();
    let outs = ["in-order.ndjson", "in-batches.ndjson", "in-no-order.ndjson"];
    let orders = ["key", "key-in-batches", ""];
    let couriers: String = outs
        .iter()
        .zip(orders)
        .enumerate()
        .map(|(number, (out, order))| courier(&format!("c{number}"), &sinks(order, out)))
        .collect();
    let config = format!(
        "{couriers}[delivery]\ndurability = \"process\"\n[signing]\nalgorithm = \"EdDSA\"\n"
    );
    let mut numbers = Numbers(seed);
    let mut answered = HashSet::new();
    for run in 0..KILLS {
        yard.script(["", "half", "slow 3", "half", "fail", ""][run % 6]);
        let drive = Drive {
            dir: yard.path(),
            config: &config,
            run: &run.to_string(),
            threads: THREADS,
            events: None,
            env: Vec::new(),
        };
        let said = drive
            .start()
            .kill_after(Duration::from_millis(numbers.next(120)));
        assert!(said.failed.is_empty() && !said.ended, "run {run}: {said:?}");
        answered.extend(said.well);
    }
    yard.script("");
    let host = yard.try_host(&couriers).unwrap();
    eventually(|| (0..3).all(|number| queue(&host, &format!("c{number}")).waiting == 0));
    assert_eq!(
        host.delivery()
            .queues
            .iter()
            .map(|queue| queue.dead)
            .sum::<u64>(),
        0
    );
    host.shutdown();
    assert!(
        answered.len() > KILLS / 2,
        "there was load: {}",
        answered.len()
    );
    for (out, order) in outs.iter().zip(orders) {
        let delivered = ids(&yard, out);
        let mut times: HashMap<&str, usize> = HashMap::new();
        for id in &delivered {
            *times.entry(id).or_default() += 1;
        }
        let missing: Vec<_> = answered
            .iter()
            .filter(|id| !times.contains_key(&***id))
            .collect();
        assert!(
            missing.is_empty(),
            "{out}: of {} missing {missing:?}",
            answered.len()
        );
        // What was in hand when the process was killed comes again, and nothing else.
        let again = delivered.len() - times.len();
        assert!(again <= KILLS * BATCH, "{out}: {again} came again");
        println!(
            "{out}: {} answered, {} delivered, {again} again",
            answered.len(),
            times.len()
        );
        if !order.is_empty() {
            in_order(out, &delivered);
        }
    }
}

/// Of each key, what is delivered for the first time comes after all that was.
fn in_order(out: &str, delivered: &[String]) {
    let mut last: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut seen = HashSet::new();
    for id in delivered {
        if seen.insert(id) {
            let (key, place) = place(id);
            let before = last.insert(key, place);
            assert!(before < Some(place), "{out}: {id} came after {before:?}");
        }
    }
}
