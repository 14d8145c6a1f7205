//! What is signed verifies, whichever file the key comes from.

use serde_json::json;

use super::*;
use crate::signing::{KeyWarning, SignError};

#[test]
fn every_algorithm_signs_what_its_public_set_verifies() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::ephemeral(algorithm).unwrap();
        let jws = signer.sign(None, CLAIMS).unwrap();
        let (header, payload) = verify(&jws, signer.jwk_set()).unwrap();
        let wanted = json!({"alg": algorithm.name(), "kid": signer.kid(), "typ": "JWT"});
        assert_eq!(header, wanted);
        assert_eq!(payload, CLAIMS, "the bytes given, not a copy re-written");
    }
}

#[test]
fn a_changed_claim_no_longer_verifies() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::ephemeral(algorithm).unwrap();
        let jws = signer.sign(None, CLAIMS).unwrap();
        let forged = URL_SAFE_NO_PAD.encode(CLAIMS.replace("alice", "mallory"));
        let parts: Vec<_> = jws.split('.').collect();
        let forged = [parts[0], &forged, parts[2]].join(".");
        assert_eq!(
            verify(&forged, signer.jwk_set()).unwrap_err(),
            "a wrong signature"
        );
    }
}

#[test]
fn the_header_carries_the_typ_asked_for() {
    let signer = Signer::ephemeral(Algorithm::EdDsa).unwrap();
    for typ in ["secevent+jwt", "at+jwt", "application/example", "JWT"] {
        let jws = signer.sign(Some(typ), CLAIMS).unwrap();
        assert_eq!(verify(&jws, signer.jwk_set()).unwrap().0["typ"], typ);
    }
}

#[test]
fn a_typ_that_is_no_media_type_is_refused() {
    let signer = Signer::ephemeral(Algorithm::EdDsa).unwrap();
    for typ in ["", r#"x","alg":"none"#, "two words", "a\nb", "é"] {
        let error = signer.sign(Some(typ), CLAIMS).unwrap_err();
        assert!(error.to_string().contains("is not a media type"), "{error}");
    }
}

