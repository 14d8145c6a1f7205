//! How a run ends: at the end of input, on signals, with an input that cannot be read; and the exit
//! codes.

use op_listener_tests::{Library, Setup, access_token, id_token};

#[test]
#[cfg(unix)]
fn a_signal_ends_the_run_well_even_while_nothing_comes() {
    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::TERM, Signal::INT] {
        let setup = Setup::with(&[Library::Puppet]).config(
            r#"
            [[listener]]
            plugin = "puppet"
            config = { record = "record.ndjson", talk = true }
            "#,
        );
        let mut running = setup.start();
        running.wait_for("[OPL0001]");
        running.send(&format!("{}\n{}\n", id_token("e1"), access_token("e2")));
        running.wait_for("event=e2");
        let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
        // Standard input is still open: the end comes from the signal alone.
        running.wait_for("[OPL0002]");
        let finished = running.finish();
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        assert!(
            finished.stderr.contains("[OPL0003] Asked to stop"),
            "{}",
            finished.stderr
        );
        assert!(
            finished.stderr.contains("Stopped: 2 events dispatched"),
            "{}",
            finished.stderr
        );
        let ends = setup
            .record("record.ndjson")
            .into_iter()
            .filter(|line| line["call"] == "drop");
        assert_eq!(ends.count(), 3, "all were shut down");
    }
}

#[test]
#[cfg(unix)]
fn half_a_line_before_a_signal_is_no_event() {
    use rustix::process::{Pid, Signal, kill_process};

    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        config = { record = "record.ndjson", talk = true }
        "#,
    );
    let mut running = setup.start();
    let whole = id_token("e2");
    // What is missing is not needed to make it valid JSON up to here.
    running.send(&format!("{}\n{whole}", id_token("e1")));
    running.wait_for("event=e1");
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    running.wait_for("[OPL0002] Stopped: 1 events dispatched");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
}

