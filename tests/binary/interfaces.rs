//! Old and new hosts with listeners of old and new minor versions of the interface; listeners of
//! third parties; and an interface that was changed as it must not be.

use std::fs;
use std::path::Path;
use std::process::Command;

use op_listener_tests::{
    Changed, Library, LogLine, Setup, access_token, cargo, copy_into, host_binary, id_token,
    later_interface, listener_of_interface_1_0, parse_lines, repository, shuffled, start, subject,
    work_dir,
};

/// Runs that host with that listener on one event of each kind, and gives its log.
fn run(host: &Path, listener: &Path) -> Vec<LogLine> {
    let setup = Setup::new();
    copy_into(&setup.plugins(), "witness", listener);
    let mut running = start(Command::new(host).arg("run").current_dir(setup.path()));
    let panic = id_token("panic");
    let events = [id_token("e1"), panic, access_token("e2"), subject("e3")].join("\n");
    running.send_last(events.as_bytes());
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    parse_lines(&finished.stderr)
}

fn has(lines: &[LogLine], message: &str) {
    assert!(
        lines.iter().any(|line| line.message == message),
        "{message}\nnot in\n{lines:#?}"
    );
}

/// The versions of the present interface and of the next minor one.
fn versions() -> (String, String) {
    let (major, minor) = op_listener_host_interface();
    (format!("{major}.{minor}"), format!("{major}.{}", minor + 1))
}

fn op_listener_host_interface() -> (u32, u32) {
    let this = op_listener_host::library::THIS_INTERFACE;
    (this.major, this.minor)
}

#[test]
fn each_of_old_and_new_hosts_calls_each_of_old_and_new_listeners() {
    let (this, next) = versions();
    let newer = later_interface();
    let older = listener_of_interface_1_0();
    for (host, version, is_new) in [(host_binary(), &this, false), (&*newer.host, &next, true)] {
        for (listener, id, knows) in [
            (&older, "witness", false),
            (&newer.listener, "witness-newer", true),
        ] {
            let lines = run(host, listener);
            let crate_name = format!("op_listener_{}", id.replace('-', "_"));
            for (code, words) in [
                ("OP0211", "ID token issue"),
                ("OP0213", "access token issue"),
                ("OP0215", "subject auth + consent"),
            ] {
                let loaded = lines.iter().find(|line| line.is(code)).unwrap();
                assert_eq!(
                    loaded.message,
                    format!(
                        "Loaded {words} event listener [1]: class={crate_name}::Witness enabled=true"
                    )
                );
            }
            for said in [
                &*format!("init in a host of interface {version}"),
                r#"ID token e1 of alice: {"sub":"alice","iat":1523304728}, a SET in 3 parts"#,
                r#"access token e2 for Some("read") by https://op.example.com"#,
                r#"subject alice consents to Some(["openid"])"#,
                "shutdown",
            ] {
                has(&lines, said);
            }
            // The guard against panics works across versions as well.
            let panic = lines.iter().find(|line| line.is("OPL0202")).unwrap();
            assert!(
                panic.message.contains("panicked: as asked, at "),
                "{panic:?}"
            );
            has(
                &lines,
                "Stopped: 4 events dispatched, 0 facts held, 0 exchanges ignored, 0 lines refused; 4 calls, 1 failed",
            );
            // Fields that the other side does not have are missing, and not garbage.
            if is_new {
                has(
                    &lines,
                    if knows {
                        "new in the library: Some(71), in its listeners: [Some(72), Some(72), Some(72)]"
                    } else {
                        "new in the library: None, in its listeners: [None, None, None]"
                    },
                );
            }
            if knows {
                has(
                    &lines,
                    if is_new {
                        "new in the host: Some(73)"
                    } else {
                        "new in the host: None"
                    },
                );
            }
        }
    }
}

#[test]
fn a_listener_that_needs_the_later_interface_is_refused_by_the_earlier_host_alone() {
    let (this, next) = versions();
    let newer = later_interface();
    let mut bytes = fs::read(&newer.listener).unwrap();
    let (from, to) = ("\"interface\":\"1.0\"", format!("\"interface\":\"{next}\""));
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .unwrap();
    bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    let dir = tempfile::tempdir().unwrap();
    let needing = dir.path().join("needing");
    fs::write(&needing, bytes).unwrap();
    has(&run(&newer.host, &needing), "new in the host: Some(73)");
    let setup = Setup::new();
    copy_into(&setup.plugins(), "witness", &needing);
    let refused = setup.run([id_token("e1")]).ended(3);
    assert!(
        refused.message("OPL0102").ends_with(&format!(
            "libwitness.so\": listener 'witness-newer' 0.1.0 needs interface {next}, this host has {this}: \
             update the host, or use an older listener"
        )),
        "{}",
        refused.log
    );
}

