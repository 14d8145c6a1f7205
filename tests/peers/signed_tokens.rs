//! Security Event Tokens and plain JWTs that a listener makes with the host's signer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use op_listener_tests::peers::{on_this_machine, or_say, say_not_run};

use crate::case::{Case, Expected, Stage, new_folder};
use crate::here;
use crate::install;
use crate::keys::{self, ALGORITHMS};

/// Each algorithm with a JWK set, over the recording of a real provider and events of our own.
static JWK_CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    // All that `aud` can be: a string, an array, not there.
    let audiences: [&[&str]; 4] = [
        &["https://receiver.example.com/events"],
        &["https://receiver.example.com/events", "000123"],
        &[],
        &["000123"],
    ];
    let each = ALGORITHMS.into_iter().zip(audiences);
    let cases = each.map(|(algorithm, audience)| {
        let folder = new_folder(&format!("{algorithm}-jwk"));
        let keys = keys::jwk_set(&folder, algorithm);
        Case::of_set_listener(&Stage {
            folder: &folder,
            algorithm,
            keys: &keys,
            audience,
            events: &all_events(),
        })
    });
    cases.collect()
});

/// Each algorithm with PEM files, over events of our own; none without `openssl`.
static PEM_CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let openssl = on_this_machine("openssl", "version");
    if or_say("signing with PEM keys", openssl).is_none() {
        return Vec::new();
    }
    let cases = ALGORITHMS.into_iter().map(|algorithm| {
        let folder = new_folder(&format!("{algorithm}-pem"));
        let keys = keys::pem(&folder, algorithm);
        Case::of_set_listener(&Stage {
            folder: &folder,
            algorithm,
            keys: &keys,
            audience: &["receiver"],
            events: &[here().join("events.ndjson")],
        })
    });
    cases.collect()
});

/// SETs in records of the audit log.
static AUDIT_LOG_CASE: LazyLock<Case> = LazyLock::new(|| {
    let folder = new_folder("audit-log");
    let keys = keys::jwk_set(&folder, "RS256");
    Case::of_audit_log(&Stage {
        folder: &folder,
        algorithm: "RS256",
        keys: &keys,
        audience: &["https://receiver.example.com/events"],
        events: &all_events(),
    })
});

/// Events of our own, and the recording of a real provider.
pub(crate) fn all_events() -> [PathBuf; 2] {
    let recording = here().with_file_name("recording");
    [
        here().join("events.ndjson"),
        recording.join("events.ndjson"),
    ]
}

/// What `set-listener` signed.
fn set_listener_cases() -> impl Iterator<Item = &'static Case> {
    JWK_CASES.iter().chain(&*PEM_CASES)
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    set_listener_cases().chain([&*AUDIT_LOG_CASE])
}

/// Ways to spoil a token, each of which must be refused: see `verify/tampered.py`.
const TAMPERINGS: usize = 5;

/// A verifier, and what it can be asked.
struct Verifier {
    /// In how many ways it can be asked for an ID token.
    asks: usize,
    /// Whether it can be asked for a SET.
    tells_sets: bool,
}

impl Verifier {
    /// Runs the script over the cases: it ends badly at the first surprise, and counts the rest.
    fn judge<'c>(&self, mut script: Command, cases: impl Iterator<Item = &'c Case>) {
        let mut counts = Vec::new();
        for case in cases {
            script.arg(&case.folder);
            let Expected { sets, plain, .. } = case.expected;
            let verified = sets + plain;
            // The impostor signed as many SETs.
            let refused =
                sets * (self.asks + TAMPERINGS + 1) + plain * usize::from(self.tells_sets);
            let name = &case.name;
            counts.push(format!("{name}: verified {verified}, refused {refused}"));
        }
        let done = script.output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{errors}\n{script:?}");
        let found = String::from_utf8_lossy(&done.stdout);
        assert_eq!(found.lines().collect::<Vec<_>>(), counts, "{errors}");
        assert!(!counts.is_empty(), "there was no case");
    }
}

fn python_script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    // Leaves no compiled files beside the sources.
    command.arg("-B").arg(here().join("verify").join(name));
    command
}

fn judged_by_python(test: &str, script: &str) {
    let verifier = Verifier {
        asks: 2,
        tells_sets: true,
    };
    if let Some(python) = or_say(test, install::python()) {
        verifier.judge(python_script(&python, script), all_cases());
    }
}

#[test]
fn sets_verify_in_pyjwt_and_are_no_id_tokens() {
    judged_by_python("SETs in PyJWT", "with_pyjwt.py");
}

#[test]
fn sets_verify_in_joserfc_and_are_no_id_tokens() {
    judged_by_python("SETs in joserfc", "with_joserfc.py");
}

#[test]
fn sets_verify_in_jwcrypto_and_are_no_id_tokens() {
    judged_by_python("SETs in jwcrypto", "with_jwcrypto.py");
}

#[test]
fn sets_verify_in_npm_jose_and_are_no_id_tokens() {
    let verifier = Verifier {
        asks: 3,
        tells_sets: true,
    };
    let Some(folder) = or_say("SETs in npm's jose", install::node_folder()) else {
        return;
    };
    // Modules are looked for from where the script lies.
    let script = folder.join("with_jose.mjs");
    fs::copy(here().join("verify").join("with_jose.mjs"), &script).unwrap();
    let mut node = Command::new("node");
    node.arg(script);
    verifier.judge(node, all_cases());
}

/// Of the distribution's package `jose`, which nothing here installs: where it is, it has its say.
#[test]
fn sets_verify_with_the_jose_command() {
    const TEST: &str = "SETs with the command `jose`";
    let verifier = Verifier {
        asks: 0,
        tells_sets: false,
    };
    if let Err(why) = on_this_machine("jose", "alg") {
        say_not_run(TEST, &why);
        return;
    }
    // A process for each token takes its time, so it is not for the long recording.
    if PEM_CASES.is_empty() {
        return;
    }
    // It does not know EdDSA.
    let cases = PEM_CASES.iter().filter(|case| case.algorithm != "EdDSA");
    if let Some(python) = or_say(TEST, install::python()) {
        verifier.judge(python_script(&python, "with_jose_command.py"), cases);
    }
}

#[test]
fn a_set_with_a_token_inside_is_never_made() {
    for case in set_listener_cases() {
        let refused = || {
            case.notes
                .iter()
                .filter(|note| note.get("refused").is_some())
        };
        assert!(case.expected.refused > 0);
        assert_eq!(refused().count(), case.expected.refused, "{}", case.name);
        for note in refused() {
            let why = note["refused"].as_str().unwrap();
            assert!(
                why.contains("`claims.vault") && why.contains("holds a token"),
                "{why}"
            );
            assert!(
                !why.contains("opaque-1234") && !why.contains("eyJ"),
                "{why}"
            );
        }
    }
}

#[test]
fn a_signer_that_was_kept_signs_on_another_thread_after_the_call() {
    for case in set_listener_cases() {
        let made = |kind: &str| {
            let later = case.notes.iter().filter(|note| note["later"] == true);
            later
                .filter(|note| note["made"] == kind && note.get("token").is_some())
                .count()
        };
        let events = case.expected.plain / 3;
        assert_eq!(made("jwt"), events, "{}", case.name);
        // That these verify is for the verifiers to say.
        let spoiled = 2;
        assert_eq!(made("set"), events - spoiled, "{}", case.name);
    }
}
