//! Records of the audit log in the formats that others have specified, `cloudevents` and `ocsf`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use op_listener_tests::peers::or_say;
use serde_json::Value;

use crate::build::AUDIT_LOG;
use crate::case::{add_plugin, new_folder, read_lines, run_host, write_together};
use crate::here;
use crate::install;
use crate::signed_tokens::all_events;

/// Configurations that change what a record holds.
const VARIANTS: [(&str, &str); 4] = [
    ("plain", ""),
    (
        "chosen",
        "claims = [\"sub\", \"iat\"]\nmembers = [\"scope\"]\n",
    ),
    (
        "masked",
        "mask = [\"email\", \"vault\"]\nclaims = [\"sub\", \"exp\", \"iat\", \"acr\"]\n",
    ),
    (
        "signed",
        "set = { audience = [\"a\", \"b\"] }\nclaims = []\nmembers = []\n",
    ),
];

/// The CloudEvents SDK reads each record.
#[test]
fn cloudevents_records_are_cloudevents() {
    let checked = |records| format!("checked {records} CloudEvents records, 0 OCSF records");
    // Without it a record has no kind, and no meaning.
    validate("cloudevents", "type", checked, |record| &record["id"]);
}

/// Each record validates with the OCSF schema of its class and version.
#[test]
fn ocsf_records_are_ocsf_events() {
    let checked = |records| format!("checked 0 CloudEvents records, {records} OCSF records");
    // The schema demands it.
    validate("ocsf", "activity_id", checked, |record| {
        &record["metadata"]["uid"]
    });
}

fn validate(
    format: &str,
    needed: &str,
    checked: impl Fn(usize) -> String,
    id: impl Fn(&Value) -> &Value,
) {
    let Some(python) = or_say(&format!("{format} records"), install::python()) else {
        return;
    };
    for (variant, more) in VARIANTS {
        let folder = new_folder(&format!("{format}-{variant}"));
        write_together(&folder.join("events.ndjson"), &all_events());
        add_plugin(&folder, &AUDIT_LOG);
        let config = format!(
            "signing = {{ algorithm = \"ES256\" }}\n\
             clients = {clients}\n\
             [[listener]]\n\
             plugin = \"audit-log\"\n\
             [listener.config]\n\
             path = \"audit.ndjson\"\n\
             format = {format:?}\n\
             {more}",
            clients = Value::from(here().with_file_name("recording/clients.json").to_str()),
        );
        let log = run_host(&folder, "host", &config);
        assert!(!log.contains(" ERROR "), "{log}");

        let file = folder.join("audit.ndjson");
        let records = read_lines(&file);
        let events = read_lines(&folder.join("events.ndjson"));
        let ids: Vec<_> = events.iter().map(|event| &event["id"]).collect();
        assert_eq!(
            records.iter().map(&id).collect::<Vec<_>>(),
            ids,
            "{variant}"
        );
        let judgement = judge(&python, &file);
        let said = String::from_utf8_lossy(&judgement.stdout).into_owned();
        assert!(judgement.status.success(), "{variant}: {said}");
        let right = checked(events.len()) + ": 0 invalid\n";
        assert_eq!(said, right, "{variant}");

        // The validator does say no.
        let mut spoiled = records[0].clone();
        assert!(spoiled.as_object_mut().unwrap().remove(needed).is_some());
        let file = folder.join("spoiled.ndjson");
        fs::write(&file, format!("{spoiled}\n")).unwrap();
        assert_eq!(judge(&python, &file).status.code(), Some(1), "{variant}");
    }
}

fn judge(python: &Path, records: &Path) -> Output {
    let mut script = Command::new(python);
    // Leaves no compiled files beside the sources.
    script.arg("-B").arg(here().join("audit_formats.py"));
    script.arg(records).output().unwrap()
}
