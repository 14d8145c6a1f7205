//! Hosts and listeners of other interface versions: the older one from the copy that is kept, the
//! later one from the tree with each table grown by a field, and broken ones from the tree with a
//! frozen type changed. And a host and a listener of the tree to which the compiler has given other
//! layouts wherever it may choose.

#![allow(clippy::missing_panics_doc, reason = "a test that cannot build fails")]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::building::{cargo, cargo_with, repository, target_dir, work_dir};

/// A text of a source file, and what stands in its place. It occurs once.
type Edit = (&'static str, &'static str, &'static str);

/// The listener that is built against the kept copy of interface 1.0.
pub fn listener_of_interface_1_0() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();

    let built = BUILT.get_or_init(|| {
        let workspace = repository().join("tests/interface-1.0");
        let arguments = ["build", "--locked", "-p", "op-listener-witness"];
        cargo(&workspace, &work_dir(), &arguments);
        library("op_listener_witness")
    });
    built.clone()
}

fn library(name: &str) -> PathBuf {
    work_dir().join(format!("debug/{DLL_PREFIX}{name}{DLL_SUFFIX}"))
}

/// A host and a listener of the next minor version.
#[derive(Debug)]
pub struct Newer {
    /// The host's binary. It logs, for each library, what the fields hold that its tables have
    /// more.
    pub host: PathBuf,
    /// The listener, id `witness-newer`. It logs what the field holds that the host's table has
    /// more.
    pub listener: PathBuf,
}

/// What makes the next minor version of the tree.
const GROWTH: &[Edit] = &[
    (
        "plugin-api/abi/src/plugin.rs",
        "    pub invoke: unsafe extern \"C\" fn(request: u32, input: Text<'_>, output: &mut Buffer) -> Status,\n}",
        "    pub invoke: unsafe extern \"C\" fn(request: u32, input: Text<'_>, output: &mut Buffer) -> Status,\n    /// New.\n    pub new: u32,\n}",
    ),
    (
        "plugin-api/abi/src/plugin.rs",
        "    pub release: unsafe extern \"C\" fn(object: Object, output: &mut Buffer) -> Status,\n}",
        "    pub release: unsafe extern \"C\" fn(object: Object, output: &mut Buffer) -> Status,\n    /// New.\n    pub new: u32,\n}",
    ),
    (
        "plugin-api/abi/src/host.rs",
        "        output: &mut Buffer,\n    ) -> Status,\n}",
        "        output: &mut Buffer,\n    ) -> Status,\n    /// New.\n    pub new: u32,\n}",
    ),
    (
        "plugin-api/src/ffi/plugin.rs",
        "        invoke,\n    };",
        "        invoke,\n        new: 71,\n    };",
    ),
    (
        "plugin-api/src/ffi/table.rs",
        "            release: Self::release,\n",
        "            release: Self::release,\n            new: 72,\n",
    ),
    (
        "plugin-api/src/ffi/plugin.rs",
        "        log::forward_to(HostLink::new(host), level);\n",
        "        log::forward_to(HostLink::new(host), level);\n        tracing::info!(\"new in the host: {:?}\", host.table.new());\n",
    ),
    (
        "host/src/ffi/services.rs",
        "            invoke,\n        });",
        "            invoke,\n            new: 73,\n        });",
    ),
    (
        "host/src/ffi/witness.rs",
        "            invoke,\n        });",
        "            invoke,\n            new: 74,\n        });",
    ),
    (
        "host/src/library/load.rs",
        "    matches_metadata(plugin, metadata)?;\n",
        "    matches_metadata(plugin, metadata)?;\n    tracing::info!(target: \"MAIN\", \"new in the library: {:?}, in its listeners: {:?}\", plugin.new(), plugin.listeners().iter().map(|listener| listener.new()).collect::<Vec<_>>());\n",
    ),
    // Nothing that is built must be taken for the tree's.
    (
        "host/Cargo.toml",
        "[[bin]]\nname = \"op-listener\"\n",
        "[[bin]]\nname = \"op-listener-newer\"\n",
    ),
    NO_DEFAULT_RUN,
];

const NO_DEFAULT_RUN: Edit = ("host/Cargo.toml", "default-run = \"op-listener\"\n", "");

/// The next minor version of the tree's interface.
pub fn later_interface() -> &'static Newer {
    static BUILT: OnceLock<Newer> = OnceLock::new();

    BUILT.get_or_init(|| {
        let dir = derive("newer", WITNESS, &["host"], GROWTH, true);
        let target = target_dir();
        let host = [
            "build",
            "-p",
            "op-listener-host",
            "--bin",
            "op-listener-newer",
        ];
        // Beside the tree's own host, with which it shares its dependencies.
        cargo(&dir, &target, &host);
        let listener = ["build", "-p", "op-listener-witness-newer"];
        cargo(&dir, &work_dir(), &listener);
        Newer {
            host: target.join(format!("debug/op-listener-newer{EXE_SUFFIX}")),
            listener: library("op_listener_witness_newer"),
        }
    })
}

