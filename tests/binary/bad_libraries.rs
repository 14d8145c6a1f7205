//! Files in the plugin directory that the host refuses: one clear line each, none of their code
//! run, and nothing else lost.

use std::fs;
use std::path::{Path, PathBuf};

use op_listener_tests::{Library, Setup, copy_into, id_token, library_in_c};

/// Puts one library beside a good one and gives the message about it. The host must refuse to start
/// by default, and do all its work when it is to skip what is refused.
fn refusal(name: &str, library: &Path) -> String {
    let strict = Setup::with(&[Library::Chorus]);
    copy_into(&strict.plugins(), name, library);
    let run = strict.run([id_token("e1")]).ended(3);
    let message = run.message("OPL0102");
    assert_eq!(
        run.message("OPL0108"),
        "The host does not start: 1 refused, and the policy is `on_failure = \"abort\"`: \
         mend what is named above, or set `on_failure = \"skip\"` under `[plugins]`"
    );
    let lenient = Setup::with(&[Library::Chorus]).config("[plugins]\non_failure = \"skip\"");
    copy_into(&lenient.plugins(), name, library);
    let run = lenient.run([id_token("e1")]).ended(0);
    assert!(
        run.message("OPL0002").ends_with("2 calls, 0 failed"),
        "{}",
        run.log
    );
    let file = lenient
        .plugins()
        .canonicalize()
        .unwrap()
        .join(format!("lib{name}.so"));
    let second = run.message("OPL0102");
    let second = second.strip_prefix(&format!("{file:?}: "));
    let (_, first) = message.split_once("\": ").unwrap();
    assert_eq!(
        second,
        Some(first),
        "the file is named, and the reason is the same"
    );
    first.to_owned()
}

#[test]
fn another_major_interface() {
    assert_eq!(
        refusal("x", &Library::OtherMajor.file()),
        "listener 'other-major' 0.1.0 needs interface 2.0, this host has 1.0: \
         update the host, or use an older listener"
    );
}

#[test]
fn a_newer_minor_interface() {
    assert_eq!(
        refusal("x", &Library::NewerMinor.file()),
        "listener 'newer-minor' 0.1.0 needs interface 1.90, this host has 1.0: \
         update the host, or use an older listener"
    );
}

#[test]
fn a_library_that_aborts_on_panic() {
    assert_eq!(
        refusal("x", &Library::Aborting.file()),
        "listener 'aborting' 0.1.0 is built with `panic = \"abort\"`, and one panic in it would \
         end the host: rebuild it with `panic = \"unwind\"`"
    );
}

#[test]
fn the_same_plugin_id_twice() {
    let mut setup = Setup::new();
    let first = setup.add("a", &Library::Chorus.file());
    setup.add("b", &Library::Chorus.file());
    let setup = setup.config("[plugins]\non_failure = \"skip\"");
    let run = setup.run([id_token("e1")]).ended(0);
    let first = first.canonicalize().unwrap();
    let end = format!(
        "libb.so\": has the plugin id 'chorus', which {first:?} has too: remove one of them"
    );
    let message = run.message("OPL0102");
    assert!(message.ends_with(&end), "{message}");
    assert_eq!(run.messages("OP0211").len(), 2, "the first one serves");
}

