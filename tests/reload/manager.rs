//! What the service manager is told.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use op_listener_tests::{Client, Door, Running, TIME_LIMIT, id_token, start};
use rustix::process::Signal;

use crate::stage::{Stage, TALLY, send, version};

/// A manager that listens.
struct Manager(UnixDatagram);

impl Manager {
    fn new(stage: &Stage) -> Self {
        let socket = UnixDatagram::bind(stage.path("notify")).unwrap();
        socket.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        Self(socket)
    }

    fn hear(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next message that is no sign of life.
    fn hear_news(&self) -> String {
        loop {
            let heard = self.hear();
            if heard != "WATCHDOG=1" {
                return heard;
            }
        }
    }

    /// Whether nothing comes for so long.
    fn hears_nothing(&self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).unwrap();
        let nothing = self.0.recv(&mut [0; 4096]);
        self.0.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

fn started(stage: &Stage, watchdog: Option<Duration>) -> Running {
    let mut command = stage.command();
    command.env("NOTIFY_SOCKET", stage.path("notify"));
    if let Some(time) = watchdog {
        command.env("WATCHDOG_USEC", time.as_micros().to_string());
    }
    start(&mut command)
}

#[test]
fn it_hears_of_readiness_reloads_and_the_end() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |more: &str| {
        let quiet = "[reload]\nwatch = false\n";
        [quiet, TALLY, &stage.settings(more)].concat()
    };
    stage.configure(&config(""));
    let manager = Manager::new(&stage);
    let running = started(&stage, None);
    assert_eq!(manager.hear(), "READY=1\nSTATUS=1 listeners, 1 active");
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    stage.configure(&config("depth = 1"));
    send(Signal::HUP, &running);
    let reloading = manager.hear();
    let (begin, rest) = reloading.split_once("MONOTONIC_USEC=").unwrap();
    assert_eq!(begin, "RELOADING=1\n");
    let micros: i64 = rest.split('\n').next().unwrap().parse().unwrap();
    assert!(micros >= now.tv_sec * 1_000_000, "{micros}");
    assert_eq!(
        manager.hear(),
        "READY=1\nSTATUS=1 listeners, 1 active; last reload: 0 added, 1 replaced, 0 kept, 0 removed, 0 refused"
    );
    stage.configure("nonsense");
    send(Signal::HUP, &running);
    assert!(manager.hear().starts_with("RELOADING=1\n"));
    assert!(manager.hear().contains("the last reload changed nothing"));
    send(Signal::TERM, &running);
    assert!(manager.hear().starts_with("STOPPING=1\n"));
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn it_hears_signs_of_life_unless_a_listener_does_not_come_back() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(&[TALLY, &stage.settings("")].concat());
    let manager = Manager::new(&stage);
    let watchdog = Duration::from_millis(400);
    let begun = Instant::now();
    let mut running = started(&stage, Some(watchdog));
    assert!(manager.hear_news().starts_with("READY=1"));
    // Two for each time, and some may wait to be heard.
    for _ in 0..10 {
        assert_eq!(manager.hear(), "WATCHDOG=1");
    }
    assert!(begun.elapsed() >= watchdog * 4, "not all at once");

    running.send(&format!("{}\n", id_token("hang")));
    running.wait_for("[OPL0612]");
    // What was sent before may still be on its way.
    let silent = (0..100).any(|_| manager.hears_nothing(watchdog * 2));
    assert!(silent, "it is told of life where there is none");
    stage.open_gate();
    assert_eq!(manager.hear(), "WATCHDOG=1", "it lives again");
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn a_watchdog_of_another_process_is_not_served() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure("");
    let manager = Manager::new(&stage);
    let mut command = stage.command();
    command.env("NOTIFY_SOCKET", stage.path("notify"));
    command
        .env("WATCHDOG_USEC", "50000")
        .env("WATCHDOG_PID", "1");
    let running = start(&mut command);
    assert!(manager.hear().starts_with("READY=1"));
    assert!(manager.hears_nothing(Duration::from_millis(500)));
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn a_manager_that_is_not_there_is_no_matter() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure("");
    let mut running = started(&stage, Some(Duration::from_millis(100)));
    running.wait_for("[OPL0001]");
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn it_hears_of_nothing_after_the_stop_has_begun() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let quick = "[reload]\ndebounce_ms = 10\n";
    stage.configure(&[quick, TALLY, &stage.settings("")].concat());
    let manager = Manager::new(&stage);
    let mut running = started(&stage, None);
    assert!(manager.hear().starts_with("READY=1"));
    running.send(&format!("{}\n", id_token("hang")));
    stage.wait_for("event", "hang");
    send(Signal::TERM, &running);
    assert!(manager.hear().starts_with("STOPPING=1\n"));
    stage.configure(&[quick, TALLY, &stage.settings("depth = 1")].concat());
    stage.put("other", &version(0));
    send(Signal::HUP, &running);
    assert!(manager.hears_nothing(Duration::from_secs(1)));
    stage.open_gate();
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(
        !finished.stderr.contains("[OPL0609]"),
        "{}",
        finished.stderr
    );
}

#[test]
fn it_hears_no_signs_of_life_while_all_posted_events_of_an_spi_hang() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let intake = "[intake]\nunix = \"s\"\nconcurrency = 2\n";
    stage.configure(&[intake, TALLY, &stage.settings("")].concat());
    let manager = Manager::new(&stage);
    let watchdog = Duration::from_millis(400);
    let mut running = started(&stage, Some(watchdog));
    assert!(manager.hear_news().starts_with("READY=1"));
    let door = Door::Unix(stage.path("s"));
    let mut senders = [Client::connect(&door), Client::connect(&door)];
    senders[0].send_event(&id_token("hang"));
    stage.wait_for("event", "hang");
    // Others of its SPI go on beside it.
    for _ in 0..5 {
        assert_eq!(manager.hear(), "WATCHDOG=1");
    }
    senders[1].send_event(&id_token("hang"));
    assert_eq!(senders[1].answer().status, 503, "its id is under way");
    let of_another = id_token("hang").replace("op.example.com", "op2.example.com");
    senders[1].send_event(&of_another);
    running.wait_for("[OPL0612]");
    while !manager.hears_nothing(watchdog * 2) {}
    stage.open_gate();
    assert_eq!(manager.hear(), "WATCHDOG=1", "it lives again");
    for sender in &mut senders {
        assert_eq!(sender.answer().status, 204);
    }
    send(Signal::TERM, &running);
    assert_eq!(running.finish().code(), Some(0));
}
