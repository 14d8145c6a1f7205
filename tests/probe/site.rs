//! A directory as an operator lays it out, libraries for it, and the real binary run in it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::{TIME_LIMIT, cargo, host_binary, plugin_dir, repository, work_dir};
use tempfile::TempDir;

/// The bytes of the listener in Rust whose `init` does this.
pub(crate) fn rust_listener(act: &str) -> Vec<u8> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();

    let built = BUILT.get_or_init(|| {
        let target = work_dir();
        let crate_dir = repository().join("tests/probe/listener");
        cargo(&crate_dir, &target, &["build", "--locked"]);
        fs::read(target.join("debug/libop_listener_odd_init.so")).unwrap()
    });
    let mut bytes = built.clone();
    let marker = b"act=well________";
    let at = bytes.windows(marker.len()).position(|here| here == marker);
    let at = at.expect("the marker stands in the library");
    let act = format!("act={act:_<12}");
    bytes[at..at + marker.len()].copy_from_slice(act.as_bytes());
    bytes
}

/// A directory with plugins and a configuration.
pub(crate) struct Site {
    dir: TempDir,
}

/// What a run of the binary came to.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) log: String,
}

impl Outcome {
    /// The one line of the log that names the file of that plugin.
    #[track_caller]
    pub(crate) fn line(&self, id: &str) -> &str {
        let name = format!("/{id}.so\"");
        let mut lines = self.log.lines().filter(|line| line.contains(&name));
        match (lines.next(), lines.next()) {
            (Some(line), None) => line,
            _ => panic!("one line about {id} expected in:\n{}", self.log),
        }
    }
}

impl Site {
    /// With time enough for every probe on a busy machine, and little memory, for tests that run into
    /// that limit; the host goes on without what is refused.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for made in ["plugins", "tmp"] {
            plugin_dir(&dir.path().join(made));
        }
        let site = Self { dir };
        site.configure("probe_timeout_ms = 60000\nprobe_memory_mb = 256");
        site
    }

    /// Leaves a probe little time, for tests that run into that limit. What is to pass in a busy machine
    /// too has to be known by then.
    pub(crate) fn hurry(&self) {
        self.configure("probe_timeout_ms = 2500\nprobe_memory_mb = 256");
    }

    /// Writes the configuration, with these keys in `[plugins]`.
    pub(crate) fn configure(&self, plugins: &str) {
        let toml = format!(
            "issuer = \"https://op.example.com\"\n[plugins]\non_failure = \"skip\"\n{plugins}\n\
             [signing]\nalgorithm = \"EdDSA\"\n"
        );
        fs::write(self.path("op-listener.toml"), toml).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn plugin(&self, id: &str) -> PathBuf {
        self.path(&format!("plugins/{id}.so"))
    }

    /// Compiles `listener.c` into the plugin of that id.
    pub(crate) fn add(&self, id: &str, options: &[&str]) -> PathBuf {
        let file = self.plugin(id);
        let quoted = |name: &str, value: &Path| format!("-D{name}=\"{}\"", value.display());
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let output = Command::new(compiler)
            .args(["-std=gnu11", "-O1", "-shared", "-fPIC", "-w"])
            .arg(quoted("ID", Path::new(id)))
            .arg(quoted("TRACE", &self.path(&format!("{id}.trace"))))
            .arg(quoted("RECORD", &self.path(&format!("{id}.record"))))
            .arg("-o")
            .arg(&file)
            .arg(repository().join("tests/probe/listener.c"))
            .args(options)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        file
    }

    /// A listener with nothing wrong.
    pub(crate) fn add_good(&self) {
        self.add("good", &[]);
    }

    /// The processes in which the constructor of that plugin ran, and those that it forked.
    pub(crate) fn trace(&self, id: &str) -> Vec<u32> {
        let lines = self.lines(&format!("{id}.trace"));
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// The command, with temporary files in a directory of the test's own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(host_binary());
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("TMPDIR", self.path("tmp"))
            .env("SECRET", "hunter2")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Outcome {
        finish(self.command(arguments).spawn().unwrap())
    }

    /// Starts the host, which then waits for events.
    pub(crate) fn start(&self) -> Child {
        let arguments = ["run", "--config", "op-listener.toml"];
        self.command(&arguments).spawn().unwrap()
    }

    /// Runs the host on one event, and checks that the good listener got it.
    pub(crate) fn run(&self) -> Outcome {
        use std::io::Write as _;

        let mut host = self.start();
        let event = r#"{"type":"id_token_issue","id":"e1","client_id":"c","subject":"s","claims":{"sub":"s"}}"#;
        // It does not read where it does not start.
        let _ = writeln!(host.stdin.as_mut().unwrap(), "{event}");
        let outcome = finish(host);
        assert_eq!(outcome.code, Some(0), "{}", outcome.log);
        let record = self.path("good.record");
        assert_eq!(self.lines("good.record"), ["e1"], "{}", outcome.log);
        fs::remove_file(record).unwrap();
        outcome
    }

    /// Runs `op-listener probe` on the plugin of that id.
    pub(crate) fn probe(&self, id: &str, more: &[&str]) -> Outcome {
        let file = format!("plugins/{id}.so");
        let arguments = ["probe", "--config", "op-listener.toml", &file];
        self.call(&[&arguments[..], more].concat())
    }

    /// That a probe left no temporary file.
    #[track_caller]
    pub(crate) fn is_tidy(&self) {
        let left: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Closes the standard input of a process and waits for its end.
pub(crate) fn finish(mut child: Child) -> Outcome {
    drop(child.stdin.take());
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let read = |pipe: &mut dyn Read| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let stdout = thread::spawn(move || read(&mut stdout));
    let stderr = thread::spawn(move || read(&mut stderr));
    let deadline = Instant::now() + TIME_LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it did not end: {}", stderr.join().unwrap());
        }
        thread::sleep(Duration::from_millis(2));
    };
    Outcome {
        code: status.code(),
        stdout: stdout.join().unwrap(),
        log: stderr.join().unwrap(),
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME_LIMIT;
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}