/// A host and a listener whose types the compiler has laid out differently.
#[derive(Debug)]
pub struct Shuffled {
    /// The host's binary.
    pub host: PathBuf,
    /// The puppet.
    pub listener: PathBuf,
}

/// The tree's host and the puppet, in which the fields of all types without a fixed layout stand in
/// an order of chance, in each of the two in another.
pub fn shuffled() -> &'static Shuffled {
    const EDITS: &[Edit] = &[
        (
            "host/Cargo.toml",
            "[[bin]]\nname = \"op-listener\"\n",
            "[[bin]]\nname = \"op-listener-shuffled\"\n",
        ),
        NO_DEFAULT_RUN,
    ];
    static BUILT: OnceLock<Shuffled> = OnceLock::new();

    BUILT.get_or_init(|| {
        let dir = derive("shuffled", PUPPET, &["host"], EDITS, false);
        let target = target_dir();
        let host = [
            "build",
            "-p",
            "op-listener-host",
            "--bin",
            "op-listener-shuffled",
        ];
        build_shuffled(&dir, &target, &host, 11);
        let listener = ["build", "-p", "op-listener-puppet-shuffled"];
        build_shuffled(&dir, &work_dir(), &listener, 22);
        Shuffled {
            host: target.join(format!("debug/op-listener-shuffled{EXE_SUFFIX}")),
            listener: library("op_listener_puppet_shuffled"),
        }
    })
}

/// Builds with a compiler that shuffles the fields of the workspace's own types. The option is
/// unstable, so it is allowed for them alone, and everything else is what is built already.
fn build_shuffled(dir: &Path, target: &Path, arguments: &[&str], seed: u32) {
    let compiler = dir.join(format!("compiler-{seed}"));
    let script = format!(
        "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"$@\" -Zrandomize-layout -Zlayout-seed={seed}\n"
    );
    write(&compiler, script.as_bytes());
    #[cfg(unix)]
    fs::set_permissions(
        &compiler,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("a file of one's own can be made executable");
    let environment = [("RUSTC_WORKSPACE_WRAPPER", &*compiler)];
    cargo_with(dir, target, arguments, &environment);
}

/// A change that the interface must never see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Two fields of the event changed places, with no word of it in the version.
    Order,
    /// A field of the event has another size, in a later minor version.
    Size,
}

impl Changed {
    /// A listener that is built against it.
    pub fn listener(self) -> PathBuf {
        let (name, edits): (_, &[Edit]) = match self {
            Self::Order => (
                "order",
                &[
                    (
                        "plugin-api/abi/src/event.rs",
                        "    pub id: Text<'a>,\n",
                        "    pub PLACE: Text<'a>,\n",
                    ),
                    (
                        "plugin-api/abi/src/event.rs",
                        "    pub txn: Text<'a>,\n",
                        "    pub id: Text<'a>,\n",
                    ),
                    (
                        "plugin-api/abi/src/event.rs",
                        "    pub PLACE: Text<'a>,\n",
                        "    pub txn: Text<'a>,\n",
                    ),
                ],
            ),
            Self::Size => (
                "size",
                &[(
                    "plugin-api/abi/src/event.rs",
                    "    pub schema: u32,\n",
                    "    pub schema: u64,\n",
                )],
            ),
        };
        let dir = derive(name, WITNESS, &[], edits, self == Self::Size);
        let package = format!("op-listener-witness-{name}");
        cargo(&dir, &work_dir(), &["build", "-p", &package]);
        library(&package.replace('-', "_"))
    }
}

/// A listener to be built in another workspace than its own.
#[derive(Clone, Copy)]
struct Listener {
    folder: &'static str,
    package: &'static str,
    /// Lines of its manifest that say nothing there.
    without: &'static [&'static str],
}

const WITNESS: Listener = Listener {
    folder: "tests/interface-1.0/listener",
    package: "op-listener-witness",
    without: &["publish.workspace = true\n"],
};

const PUPPET: Listener = Listener {
    folder: "tests/fixtures/puppet",
    package: "op-listener-puppet",
    without: &["publish.workspace = true\n", "authors.workspace = true\n"],
};