#[test]
fn only_one_json_object_is_signed() {
    let signer = Signer::ephemeral(Algorithm::EdDsa).unwrap();
    let refusal = |claims| signer.sign(None, claims).unwrap_err();
    for text in ["", "  ", "[]", "null", "\"{}\"", "1", "x{}"] {
        assert_eq!(refusal(text), SignError::NotAnObject, "{text}");
    }
    for (text, column) in [("{", 1), ("{} {}", 4), ("{\"a\":}", 6), ("{\"a\":1,}", 8)] {
        assert_eq!(refusal(text), SignError::Json { line: 1, column }, "{text}");
    }
    assert_eq!(
        refusal("{\"a\":\n nope}").to_string(),
        "the claims are not valid JSON at line 2, column 3: correct them there"
    );
    assert_eq!(
        refusal(r#"{"sub":"alice","iat":1,"s\u0075b":"bob"}"#).to_string(),
        "the claim 'sub' stands twice, which RFC 7519 section 4 forbids: leave one of the two out"
    );
    for text in ["{}", " \r\n\t{ } \n", r#"{"a":{"b":1,"b":2}}"#] {
        let jws = signer.sign(None, text).unwrap();
        assert_eq!(verify(&jws, signer.jwk_set()).unwrap().1, text);
    }
}

#[test]
fn deep_claims_do_not_exhaust_the_stack() {
    let signer = Signer::ephemeral(Algorithm::EdDsa).unwrap();
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
    assert!(signer.sign(None, &deep).is_ok());
}

#[test]
fn every_pem_format_serves_and_is_named_by_its_thumbprint() {
    let rsa = ["rsa-2048-pkcs8.pem", "rsa-2048-pkcs1.pem"];
    let ec = ["p256-pkcs8.pem", "p256-sec1.pem"];
    for (algorithm, files, public) in [
        (Algorithm::Rs256, &rsa[..], "rsa-2048-public.pem"),
        (Algorithm::Ps256, &rsa[..], "rsa-2048-public.pem"),
        (Algorithm::Es256, &ec[..], "p256-public.pem"),
        (
            Algorithm::EdDsa,
            &["ed25519-pkcs8.pem"],
            "ed25519-public.pem",
        ),
    ] {
        // The public half as another tool wrote it verifies what the private half signs.
        let public = public_jwk_set(key_file(public), algorithm).unwrap();
        for file in files {
            let (signer, _) = Signer::from_file(key_file(file), algorithm, None).unwrap();
            let jws = signer.sign(None, CLAIMS).unwrap();
            verify(&jws, &public).unwrap();
            assert_eq!(signer.jwk_set(), public, "{file}");
        }
    }
}

#[test]
fn a_pem_with_line_ends_of_windows_serves() {
    let text = key_text("p256-sec1.pem").replace('\n', "\r\n");
    let signer = signer_of(text, Algorithm::Es256).unwrap();
    verify(&signer.sign(None, CLAIMS).unwrap(), signer.jwk_set()).unwrap();
}

#[test]
fn a_pem_of_several_keys_gives_the_one_that_fits_and_publishes_all_once() {
    let text = [
        "ed25519-pkcs8.pem",
        "p384-pkcs8.pem",
        "rsa-2048-public.pem",
        "p256-sec1.pem",
        "p256-public.pem",
    ]
    .map(key_text)
    .concat();
    let signer = signer_of(text, Algorithm::Es256).unwrap();
    verify(&signer.sign(None, CLAIMS).unwrap(), signer.jwk_set()).unwrap();
    let set = json(signer.jwk_set());
    let algorithms: Vec<_> = set["keys"].as_array().unwrap().iter().collect();
    let algorithms: Vec<_> = algorithms.iter().map(|key| &key["alg"]).collect();
    assert_eq!(algorithms, ["EdDSA", "RS256", "ES256"]);
}

#[test]
fn jwk_and_pem_of_one_key_give_the_same_signature() {
    let signature = |file| {
        let (signer, _) = Signer::from_file(key_file(file), Algorithm::Rs256, None).unwrap();
        signer.sign(None, CLAIMS).unwrap()
    };
    assert_eq!(signature("rsa-2048.json"), signature("rsa-2048-pkcs8.pem"));
}

#[test]
fn the_first_key_that_fits_signs_and_its_kid_is_kept() {
    let mut rsa = new_jwk(Algorithm::Rs256);
    let mut refused = Vec::new();
    let mut not = |change: &[(&str, Value)]| {
        let mut key = rsa.clone();
        key["kid"] = json!(format!("not-{}", refused.len()));
        for (member, value) in change {
            key[member] = value.clone();
        }
        refused.push(key);
    };
    not(&[("alg", json!("PS256"))]);
    not(&[("alg", json!("RS512"))]);
    not(&[("use", json!("enc"))]);
    not(&[("key_ops", json!(["verify"]))]);
    not(&[("key_ops", json!(["decrypt"])), ("alg", Value::Null)]);
    refused.push(json!({"kty": "oct", "kid": "hmac", "k": "c2VjcmV0"}));
    refused.push(json!({"kty": "EC", "crv": "P-521", "kid": "p521", "x": "AA", "y": "AA"}));
    refused.push(json!({"kty": "AKP", "kid": "later"}));
    rsa["kid"] = json!("this \"one\"");
    rsa.as_object_mut().unwrap().remove("alg");
    rsa["key_ops"] = json!(["sign"]);
    let mut second = new_jwk(Algorithm::Rs256);
    second["kid"] = json!("second");
    let keys = [refused, vec![rsa, second]].concat();
    let signer = signer_of(set_of(&keys), Algorithm::Rs256).unwrap();
    assert_eq!(signer.kid(), "this \"one\"");
    let (header, _) = verify(&signer.sign(None, CLAIMS).unwrap(), signer.jwk_set()).unwrap();
    assert_eq!(header["kid"], "this \"one\"");
    // Published is what can verify a signature with one of the four algorithms.
    let published = kids(signer.jwk_set());
    assert_eq!(published, ["not-0", "not-3", "this \"one\"", "second"]);
}

#[test]
fn rotation_keys_are_published_and_never_a_private_member() {
    let current = new_jwk(Algorithm::Es256);
    let next = new_jwk(Algorithm::Es256);
    let previous = public_half(&new_jwk(Algorithm::Es256));
    let others = [new_jwk(Algorithm::Rs256), new_jwk(Algorithm::EdDsa)];
    let keys = [&[current, next, previous], &others[..]].concat();
    let file = file_of(set_of(&keys));
    let (signer, _) = Signer::from_file(&file.path, Algorithm::Es256, None).unwrap();
    assert_eq!(signer.kid(), keys[0]["kid"]);
    let set = public_jwk_set(&file.path, Algorithm::Es256).unwrap();
    assert_eq!(set, signer.jwk_set());
    let wanted: Vec<_> = keys.iter().map(public_half).collect();
    assert_eq!(json(&set), json!({ "keys": wanted }));
}

#[test]
fn a_key_without_kid_is_named_by_its_thumbprint() {
    for algorithm in Algorithm::ALL {
        let mut jwk = new_jwk(algorithm);
        let thumbprint = jwk.as_object_mut().unwrap().remove("kid").unwrap();
        // A single JWK, a byte order mark before it.
        let signer = signer_of(format!("\u{feff} {jwk}\n"), algorithm).unwrap();
        assert_eq!(signer.kid(), thumbprint);
    }
}

#[test]
fn an_rsa_key_without_alg_is_published_for_what_it_is_used_with() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let set = public_jwk_set(key_file("rsa-2048-public.pem"), algorithm).unwrap();
        assert_eq!(json(&set)["keys"][0]["alg"], algorithm.name());
    }
    let set = public_jwk_set(key_file("rsa-2048-public.pem"), Algorithm::Es256).unwrap();
    assert_eq!(json(&set)["keys"][0]["alg"], "RS256");
}

