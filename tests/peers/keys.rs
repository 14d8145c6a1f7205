//! Key files as operators have them, made by `op-listener keys generate` and by `openssl`, and what
//! `op-listener keys jwks` publishes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::build::HOST;

pub(crate) const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// The keys of a case.
pub(crate) struct Keys {
    /// What the host signs with: two keys, as during a rotation.
    pub(crate) file: PathBuf,
    /// The key that signs.
    pub(crate) kid: String,
    /// The one beside it.
    pub(crate) other_kid: String,
    /// A file with a third key, under the kid of the one that signs.
    pub(crate) impostor: PathBuf,
    /// What the host publishes of `file`.
    pub(crate) public_set: String,
}

/// A JWK set. The second key signs, so the configuration has to choose it.
pub(crate) fn jwk_set(folder: &Path, algorithm: &str) -> Keys {
    let [other, signing] = [(); 2].map(|()| generate(algorithm));
    let file = folder.join("keys.json");
    fs::write(&file, json!({"keys": [other, signing]}).to_string()).unwrap();
    published(folder, file, algorithm, 1)
}

/// PEM blocks, the first of which signs.
pub(crate) fn pem(folder: &Path, algorithm: &str) -> Keys {
    let options: &[&str] = match algorithm {
        "ES256" => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "EdDSA" => &["ED25519"],
        _ => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    };
    let block = || {
        output(
            Command::new("openssl")
                .args(["genpkey", "-algorithm"])
                .args(options),
        )
    };
    let file = folder.join("keys.pem");
    fs::write(&file, block() + &block()).unwrap();
    published(folder, file, algorithm, 0)
}

fn published(folder: &Path, file: PathBuf, algorithm: &str, signing: usize) -> Keys {
    let mut command = Command::new(&*HOST);
    command
        .args(["keys", "jwks", "--algorithm", algorithm])
        .arg(&file);
    let public_set = output(&mut command);
    let set: Value = serde_json::from_str(&public_set).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{set}");
    for key in keys {
        assert_eq!(
            (&key["alg"], &key["use"]),
            (&algorithm.into(), &"sig".into())
        );
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "`{private}` is published");
        }
    }
    let kid = |index: usize| keys[index]["kid"].as_str().unwrap().to_owned();
    let mut impostor = generate(algorithm);
    impostor["kid"] = kid(signing).into();
    let impostor_file = folder.join("impostor.json");
    fs::write(&impostor_file, impostor.to_string()).unwrap();
    Keys {
        file,
        kid: kid(signing),
        other_kid: kid(1 - signing),
        impostor: impostor_file,
        public_set,
    }
}

/// A new private JWK.
fn generate(algorithm: &str) -> Value {
    let mut command = Command::new(&*HOST);
    command.args(["keys", "generate", "--algorithm", algorithm]);
    let mut set: Value = serde_json::from_str(&output(&mut command)).unwrap();
    set["keys"][0].take()
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {errors}");
    String::from_utf8(done.stdout).unwrap()
}
