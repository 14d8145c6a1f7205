//! Answers, hosts and Redis itself get lost; the counts add up all the same.

use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::{Finish as _, Setup, id_token};
use rustix::process::{Pid, Signal, kill_process};

use crate::facts::{authorization, exchange, hybrid, lines, pairs};
use crate::hosts::{Counts, at, each_once, host, host_with, seen};
use crate::proxy::Proxy;
use crate::server::{DEADLINE, Redis};

/// Waits until the host's listener has been called.
fn wait_until_seen(host: &Setup) {
    let deadline = Instant::now() + DEADLINE;
    while seen(&[host]).is_empty() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn lost_answers_lose_and_double_nothing() {
    let Some(redis) = Redis::start("lost answers") else {
        return;
    };
    for every in [2, 3, 5] {
        redis.ask(&["FLUSHALL"]);
        let proxy = Proxy::start(&redis.socket(), every);
        let host = host(&at(&proxy.url()));
        let hybrids = (40..60).flat_map(|number| [hybrid(number), exchange(number)]);
        let all = pairs(0..40) + &lines(hybrids);
        let run = host.run_bytes(all.as_bytes()).ended(0);
        each_once(&[&host], 0..60);
        let counts = Counts::of(&run);
        assert_eq!((counts.dispatched, counts.held), (60, 60), "{}", run.log);
        assert!(proxy.lost() >= 40, "{} answers lost", proxy.lost());
    }
}

#[test]
fn redis_killed_under_load_and_back_with_its_data_loses_and_doubles_nothing() {
    let keeping = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut redis) = Redis::start_with("Redis killed, with data", &keeping) else {
        return;
    };
    let hosts = [host(&at(&redis.url())), host(&at(&redis.url()))];
    let mut running = [hosts[0].start(), hosts[1].start()];
    let [one, other] = &mut running;
    thread::scope(|scope| {
        scope.spawn(|| one.send_last(pairs(0..400).as_bytes()));
        scope.spawn(|| other.send_last(pairs(400..800).as_bytes()));
        for round in 1..4 {
            let deadline = Instant::now() + DEADLINE;
            while seen(&[&hosts[0], &hosts[1]]).len() < round * 150 {
                assert!(Instant::now() < deadline);
                thread::sleep(Duration::from_millis(2));
            }
            redis.kill();
            redis.start_again();
        }
    });
    let [one, other] = running.map(op_listener_tests::Running::finish);
    for (finished, host) in [(one, &hosts[0]), (other, &hosts[1])] {
        let run = finished.of(host).ended(0);
        let expected = Counts {
            dispatched: 400,
            held: 400,
            ignored: 0,
            refused: 0,
        };
        assert_eq!(Counts::of(&run), expected, "{}", run.log);
        assert_eq!(run.messages("OPL0705"), [""; 0], "it has its data");
    }
    each_once(&[&hosts[0], &hosts[1]], 0..800);
}

#[test]
fn redis_back_without_its_data_is_said_and_every_lost_event_shows_in_the_counts() {
    let Some(mut redis) = Redis::start("Redis killed, without data") else {
        return;
    };
    let host = host(&at(&redis.url()));
    let mut running = host.start();
    let authorizations = lines((0..50).map(authorization));
    running.send(&authorizations);
    redis.wait_for_codes(50);
    redis.kill();
    redis.start_again();
    let exchanges = lines((0..50).map(exchange));
    running.send_last((exchanges + &pairs(50..60)).as_bytes());
    let run = running.finish().of(&host).ended(0);
    let counts = Counts::of(&run);
    assert_eq!(counts.lines(), 120);
    assert_eq!((counts.dispatched, counts.ignored), (10, 50), "{}", run.log);
    assert_eq!(run.messages("OPL0302").len(), 50);
    assert!(run.message("OPL0705").contains("lost what it held"));
    each_once(&[&host], 50..60);
}