#[test]
fn leading_zeros_of_rsa_integers_are_no_part_of_them() {
    let jwk = json(&key_text("rsa-2048.json"));
    let mut padded = jwk.clone();
    for member in ["n", "e", "d", "p"] {
        let long = [vec![0], bytes(&jwk[member])].concat();
        padded[member] = json!(URL_SAFE_NO_PAD.encode(long));
    }
    let plain = signer_of(jwk.to_string(), Algorithm::Rs256).unwrap();
    let padded = signer_of(padded.to_string(), Algorithm::Rs256).unwrap();
    assert_eq!(plain.jwk_set(), padded.jwk_set());
}

#[test]
fn many_threads_sign_with_one_signer() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::ephemeral(algorithm).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let signer = &signer;
                scope.spawn(move || {
                    for n in 0..25 {
                        let claims = format!(r#"{{"thread":{thread},"n":{n}}}"#);
                        let jws = signer.sign(Some("secevent+jwt"), &claims).unwrap();
                        assert_eq!(verify(&jws, signer.jwk_set()).unwrap().1, claims);
                    }
                });
            }
        });
    }
}

#[test]
fn debug_output_shows_no_key_material() {
    let set = crate::signing::generate(Algorithm::Rs256, None).unwrap();
    let file = file_of(set.as_private_json());
    let (signer, _) = Signer::from_file(&file.path, Algorithm::Rs256, None).unwrap();
    let shown = format!("{signer:?} {set:?}");
    assert!(shown.contains(set.kid()));
    let jwk = json(set.as_private_json())["keys"][0].clone();
    for member in ["d", "p", "q", "dp", "dq", "qi", "n"] {
        assert!(!shown.contains(jwk[member].as_str().unwrap()), "{member}");
    }
}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_may_read_or_change_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let warnings = |text: &str, mode| {
        let file = file_of(text);
        std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(mode)).unwrap();
        let (_, warnings) = Signer::from_file(&file.path, Algorithm::EdDsa, None).unwrap();
        let path = file.path.clone();
        (warnings, path)
    };
    let private = key_text("ed25519-pkcs8.pem");
    for mode in [0o600, 0o400, 0o640, 0o660] {
        assert_eq!(warnings(&private, mode).0, [], "{mode:o}");
    }
    for mode in [0o644, 0o666, 0o602] {
        let (found, file) = warnings(&private, mode);
        assert_eq!(
            found,
            [KeyWarning::OpenToOthers {
                file: file.clone(),
                mode
            }]
        );
        let file = file.display();
        assert_eq!(
            found[0].to_string(),
            format!(
                "key file {file} may be read or changed by every user of the machine (mode {mode:04o}): run `chmod o= {file}`, and think of a new key"
            )
        );
    }
}
