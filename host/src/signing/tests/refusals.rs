//! Every file that is refused, by the words that an operator reads; PEM has a file of its own.

use serde_json::json;

use super::super::generate;
use super::*;

fn jwk_with(algorithm: Algorithm, member: &str, value: Value) -> Value {
    let mut jwk = new_jwk(algorithm);
    jwk["kid"] = json!("a");
    jwk[member] = value;
    jwk
}

#[test]
fn a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let error = Signer::from_file(&path, Algorithm::Rs256, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "key file {} does not exist: correct the path, or make a key with `op-listener keys generate`",
            path.display()
        )
    );
}

#[cfg(unix)]
#[test]
fn an_unreadable_file() {
    // A folder: also root, who may read any file, cannot read it as one.
    let folder = tempfile::tempdir().unwrap();
    let error = Signer::from_file(folder.path(), Algorithm::Rs256, None).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot be read (Is a directory"), "{text}");
    assert!(text.ends_with("or correct the path"), "{text}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_file_too_large_for_keys() {
    assert_eq!(
        refusal(vec![b' '; 1024 * 1024 + 1], Algorithm::Rs256),
        "larger than 1024 KiB, so no key file: correct the path"
    );
}

#[test]
fn neither_jwk_nor_pem() {
    let der = std::fs::read(key_file("ed25519.der")).unwrap();
    for text in [&b""[..], b" \n", b"hello", &der, b"c2VjcmV0"] {
        assert_eq!(
            refusal(text, Algorithm::EdDsa),
            "neither a JWK set (RFC 7517) nor PEM (RFC 7468): correct the path, or turn the key into PEM (from DER: `openssl pkey -inform DER -in FILE`)"
        );
    }
    for text in ["{}", "[]", r#"{"d":"c2VjcmV0"}"#, "[{\"kty\":\"RSA\"}]"] {
        assert_eq!(
            refusal(text, Algorithm::EdDsa),
            "JSON, but neither a JWK set (an object with the array 'keys') nor a JWK (an object with 'kty'): correct the path, or write the key as RFC 7517 has it"
        );
    }
}

#[test]
fn broken_json() {
    assert_eq!(
        refusal("{\"keys\":\n [{\"d\":\"c2VjcmV0\" oops]}", Algorithm::EdDsa),
        "not valid JSON at line 2, column 19: correct it there, or restore the file"
    );
    assert_eq!(
        refusal(r#"{"keys":{"d":"c2VjcmV0"}}"#, Algorithm::EdDsa),
        "'keys' must be an array of keys: correct it, or export the key again"
    );
    assert_eq!(
        refusal(r#"{"keys":["c2VjcmV0"]}"#, Algorithm::EdDsa),
        "key 1: 'keys' must be an array of objects: correct it, or export the key again"
    );
    assert_eq!(
        refusal(
            r#"{"kty":"OKP","d":"c2VjcmV0","d":"c2VjcmV1"}"#,
            Algorithm::EdDsa
        ),
        "key 1: duplicate field `d`: leave one of the two out"
    );
}

#[test]
fn a_1024_bit_rsa_key_in_every_format() {
    let said = "an RSA key of 1024 bits; RFC 7518 section 3.3 asks for 2048 or more: make a new key with `op-listener keys generate`";
    let jwk = json(&key_text("rsa-1024.json"));
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        for (text, place) in [
            (jwk.to_string(), "key 1"),
            (public_half(&jwk).to_string(), "key 1"),
            (key_text("rsa-1024-pkcs8.pem"), "PEM block 1 (PRIVATE KEY)"),
            (
                key_text("rsa-1024-pkcs1.pem"),
                "PEM block 1 (RSA PRIVATE KEY)",
            ),
        ] {
            assert_eq!(refusal(text, algorithm), format!("{place}: {said}"));
        }
    }
}

#[test]
fn an_rsa_modulus_of_2047_bits_or_more_than_8192() {
    let mut jwk = public_half(&jwk_with(Algorithm::Rs256, "kid", json!("a")));
    let mut n = bytes(&jwk["n"]);
    n[0] = 0x7f;
    jwk["n"] = json!(URL_SAFE_NO_PAD.encode(&n));
    assert!(refusal(jwk.to_string(), Algorithm::Rs256).contains("an RSA key of 2047 bits;"));
    jwk["n"] = json!(URL_SAFE_NO_PAD.encode([vec![1], vec![0xff; 1024]].concat()));
    assert_eq!(
        refusal(jwk.to_string(), Algorithm::Rs256),
        "key 1 (kid 'a'): an RSA key of 8193 bits; at most 8192 can be used: make a new key with `op-listener keys generate`"
    );
}

#[test]
fn a_weak_key_beside_a_good_one() {
    let keys = [new_jwk(Algorithm::Rs256), json(&key_text("rsa-1024.json"))];
    let text = refusal(set_of(&keys), Algorithm::Rs256);
    assert!(
        text.starts_with("key 2: an RSA key of 1024 bits;"),
        "{text}"
    );
}

#[test]
fn public_keys_only() {
    let rsa = public_half(&jwk_with(Algorithm::Rs256, "kid", json!("a")));
    let text = set_of(&[
        rsa,
        public_half(&jwk_with(Algorithm::Es256, "kid", json!("b"))),
    ]);
    assert_eq!(
        refusal(text, Algorithm::Rs256),
        "only public keys, and signing needs a private one; here are: key 1 (kid 'a'), RSA, public only, only for RS256; key 2 (kid 'b'), EC P-256, public only, only for ES256: name the file that holds the private key"
    );
    assert_eq!(
        refusal(key_text("ed25519-public.pem"), Algorithm::EdDsa),
        "only public keys, and signing needs a private one; here are: PEM block 1 (PUBLIC KEY), OKP Ed25519, public only: name the file that holds the private key"
    );
}

#[test]
fn no_key_that_fits() {
    let mut keeps_from_signing = jwk_with(Algorithm::EdDsa, "key_ops", json!(["verify"]));
    keeps_from_signing["kid"] = json!("b");
    let text = set_of(&[
        jwk_with(Algorithm::Es256, "kid", json!("a")),
        keeps_from_signing,
        json!({"kty": "EC", "crv": "P-384", "kid": "c\n"}),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!({"kty": "RSA", "use": "enc"}),
        json!({"kty": "RSA", "alg": "RS512"}),
        json!({"kty": "OKP", "crv": "Ed25519", "key_ops": ["deriveKey"]}),
        json!({"kty": "AKP"}),
    ]);
    assert_eq!(
        refusal(text, Algorithm::EdDsa),
        "no private key that can sign EdDSA, which needs type OKP Ed25519; here are: key 1 (kid 'a'), EC P-256, private, only for ES256; key 2 (kid 'b'), OKP Ed25519, private, but 'key_ops' has no 'sign', only for EdDSA; key 3 (kid 'c\\n'), EC P-384; key 4, symmetric (oct); key 5, RSA, for the use 'enc'; key 6, RSA, for the algorithm 'RS512'; key 7, OKP Ed25519, with 'key_ops' that are not for signatures; key 8, of the unknown type 'AKP': add a key with `op-listener keys generate`, or choose another algorithm"
    );
    // One key serves one of the two RSA algorithms when it says so.
    let text = refusal(new_jwk(Algorithm::Ps256).to_string(), Algorithm::Rs256);
    assert!(text.contains("RSA, private, only for PS256"), "{text}");
}

#[test]
fn a_set_without_keys_for_signatures() {
    let file = file_of(r#"{"keys":[]}"#);
    let error = Signer::from_file(&file.path, Algorithm::Rs256, None).unwrap_err();
    let wanted = "no key for signatures with RS256, PS256, ES256, EdDSA; here are: no keys at all: add one with `op-listener keys generate`";
    assert_eq!(said(&file, &error), wanted);
    let file = file_of(key_text("p384-sec1.pem"));
    let error = public_jwk_set(&file.path, Algorithm::Es256).unwrap_err();
    let wanted = "no key for signatures with RS256, PS256, ES256, EdDSA; here are: PEM block 1 (EC PARAMETERS), no key; PEM block 2 (EC PRIVATE KEY), EC P-384: add one with `op-listener keys generate`";
    assert_eq!(said(&file, &error), wanted);
}

#[test]
fn two_keys_with_one_kid() {
    let rsa = jwk_with(Algorithm::Rs256, "kid", json!("same"));
    let ec = jwk_with(Algorithm::Es256, "kid", json!("same"));
    assert_eq!(
        refusal(set_of(&[rsa.clone(), ec]), Algorithm::Rs256),
        "key 2 (kid 'same'): the same kid as key 1 (kid 'same'), so verifiers cannot tell the two apart (RFC 7517 section 4.5): give one of them another kid, or remove it"
    );
    // A key without kid has its thumbprint for one.
    let mut bare = new_jwk(Algorithm::Es256);
    bare.as_object_mut().unwrap().remove("kid");
    let text = refusal(set_of(&[bare.clone(), bare]), Algorithm::Es256);
    assert!(text.starts_with("key 2: the same kid as key 1,"), "{text}");
}

#[test]
fn an_rsa_private_key_without_crt_members() {
    let mut jwk = jwk_with(Algorithm::Rs256, "kid", json!("a"));
    for member in ["dp", "dq", "qi"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(
        refusal(jwk.to_string(), Algorithm::Rs256),
        "key 1 (kid 'a'): an RSA private key without 'dp', 'dq', 'qi': export it again with all of p, q, dp, dq and qi (RFC 7518 section 6.3.2), or make a new key with `op-listener keys generate`"
    );
    jwk["oth"] = json!([]);
    assert_eq!(
        refusal(jwk.to_string(), Algorithm::Rs256),
        "key 1 (kid 'a'): an RSA key of more than two primes ('oth'), which cannot be used: make a new key with `op-listener keys generate`"
    );
}

#[test]
fn members_that_are_missing_or_of_a_wrong_form() {
    let without = |algorithm, members: &[&str]| {
        let mut jwk = jwk_with(algorithm, "kid", json!("a"));
        for member in members {
            jwk.as_object_mut().unwrap().remove(*member);
        }
        refusal(jwk.to_string(), algorithm)
    };
    let missing =
        |members| format!("key 1 (kid 'a'): {members} missing: export the key again, whole");
    assert_eq!(without(Algorithm::Rs256, &["n", "e"]), missing("'n', 'e'"));
    assert_eq!(without(Algorithm::Rs256, &["d"]), missing("'d'"));
    assert_eq!(without(Algorithm::Es256, &["crv"]), missing("'crv'"));
    assert_eq!(without(Algorithm::Es256, &["y"]), missing("'y'"));
    assert_eq!(without(Algorithm::EdDsa, &["x"]), missing("'x'"));
    for (member, value, expected) in [
        (
            "kid",
            json!(""),
            "key 1: 'kid' must be a string that is not empty, or absent",
        ),
        ("kid", json!(7), "key 1: 'kid' must be a string"),
        (
            "kty",
            json!(["EC"]),
            "key 1 (kid 'a'): 'kty' must be a string",
        ),
        ("d", json!(12345), "key 1 (kid 'a'): 'd' must be a string"),
        (
            "key_ops",
            json!("sign"),
            "key 1 (kid 'a'): 'key_ops' must be an array of strings",
        ),
    ] {
        let jwk = jwk_with(Algorithm::Es256, member, value);
        assert_eq!(
            refusal(jwk.to_string(), Algorithm::Es256),
            format!("{expected}: correct it, or export the key again")
        );
    }
    assert_eq!(
        refusal(r#"{"keys":[{"kid":"a"}]}"#, Algorithm::Es256),
        missing("'kty'")
    );
}

#[test]
fn bad_base64url() {
    for (algorithm, member) in [
        (Algorithm::Rs256, "n"),
        (Algorithm::Rs256, "qi"),
        (Algorithm::Es256, "d"),
        (Algorithm::EdDsa, "x"),
    ] {
        let good = new_jwk(algorithm)[member].as_str().unwrap().to_owned();
        for bad in [
            format!("{good}="),
            format!("+{}", &good[1..]),
            format!(" {good}"),
        ] {
            let jwk = jwk_with(algorithm, member, json!(bad));
            assert_eq!(
                refusal(jwk.to_string(), algorithm),
                format!(
                    "key 1 (kid 'a'): '{member}' is not base64url without padding (RFC 7515 section 2): export the key again as a JWK"
                )
            );
        }
    }
}

#[test]
fn lengths_that_no_such_key_has() {
    for (algorithm, member) in [
        (Algorithm::Es256, "x"),
        (Algorithm::Es256, "d"),
        (Algorithm::EdDsa, "d"),
        (Algorithm::EdDsa, "x"),
    ] {
        for length in [0, 31, 33] {
            let value = json!(URL_SAFE_NO_PAD.encode(vec![1; length]));
            let jwk = jwk_with(algorithm, member, value);
            assert_eq!(
                refusal(jwk.to_string(), algorithm),
                format!(
                    "key 1 (kid 'a'): '{member}' has {length} bytes where a key of this type has 32, leading zeros included: export the key again"
                )
            );
        }
    }
}

#[test]
fn parts_that_do_not_belong_together() {
    let said = "key 1 (kid 'a'): the parts of the key do not belong together, so it is damaged or mixed from two keys: restore it, or export it again";
    for (algorithm, members) in [
        (
            Algorithm::Rs256,
            &["n", "d", "p", "q", "dp", "dq", "qi"][..],
        ),
        (Algorithm::Es256, &["x", "y", "d"]),
        (Algorithm::EdDsa, &["x", "d"]),
    ] {
        let other = new_jwk(algorithm);
        for member in members {
            let jwk = jwk_with(algorithm, member, other[member].clone());
            assert_eq!(refusal(jwk.to_string(), algorithm), said, "{member}");
        }
    }
    for e in ["", "AQ", "Ag", "AQAA"] {
        let jwk = public_half(&jwk_with(Algorithm::Rs256, "e", json!(e)));
        assert_eq!(refusal(jwk.to_string(), Algorithm::Rs256), said, "{e}");
    }
}

#[test]
fn an_alg_that_the_type_cannot_serve() {
    let jwk = jwk_with(Algorithm::Rs256, "alg", json!("ES256"));
    assert_eq!(
        refusal(jwk.to_string(), Algorithm::Rs256),
        "key 1 (kid 'a'): 'alg' is ES256, which a key of type RSA cannot serve: correct 'alg', or leave it out"
    );
}

#[test]
fn a_symmetric_key() {
    let jwk = json!({"kty": "oct", "kid": "hmac", "k": "c2VjcmV0"});
    for text in [jwk.to_string(), set_of(&[jwk])] {
        assert_eq!(
            refusal(text, Algorithm::Rs256),
            "only symmetric keys ('oct'), with which everyone who verifies could also sign: make a key pair with `op-listener keys generate`"
        );
    }
}

#[test]
fn no_refusal_repeats_a_value_of_the_file() {
    let secret = new_jwk(Algorithm::Rs256)["d"].as_str().unwrap().to_owned();
    let start = &secret[..12];
    for text in [
        format!(r#"{{"keys":"{secret}"}}"#),
        format!(r#"{{"keys":["{secret}"]}}"#),
        format!(r#"["{secret}"]"#),
        format!(r#"{{"kty":"RSA","n":"{secret}","e":"AQAB","d":["{secret}"]}}"#),
        format!(r#"{{"kty":"RSA","n":"{secret}","e":"{secret}","d":"{secret}="}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{secret}","d":"{secret}"}}"#),
        format!(r#"{{"kty":"OKP" {secret}"#),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}"),
        secret.clone(),
    ] {
        let file = file_of(&text);
        let error = Signer::from_file(&file.path, Algorithm::Rs256, None).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(start), "{shown}");
    }
}

#[test]
fn the_kid_that_is_asked_for_signs_or_none_does() {
    let first: Value =
        serde_json::from_str(generate(Algorithm::Es256, None).unwrap().as_private_json()).unwrap();
    let second = generate(Algorithm::Es256, None).unwrap();
    let mut set: Value = serde_json::from_str(second.as_private_json()).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.insert(0, first["keys"][0].clone());
    let file = file_of(set.to_string());

    let (signer, _) = Signer::from_file(&file.path, Algorithm::Es256, Some(second.kid())).unwrap();
    assert_eq!(signer.kid(), second.kid());

    let error = Signer::from_file(&file.path, Algorithm::Es256, Some("other")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("no private key with kid \"other\" that can sign ES256"),
        "{text}"
    );
    assert!(text.contains(second.kid()), "{text}");
}
