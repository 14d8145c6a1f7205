//! Memory that does not grow with what was posted, or with who is connected beyond what is promised.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use op_listener_tests::tallied::version;
use op_listener_tests::{Client, Setup, id_token, replace, samples};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::stage::{Service, until};

/// What the host tells of itself under a name.
fn told(client: &mut Client, name: &str) -> Option<f64> {
    let page = client.get("/metrics").body;
    let page = String::from_utf8(page).unwrap();
    samples(&page).get(name).copied()
}

/// Bytes that the host has in RAM, where the system tells.
fn resident(client: &mut Client) -> Option<f64> {
    told(client, "process_resident_memory_bytes")
}

#[test]
fn memory_does_not_grow_with_the_number_of_events() {
    const BATCH: usize = 1000;
    // By then as many ids are remembered as may be, and the table of them has its size.
    const FIRST: usize = 100_000;
    const ALL: usize = 300_000;
    const STRETCH: usize = 50_000;
    // Bytes for each of the others: less than the smallest thing that could be kept of it, in the stretch
    // in which the least was; for all of them with what an allocator and the system leave to chance.
    const KEPT: f64 = 20.0;
    const AT_MOST: f64 = 60.0;

    let setup = Setup::new();
    let file = format!("tally{}", std::env::consts::DLL_SUFFIX);
    replace(&setup.plugins().join(file), &version(0));
    // It does not write down what it gets.
    let config =
        "[intake]\nunix = \"s\"\nmax_remembered = 40000\n[[listener]]\nplugin = \"tally\"\n";
    let service = Service::start_in(setup, config);
    let mut client = service.client();
    let mut sizes = Vec::new();
    for first in (0..ALL).step_by(BATCH) {
        if first >= FIRST && first % STRETCH == 0 {
            sizes.extend(resident(&mut client));
        }
        let lines = (first..first + BATCH).map(|number| id_token(&number.to_string()));
        let answer = client.post_lines(&lines.collect::<Vec<_>>());
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    sizes.extend(resident(&mut client));
    if let [first, .., last] = sizes[..] {
        let least = sizes.windows(2).map(|two| two[1] - two[0]);
        let least = least.fold(f64::INFINITY, f64::min);
        let each = |bytes: f64, events: usize| bytes / f64::from(u32::try_from(events).unwrap());
        assert!(each(least, STRETCH) < KEPT, "{sizes:?}");
        assert!(each(last - first, ALL - FIRST) < AT_MOST, "{sizes:?}");
    }
    let (_, finished) = service.stop();
    let stopped = format!("Stopped: {ALL} events dispatched");
    assert!(finished.stderr.contains(&stopped), "{}", finished.stderr);
}

/// Raises the limit on open files of this process, as the host does with its own. How many
/// connections that leaves room for, beside what other tests have open.
fn room_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let room = limit.maximum.unwrap_or(u64::MAX).saturating_sub(1500);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[test]
fn ten_thousand_connections_cost_what_is_promised_and_keep_nobody_waiting() {
    const MANY: usize = 10_000;
    /// As HTTP.md says.
    const EACH: f64 = 60.0 * 1024.0;

    let many = MANY.min(room_for_connections());
    if many < MANY {
        // Past the capture of the test harness.
        let line = format!(
            "NOT RUN in full: {many} connections and not {MANY}, as the system allows no more\n"
        );
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    let service =
        Service::on_unix("max_connections = 12000\nread_timeout_ms = 600000\nidle_timeout = 3600");
    let mut client = service.client();
    let before = resident(&mut client);
    // By turns: one says nothing at all, one half of something, one has had an answer.
    let idle: Vec<_> = (0..many)
        .map(|n| {
            let mut stream = UnixStream::connect(service.socket()).unwrap();
            match n % 3 {
                0 => {}
                1 => stream
                    .write_all(b"POST /events HTTP/1.1\r\nHost: h\r\n")
                    .unwrap(),
                _ => {
                    let mut asking = Client::over(stream.try_clone().unwrap());
                    assert_eq!(asking.get("/healthz").status, 200);
                }
            }
            stream
        })
        .collect();
    let connected = f64::from(u32::try_from(many + 1).unwrap());
    until("all connections", || {
        (told(&mut client, "op_listener_http_connections") == Some(connected)).then_some(())
    });
    for n in 0..50 {
        assert_eq!(client.post(&id_token(&format!("e{n}"))).status, 204);
    }
    assert_eq!(client.get("/readyz").status, 200);
    assert_eq!(service.client().get("/healthz").status, 200);
    if let Some(before) = before {
        let each =
            (resident(&mut client).unwrap() - before) / f64::from(u32::try_from(many).unwrap());
        assert!(each < EACH, "{each} bytes for each connection");
        println!("{many} connections, {each:.0} bytes of memory for each");
    }
    drop(idle);
    let (_, finished) = service.stop();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
}
