//! The program is killed at random moments while clients post events, its listeners are replaced and
//! reconfigured, and its sinks fail half the time.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::senders::{Account, Progress, assert_arrived, assert_in_order, under_load};
use op_listener_tests::{Finished, Numbers, Running, parse_lines, seed};
use rustix::process::Signal;
use serde_json::Value;

use crate::served::{LISTENING, assert_whole, kill, send, stop};
use crate::yard::{Yard, courier, eventually};

/// So many yards at a time, …
const YARDS: u64 = 4;
/// … and so often the host of each is killed: 300 times in all.
const KILLS: usize = 75;
/// The most messages in a batch of each courier, …
const BATCH: u64 = 16;
/// … and the most calls at a time of the sink that has no order. The others have one.
const CALLS: u64 = 3;
/// The listeners, and what each one asks of its queue.
const LISTENERS: [(&str, &str); 3] = [
    ("ordered", "key"),
    ("batches", "key-in-batches"),
    ("free", ""),
];

/// How many messages of a queue sinks may have in hand: at a reload those of the instance before, too.
fn in_hand(order: &str) -> usize {
    let calls = if order.is_empty() { CALLS } else { 1 };
    usize::try_from(2 * calls * BATCH).unwrap()
}

/// The configuration, with some settings by chance.
fn config(durability: &str, numbers: &mut Numbers) -> String {
    let mut config = format!("[delivery]\ndurability = \"{durability}\"\n");
    for (name, order) in LISTENERS {
        let batch = BATCH - numbers.next(8);
        let calls = if order.is_empty() {
            1 + numbers.next(CALLS)
        } else {
            1
        };
        config += &courier(
            name,
            &format!("order = \"{order}\"\nout = \"{name}.ndjson\"\nsize = 600"),
        );
        let queue = format!(
            "[listener.queue]\nbatch_messages = {batch}\nconcurrency = {calls}\n\
             attempts = 1000000\nbackoff_ms = 1\nbackoff_max_ms = 4\npause_after_ms = 0\n"
        );
        config += &queue;
    }
    config
}

/// Changes something of a host that runs, or only says that it did.
fn change(yard: &Yard, durability: &str, numbers: &mut Numbers, running: &Running) {
    match numbers.next(4) {
        // Noticed by itself.
        0 => yard.put_build(numbers.next(100_000)),
        1 => yard.configure(&config(durability, numbers)),
        2 => {
            yard.configure(&config(durability, numbers));
            yard.put_build(numbers.next(100_000));
            send(Signal::HUP, running);
        }
        _ => send(Signal::HUP, running),
    }
}

/// Lets the host run until a random moment, in the middle of whatever it does.
fn run_and_kill(yard: &Yard, durability: &str, numbers: &mut Numbers, run: usize) -> Finished {
    let mut running = yard.start(&run.to_string());
    if numbers.next(6) == 0 {
        // It has hardly begun.
        thread::sleep(Duration::from_millis(numbers.next(100)));
        return kill(running);
    }
    running.wait_for(LISTENING);
    let end = Instant::now() + Duration::from_millis(numbers.next(150));
    loop {
        let pause = Duration::from_millis(numbers.next(40));
        let left = end.saturating_duration_since(Instant::now());
        thread::sleep(left.min(pause));
        if left <= pause {
            break;
        }
        change(yard, durability, numbers, &running);
    }
    if run.is_multiple_of(8) {
        // Also where it is slow, some of them come to their end.
        send(Signal::HUP, &running);
        running.wait_for("[OPL0601]");
    }
    kill(running)
}

#[test]
fn what_was_answered_is_delivered_however_often_the_host_is_killed_and_reloaded() {
    let seed = seed();
    thread::scope(|scope| {
        for yard in 0..YARDS {
            // Nothing that is killed sees a difference, but for the time that it takes.
            let durability = if yard == 0 { "disk" } else { "process" };
            scope.spawn(move || kill_again_and_again(seed * YARDS + yard, durability));
        }
    });
}

fn kill_again_and_again(seed: u64, durability: &str) {
    let yard = Yard::new();
    let mut numbers = Numbers(seed);
    yard.configure(&config(durability, &mut numbers));
    let mut reloads = 0;
    let account = under_load(&yard.door(), "e", Duration::ZERO, |progress: &Progress| {
        for run in 0..KILLS {
            yard.script(["", "half", "slow 3", "half", "fail", "half"][run % 6]);
            let finished = run_and_kill(&yard, durability, &mut numbers, run);
            assert_eq!(finished.code(), None, "run {run}: {}", finished.stderr);
            reloads += well(&finished);
        }
        assert!(progress.answered.load(Relaxed) > KILLS, "there was load");
    });
    assert!(reloads > KILLS / 8, "{reloads}");
    assert!(account.refused.is_empty(), "{:?}", account.refused);

    // Once more, until nothing is left.
    yard.script("");
    let running = yard.serve("last");
    let names = LISTENERS.map(|(name, _)| name);
    eventually(|| yard.waiting(&names) == 0);
    for name in names {
        let queue = yard.listed(name);
        assert_eq!((&queue["dead"], &queue["dropped"]), (&0.into(), &0.into()));
    }
    well(&stop(running));
    assert!(yard.set_aside().is_empty());
    assert_whole(&yard.store());
    println!("{durability}: {KILLS} kills, {reloads} reloads");
    for (name, order) in LISTENERS {
        assert_accounts_balance(&yard, name, order, &account);
    }
}

/// That the log has nothing of errors, and how many reloads there were.
fn well(finished: &Finished) -> usize {
    let log = &finished.stderr;
    // The last line may be torn.
    let whole = log.rfind('\n').map_or("", |end| &log[..=end]);
    let lines = parse_lines(whole);
    let errors: Vec<_> = lines.iter().filter(|line| line.level == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    lines.iter().filter(|line| line.is("OPL0601")).count()
}

/// That a sink got all that was answered, nothing that was not sent, and nothing twice but what a sink
/// had in hand at a kill.
fn assert_accounts_balance(yard: &Yard, name: &str, order: &str, account: &Account) {
    let delivered = yard.delivered_to(&format!("{name}.ndjson"));
    let came: Vec<_> = delivered.iter().map(id).collect();
    let (without_answer, again_in_all) = assert_arrived(account, &came);

    // In which runs each message was delivered.
    let mut runs: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in &delivered {
        let run = line["run"].as_str().unwrap();
        let before = runs.entry(id(line)).or_default();
        assert!(!before.contains(&run), "{name}: twice within a run: {line}");
        before.push(run);
    }
    let mut again: BTreeMap<&str, usize> = BTreeMap::new();
    for runs in runs.values() {
        // All but the last time the host was killed before it could write it down.
        for run in &runs[..runs.len() - 1] {
            *again.entry(run).or_default() += 1;
        }
    }
    let most = in_hand(order);
    for (run, again) in &again {
        assert!(*again <= most, "{name}: {again} of run {run} came again");
    }
    println!(
        "{name}: {} sent, {} answered, {} delivered, of them {without_answer} without an answer; {} came \
         again, at most {} of one kill (allowed: {most})",
        account.sent.len(),
        account.answered.len(),
        came.len() - again_in_all,
        again_in_all,
        again.values().max().unwrap_or(&0),
    );
    if !order.is_empty() {
        assert_in_order(came);
    }
}

fn id(line: &Value) -> &str {
    line["id"].as_str().unwrap()
}
