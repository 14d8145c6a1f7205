//! `op-listener pin`: shows what changes, asks, and writes all or nothing.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::stage::{
    Done, Stage, VERSION, plugin, plugin_of_version, plugin_with, rebuilt, set_mode,
};

const PIN: [&str; 3] = ["pin", "--config", "op-listener.toml"];

fn pinned_stage() -> Stage {
    Stage::trusting("trust = \"pinned\"")
}

fn pin(stage: &Stage) -> Done {
    stage.call(&[&PIN[..], &["--yes"]].concat())
}

/// The first twelve digits of a file's hash, as `list` shows it.
fn short(stage: &Stage) -> String {
    stage.listed()["sha256"].as_str().unwrap()[..12].to_owned()
}

#[test]
fn it_shows_the_change_and_writes_a_file_for_people() {
    let stage = pinned_stage();
    let listed = stage.listed();
    let sha256 = listed["sha256"].as_str().unwrap();
    let done = pin(&stage);
    assert_eq!(done.code, Some(0), "{done:?}");
    let name = stage.file("audit");
    let name = name.file_name().unwrap();
    assert_eq!(
        done.stdout,
        format!(
            "added   {name:?}: audit-log {VERSION}, sha256 {}…\nunchanged: 0\n",
            &sha256[..12]
        )
    );
    let lock = stage.path("plugins.lock");
    assert_eq!(done.stderr, format!("op-listener: wrote {lock:?}\n"));
    let text = fs::read_to_string(&lock).unwrap();
    assert!(
        text.ends_with(&format!(
            "format = 1\n\n[[file]]\nname = {name:?}\nsha256 = \"{sha256}\"\nplugin = \"audit-log\"\nversion = \"{VERSION}\"\n"
        )),
        "{text}"
    );
    let mode = lock.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert!(
        !stage.path("op-listener-data").exists(),
        "something was run"
    );
}

#[test]
fn it_names_what_is_changed_removed_and_added() {
    let stage = pinned_stage();
    stage.put("gone", &plugin_with("\"audit-log\"", "\"gone-logs\""));
    assert_eq!(pin(&stage).code, Some(0));
    let before = fs::read_to_string(stage.path("plugins.lock")).unwrap();
    fs::remove_file(stage.file("gone")).unwrap();
    let newer = format!("9{}", &VERSION[1..]);
    stage.put("audit", &plugin_of_version(&newer));
    stage.put("new", &plugin_with("\"audit-log\"", "\"new-plugs\""));
    // Without a terminal and without `--yes` nothing happens: a check for scripts.
    let done = stage.call(&PIN);
    assert_eq!(done.code, Some(2), "{done:?}");
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, start) in lines.iter().zip([
        &*format!("changed \"libaudit.so\": audit-log {VERSION} → {newer}, sha256 "),
        &format!("removed \"libgone.so\": gone-logs {VERSION}, sha256 "),
        &format!("added   \"libnew.so\": new-plugs {VERSION}, sha256 "),
        "unchanged: 0",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(
        done.stderr
            .ends_with("since there is no terminal to ask on: agree to the change with `--yes`\n"),
        "{}",
        done.stderr
    );
    let after = fs::read_to_string(stage.path("plugins.lock")).unwrap();
    assert_eq!(after, before);
    assert_eq!(pin(&stage).code, Some(0));
    // Now nothing changes, so nobody needs to agree.
    let done = stage.call(&PIN);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stdout, "unchanged: 2\n");
    assert!(
        done.stderr.ends_with("is as it should be\n"),
        "{}",
        done.stderr
    );
}

