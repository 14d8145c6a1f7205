//! Keys that are made here.

use super::*;
use crate::signing::{RsaSize, generate};

#[test]
fn a_new_key_signs_from_the_file_it_was_written_to() {
    for algorithm in Algorithm::ALL {
        let set = generate(algorithm, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        set.write_new(&path).unwrap();
        let (signer, warnings) = Signer::from_file(&path, algorithm, None).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(signer.kid(), set.kid());
        assert_eq!(signer.jwk_set(), set.public_jwk_set());
        assert_eq!(
            public_jwk_set(&path, algorithm).unwrap(),
            set.public_jwk_set()
        );
        verify(&signer.sign(None, CLAIMS).unwrap(), set.public_jwk_set()).unwrap();
        let jwk = &json(set.as_private_json())["keys"][0];
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["alg"], algorithm.name());
    }
}

#[test]
fn an_rsa_key_has_the_size_asked_for() {
    for (size, bits) in [
        (None, 2048),
        (Some(RsaSize::Bits2048), 2048),
        (Some(RsaSize::Bits3072), 3072),
        (Some("4096".parse().unwrap()), 4096),
    ] {
        let set = generate(Algorithm::Ps256, size).unwrap();
        let n = bytes(&json(set.public_jwk_set())["keys"][0]["n"]);
        assert_eq!(n.len() * 8, bits);
        assert!(n[0] >= 0x80, "the top bit is set");
        assert!(signer_of(set.as_private_json(), Algorithm::Ps256).is_ok());
    }
}

#[test]
fn sizes_that_mean_nothing_are_refused() {
    for bits in ["1024", "8192", "2048 ", "big"] {
        let error = bits.parse::<RsaSize>().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("RSA key size '{bits}': use 2048, 3072 or 4096 bits")
        );
    }
    let error = generate(Algorithm::Es256, Some(RsaSize::Bits3072)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a key for ES256 has only one size: leave the size out, or choose RS256 or PS256"
    );
}

#[test]
fn a_file_that_exists_is_never_overwritten() {
    let file = file_of("precious");
    let set = generate(Algorithm::EdDsa, None).unwrap();
    let error = set.write_new(&file.path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "key file {} exists already and was left as it is: choose another name, or move the old file away",
            file.path.display()
        )
    );
    assert_eq!(std::fs::read(&file.path).unwrap(), b"precious");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none/keys.json");
    let set = generate(Algorithm::EdDsa, None).unwrap();
    let error = set.write_new(&path).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("key file {} cannot be written (", path.display())),
        "{text}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_new_file() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let set = generate(Algorithm::EdDsa, None).unwrap();
    set.write_new(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o600);
}