#[test]
fn a_changed_type_is_refused_in_one_line_and_nothing_crashes() {
    let (this, _) = versions();
    for (changed, what) in [(Changed::Order, "`"), (Changed::Size, "`")] {
        let mut setup = Setup::with(&[Library::Chorus]);
        setup.add("a-witness", &changed.listener());
        let setup = setup.config("[plugins]\non_failure = \"skip\"\n[log]\nlevel = \"debug\"");
        let run = setup.run([id_token("e1")]).ended(0);
        let message = run.message("OPL0102");
        let (_, message) = message.split_once("\": ").unwrap();
        let start = format!("was built against a different interface {this} (");
        let end = "): rebuild it with a released op-listener-api";
        assert!(
            message.starts_with(&start) && message.ends_with(end),
            "{message}"
        );
        assert!(message.contains(what) && message.len() < 400, "{message}");
        run.message("OPL0109");
        assert_eq!(run.messages("OP0211").len(), 2, "the other plugin works");
        assert!(
            !run.log.contains("init in a host"),
            "nothing of it was called"
        );
    }
}

#[test]
fn a_crate_outside_of_every_workspace_builds_and_works() {
    // Outside of the repository, so that no workspace is found above it.
    let dir = tempfile::tempdir().unwrap();
    let source = repository().join("tests/outsider");
    fs::create_dir(dir.path().join("src")).unwrap();
    for file in ["Cargo.lock", "src/lib.rs"] {
        fs::copy(source.join(file), dir.path().join(file)).unwrap();
    }
    let manifest = fs::read_to_string(source.join("Cargo.toml")).unwrap();
    let api = repository().join("plugin-api");
    let moved = manifest.replace("\"../../plugin-api\"", &format!("{api:?}"));
    assert_ne!(moved, manifest);
    fs::write(dir.path().join("Cargo.toml"), moved).unwrap();
    cargo(dir.path(), &work_dir(), &["build", "--locked"]);
    let library = work_dir().join("debug/libop_listener_outsider.so");
    let setup = Setup::new();
    copy_into(&setup.plugins(), "outsider", &library);
    // It is of a place that is gone with this test.
    cargo(
        dir.path(),
        &work_dir(),
        &["clean", "--locked", "-p", "op-listener-outsider"],
    );
    let list = setup.call(&["list"]);
    assert!(list.stdout.contains("  plugin     outsider 3.2.1\n  vendor     Third party <listeners@example.com>\n  licence    MIT\n"), "{}", list.stdout);
    let other = id_token("e3").replace("000123", "other");
    let run = setup.run([id_token("e1"), id_token("e2"), other]).ended(0);
    assert_eq!(
        run.message("OP0211"),
        "Loaded ID token issue event listener [1]: class=op_listener_outsider::SignIns enabled=true"
    );
    let counts = setup.path().join("op-listener-data/outsider/counts.txt");
    assert_eq!(fs::read_to_string(counts).unwrap(), "000123 2\nother 1\n");
}

#[test]
fn events_arrive_whole_where_the_compiler_laid_out_host_and_listener_differently() {
    let shuffled = shuffled();
    let recording = repository().join("tests/recording/events.ndjson");
    let tests = [
        (host_binary(), &Library::Puppet.file()),
        (&*shuffled.host, &shuffled.listener),
    ];
    let seen = tests.map(|(host, listener)| {
        let plugin = if host == host_binary() {
            "puppet"
        } else {
            "puppet-shuffled"
        };
        let mut setup = Setup::new().config(&format!(
            "[[listener]]\nplugin = \"{plugin}\"\nname = \"it\"\n\
             [listener.config]\nrecord = \"record.ndjson\"\n"
        ));
        setup.add("puppet", listener);
        let mut running = start(
            Command::new(host)
                .args(["run", "--config", "op-listener.toml", "--events"])
                .arg(&recording)
                .current_dir(setup.path())
                // glibc ends the process where memory is freed that is not what it was.
                .env("LD_PRELOAD", "libc_malloc_debug.so.0")
                .env("MALLOC_CHECK_", "3"),
        );
        running.send_last(b"");
        let finished = running.finish();
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        assert!(!finished.stderr.contains("preload"), "{}", finished.stderr);
        let record = setup.record("record.ndjson").into_iter();
        record
            .filter(|line| line["call"] == "event")
            .collect::<Vec<_>>()
    });
    assert_eq!(
        seen[0].len(),
        fs::read_to_string(recording).unwrap().lines().count()
    );
    assert_eq!(seen[0], seen[1]);
}
