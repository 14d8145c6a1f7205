//! What is installed: by `install.sh`, and by the Debian package; and that it runs from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use op_listener_tests::{
    Client, Door, Running, Unavailable, audit_log, host_binary, id_token, on_this_machine, or_say,
    output_of, repository, set_push, sqs_publisher, target_dir,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{dist, read};

/// The files below a directory, each with its permissions.
fn files(root: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.insert(name.to_owned(), mode);
        }
    }
    found
}

/// What is installed beside the program, by the names of the files.
const PLUGINS: [&str; 3] = [
    "libop_listener_audit_log.so",
    "libop_listener_set_push.so",
    "libop_listener_sqs.so",
];

/// Builds them.
fn plugins() {
    audit_log();
    set_push();
    sqs_publisher();
}

/// What `install.sh` lays out.
fn installed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let built = host_binary().parent().unwrap();
    plugins();
    let done = output_of(
        Command::new(dist("install.sh"))
            .arg(dir.path())
            .env("TARGET", built),
    );
    done.unwrap_or_else(|error| panic!("{error}"));
    dir
}

/// The Debian package, made once.
fn package() -> &'static Result<PathBuf, Unavailable> {
    static PACKAGE: OnceLock<Result<PathBuf, Unavailable>> = OnceLock::new();

    PACKAGE.get_or_init(|| {
        let tools = target_dir().join("tools/bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", tools.display());
        output_of(Command::new("dpkg-shlibdeps").arg("--version"))?;
        output_of(Command::new("dpkg-deb").arg("--version"))?;
        output_of(
            Command::new("cargo")
                .args(["deb", "--version"])
                .env("PATH", &path),
        )?;
        host_binary();
        plugins();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("op-listener.deb");
        let mut command = Command::new(dist("deb.sh"));
        command
            .arg(&file)
            .env("PROFILE", "dev")
            .env("PATH", path)
            .env("CARGO_TARGET_DIR", target_dir());
        // What cargo sets for this test is not about the package.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST") {
                command.env_remove(&*name);
            }
        }
        let done = output_of(&mut command);
        // The tools are there: from here on it is the package that is wrong.
        done.unwrap_or_else(|error| panic!("{error}"));
        Ok(file)
    })
}

/// The package, unpacked; or nothing, where it cannot be made here.
fn unpacked(test: &str) -> Option<TempDir> {
    let package = match package() {
        Ok(package) => Ok(package),
        Err(why) => Err(Unavailable::because(why)),
    };
    let package = or_say(test, package)?;
    let dir = tempfile::tempdir().unwrap();
    let done = output_of(
        Command::new("dpkg-deb")
            .arg("--raw-extract")
            .arg(package)
            .arg(dir.path()),
    );
    done.unwrap_or_else(|error| panic!("{error}"));
    Some(dir)
}

/// Starts the installed program with the installed configuration, both moved to where they lie here.
fn start(root: &Path, arguments: &[&str]) -> Running {
    let config = fs::read_to_string(root.join("etc/op-listener/config.toml")).unwrap();
    start_with(root, &config, arguments)
}

