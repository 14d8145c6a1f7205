//! Signing keys that change while the host runs.

use std::fs;

use op_listener_host::signing::{Algorithm, generate};
use serde_json::Value;

use crate::stage::{Stage, replace, version};

/// A new key set, and the `kid` of its key.
fn new_keys() -> (String, String) {
    let set = generate(Algorithm::Es256, None).unwrap();
    let json = set.as_private_json();
    let parsed: Value = serde_json::from_str(json).unwrap();
    let kid = parsed["keys"][0]["kid"].as_str().unwrap().to_owned();
    (json.to_string(), kid)
}

fn kids(jwk_set: &str) -> Vec<String> {
    let set: Value = serde_json::from_str(jwk_set).unwrap();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| {
        assert!(key.get("d").is_none(), "public alone");
        key["kid"].as_str().unwrap().to_owned()
    })
    .collect()
}

#[test]
fn a_new_key_signs_and_the_old_one_is_known_on() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let file = stage.path("keys.json");
    let config = "[signing]\nkeys = \"keys.json\"\nalgorithm = \"ES256\"\n";
    let (first, second, third) = (new_keys(), new_keys(), new_keys());
    replace(&file, first.0.as_bytes());
    let host = stage.host(config);
    assert_eq!(kids(&host.jwk_set()), std::slice::from_ref(&first.1));
    host.reload(stage.config(config)).unwrap();
    assert_eq!(
        kids(&host.jwk_set()),
        std::slice::from_ref(&first.1),
        "nothing is new"
    );

    replace(&file, second.0.as_bytes());
    host.reload(stage.config(config)).unwrap();
    let both = [second.1.clone(), first.1];
    assert_eq!(kids(&host.jwk_set()), both);

    // What cannot be used leaves what was.
    for broken in ["", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\"}]}"] {
        replace(&file, broken.as_bytes());
        host.reload(stage.config(config)).unwrap();
        assert_eq!(kids(&host.jwk_set()), both, "{broken}");
    }
    fs::remove_file(&file).unwrap();
    host.reload(stage.config(config)).unwrap();
    assert_eq!(kids(&host.jwk_set()), both);

    replace(&file, third.0.as_bytes());
    let forgetful = format!("{config}retire_after = 0\n");
    host.reload(stage.config(&forgetful)).unwrap();
    let known = kids(&host.jwk_set());
    assert_eq!(known[0], third.1);
    assert!(!known.contains(&second.1), "not to be known any more");
}

#[test]
fn a_key_that_the_host_made_itself_lives_on() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let host = stage.host("");
    let before = host.jwk_set();
    host.reload(stage.config("")).unwrap();
    assert_eq!(host.jwk_set(), before);
    host.reload(stage.config("[signing]\nalgorithm = \"EdDSA\""))
        .unwrap();
    assert_eq!(
        kids(&host.jwk_set()).len(),
        2,
        "another algorithm needs another key"
    );
}
