//! What events cost in instructions of the processor, which are the same on a busy machine as on a quiet
//! one: reading an event beside a bare parse of it, posting one, and calling listeners beside calls of a
//! plain function.
//!
//! Needs `valgrind`, whose `callgrind` counts them, and builds `tests/instructions` in release mode. The
//! times are for `cargo bench` to tell.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::path::Path;
use std::process::Command;

use op_listener_tests::{
    cargo, copy_into, counter_in_c, on_this_machine, or_say, repository, start, target_dir,
};

/// Instructions that functions took with all that they called, as `callgrind` writes them down.
struct Counted(String);

impl Counted {
    /// Of the function with this name.
    fn of(&self, function: &str) -> f64 {
        let mut lines = self.0.lines();
        let mut instructions = 0_u64;
        while let Some(line) = lines.next() {
            let called = line.strip_prefix("cfn=");
            if called.is_some_and(|called| called == function) {
                // How often, and then what it took.
                assert!(lines.next().is_some_and(|line| line.starts_with("calls=")));
                let cost = lines.next().and_then(|line| line.split(' ').nth(1));
                instructions += cost.and_then(|cost| cost.parse::<u64>().ok()).unwrap();
            }
        }
        assert!(instructions > 0, "{function} was not called, or is inlined");
        #[expect(clippy::cast_precision_loss, reason = "far fewer")]
        let instructions = instructions as f64;
        instructions
    }
}

/// Builds and runs the program that is counted.
fn count(dir: &Path) -> Counted {
    let package = ["build", "--release", "-p", "op-listener-instructions"];
    cargo(repository(), &target_dir(), &package);
    let plugins = dir.join("plugins");
    fs::create_dir(&plugins).unwrap();
    copy_into(&plugins, "counter", &counter_in_c());
    let counts = dir.join("counts");
    let mut running = start(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--dump-line=no"])
            .args(["--compress-strings=no", "--compress-pos=no"])
            .arg(format!("--callgrind-out-file={}", counts.display()))
            .arg(target_dir().join("release/instructions"))
            .arg(dir),
    );
    for step in ["reading", "dispatching", "posting"] {
        running.wait_for(step);
    }
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    Counted(fs::read_to_string(counts).unwrap())
}

#[test]
fn an_event_takes_no_more_instructions_than_it_did() {
    let needed = on_this_machine("valgrind", "--version");
    if or_say("an_event_takes_no_more_instructions_than_it_did", needed).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let counted = count(dir.path());
    let bare = counted.of("instructions::read::parse");
    let reading = counted.of("instructions::read::read");
    let posting = counted.of("op_listener_host::server::job::Job::run");
    let call = counted.of("instructions::dispatched::by_ten_pointers") / 10.0;
    let one = counted.of("instructions::dispatched::to_one");
    let further = (counted.of("instructions::dispatched::to_ten") - one) / 9.0;
    // What each is held to: what it took when this was last set, and about five of a hundred, since not
    // all processors are given the same instructions for copying and searching. A dispatch is some sixty in
    // all, of which the compiler makes a few more or less of the same source: there it is ten.
    let ratios = [
        ("reading an event / a bare parse", reading / bare, 0.84),
        (
            "an event posted in a batch / a bare parse",
            posting / bare,
            1.04,
        ),
        ("dispatch to one listener / a call", one / call, 31.0),
        ("each further listener / a call", further / call, 3.3),
    ];
    let told = ratios.map(|(what, ratio, most)| format!("{what}: {ratio:.2}, at most {most}\n"));
    assert!(
        ratios.iter().all(|(_, ratio, most)| ratio <= most),
        "{}Where one is above its bound, run `valgrind --tool=callgrind {} DIR`, with a DIR that has the \
         listener `counter` in `plugins`, here and on the commit before, and let `callgrind_annotate \
         --inclusive=yes` tell in which function the instructions are. If they are worth it, raise the \
         bound.",
        told.concat(),
        target_dir().join("release/instructions").display(),
    );
}