#[test]
#[cfg(unix)]
fn whole_lines_that_were_read_before_a_signal_are_dispatched() {
    use rustix::process::{Pid, Signal, kill_process};

    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        config = { record = "record.ndjson", talk = true, sleep_ms = 20 }
        "#,
    );
    let mut running = setup.start();
    let lines: Vec<String> = (0..40).map(|n| id_token(&format!("e{n}"))).collect();
    // One write that the pipe takes as a whole, and the host reads as a whole.
    running.send(&(lines.join("\n") + "\n"));
    running.wait_for("event=e0");
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    running.wait_for("[OPL0002] Stopped: 40 events dispatched");
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
#[cfg(unix)]
fn a_signal_ends_a_run_that_waits_for_the_writer_of_a_fifo() {
    use rustix::process::{Pid, Signal, kill_process};

    let setup = Setup::with(&[Library::Puppet]);
    let made = std::process::Command::new("mkfifo")
        .arg(setup.path().join("events"))
        .status();
    assert!(made.unwrap().success());
    let mut waiting = op_listener_tests::start(&mut setup.command(&["run", "--events", "events"]));
    waiting.wait_for("[OPL0001]");
    let pid = Pid::from_raw(waiting.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    waiting.wait_for("[OPL0002]");
    assert_eq!(waiting.finish().code(), Some(0));

    // And one whose writer comes late gets all that it writes.
    let mut waiting = op_listener_tests::start(&mut setup.command(&["run", "--events", "events"]));
    waiting.wait_for("[OPL0001]");
    let event = format!("{}\n", id_token("e1"));
    std::fs::write(setup.path().join("events"), event).unwrap();
    waiting.wait_for("[OPL0002] Stopped: 1 events dispatched");
    assert_eq!(waiting.finish().code(), Some(0));
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_a_host_whose_listener_does_not_come_back() {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::{Pid, Signal, kill_process};

    let setup = Setup::with(&[Library::Puppet])
        .config("[[listener]]\nplugin = \"puppet\"\nconfig = { talk = true, sleep_ms = 600000 }");
    let mut running = setup.start();
    running.send(&format!("{}\n", id_token("e1")));
    running.wait_for("event=e1");
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    // Two signals, for two of the same may arrive as one.
    kill_process(pid, Signal::INT).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let finished = running.finish();
    assert!(finished.status.signal().is_some(), "{:?}", finished.status);
}

#[test]
fn an_event_is_dispatched_when_its_line_comes_and_not_later() {
    let setup = Setup::with(&[Library::Puppet])
        .config("[[listener]]\nplugin = \"puppet\"\nconfig = { talk = true }");
    let mut running = setup.start();
    for id in ["e1", "e2", "e3"] {
        running.send(&format!("{}\n", id_token(id)));
        running.wait_for(&format!("event={id}"));
    }
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn events_come_from_a_file_as_well() {
    let setup = Setup::with(&[Library::Chorus]);
    setup.file(
        "events.ndjson",
        format!("{}\n{}\n", id_token("e1"), id_token("e2")),
    );
    for arguments in [
        ["--events", "events.ndjson"],
        ["--events", "./events.ndjson"],
    ] {
        let run = setup.call(&[&["run"], &arguments[..]].concat());
        assert_eq!(run.code(), Some(0));
        assert!(
            run.stderr.contains("Stopped: 2 events dispatched"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn an_input_that_is_not_there_is_wrong_usage() {
    let setup = Setup::with(&[Library::Chorus]);
    for (events, what) in [
        (
            "none.ndjson",
            "the events in \"none.ndjson\" cannot be read: ",
        ),
        ("plugins", "the events in \"plugins\" cannot be read: "),
    ] {
        let run = setup.call(&["run", "--events", events]);
        assert_eq!(run.code(), Some(2), "{}", run.stderr);
        let last = run.stderr.lines().last().unwrap();
        assert!(last.starts_with(&format!("op-listener: {what}")), "{last}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_input_that_breaks_off_is_told_of_and_what_was_read_is_kept() {
    let setup = Setup::with(&[Library::Chorus]);
    // Opens like a file, and fails when it is read.
    let run = setup.call(&["run", "--events", "/proc/self/mem"]);
    assert_eq!(run.code(), Some(4), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("[OPL0304] The input cannot be read any further: "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("[OPL0002]"),
        "listeners were shut down: {}",
        run.stderr
    );
}

#[test]
fn exit_codes_tell_how_a_run_ended() {
    let good = Setup::with(&[Library::Chorus]);
    assert_eq!(good.run([id_token("e1")]).code, Some(0));
    assert_eq!(good.run([""; 0]).code, Some(0), "no event is no failure");
    assert_eq!(good.run(["nonsense"]).code, Some(1));
    for usage in [
        &["run", "--bogus"][..],
        &["run", "--config", "missing.toml"],
        &["run", "--plugins", "nowhere"],
        &["frobnicate"],
        &[],
        &["keys"],
        &["config", "check"],
    ] {
        let run = good.call(usage);
        assert_eq!(run.code(), Some(2), "{usage:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{usage:?}");
        assert!(!run.stderr.is_empty(), "{usage:?}");
    }
    for result in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["help", "keys"],
    ] {
        let run = good.call(result);
        assert_eq!(run.code(), Some(0), "{result:?}");
        assert!(
            !run.stdout.is_empty() && run.stderr.is_empty(),
            "{result:?}"
        );
    }
    assert!(
        good.call(&["--help"])
            .stdout
            .contains("Exit codes: 0 all well; 1 some events were refused")
    );
    let bad = Setup::with(&[Library::OtherMajor]);
    assert_eq!(bad.run([id_token("e1")]).code, Some(3));
}

#[test]
fn a_failing_listener_does_not_change_the_exit_code() {
    let setup = Setup::with(&[Library::Puppet])
        .config("[[listener]]\nplugin = \"puppet\"\nconfig = { event = \"fail\" }");
    let run = setup.run([id_token("e1")]).ended(0);
    assert!(run.message("OPL0002").ends_with("1 calls, 1 failed"));
}