#[test]
fn an_event_whose_host_died_while_dispatching_it_is_taken_over() {
    let Some(redis) = Redis::start("a host that dies") else {
        return;
    };
    let flow = format!("{}\nredis_claim = 1", at(&redis.url()));
    let slow = host_with(&flow, ", sleep_ms = 600000");
    let other = host(&flow);
    let mut dying = slow.start();
    dying.send(&format!("{}\n{}\n", authorization(1), exchange(1)));
    wait_until_seen(&slow);
    // Killed, with the event in the hands of its listener.
    drop(dying);
    // The provider has got no answer and tells the other host. Told again, it is no second use.
    let run = other.run([exchange(1), exchange(1), pairs(2..3)]).ended(0);
    each_once(&[&other], 1..3);
    let counts = Counts::of(&run);
    assert_eq!(
        (counts.dispatched, counts.ignored, counts.refused),
        (2, 0, 0)
    );
}

#[test]
fn without_redis_the_host_starts_and_events_come_and_facts_are_refused_when_patience_ends() {
    let flow = "redis = \"redis+unix:///nowhere/redis.sock\"\nredis_patience = 1";
    let host = host(flow);
    let lines = [
        authorization(1),
        id_token("t1"),
        exchange(1),
        id_token("t2"),
    ];
    let run = host.run(lines).ended(1);
    assert_eq!(run.event_ids(), ["t1", "t2"]);
    let refused = run.messages("OPL0704");
    assert_eq!(refused.len(), 2, "{}", run.log);
    assert!(
        refused[0].starts_with("line 1: cannot be decided now: "),
        "{refused:?}"
    );
    assert!(refused[0].ends_with("send it again"), "{refused:?}");
    // Said once, and not for each fact.
    let away = run.message("OPL0702");
    assert!(away.contains("/nowhere/redis.sock"), "{away}");
    assert_eq!(Counts::of(&run).refused, 2);
}

#[test]
fn a_stop_ends_the_waiting_for_redis() {
    let host = host("redis = \"redis+unix:///nowhere/redis.sock\"\nredis_patience = 3600");
    let mut running = host.start();
    running.wait_for("OPL0702");
    // Both lines at once: when the event was seen, the fact is next.
    running.send(&(id_token("t1") + "\n" + &authorization(1) + "\n"));
    wait_until_seen(&host);
    let pid = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let run = running.finish().of(&host).ended(1);
    let counts = Counts::of(&run);
    assert_eq!((counts.dispatched, counts.refused), (1, 1), "{}", run.log);
    assert_eq!(run.messages("OPL0704").len(), 1);
}

#[test]
fn a_redis_that_stands_still_is_not_waited_for_without_a_bound() {
    let Some(redis) = Redis::start("Redis that stands still") else {
        return;
    };
    let flow = format!(
        "{}\nredis_timeout_ms = 2000\nredis_patience = 0",
        at(&redis.url())
    );
    let host = host(&flow);
    let mut running = host.start();
    running.send(&(authorization(1) + "\n"));
    redis.wait_for_codes(1);
    redis.signal(Signal::STOP);
    running.send(&(exchange(1) + "\n"));
    let line = running.wait_for("OPL0704");
    assert!(line.contains("`redis_timeout_ms`"), "{line}");
    redis.signal(Signal::CONT);
    // Sent again, as the host has asked for; Redis may have carried out what it was asked before.
    // The first of these may meet the end of the bad time.
    running.wait_for_redis_again(&redis);
    running.send_last((exchange(1) + "\n").as_bytes());
    let run = running.finish().of(&host).ended(1);
    each_once(&[&host], 1..2);
    assert_eq!(Counts::of(&run).refused, run.messages("OPL0704").len());
}

/// Waiting until a host can reach Redis again, seen from outside.
trait Again {
    fn wait_for_redis_again(&mut self, redis: &Redis);
}

impl Again for op_listener_tests::Running {
    fn wait_for_redis_again(&mut self, redis: &Redis) {
        let deadline = Instant::now() + DEADLINE;
        let mut number = 1000;
        // Authorisations of no consequence, until one arrives.
        while redis.codes() < 2 {
            assert!(Instant::now() < deadline);
            self.send(&(authorization(number) + "\n"));
            number += 1;
            thread::sleep(Duration::from_millis(20));
        }
    }
}
