//! What listeners may do, and what the host makes of it, at the edges of their lives.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use op_listener_host::{Host, StartError};
use op_listener_tests::{audit_log, host_binary, id_token, start};

use crate::stage::{Stage, TALLY, library, of};

#[test]
fn a_listener_that_makes_nothing_is_refused() {
    let stage = Stage::new();
    stage.put("tally", &library(&["NULL_OBJECT"]));
    let refused = Host::builder().config(stage.config("")).build();
    assert!(
        matches!(refused, Err(StartError::Refused { count: 1, .. })),
        "{refused:?}"
    );
    stage.configure("");
    let mut running = start(&mut stage.command());
    let line = running.wait_for("[OPL0104]");
    assert!(
        line.contains("its `init` made no instance, and no error either"),
        "{line}"
    );
    assert_eq!(running.finish().code(), Some(3));
}

#[test]
fn a_listener_that_could_not_be_made_has_no_services() {
    let stage = Stage::new();
    stage.put("tally", &library(&["INIT_FAILS", "KEEPS_HOST"]));
    let config = [TALLY, &stage.settings("")].concat();
    let refused = Host::builder().config(stage.config(&config)).build();
    assert!(refused.is_err());
    // OP_LISTENER_CLOSED
    stage.wait_for("refused", "5");
    assert_eq!(of(&stage.record(), "refused").len(), 1);
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_per_event_and_not_the_end() {
    let stage = Stage::new();
    let (library, verifier) = audit_log();
    fs::copy(library, stage.plugin("audit")).unwrap();
    let config = "[plugins]\nprobe = false\n[[listener]]\nplugin = \"audit-log\"\nspi = [\"id_token_issue\"]\n[listener.config]\npath = \"audit.ndjson\"\n";
    stage.configure(config);
    // In blocks of 512 or 1024 bytes, as the shell likes; the signal is the host's to deal with.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -f 20; exec \"$0\" run --config op-listener.toml",
        ])
        .arg(host_binary())
        .current_dir(stage.path(""))
        .process_group(0);
    let mut running = start(&mut command);
    running.wait_for("[OPL0001]");
    let lines: String = (0..300)
        .map(|number| format!("{}\n", id_token(&format!("e{number}"))))
        .collect();
    running.send(&lines);
    let line = running.wait_for("[OPL0201]");
    assert!(line.contains("audit.ndjson"), "{line}");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let failed = finished.stderr.matches("[OPL0201]").count();
    let text = fs::read_to_string(stage.path("audit.ndjson")).unwrap();
    assert_eq!(text.lines().count() + failed, 300);
    let verified = Command::new(verifier)
        .arg(stage.path("audit.ndjson"))
        .status();
    assert!(verified.unwrap().success());
}