/// Copies the interface and the listener (and more) to a workspace of their own, with the edits.
///
/// They lie in a folder of the workspace that has its name: cargo tells packages in a target
/// directory apart by their paths relative to their workspace.
fn derive(
    name: &str,
    listener: Listener,
    more: &[&str],
    edits: &[Edit],
    next_minor: bool,
) -> PathBuf {
    let workspace = work_dir().join("interfaces").join(name);
    let dir = workspace.join(name);
    let mut copy = Copy {
        dir: &dir,
        edits,
        done: vec![0; edits.len()],
    };
    for part in [&["plugin-api"], more].concat() {
        copy.folder(&repository().join(part), Path::new(part));
    }
    copy.folder(&repository().join(listener.folder), Path::new("listener"));
    for (edit, done) in edits.iter().zip(&copy.done) {
        assert_eq!(*done, 1, "the edit has to be made once: {edit:?}");
    }
    let manifest = dir.join("listener/Cargo.toml");
    replace(
        &manifest,
        &format!("{:?}", listener.package),
        &format!("\"{}-{name}\"", listener.package),
    );
    for line in listener.without {
        replace(&manifest, line, "");
    }
    if next_minor {
        let manifest = dir.join("plugin-api/abi/Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("it was copied");
        let line = text.lines().find(|line| line.starts_with("version = \""));
        let line = line.expect("the interface has a version");
        let [major, minor, _] = line["version = \"".len()..line.len() - 1]
            .split('.')
            .map(|number| number.parse::<u32>().expect("a number"))
            .collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        replace(
            &manifest,
            line,
            &format!("version = \"{major}.{}.0\"", minor + 1),
        );
    }
    let root = fs::read_to_string(repository().join("Cargo.toml")).expect("there is one");
    let members: Vec<_> = ["plugin-api", "plugin-api/abi", "listener"]
        .iter()
        .chain(more)
        .map(|member| format!("\"{name}/{member}\""))
        .collect();
    let root: String = root
        .lines()
        .filter(|line| !line.starts_with("default-members"))
        .map(|line| {
            if line.starts_with("members") {
                format!("members = [{}]\n", members.join(", "))
            } else {
                format!(
                    "{}\n",
                    line.replace("path = \"", &format!("path = \"{name}/"))
                )
            }
        })
        .collect();
    write(&workspace.join("Cargo.toml"), root.as_bytes());
    // Cargo drops from the lock what is not needed, so the tree's own is kept beside it.
    let lock = fs::read(repository().join("Cargo.lock")).expect("there is one");
    let of_tree = workspace.join("of-the-tree.lock");
    if fs::read(&of_tree).ok().as_ref() != Some(&lock) {
        write(&workspace.join("Cargo.lock"), &lock);
        write(&of_tree, &lock);
    }
    workspace
}

/// A copy of folders with edits in them.
struct Copy<'a> {
    dir: &'a Path,
    edits: &'a [Edit],
    done: Vec<usize>,
}

impl Copy<'_> {
    fn folder(&mut self, from: &Path, part: &Path) {
        let to = self.dir.join(part);
        fs::create_dir_all(&to).expect("the target directory can be written to");
        remove_what_is_not_in(from, &to);
        for entry in fs::read_dir(from).expect("it is a folder of the sources") {
            let path = entry.expect("it can be listed").path();
            let name = path.file_name().expect("an entry has a name");
            let part = part.join(name);
            if path.is_dir() {
                self.folder(&path, &part);
            } else {
                self.file(&path, &part);
            }
        }
    }

    fn file(&mut self, from: &Path, part: &Path) {
        let bytes = fs::read(from).expect("sources can be read");
        let Ok(mut text) = String::from_utf8(bytes.clone()) else {
            return write(&self.dir.join(part), &bytes);
        };
        for ((file, old, new), done) in self.edits.iter().zip(&mut self.done) {
            if Path::new(file) == part {
                *done += text.matches(old).count();
                text = text.replace(old, new);
            }
        }
        write(&self.dir.join(part), text.as_bytes());
    }
}

/// What an earlier copy has left behind.
fn remove_what_is_not_in(from: &Path, to: &Path) {
    for entry in fs::read_dir(to).expect("it was made") {
        let path = entry.expect("it can be listed").path();
        let source = from.join(path.file_name().expect("an entry has a name"));
        if source.is_dir() != path.is_dir() || !source.exists() {
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.expect("the target directory can be written to");
        }
    }
}

fn replace(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).expect("it was copied");
    assert_eq!(text.matches(old).count(), 1, "{old:?} in {file:?}");
    write(file, text.replace(old, new).as_bytes());
}

/// Leaves a file alone that is as it should be: what is older than what was built of it is not
/// built again.
fn write(file: &Path, bytes: &[u8]) {
    if fs::read(file).ok().as_deref() != Some(bytes) {
        fs::write(file, bytes).expect("the target directory can be written to");
    }
}