/// Starts it with another configuration, which is moved likewise.
fn start_with(root: &Path, config: &str, arguments: &[&str]) -> Running {
    let here = root.to_str().unwrap();
    let moved = config
        .replace("\"/etc/", &format!("\"{here}/etc/"))
        .replace("\"/usr/", &format!("\"{here}/usr/"))
        .replace("\"/var/", &format!("\"{here}/var/"))
        .replace("\"/run/", &format!("\"{here}/run/"));
    assert_ne!(moved, config);
    let file = root.join("moved.toml");
    fs::write(&file, moved).unwrap();
    for folder in ["var/lib/op-listener/audit-log", "run/op-listener"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let mut command = Command::new(root.join("usr/bin/op-listener"));
    command.args(arguments).arg("--config").arg(file);
    op_listener_tests::start(&mut command)
}

/// The program, its plugin, its verifier and its configuration, put together.
fn works(root: &Path) {
    let checked = start(root, &["config", "check"]).finish();
    assert_eq!(checked.code(), Some(0), "{}", checked.stderr);
    let mut running = start(root, &["run"]);
    running.wait_for("[OPL0501]");
    let socket = root.join("run/op-listener/events.sock");
    let answer = Client::connect(&Door::Unix(socket)).post(&id_token("e1"));
    assert_eq!(answer.status, 204);
    let process = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let ran = running.finish();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    for code in ["[OP0211]", "[OP0213]", "[OP0215]"] {
        let loaded = |enabled: bool| {
            let ends = format!(" enabled={enabled}");
            let lines = ran.stderr.lines().filter(|line| line.contains(code));
            lines.filter(|line| line.ends_with(&ends)).count()
        };
        // The audit log is configured, the others are off until they are.
        assert_eq!((loaded(true), loaded(false)), (1, 2), "{}", ran.stderr);
    }
    let log = root.join("var/lib/op-listener/audit-log/audit.ndjson");
    assert!(fs::read_to_string(&log).unwrap().contains("\"e1\""));
    let verify = root.join("usr/bin/op-listener-audit-verify");
    let verified = op_listener_tests::start(Command::new(verify).arg(log)).finish();
    assert_eq!(verified.code(), Some(0), "{}", verified.stderr);
}

#[test]
fn what_is_installed_runs_from_there() {
    let dir = installed();
    for (file, mode) in files(dir.path()) {
        let program = file.starts_with("usr/bin/");
        assert_eq!(mode, if program { 0o755 } else { 0o644 }, "{file}");
    }
    works(dir.path());
}

/// The program that is installed says this of the plugins that are.
#[test]
fn the_plugins_that_are_installed_load_and_conform() {
    let dir = installed();
    let program = dir.path().join("usr/bin/op-listener");
    let plugins = dir.path().join("usr/lib/op-listener/plugins");
    let mut list = Command::new(&program);
    let listed = op_listener_tests::start(list.args(["list", "--json"]).arg(&plugins)).finish();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let listed = listed.as_array().unwrap();
    let files: Vec<_> = listed.iter().map(|plugin| &plugin["file"]).collect();
    assert_eq!(files, PLUGINS);
    for plugin in listed {
        assert_eq!(plugin["loads"], true, "{plugin}");
        let spis = plugin["listeners"].as_array().unwrap().iter();
        let spis: BTreeSet<_> = spis.map(|listener| listener["spi"].to_string()).collect();
        assert_eq!(spis.len(), 3, "{plugin}");
    }
    // All checks of them are made elsewhere (`conformance`).
    let mut check = Command::new(program);
    check
        .arg("check")
        .args(PLUGINS.map(|file| plugins.join(file)));
    for one in ["interface-minimum", "panic-strategy", "loads", "init"] {
        check.args(["--only", one]);
    }
    let checked = op_listener_tests::start(&mut check).finish();
    assert_eq!(
        checked.code(),
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    assert_eq!(
        checked.stdout.matches("conforms: ").count(),
        3,
        "{}",
        checked.stdout
    );
}

/// What the configuration shows as an example is one: with nothing but the marks taken away all three
/// plugins are in force.
#[test]
fn what_is_commented_out_of_the_configuration_can_be_put_into_force() {
    let dir = installed();
    let root = dir.path();
    let config = read("config.toml");
    let lines: Vec<_> = config
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
            _ => line,
        })
        .collect();
    let all = lines.join("\n");
    for plugin in ["audit-log", "set-push", "sqs"] {
        let entry = format!("\n[[listener]]\nplugin = \"{plugin}\"\n");
        assert!(all.contains(&entry), "{all}");
    }
    fs::write(root.join("etc/op-listener/receiver-token"), "Bearer x\n").unwrap();
    let mut keys = Command::new(root.join("usr/bin/op-listener"));
    // Beside the configuration, which is moved here.
    keys.args(["keys", "generate", "--out"])
        .arg(root.join("keys.json"));
    assert_eq!(op_listener_tests::start(&mut keys).finish().code(), Some(0));
    let checked = start_with(root, &all, &["config", "check"]).finish();
    assert_eq!(checked.code(), Some(0), "{}", checked.stderr);
    let mut running = start_with(root, &all, &["run"]);
    running.wait_for("[OPL0501]");
    // Nothing is pushed, so that nothing is sent anywhere.
    let process = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let ran = running.finish();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert_eq!(
        ran.stderr.matches(" enabled=true").count(),
        9,
        "{}",
        ran.stderr
    );
}

