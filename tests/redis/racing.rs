//! Two hosts are told the same at once.

use op_listener_tests::Finish as _;

use crate::facts::{authorization, exchange, hybrid, lines};
use crate::hosts::{Counts, at, each_once, host};
use crate::server::Redis;

const CODES: usize = 300;

#[test]
fn the_same_exchanges_at_two_hosts_give_each_event_once() {
    let Some(redis) = Redis::start("the same exchanges at two hosts") else {
        return;
    };
    let hosts = [host(&at(&redis.url())), host(&at(&redis.url()))];
    let mut running = [hosts[0].start(), hosts[1].start()];
    running[0].send(&lines((0..CODES).map(authorization)));
    redis.wait_for_codes(CODES);
    // The second host is told in the other order, so that they meet in the middle too.
    let forth = lines((0..CODES).map(exchange));
    let back = lines((0..CODES).rev().map(exchange));
    let [one, other] = &mut running;
    std::thread::scope(|scope| {
        scope.spawn(|| one.send_last(forth.as_bytes()));
        scope.spawn(|| other.send_last(back.as_bytes()));
    });
    let [one, other] = running.map(op_listener_tests::Running::finish);
    let (one, other) = (one.of(&hosts[0]).ended(0), other.of(&hosts[1]).ended(0));
    let (one, other) = (Counts::of(&one), Counts::of(&other));
    each_once(&[&hosts[0], &hosts[1]], 0..CODES);
    assert_eq!(one.dispatched + other.dispatched, CODES);
    assert_eq!((one.lines(), other.lines()), (2 * CODES, CODES));
    assert_eq!(one.refused + other.refused, 0);
}

#[test]
fn all_the_same_facts_at_two_hosts_give_each_event_once() {
    let Some(redis) = Redis::start("the same facts at two hosts") else {
        return;
    };
    let hosts = [host(&at(&redis.url())), host(&at(&redis.url()))];
    let first = |number: usize| match number % 3 {
        0 => hybrid(number),
        _ => authorization(number),
    };
    let all = lines((0..CODES).flat_map(|number| [first(number), exchange(number)]));
    let mut running = [hosts[0].start(), hosts[1].start()];
    std::thread::scope(|scope| {
        for host in &mut running {
            scope.spawn(|| host.send_last(all.as_bytes()));
        }
    });
    let [one, other] = running.map(op_listener_tests::Running::finish);
    let (one, other) = (one.of(&hosts[0]).ended(0), other.of(&hosts[1]).ended(0));
    each_once(&[&hosts[0], &hosts[1]], 0..CODES);
    let (one, other) = (Counts::of(&one), Counts::of(&other));
    assert_eq!((one.lines(), other.lines()), (2 * CODES, 2 * CODES));
    assert_eq!((one.refused, other.refused), (0, 0));
}
