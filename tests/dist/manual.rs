//! Man pages and completions, read by the programs that they are for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use op_listener_tests::{Finished, host_binary, on_this_machine, or_say, output_of};

use crate::dist;

/// What `generate.sh` makes.
fn generate(into: &Path) {
    let made = output_of(
        Command::new(dist("generate.sh"))
            .arg(host_binary())
            .arg(into),
    );
    made.unwrap_or_else(|error| panic!("{error}"));
}

fn host(arguments: &[&str]) -> Finished {
    op_listener_tests::start(Command::new(host_binary()).args(arguments)).finish()
}

/// The commands in a help text, but for `help` itself.
fn commands(arguments: &[&str]) -> Vec<String> {
    let help = host(&[arguments, &["--help"]].concat()).stdout;
    let Some((_, behind)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = behind.lines().take_while(|line| line.starts_with("  "));
    // Descriptions that go on stand further to the right.
    let lines = lines.filter(|line| !line.starts_with("   "));
    let names = lines.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[test]
fn each_command_has_a_page_and_no_other_has() {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let pages = fs::read_dir(dir.path().join("man")).unwrap();
    let pages: BTreeSet<_> = pages
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected =
        BTreeSet::from(["op-listener.1".to_owned(), "op-listener.toml.5".to_owned()]);
    let top = commands(&[]);
    assert!(top.contains(&"run".to_owned()), "{top:?}");
    for command in top {
        expected.insert(format!("op-listener-{command}.1"));
        for below in commands(&[&command]) {
            expected.insert(format!("op-listener-{command}-{below}.1"));
        }
    }
    assert_eq!(pages, expected);
}

#[test]
fn mandoc_finds_no_fault_with_the_pages() {
    const TEST: &str = "mandoc -Tlint";
    if or_say(TEST, on_this_machine("mandoc", "/dev/null")).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    for page in fs::read_dir(dir.path().join("man")).unwrap() {
        let page = page.unwrap().path();
        let output = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&page)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        // Space around the list of possible values.
        let faults = said
            .lines()
            .filter(|line| !line.contains("skipping paragraph macro: br"));
        assert_eq!(faults.collect::<Vec<_>>(), [""; 0], "{page:?}");
    }
}

#[test]
fn pages_can_be_made_again_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("op-listener-run.1");
    let make = |epoch: &str| {
        let mut command = Command::new(host_binary());
        command.args(["generate", "man"]).arg(dir.path());
        op_listener_tests::start(command.env("SOURCE_DATE_EPOCH", epoch)).finish()
    };
    assert_eq!(make("86400").code(), Some(0));
    assert!(fs::read_to_string(&page).unwrap().contains("1970-01-02"));
    let refused = make("yesterday");
    assert_eq!(refused.code(), Some(2));
    assert!(
        refused.stderr.contains("SOURCE_DATE_EPOCH"),
        "{}",
        refused.stderr
    );
}

/// The page for the configuration shows what the host reads.
#[test]
fn the_page_of_the_configuration_has_every_key() {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let page = fs::read_to_string(dir.path().join("man/op-listener.toml.5")).unwrap();
    let page = page.replace("\\-", "-");
    let shown = host(&["config", "show"]).stdout;
    let keys = shown
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "));
    let mut count = 0;
    for (key, _) in keys {
        assert!(page.contains(key.trim()), "{key}");
        count += 1;
    }
    assert!(count > 10, "{shown}");
}

#[test]
fn bash_completes_commands_and_options() {
    const TEST: &str = "completion in bash";
    let loader = "/usr/share/bash-completion/bash_completion";
    if or_say(TEST, output_of(Command::new("test").args(["-r", loader]))).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let complete = |words: &[&str]| {
        // As the loader does it when <TAB> is pressed: the script is found by the command's name.
        let script = r#"
            source "$LOADER"
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
            source "$SCRIPT"
            function=$(complete -p op-listener | sed 's/.*-F \([^ ]*\).*/\1/')
            "$function" op-listener "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\n' "${COMPREPLY[@]}"
        "#;
        let said = output_of(
            Command::new("bash")
                .args(["--norc", "-c", script, "bash"])
                .args(words)
                .env("LOADER", loader)
                .env("SCRIPT", dir.path().join("completions/op-listener")),
        );
        let said = said.unwrap_or_else(|error| panic!("{error}"));
        said.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["op-listener", "ru"]), ["run"]);
    assert_eq!(complete(&["op-listener", "config", "ch"]), ["check"]);
    assert_eq!(complete(&["op-listener", "run", "--pl"]), ["--plugins"]);
    // What only the program itself calls is offered to nobody.
    let all = complete(&["op-listener", ""]);
    assert!(all.contains(&"list".to_owned()), "{all:?}");
    assert!(
        !all.iter().any(|word| word.contains("probe-process")),
        "{all:?}"
    );
}

#[test]
fn zsh_and_fish_take_their_completions() {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let completions = dir.path().join("completions");
    if or_say("completion in zsh", on_this_machine("zsh", "--version")).is_some() {
        let read = Command::new("zsh")
            .args(["-f", "-n"])
            .arg(completions.join("_op-listener"))
            .output();
        let read = read.unwrap();
        assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    }
    if or_say("completion in fish", on_this_machine("fish", "--version")).is_some() {
        let said = output_of(
            Command::new("fish")
                .args([
                    "--no-config",
                    "-c",
                    "source $argv[1]; complete -C 'op-listener ru'",
                ])
                .arg(completions.join("op-listener.fish"))
                .env("HOME", dir.path()),
        );
        let said = said.unwrap_or_else(|error| panic!("{error}"));
        assert!(said.starts_with("run\t"), "{said}");
    }
}