#[test]
fn the_debian_package_has_what_install_lays_out_and_runs_from_there() {
    let Some(dir) = unpacked("the Debian package") else {
        return;
    };
    let control = dir.path().join("DEBIAN");
    let text = |name: &str| fs::read_to_string(control.join(name)).unwrap();
    assert!(text("control").contains("Package: op-listener\n"));
    // Found by looking into the binaries.
    assert!(
        text("control").contains("libc6 (>= "),
        "{}",
        text("control")
    );
    assert_eq!(text("conffiles"), "/etc/op-listener/config.toml\n");
    assert!(
        text("postinst").contains("systemd-sysusers"),
        "{}",
        text("postinst")
    );
    assert!(
        text("prerm").contains("stop op-listener.service"),
        "{}",
        text("prerm")
    );
    // A service that has no issuer and no provider yet is for the operator to start.
    assert!(
        text("postinst").contains("was-enabled"),
        "{}",
        text("postinst")
    );
    for script in ["postinst", "prerm", "postrm"] {
        assert!(!text(script).contains("#DEBHELPER#"), "{script}");
        output_of(Command::new("sh").arg("-n").arg(control.join(script))).unwrap();
    }
    fs::remove_dir_all(&control).unwrap();

    let in_package: BTreeMap<_, _> = files(dir.path())
        .into_iter()
        .map(|(name, mode)| (name.trim_end_matches(".gz").to_owned(), mode))
        .collect();
    assert_eq!(in_package, files(installed().path()));
    works(dir.path());
}

#[test]
fn pages_in_the_package_are_compressed_and_readable() {
    const TEST: &str = "pages of the Debian package";
    if or_say(TEST, on_this_machine("mandoc", "/dev/null")).is_none() {
        return;
    }
    let Some(dir) = unpacked(TEST) else {
        return;
    };
    let page = dir.path().join("usr/share/man/man1/op-listener-run.1.gz");
    let read = output_of(Command::new("mandoc").args(["-T", "ascii"]).arg(page)).unwrap();
    assert!(read.contains("OP-LISTENER-RUN(1)"), "{read}");
}

/// The service takes events as soon as the host has a socket to take them from.
#[test]
fn the_configuration_names_the_socket_if_the_host_serves_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("plugins")).unwrap();
    let file = dir.path().join("probe.toml");
    fs::write(&file, "[intake]\nunix = \"events.sock\"\n").unwrap();
    let mut command = Command::new(host_binary());
    command.args(["config", "check", "--config"]).arg(file);
    let served = op_listener_tests::start(&mut command).finish().code() == Some(0);
    let config = read("config.toml");
    let line = "\nunix = \"/run/op-listener/events.sock\"\n";
    assert_eq!(
        config.contains(line),
        served,
        "take the `#` away, or put it there"
    );
}

#[test]
fn the_scripts_are_for_any_shell() {
    for script in ["install.sh", "generate.sh", "deb.sh"] {
        assert!(read(script).starts_with("#!/bin/sh\n"));
        output_of(Command::new("sh").arg("-n").arg(dist(script))).unwrap();
    }
    assert!(repository().join("host/dist/README.md").is_file());
}
