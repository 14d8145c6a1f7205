//! The signing room from outside: files in, tokens and public sets out. Signatures are verified
//! with what verifiers have, the public JWK set. All keys here are test keys.

mod hostile;
mod new_keys;
mod pem_refusals;
mod refusals;
mod round_trip;
mod vectors;

use std::path::PathBuf;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;

use super::{Algorithm, KeyError, Signer, public_jwk_set};

const CLAIMS: &str = r#"{"iss":"https://op.example.com", "sub":"alice",  "n":1.50e1}"#;

/// A file of `tests/keys`.
fn key_file(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/signing/tests/keys");
    PathBuf::from(folder).join(name)
}

fn key_text(name: &str) -> String {
    std::fs::read_to_string(key_file(name)).unwrap()
}

/// A key file of its own, which goes with the folder.
struct TempFile {
    _folder: TempDir,
    path: PathBuf,
}

fn file_of(text: impl AsRef<[u8]>) -> TempFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, text).unwrap();
    TempFile {
        _folder: folder,
        path,
    }
}

fn signer_of(text: impl AsRef<[u8]>, algorithm: Algorithm) -> Result<Signer, KeyError> {
    Signer::from_file(&file_of(text).path, algorithm, None).map(|(signer, _)| signer)
}

/// What [`Signer::from_file`] says of a text, without the name of the file.
fn refusal(text: impl AsRef<[u8]>, algorithm: Algorithm) -> String {
    let file = file_of(text);
    let error = Signer::from_file(&file.path, algorithm, None).unwrap_err();
    assert_eq!(
        public_error(&file, &error),
        error.to_string(),
        "what is broken is as broken for the public set"
    );
    said(&file, &error)
}

fn said(file: &TempFile, error: &KeyError) -> String {
    let text = error.to_string();
    let start = format!("key file {}", file.path.display());
    let rest = text.strip_prefix(&start).expect("the file is named");
    rest.trim_start_matches([',', ':', ' ']).to_owned()
}

/// The same of [`public_jwk_set`], if it fails too.
fn public_error(file: &TempFile, error: &KeyError) -> String {
    match public_jwk_set(&file.path, Algorithm::Rs256) {
        Err(public) => public.to_string(),
        Ok(_) => error.to_string(),
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// A JWK of a new key, as an object that a test can change.
fn new_jwk(algorithm: Algorithm) -> Value {
    let set = super::generate(algorithm, None).unwrap();
    json(set.as_private_json())["keys"][0].clone()
}

fn set_of(keys: &[Value]) -> String {
    serde_json::json!({ "keys": keys }).to_string()
}

/// `jwk` without its private members.
fn public_half(jwk: &Value) -> Value {
    let mut public = jwk.clone();
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        public.as_object_mut().unwrap().remove(member);
    }
    public
}

/// The kids of a set, in its order.
fn kids(set: &str) -> Vec<String> {
    let set = json(set);
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// Verifies a compact JWS with the one key of the set that its header names, and returns header
/// and payload.
fn verify(jws: &str, public_set: &str) -> Result<(Value, String), &'static str> {
    let [header, payload, signature] = jws.split('.').collect::<Vec<_>>()[..] else {
        return Err("not three parts");
    };
    let [header, payload, signature] =
        [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let header = json(std::str::from_utf8(&header).unwrap());
    let set = json(public_set);
    let keys: Vec<_> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["kid"] == header["kid"])
        .collect();
    let [key] = keys[..] else {
        return Err("not one key of that kid");
    };
    assert_eq!(key["alg"], header["alg"]);
    assert_eq!(key["use"], "sig");
    let message = jws.rsplit_once('.').unwrap().0.as_bytes();
    let algorithm = header["alg"].as_str().unwrap();
    let verified = match (key["kty"].as_str().unwrap(), algorithm) {
        ("RSA", "RS256" | "PS256") => RsaPublicKeyComponents {
            n: bytes(&key["n"]),
            e: bytes(&key["e"]),
        }
        .verify(
            if algorithm == "RS256" {
                &RSA_PKCS1_2048_8192_SHA256
            } else {
                &RSA_PSS_2048_8192_SHA256
            },
            message,
            &signature,
        ),
        ("EC", "ES256") => {
            assert_eq!(key["crv"], "P-256");
            let point = [vec![4], bytes(&key["x"]), bytes(&key["y"])].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &signature)
        }
        ("OKP", "EdDSA") => {
            assert_eq!(key["crv"], "Ed25519");
            UnparsedPublicKey::new(&ED25519, bytes(&key["x"])).verify(message, &signature)
        }
        _ => return Err("a key of another type"),
    };
    verified.map_err(|_| "a wrong signature")?;
    Ok((header, String::from_utf8(payload).unwrap()))
}