/// Runs `pin` on a terminal and gives this answer.
fn pin_and_answer(stage: &Stage, answer: &str) -> (Option<i32>, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut controller = File::from(controller);
    let mut child = stage.command(&PIN);
    child
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    let mut running = child.spawn().unwrap();
    // The command keeps the terminal's other end open for the child.
    drop(child);
    let mut said = Vec::new();
    let mut some = [0; 4096];
    while let Ok(length) = controller.read(&mut some) {
        let asked = |said: &[u8]| String::from_utf8_lossy(said).contains("[y/N] ");
        let before = asked(&said);
        said.extend(&some[..length]);
        if !before && asked(&said) {
            controller.write_all(answer.as_bytes()).unwrap();
        }
        if length == 0 {
            break;
        }
    }
    let status = running.wait().unwrap();
    (status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn it_asks_on_a_terminal() {
    let stage = pinned_stage();
    for no in ["n\n", "\n", "yess\n", "\u{4}"] {
        let (code, said) = pin_and_answer(&stage, no);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("nothing was written"), "{said}");
        assert!(!stage.path("plugins.lock").exists());
    }
    let (code, said) = pin_and_answer(&stage, "y\n");
    assert_eq!(code, Some(0), "{said}");
    let shown = said.find("added ").unwrap();
    let asked = said.find("Write this to ").unwrap();
    assert!(shown < asked, "{said}");
    stage.loads("pinned");
}

#[test]
fn what_would_not_load_anyhow_is_not_pinned_and_nothing_else_either() {
    let stage = pinned_stage();
    stage.put("broken", &plugin()[..5000]);
    let done = pin(&stage);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.stderr.contains("libbroken.so\": "), "{}", done.stderr);
    assert!(
        done.stderr
            .ends_with("nothing was written: mend or remove what is named above\n"),
        "{}",
        done.stderr
    );
    assert!(!stage.path("plugins.lock").exists());
    // Two with one id: the host takes the first and refuses the other.
    stage.put("broken", &rebuilt());
    let done = pin(&stage);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.stderr.contains("has the plugin id 'audit-log', which"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_others_could_have_written_can_be_pinned() {
    let stage = pinned_stage();
    set_mode(&stage.file("audit"), 0o666);
    set_mode(&stage.plugins(), 0o777);
    assert_eq!(pin(&stage).code, Some(0));
    stage.loads("pinned");
}

#[test]
fn libraries_that_are_no_plugins_are_passed_over() {
    let stage = pinned_stage();
    let section = plugin_with(".op_listener\0", ".op_listenes\0");
    stage.put("support", &section);
    let done = pin(&stage);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(
        done.stderr
            .contains("libsupport.so\": is a library but not a plugin: passed over\n"),
        "{}",
        done.stderr
    );
    assert!(!done.stdout.contains("libsupport"), "{}", done.stdout);
    stage.loads("pinned");
}

#[test]
fn directory_and_lock_file_can_be_named_without_a_configuration() {
    let stage = Stage::new();
    let done = stage.call(&["pin", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(stage.path("plugins.lock").exists());
    let done = stage.call(&["pin", "plugins", "--pins", "locks.toml", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(stage.path("locks.toml").exists());
    let done = stage.call(&["pin", "nowhere", "--yes"]);
    assert_eq!(done.code, Some(2), "{done:?}");
}

#[test]
fn a_lock_file_that_has_no_effect_is_warned_of() {
    let stage = Stage::trusting("trust = \"permissions\"");
    let done = pin(&stage);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(
        done.stderr.ends_with(
            "warning: the lock file has no effect until \"op-listener.toml\" says `trust = \"pinned\"` under `[plugins]`\n"
        ),
        "{}",
        done.stderr
    );
}

#[test]
fn a_linked_lock_file_stays_a_link_and_no_temporary_file_stays() {
    let stage = pinned_stage();
    fs::create_dir(stage.path("locks")).unwrap();
    set_mode(&stage.path("locks"), 0o755);
    fs::write(stage.path("locks/real"), "format = 1\n").unwrap();
    symlink("locks/real", stage.path("plugins.lock")).unwrap();
    assert_eq!(pin(&stage).code, Some(0));
    let link = fs::symlink_metadata(stage.path("plugins.lock")).unwrap();
    assert!(link.is_symlink());
    let entries = fs::read_dir(stage.path("locks")).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["real"]);
    stage.loads("pinned");
}

#[test]
fn a_lock_file_that_cannot_be_written_stays_as_it_was() {
    let stage = Stage::new();
    let done = stage.call(&["pin", "--pins", "no/such/folder/plugins.lock", "--yes"]);
    assert_eq!(done.code, Some(4), "{done:?}");
    assert!(done.stderr.contains("cannot be written"), "{}", done.stderr);
}

#[test]
fn the_hash_is_that_of_the_bytes() {
    let stage = pinned_stage();
    assert_eq!(pin(&stage).code, Some(0));
    let first = short(&stage);
    stage.put("audit", &rebuilt());
    let second = short(&stage);
    let done = pin(&stage);
    assert!(
        done.stdout.starts_with(&format!(
            "changed \"libaudit.so\": audit-log {VERSION}, sha256 {first}… → {second}…\n"
        )),
        "{}",
        done.stdout
    );
}
