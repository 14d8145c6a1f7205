//! A case: a folder with the events that the real binary read, the tokens that a listener made of
//! them, and the public keys; what the verifiers in `verify/` are given. How many tokens there must
//! be is known from the events alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::build::{AUDIT_LOG, HOST, SET_LISTENER};
use crate::keys::Keys;

/// The claims that go into the SETs. Of `vault` two events of `events.ndjson` have a token in it.
const CLAIMS: [&str; 10] = [
    "sub",
    "iat",
    "email",
    "acr",
    "amr",
    "auth_time",
    "large",
    "preferred_username",
    "https://claims.example.com/roles",
    "vault",
];

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) algorithm: &'static str,
    pub(crate) folder: PathBuf,
    pub(crate) expected: Expected,
    /// What the listener noted.
    pub(crate) notes: Vec<Value>,
}

/// How many tokens must have been made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Security Event Tokens.
    pub(crate) sets: usize,
    /// ID tokens and access tokens.
    pub(crate) plain: usize,
    /// SETs that were not made, since there would be a token inside.
    pub(crate) refused: usize,
}

impl Expected {
    /// Of `set-listener`.
    fn of(events: &[Value]) -> Self {
        let mut expected = Self::default();
        for event in events {
            let claims = event.get("claims").or(event.get("id_token_claims"));
            let claim = |name| claims.and_then(|claims| claims.get(name));
            // With `iss_sub`, `opaque` and `account`, with `email` where there is one, and later.
            let sets = 4 + usize::from(claim("email").is_some());
            match claim("vault") {
                None => expected.sets += sets,
                Some(_) => expected.refused += sets,
            }
            // An ID token and an access token, and an ID token later.
            expected.plain += 3;
        }
        expected
    }
}

/// What a case is made of.
pub(crate) struct Stage<'a> {
    /// An empty folder.
    pub(crate) folder: &'a Path,
    pub(crate) algorithm: &'static str,
    pub(crate) keys: &'a Keys,
    /// The receivers of the SETs.
    pub(crate) audience: &'a [&'a str],
    /// Files of events.
    pub(crate) events: &'a [PathBuf],
}

impl Case {
    /// What `set-listener` signs.
    pub(crate) fn of_set_listener(stage: &Stage<'_>) -> Self {
        let events = stage.lay(&SET_LISTENER, &json!(CLAIMS));
        stage.run(|notes| {
            format!(
                "plugin = \"set-listener\"\n\
                 [listener.config]\n\
                 path = \"{notes}.ndjson\"\n\
                 audience = {}\n\
                 claims = {}\n\
                 sub_id = [\"iss_sub\", \"opaque\", \"email\", \"account\"]\n",
                json!(stage.audience),
                json!(CLAIMS),
            )
        });
        stage.case(Expected::of(&events))
    }

    /// The SETs in the records of the audit log, which hold no claims.
    pub(crate) fn of_audit_log(stage: &Stage<'_>) -> Self {
        let events = stage.lay(&AUDIT_LOG, &Value::Null);
        stage.run(|notes| {
            format!(
                "plugin = \"audit-log\"\n\
                 [listener.config]\n\
                 path = \"{notes}.audit\"\n\
                 set = {{ audience = {} }}\n",
                json!(stage.audience),
            )
        });
        for notes in ["tokens", "impostor"] {
            let records = read_lines(&stage.folder.join(notes).with_extension("audit"));
            let noted = records.iter().map(|record| {
                let id = &record["event"]["id"];
                let set = &record["set"];
                let note = json!({
                    "id": id,
                    "made": "set",
                    "sub_id": "iss_sub",
                    "later": false,
                    "token": set,
                });
                format!("{note}\n")
            });
            let noted: String = noted.collect();
            fs::write(stage.folder.join(notes).with_extension("ndjson"), noted).unwrap();
        }
        stage.case(Expected {
            sets: events.len(),
            ..Expected::default()
        })
    }
}

impl Stage<'_> {
    /// Lays out what the host and the verifiers read, and gives the events.
    fn lay(&self, plugin: &Path, claims: &Value) -> Vec<Value> {
        let file = self.folder.join("events.ndjson");
        write_together(&file, self.events);
        fs::write(self.folder.join("jwks.json"), &self.keys.public_set).unwrap();
        let spec = json!({
            "algorithm": self.algorithm,
            "kid": self.keys.kid,
            "other_kid": self.keys.other_kid,
            "audience": self.audience,
            "claims": claims,
        });
        fs::write(self.folder.join("case.json"), spec.to_string()).unwrap();
        add_plugin(self.folder, plugin);
        read_lines(&file)
    }

    /// Runs the host, with the listener that `entry` configures for a file of notes of that name;
    /// before that with the impostor's key.
    fn run(&self, entry: impl Fn(&str) -> String) {
        let Keys { kid, .. } = self.keys;
        for (notes, keys) in [
            ("impostor", &self.keys.impostor),
            ("tokens", &self.keys.file),
        ] {
            // JSON's strings and arrays of strings are TOML's as well.
            let config = format!(
                "signing = {{ keys = {keys}, algorithm = {algorithm:?}, kid = {kid:?} }}\n\
                 [[listener]]\n{entry}",
                keys = json!(keys),
                algorithm = self.algorithm,
                entry = entry(notes),
            );
            let log = run_host(self.folder, notes, &config);
            assert!(!log.contains(" ERROR "), "{log}");
        }
    }

    fn case(&self, expected: Expected) -> Case {
        let name = self.folder.file_name().expect("it is no root");
        Case {
            name: name.to_string_lossy().into_owned(),
            algorithm: self.algorithm,
            folder: self.folder.to_owned(),
            expected,
            notes: read_lines(&self.folder.join("tokens.ndjson")),
        }
    }
}

/// An empty folder of that name for a case.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("peers")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Puts a library into the folder's plugin directory.
pub(crate) fn add_plugin(folder: &Path, library: &Path) {
    let plugins = folder.join("plugins");
    fs::create_dir_all(&plugins).unwrap();
    fs::copy(library, plugins.join(library.file_name().unwrap())).unwrap();
}

/// Runs `op-listener run` over the folder's `events.ndjson`, every event of which it must take.
/// Gives its log.
pub(crate) fn run_host(folder: &Path, name: &str, config: &str) -> String {
    let file = folder.join(name).with_extension("toml");
    fs::write(&file, config).unwrap();
    let mut run = Command::new(&*HOST);
    run.arg("run").arg("--config").arg(&file);
    run.arg("--events").arg(folder.join("events.ndjson"));
    let done = run.output().unwrap();
    let log = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(0), "{log}");
    log
}

/// Writes several files into one.
pub(crate) fn write_together(into: &Path, files: &[PathBuf]) {
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    fs::write(into, texts.collect::<String>()).unwrap();
}

pub(crate) fn read_lines(file: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}
