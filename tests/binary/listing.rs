//! `op-listener list`: what is in a directory, without running any of it.

use op_listener_tests::{Library, Setup, copy_into, library_in_c};
use serde_json::{Value, json};

fn list(setup: &Setup, arguments: &[&str]) -> String {
    let list = setup.call(&[&["list"], arguments].concat());
    assert_eq!((list.code(), &*list.stderr), (Some(0), ""));
    list.stdout
}

fn as_json(setup: &Setup) -> Vec<Value> {
    serde_json::from_str(&list(setup, &["plugins", "--json"])).unwrap()
}

#[test]
fn a_plugin_is_shown_with_all_that_it_says_of_itself() {
    let setup = Setup::with(&[Library::Chorus]);
    let text = list(&setup, &[]);
    let [size, sha256] = ["size", "sha256"].map(|name| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap();
        line.trim_start()[name.len()..].trim().to_owned()
    });
    assert_eq!(
        text,
        format!(
            "libchorus.so\n\
             \x20 plugin     chorus 0.1.0\n\
             \x20 vendor     \"Chorus\" of example.com\n\
             \x20 licence    Apache-2.0 OR MIT\n\
             \x20 interface  1.0\n\
             \x20 listener   id_token_issue  op_listener_chorus_of_two::voices::Tenor\n\
             \x20 listener   access_token_issue  op_listener_chorus_of_two::voices::Tenor\n\
             \x20 listener   id_token_issue  op_listener_chorus_of_two::voices::Alto\n\
             \x20 size       {size}\n\
             \x20 sha256     {sha256}\n\
             \x20 trust      permissions\n\
             \x20 loads      yes\n"
        )
    );
    let bytes = std::fs::read(Library::Chorus.file()).unwrap();
    assert_eq!(size, format!("{} bytes", bytes.len()));
    assert_eq!(
        as_json(&setup),
        [json!({
            "file": "libchorus.so",
            "size": bytes.len(),
            "sha256": sha256,
            "plugin": "chorus",
            "version": "0.1.0",
            "vendor": "\"Chorus\" of example.com",
            "license": "Apache-2.0 OR MIT",
            "interface": "1.0",
            "panic": "unwind",
            "listeners": [
                {"spi": "id_token_issue", "class": "op_listener_chorus_of_two::voices::Tenor"},
                {"spi": "access_token_issue", "class": "op_listener_chorus_of_two::voices::Tenor"},
                {"spi": "id_token_issue", "class": "op_listener_chorus_of_two::voices::Alto"},
            ],
            "trusted": true,
            "trust": "permissions",
            "signed_by": null,
            "signed_comment": null,
            "loads": true,
            "reason": null,
        })]
    );
}

#[test]
fn the_sum_is_that_of_the_file() {
    use aws_lc_rs::digest::{SHA256, digest};

    let setup = Setup::with(&[Library::Support]);
    let bytes = std::fs::read(Library::Support.file()).unwrap();
    let sum = digest(&SHA256, &bytes);
    let hex = sum.as_ref().iter().map(|byte| format!("{byte:02x}"));
    let hex = hex.collect::<Vec<_>>().concat();
    assert_eq!(as_json(&setup)[0]["sha256"], *hex);
}

#[test]
fn what_the_host_would_refuse_is_shown_with_the_reason() {
    let mut setup = Setup::with(&[
        Library::Aborting,
        Library::NewerMinor,
        Library::OtherMajor,
        Library::Puppet,
        Library::Support,
    ]);
    setup.add("z-again", &Library::Puppet.file());
    setup.file("plugins/empty.so", "");
    let all = as_json(&setup);
    let shown: Vec<_> = all
        .iter()
        .map(|file| {
            (
                file["file"].as_str().unwrap(),
                file["loads"].as_bool().unwrap(),
                file["reason"].as_str().unwrap_or(""),
            )
        })
        .collect();
    let abort = "listener 'aborting' 0.1.0 is built with `panic = \"abort\"`, and one panic in it would end the host: rebuild it with `panic = \"unwind\"`";
    let newer = "listener 'newer-minor' 0.1.0 needs interface 1.90, this host has 1.0: update the host, or use an older listener";
    let major = "listener 'other-major' 0.1.0 needs interface 2.0, this host has 1.0: update the host, or use an older listener";
    assert_eq!(
        shown,
        [
            (
                "empty.so",
                false,
                "is incomplete (it is empty): copy it again"
            ),
            ("libaborting.so", false, abort),
            ("libnewerminor.so", false, newer),
            ("libothermajor.so", false, major),
            ("libpuppet.so", true, ""),
            (
                "libsupport.so",
                false,
                "is a library but not a plugin: passed over"
            ),
            (
                "libz-again.so",
                false,
                "has the plugin id 'puppet', which \"libpuppet.so\" has too: remove one of them"
            ),
        ]
    );
    assert_eq!(all[1]["panic"], "abort");
    assert_eq!(all[3]["interface"], "2.0");
    for member in [
        "plugin",
        "version",
        "vendor",
        "license",
        "interface",
        "panic",
    ] {
        assert_eq!(all[5][member], Value::Null, "{member}");
    }
    assert_eq!(all[5]["listeners"], json!([]));
    // Every file has the same members.
    let members = |file: &Value| {
        file.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert!(all.iter().all(|file| members(file) == members(&all[0])));
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_of_a_library_is_run() {
    let setup = Setup::new();
    let trace = setup.path().join("trace");
    let define = format!("TRACE={trace:?}");
    copy_into(&setup.plugins(), "odd", &library_in_c("trace", &[&define]));
    assert!(list(&setup, &[]).contains("plugin     odd 1.0.0"));
    assert_eq!(as_json(&setup)[0]["loads"], true);
    assert!(!trace.exists(), "its constructor has run");
    // The library does leave its trace where it is loaded.
    let _ = setup.run([""; 0]).ended(0);
    assert!(trace.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_of_a_library_that_is_refused_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let library = library_in_c("trace-refused", &[&format!("TRACE={trace:?}")]);
    let mut bytes = std::fs::read(library).unwrap();
    // Of another interface, or one that aborts on panic.
    for (from, to) in [
        (&b"\"interface\":\"1.0\""[..], &b"\"interface\":\"1.9\""[..]),
        (b"\"unwind\"", b"\"abort\" "),
    ] {
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        let good = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        let setup = Setup::new();
        setup.file("plugins/odd.so", &bytes);
        let run = setup.run([""; 0]).ended(3);
        assert!(!trace.exists(), "its constructor has run: {}", run.log);
        bytes = good;
    }
    // Not even where the operator has switched it off.
    let setup = Setup::new().config("[[listener]]\nplugin = \"odd\"\nenabled = false");
    setup.file("plugins/odd.so", &bytes);
    let _ = setup.run([""; 0]).ended(0);
    assert!(!trace.exists(), "its constructor has run");
}

#[test]
fn a_directory_can_be_named_and_may_be_empty() {
    let setup = Setup::new();
    assert_eq!(list(&setup, &[]), "");
    assert_eq!(list(&setup, &["plugins", "--json"]), "[]\n");
    let missing = setup.call(&["list", "nowhere"]);
    assert_eq!(missing.code(), Some(2));
    assert!(
        missing
            .stderr
            .starts_with("op-listener: the plugin directory \"nowhere\" cannot be read: "),
        "{}",
        missing.stderr
    );
    assert_eq!(missing.stderr.lines().count(), 1);
}
