//! Codes that are in Redis are not in the host.

use std::fs;

use op_listener_tests::{Finish as _, Running};

use crate::facts::{authorization, exchange};
use crate::hosts::{Counts, at, host_with};
use crate::server::Redis;

/// Of a process, in KiB.
fn resident(running: &Running) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn the_hosts_memory_does_not_grow_with_what_is_pending_or_past() {
    let Some(redis) = Redis::start("memory of the host") else {
        return;
    };
    let host = host_with(&at(&redis.url()), ", quiet = true");
    let mut running = host.start();
    let mut sizes = Vec::new();
    for thousand in 0..4 {
        // Half of them are never exchanged. Each is some 4 kB.
        let lines: String = (thousand * 1000..(thousand + 1) * 1000)
            .map(|number| {
                let long = format!("\"scope\":[\"{}\"]", "x".repeat(4000));
                let mut lines =
                    authorization(number).replace("\"scope\":[\"openid\"]", &long) + "\n";
                if number % 2 == 0 {
                    lines += &(exchange(number) + "\n");
                }
                lines
            })
            .collect();
        running.send(&lines);
        redis.wait_for_codes((thousand + 1) * 1000);
        sizes.push(resident(&running));
    }
    let run = running.finish().of(&host).ended(0);
    assert_eq!(Counts::of(&run).dispatched, 2000);
    // Kept in the host, the last 3,000 would be 12 MB.
    assert!(sizes[3] < sizes[0] + 4000, "{sizes:?} KiB");
}