#[test]
fn files_that_are_no_libraries() {
    let dir = tempfile::tempdir().unwrap();
    let file = |content: &[u8]| {
        let path = dir.path().join("file");
        fs::write(&path, content).unwrap();
        path
    };
    assert_eq!(
        refusal("x", &file(b"")),
        "is incomplete (it is empty): copy it again"
    );
    let text = refusal("x", &file(b"#!/bin/sh\necho not a library\n"));
    assert!(
        text.starts_with("is no shared library, or a damaged one (")
            && text.ends_with("): copy it again"),
        "{text}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_that_is_cut_off_anywhere() {
    let whole = fs::read(Library::Puppet.file()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("part");
    for percent in [1, 10, 25, 50, 75, 90, 99] {
        fs::write(&file, &whole[..whole.len() * percent / 100]).unwrap();
        let message = refusal("x", &file);
        assert!(
            message.ends_with(": copy it again"),
            "{percent} %: {message}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_of_another_machine() {
    let mut bytes = fs::read(Library::Puppet.file()).unwrap();
    // e_machine: AArch64 is 183, x86-64 is 62.
    let other: u16 = if cfg!(target_arch = "aarch64") {
        62
    } else {
        183
    };
    bytes[18..20].copy_from_slice(&other.to_le_bytes());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("foreign");
    fs::write(&file, bytes).unwrap();
    let message = refusal("x", &file);
    let start = "is built for another machine (Elf, ";
    assert!(
        message.starts_with(start) && message.contains("): use a build for "),
        "{message}"
    );
}

/// A copy of the chorus whose metadata has one text in place of another of the same length.
fn altered(from: &str, to: &str) -> (tempfile::TempDir, PathBuf) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(Library::Chorus.file()).unwrap();
    let metadata = find(&bytes, b"{\"op_listener\":1,");
    let at = metadata + find(&bytes[metadata..], from.as_bytes());
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("altered");
    fs::write(&file, bytes).unwrap();
    (dir, file)
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut windows = bytes.windows(wanted.len());
    windows
        .position(|window| window == wanted)
        .expect("it is there")
}

#[test]
fn metadata_that_cannot_be_understood() {
    for (from, to, why) in [
        (
            "{\"op_listener\":1,",
            "{\"op_listener\":2,",
            "has metadata that cannot be understood (it has format 2, and this host knows format 1): rebuild it, or update the host",
        ),
        (
            "\"interface\":\"1.0\"",
            "\"interface\":\"one\"",
            "has metadata that cannot be understood (`interface` is \"one\", and not of the form `major.minor`): rebuild it, or update the host",
        ),
        (
            "\"chorus\"",
            "\"cho us\"",
            "has metadata that cannot be understood (`id` is \"cho us\", and not of 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the first a letter or digit): rebuild it, or update the host",
        ),
        (
            "\"unwind\"",
            "\"unwinX\"",
            "has metadata that cannot be understood (unknown variant `unwinX`, expected `unwind` or `abort`",
        ),
        (
            "\"version\":",
            "\"version\";",
            "has metadata that cannot be understood (expected `:`",
        ),
    ] {
        let (_dir, file) = altered(from, to);
        let message = refusal("x", &file);
        assert!(message.starts_with(why), "{message}");
    }
}

#[test]
fn a_table_that_does_not_go_with_its_metadata() {
    let (_dir, file) = altered("\"access_token_issue\"", "\"access_token_xxxxx\"");
    // Not a copy of the chorus, whose id is taken by the good one.
    let setup = Setup::new().config("[plugins]\non_failure = \"skip\"");
    copy_into(&setup.plugins(), "x", &file);
    let run = setup.run([""; 0]).ended(0);
    let message = run.message("OPL0102");
    let end = "exports other listeners than its metadata says (number 2 is of another SPI than access_token_xxxxx): rebuild it";
    assert!(message.ends_with(end), "{message}");
}

#[test]
#[cfg(unix)]
fn files_and_directories_that_others_can_write() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut setup = Setup::new();
    let file = setup.add("x", &Library::Chorus.file());
    mode(&file, 0o666);
    let run = setup.run([""; 0]).ended(3);
    assert!(
        run.message("OPL0102")
            .ends_with("is not trusted: the file can be written by everybody: `chmod o-w`")
    );
    mode(&file, 0o644);
    mode(&setup.plugins(), 0o777);
    let run = setup.run([""; 0]).ended(3);
    assert!(
        run.message("OPL0102")
            .ends_with("is not trusted: its directory can be written by everybody: `chmod o-w`")
    );
    // The operator may say that it does not matter.
    let setup = setup.config("[plugins]\ntrust = \"off\"");
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(run.messages("OP0211").len(), 2);
}

#[test]
fn plugins_that_the_configuration_names_and_that_are_not_there() {
    for (plugin, hint) in [
        ("chrous", "did you mean 'chorus'?"),
        ("entirely-other", "there are: chorus, puppet"),
    ] {
        let setup = Setup::with(&[Library::Chorus, Library::Puppet]).config(&format!(
            "[plugins]\non_failure = \"skip\"\n\n[[listener]]\nplugin = \"{plugin}\"\n"
        ));
        let run = setup.run([id_token("e1")]).ended(0);
        let dir = setup.plugins().canonicalize().unwrap();
        assert_eq!(
            run.message("OPL0104"),
            format!(
                "Listener '{plugin}' (op-listener.toml:4:1) is refused: there is no plugin '{plugin}' in {dir:?}; {hint}"
            )
        );
        assert_eq!(run.messages("OP0211").len(), 3, "the others are loaded");
    }
    let setup = Setup::new().config("[[listener]]\nplugin = \"chorus\"");
    let run = setup.run([""; 0]).ended(3);
    assert!(
        run.message("OPL0104")
            .ends_with("; there are no plugins at all")
    );
}

#[test]
fn an_spi_that_the_plugin_does_not_have() {
    let setup = Setup::with(&[Library::Chorus]).config(
        "[plugins]\non_failure = \"skip\"\n[[listener]]\nplugin = \"chorus\"\nspi = [\"access_token_issue\", \"subject_auth_and_consent\"]",
    );
    let run = setup.run([""; 0]).ended(0);
    assert!(
        run.message("OPL0104")
            .ends_with("plugin 'chorus' exports no subject_auth_and_consent listener")
    );
    assert_eq!(run.messages("OP0213").len(), 1, "the other is made");
}

#[test]
#[cfg(target_os = "linux")]
fn a_good_library_of_c_works_like_any_other() {
    let setup = Setup::new();
    copy_into(&setup.plugins(), "odd", &library_in_c("good", &[]));
    let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
    assert_eq!(
        run.message("OP0211"),
        "Loaded ID token issue event listener [1]: class=odd_listener enabled=true"
    );
    let said: Vec<_> = run
        .lines()
        .into_iter()
        .filter(|line| line.is("odd"))
        .map(|line| format!("{} {}", line.logger, line.message))
        .collect();
    assert_eq!(said, ["odd_listener e1", "odd_listener e2"]);
}

#[test]
#[cfg(target_os = "linux")]
fn an_spi_that_the_host_does_not_know_is_a_warning() {
    let setup = Setup::new();
    let library = library_in_c("later", &["SPI=4", "SPI_NAME=\"logout\""]);
    copy_into(&setup.plugins(), "odd", &library);
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.message("OPL0110"),
        "Plugin 'odd' exports a listener for the SPI \"logout\", which this host does not know: update the host to use it"
    );
    assert!(run.message("OPL0107").starts_with("No listener is enabled"));
}

#[test]
#[cfg(target_os = "linux")]
fn broken_libraries_of_c() {
    for (name, define, why) in [
        (
            "null",
            "NULL_PLUGIN",
            "failed to start: op_listener_plugin_v1 returned null",
        ),
        (
            "unmarked",
            "NO_ENTRY",
            "has metadata but exports no listener table: link it as a `cdylib` and keep the symbols that `export!` makes",
        ),
        (
            "fails",
            "START_FAILS",
            "failed to start: the engine does not turn over",
        ),
        (
            "more",
            "LISTENERS=0",
            "exports other listeners than its metadata says (0, and the metadata names 1): rebuild it",
        ),
        (
            "unresolved",
            "UNRESOLVED",
            "cannot be loaded: undefined symbol: nobody_has_this",
        ),
    ] {
        assert_eq!(refusal("odd", &library_in_c(name, &[define])), why);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn messages_that_are_not_utf_8_come_out_all_the_same() {
    let setup = Setup::new();
    copy_into(
        &setup.plugins(),
        "odd",
        &library_in_c("latin", &["MESSAGE=\"caf\\xe9\\n\""]),
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.message("OPL0201"),
        "Listener 'odd' failed on the ID token issue event e1: caf\u{fffd}\\n"
    );
}

#[test]
fn a_bad_plugin_that_the_operator_has_switched_off_keeps_nobody_from_starting() {
    for library in [Library::Aborting, Library::NewerMinor] {
        let mut setup = Setup::with(&[library, Library::Puppet]);
        let run = setup.run([id_token("e1")]);
        assert_eq!(run.code, Some(3), "{}", run.log);
        let listed = setup.call(&["list", "plugins", "--json"]);
        let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        let bad = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|file| file["loads"] == false);
        let id = bad.unwrap()["plugin"].as_str().unwrap().to_owned();
        setup = setup.config(&format!("[[listener]]\nplugin = \"{id}\"\nenabled = false"));
        let run = setup.run([id_token("e1")]).ended(0);
        assert!(run.messages("OPL0102").is_empty(), "{}", run.log);
        assert!(run.message("OPL0105").contains(&id), "{}", run.log);
    }
}
