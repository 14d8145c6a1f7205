//! PEM files that are refused, by the words that an operator reads.

use super::*;

#[test]
fn pem_keys_of_other_types_are_named() {
    for (file, what) in [
        ("p384-pkcs8.pem", "PEM block 1 (PRIVATE KEY), EC P-384"),
        (
            "rsa-pss-2048.pem",
            "PEM block 1 (PRIVATE KEY), RSASSA-PSS (a plain RSA key serves PS256)",
        ),
        (
            "x25519-pkcs8.pem",
            "PEM block 1 (PRIVATE KEY), of the unknown type 1.3.101.110",
        ),
    ] {
        let text = refusal(key_text(file), Algorithm::Es256);
        assert!(text.contains(&format!("here are: {what}: add")), "{text}");
    }
}

#[test]
fn an_encrypted_pem() {
    for (file, label) in [
        ("rsa-2048-encrypted-pkcs8.pem", "ENCRYPTED PRIVATE KEY"),
        ("rsa-2048-encrypted-pkcs1.pem", "RSA PRIVATE KEY"),
    ] {
        assert_eq!(
            refusal(key_text(file), Algorithm::Rs256),
            format!(
                "PEM block 1 ({label}): encrypted with a passphrase, which the host has no way to ask for: decrypt it (`openssl pkey -in FILE -out NEW`) and protect the file by its permissions"
            )
        );
    }
}

#[test]
fn a_broken_pem() {
    let good = key_text("ed25519-pkcs8.pem");
    let cut = good.split("-----END").next().unwrap();
    let mangled = good.replace("MC4C", "M!4C");
    let start = good.replace("BEGIN PRIVATE KEY-----", "BEGIN PRIVATE KEY");
    for (text, detail) in [
        (cut, "a block without its END line"),
        (&mangled, "a block that is not base64"),
        (&start, "a BEGIN line cut short"),
    ] {
        assert_eq!(
            refusal(text, Algorithm::EdDsa),
            format!("PEM block 1 (PRIVATE KEY): broken PEM, {detail}: restore the file")
        );
    }
    let said = "the content of the PEM block is not the key that its label promises: restore it, or export it again";
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "PUBLIC KEY",
    ] {
        let text = format!("-----BEGIN {label}-----\nMAMCAQA=\n-----END {label}-----\n");
        assert_eq!(
            refusal(text, Algorithm::EdDsa),
            format!("PEM block 1 ({label}): {said}")
        );
    }
}

#[test]
fn an_inconsistent_rsa_key_in_pem() {
    use base64::engine::general_purpose::STANDARD;
    let pem = key_text("rsa-2048-pkcs1.pem");
    let body: String = pem
        .lines()
        .filter(|line| !line.contains(['-', ' ']))
        .collect();
    let mut der = STANDARD.decode(body).unwrap();
    // The last integer is the CRT coefficient.
    *der.last_mut().unwrap() ^= 2;
    let body = STANDARD.encode(der);
    let text = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n");
    let text = refusal(text, Algorithm::Rs256);
    assert!(
        text.contains("the parts of the key do not belong together"),
        "{text}"
    );
}
