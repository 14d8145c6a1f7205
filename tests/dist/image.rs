//! The image. There is no engine to build it with; so its file is read, what it copies is looked
//! for, its steps are those that other tests take, and its health check is run.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

use op_listener_tests::{on_this_machine, or_say, repository};
use serde_json::Value;

use crate::read;

/// The instructions, each with its arguments on one line.
fn instructions() -> Vec<(String, String)> {
    let text = read("docker/Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (instruction, arguments) = line.split_once(' ').unwrap();
            let arguments = arguments.split_whitespace().collect::<Vec<_>>().join(" ");
            (instruction.to_owned(), arguments)
        })
        .collect()
}

fn of(kind: &str) -> Vec<String> {
    let all = instructions().into_iter();
    all.filter(|(name, _)| name == kind)
        .map(|(_, arguments)| arguments)
        .collect()
}

#[test]
fn every_instruction_is_one_and_of_the_right_form() {
    let known = BTreeSet::from([
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "VOLUME",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ]);
    let all = instructions();
    assert_eq!(all[0].0, "FROM");
    for (name, _) in &all {
        assert!(known.contains(&**name), "{name}");
    }
    for name in ["VOLUME", "ENTRYPOINT", "CMD"] {
        let [arguments] = &of(name)[..] else {
            panic!("{name}");
        };
        // Without a shell between: signals reach the host.
        let words: Vec<String> = serde_json::from_str(arguments).unwrap();
        assert!(!words.is_empty());
    }
}

#[test]
fn it_is_built_by_the_steps_that_are_tested_and_with_this_compiler() {
    let from = of("FROM");
    let toolchain = from[0].strip_prefix("rust:").unwrap();
    let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let (_, version) = manifest.split_once("rust-version = \"").unwrap();
    let (version, _) = version.split_once('"').unwrap();
    assert!(toolchain.starts_with(&format!("{version}-")), "{toolchain}");
    // Both of the same Debian, or the one would not have the other's C library.
    let (_, debian) = toolchain.split_once('-').unwrap();
    let debian = debian.strip_suffix(" AS build").unwrap();
    assert_eq!(from[1], format!("debian:{debian}-slim"));
    let steps = of("RUN");
    assert_eq!(
        steps[..2],
        [
            "cargo build --release --locked",
            "host/dist/install.sh /stage"
        ]
    );
}

#[test]
fn it_runs_as_nobody_in_particular() {
    let all = instructions();
    let at = |name: &str| all.iter().position(|(found, _)| found == name).unwrap();
    assert_eq!(of("USER"), ["op-listener"]);
    assert!(at("USER") < at("ENTRYPOINT"));
    assert!(of("RUN").last().unwrap().contains("useradd --system"));
    // Nothing that is loaded belongs to it: it could not replace its own plugins.
    for copied in of("COPY") {
        let owned = copied.contains("--chown=op-listener:op-listener");
        let state =
            copied.ends_with("/var/lib/op-listener") || copied.ends_with("/run/op-listener");
        assert_eq!(owned, state, "{copied}");
    }
    // With `--read-only` these are what can be written to.
    let volumes: Vec<String> = serde_json::from_str(&of("VOLUME")[0]).unwrap();
    assert_eq!(volumes, ["/var/lib/op-listener", "/run/op-listener"]);
}

/// Answers one request on a Unix socket.
fn answer_once(listener: UnixListener, status: &'static str) {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request = lines.next().unwrap().unwrap();
        assert!(request.starts_with("GET /readyz HTTP/1.1"), "{request}");
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
    });
}

#[test]
fn the_health_check_tells_ready_from_not_ready_and_from_gone() {
    if or_say("the health check", on_this_machine("curl", "--version")).is_none() {
        return;
    }
    let check = &of("HEALTHCHECK")[0];
    let (_, command) = check.split_once("CMD ").unwrap();
    let command: Value = serde_json::from_str(command).unwrap();
    let words = command
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("events.sock");
    let words: Vec<_> = words
        .map(|word| word.replace("/run/op-listener/events.sock", socket.to_str().unwrap()))
        .collect();
    let healthy = || {
        Command::new(&words[0])
            .args(&words[1..])
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(!healthy(), "nobody is there");
    for (status, is_healthy) in [("200 OK", true), ("503 Service Unavailable", false)] {
        let _ = std::fs::remove_file(&socket);
        answer_once(UnixListener::bind(&socket).unwrap(), status);
        assert_eq!(healthy(), is_healthy, "{status}");
    }
}
