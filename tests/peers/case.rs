//! A case: a folder with the events that the real binary read, the tokens that its listener made of
//! them, and the public keys; what the verifiers in `verify/` are given. How many tokens there must
//! be is known from the events alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::build::{HOST, SET_LISTENER};
use crate::keys::Keys;

/// The claims that go into the SETs. Of `vault` two events of `events.ndjson` have a token in it.
const CLAIMS: [&str; 9] = [
    "sub",
    "iat",
    "email",
    "acr",
    "amr",
    "auth_time",
    "large",
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

impl Case {
    /// Runs the binary over the files of events in `folder`, and once more with the impostor's key.
    pub(crate) fn run(
        folder: &Path,
        algorithm: &'static str,
        keys: &Keys,
        audience: &[&str],
        events: &[PathBuf],
    ) -> Self {
        let text: String = events
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect();
        fs::write(folder.join("events.ndjson"), &text).unwrap();
        fs::write(folder.join("jwks.json"), &keys.public_set).unwrap();
        let spec = json!({
            "algorithm": algorithm,
            "kid": keys.kid,
            "other_kid": keys.other_kid,
            "audience": audience,
            "claims": CLAIMS,
        });
        fs::write(folder.join("case.json"), spec.to_string()).unwrap();
        let plugins = folder.join("plugins");
        fs::create_dir(&plugins).unwrap();
        fs::copy(
            &*SET_LISTENER,
            plugins.join(SET_LISTENER.file_name().unwrap()),
        )
        .unwrap();
        host(
            folder,
            algorithm,
            &keys.impostor,
            &keys.kid,
            audience,
            "impostor",
        );
        host(folder, algorithm, &keys.file, &keys.kid, audience, "tokens");
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            algorithm,
            folder: folder.to_owned(),
            expected: Expected::of(&lines(&text)),
            notes: lines(&fs::read_to_string(folder.join("tokens.ndjson")).unwrap()),
        }
    }
}

/// `op-listener run`, with the listener's notes in `NOTES.ndjson`.
fn host(folder: &Path, algorithm: &str, keys: &Path, kid: &str, audience: &[&str], notes: &str) {
    // JSON's strings and arrays of strings are TOML's as well.
    let config = format!(
        "signing = {{ keys = {keys}, algorithm = {algorithm:?}, kid = {kid:?} }}\n\
         [[listener]]\n\
         plugin = \"set-listener\"\n\
         required = true\n\
         [listener.config]\n\
         path = \"{notes}.ndjson\"\n\
         audience = {audience}\n\
         claims = {claims}\n\
         sub_id = [\"iss_sub\", \"opaque\", \"email\", \"account\"]\n",
        keys = json!(keys),
        audience = json!(audience),
        claims = json!(CLAIMS),
    );
    let file = folder.join(notes).with_extension("toml");
    fs::write(&file, config).unwrap();
    let mut run = Command::new(&*HOST);
    run.arg("run").arg("--config").arg(&file);
    let done = run
        .arg("--events")
        .arg(folder.join("events.ndjson"))
        .output();
    let done = done.unwrap();
    let log = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{log}");
    assert!(!log.contains(" ERROR "), "{log}");
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
