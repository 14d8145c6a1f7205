//! The plugins that come with the host.

use crate::build::{AUDIT_LOG, SET_PUSH, SQS};
use crate::run::Run;

#[test]
fn the_audit_log_conforms() {
    let report = Run::of(&AUDIT_LOG).report();
    for told in report.checks() {
        eprintln!("{:<8} {}: {}", told.status, told.name, told.message);
    }
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.json["conforms"], true);
    assert!(report.checks().len() >= 25);
    assert_eq!(report.named("skipped"), ["init-missing-values"]);
    // The tests build it with debug information.
    let known = ["debug-info"];
    for warned in report.warned() {
        assert!(known.contains(&&*warned), "{:?}", report.check(&warned));
    }
}

#[test]
fn the_audit_log_conforms_as_an_operator_configures_it() {
    let settings = "path = \"audit.ndjson\"\nformat = \"cloudevents\"\nfsync = \"interval\"\n\
                    fsync_interval = \"1s\"\nset = true\nclaims = [\"sub\", \"iat\"]\n\
                    keep = 3\n[rotate]\nmax_size = \"1MiB\"\n";
    // It signs each event, which takes long in a build for tests.
    let run = Run::of(&AUDIT_LOG)
        .configured(settings)
        .with(&["--timeout", "60"]);
    let report = run.report();
    for told in report.checks() {
        eprintln!("{:<8} {}: {}", told.status, told.name, told.message);
    }
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.named("skipped"), [""; 0]);
}

#[test]
fn set_push_conforms() {
    let report = Run::of(&SET_PUSH).report();
    for told in report.checks() {
        eprintln!("{:<8} {}: {}", told.status, told.name, told.message);
    }
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.json["conforms"], true);
    assert_eq!(report.json["files"][0]["events_tried"], false);
    // The tests build it with debug information, and TLS is large.
    let known = ["debug-info", "size"];
    for warned in report.warned() {
        assert!(known.contains(&&*warned), "{:?}", report.check(&warned));
    }
}

/// It is switched off until it is configured, and the report says that this leaves much open.
#[test]
fn a_report_without_any_event_says_so() {
    let ending = "  warning: no event was tried: no listener is enabled: give it the settings that \
                  enable it with `--config`\n";
    let only = ["--only", "loads", "--only", "ordinary-events"];
    let output = Run::of(&SET_PUSH).with(&only).output();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.ends_with(ending), "{told}");
    assert_eq!(output.status.code(), Some(0));
    let output = Run::of(&AUDIT_LOG).with(&only).output();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains("no event was tried"), "{told}");
    let report = Run::of(&AUDIT_LOG).with(&only).report();
    assert_eq!(report.json["files"][0]["events_tried"], true);
}

/// It signs each event and queues it, and sends nothing while it is checked.
#[test]
fn set_push_conforms_as_an_operator_configures_it() {
    let settings = "enable = true\nendpoint = \"https://receiver.example.com/sets\"\n\
                    audience = \"https://receiver.example.com\"\norder = \"subject\"\n\
                    claims = [\"sub\", \"iat\"]\nmask = \"email\"\nmembers = [\"scope\"]\n\
                    [verify]\nstate = \"1\"\nissuer = \"https://op.example.com\"\n\
                    stream_id = \"1\"\n";
    let run = Run::of(&SET_PUSH)
        .configured(settings)
        .with(&["--timeout", "60"]);
    let report = run.report();
    for told in report.checks() {
        eprintln!("{:<8} {}: {}", told.status, told.name, told.message);
    }
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.named("skipped"), [""; 0]);
}

#[test]
fn the_sqs_publisher_conforms() {
    let report = Run::of(&SQS).report();
    for told in report.checks() {
        eprintln!("{:<8} {}: {}", told.status, told.name, told.message);
    }
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.json["conforms"], true);
    assert_eq!(report.json["files"][0]["events_tried"], false);
    // A build for tests, with all of TLS in it.
    let known = ["debug-info", "size"];
    for warned in report.warned() {
        assert!(known.contains(&&*warned), "{:?}", report.check(&warned));
    }
}

/// There is no such queue, and nobody at the port: neither is the host's business.
#[test]
fn the_sqs_publisher_conforms_as_an_operator_configures_it() {
    let settings = "enable = true\nqueue_name = \"events.fifo\"\nregion = \"us-east-1\"\n\
                    endpoint = \"http://127.0.0.1:9\"\nclaims = [\"sub\", \"iat\"]\n\
                    group = \"client\"\n[constants]\nstage = \"test\"\n\
                    [fields]\nlocal_sub = \"subject\"\n";
    let report = Run::of(&SQS)
        .configured(settings)
        .with(&["--timeout", "60"])
        .report();
    for told in report.checks() {
        eprintln!("{:<8} {}: {}", told.status, told.name, told.message);
    }
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.named("skipped"), [""; 0]);
}
