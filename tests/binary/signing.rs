//! Keys, and what listeners sign with them: verified with nothing of the host's own.

use std::path::Path;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use op_listener_tests::{Library, Setup, access_token, id_token, repository, subject};
use serde_json::{Value, json};

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Verifies a compact JWS with the key of a public JWK set that its header names; gives header and
/// claims.
fn verified(token: &str, jwks: &Value) -> (Value, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .expect("the key");
    assert_eq!(key["alg"], header["alg"]);
    let member = |name: &str| decoded(key[name].as_str().unwrap());
    let (signed, signature) = (signed.as_bytes(), decoded(signature));
    let outcome = match header["alg"].as_str().unwrap() {
        "RS256" => RsaPublicKeyComponents {
            n: member("n"),
            e: member("e"),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed, &signature),
        "PS256" => RsaPublicKeyComponents {
            n: member("n"),
            e: member("e"),
        }
        .verify(&RSA_PSS_2048_8192_SHA256, signed, &signature),
        "ES256" => {
            let point = [vec![4], member("x"), member("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .unwrap()
                .verify_sig(signed, &signature)
        }
        "EdDSA" => ParsedPublicKey::new(&ED25519, member("x"))
            .unwrap()
            .verify_sig(signed, &signature),
        other => panic!("{other}?"),
    };
    outcome.unwrap_or_else(|_| panic!("the signature of {token} is wrong"));
    (header, serde_json::from_slice(&decoded(claims)).unwrap())
}

/// A key file made by the command, and its public set.
fn keys(setup: &Setup, algorithm: &str) -> Value {
    let made = setup.call(&[
        "keys",
        "generate",
        "--algorithm",
        algorithm,
        "--out",
        "keys.json",
    ]);
    assert_eq!(
        (made.code(), &*made.stdout),
        (Some(0), ""),
        "{}",
        made.stderr
    );
    let printed = setup.call(&["keys", "jwks", "keys.json", "--algorithm", algorithm]);
    assert_eq!((printed.code(), &*printed.stderr), (Some(0), ""));
    let set: Value = serde_json::from_str(&printed.stdout).unwrap();
    for key in set["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private} in a public set");
        }
        assert_eq!(key["use"], "sig");
    }
    set
}

fn signing(script: &str, algorithm: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "[signing]\nkeys = \"keys.json\"\nalgorithm = \"{algorithm}\"\n[[listener]]\nplugin = \"puppet\"\nconfig = {{ record = \"record.ndjson\", {script} }}"
    ))
}

fn signed(setup: &Setup) -> Vec<Value> {
    let record = setup.record("record.ndjson").into_iter();
    record.filter(|line| line["call"] == "signed").collect()
}

#[test]
fn claims_are_signed_with_the_key_of_the_file_by_each_algorithm() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let setup = signing("sign = \"claims\"", algorithm);
        let jwks = keys(&setup, algorithm);
        let _ = setup.run([id_token("e1")]).ended(0);
        let tokens = signed(&setup);
        let (header, claims) = verified(tokens[0]["token"].as_str().unwrap(), &jwks);
        assert_eq!(
            header,
            json!({"alg": algorithm, "kid": jwks["keys"][0]["kid"], "typ": "JWT"})
        );
        assert_eq!(
            claims,
            json!({"iss": "https://op.example.com", "sub": "alice", "n": 1})
        );
    }
}

#[test]
fn the_type_can_be_chosen_and_only_claims_are_signed() {
    let setup = signing("sign = \"claims\", typ = \"at+jwt\"", "ES256");
    let jwks = keys(&setup, "ES256");
    let _ = setup.run([id_token("e1")]).ended(0);
    let (header, _) = verified(signed(&setup)[0]["token"].as_str().unwrap(), &jwks);
    assert_eq!(header["typ"], "at+jwt");
    for script in [
        "sign = \"claims\", typ = \"not a type\"",
        "sign = \"no-claims\"",
    ] {
        let setup = signing(script, "ES256");
        keys(&setup, "ES256");
        let run = setup.run([id_token("e1")]).ended(0);
        assert_eq!(run.messages("OPL0201").len(), 1, "{}", run.log);
        assert_eq!(signed(&setup), Vec::<Value>::new());
    }
}

#[test]
fn a_set_of_each_event_has_what_it_must_have_and_nothing_else() {
    for script in ["sign = \"set\"", "sign = \"set-later\""] {
        let setup = signing(script, "RS256");
        let jwks = keys(&setup, "RS256");
        let with_all =
            id_token("e1").replace(r#""id":"e1""#, r#""id":"e1","txn":"t1","time":1000.5"#);
        let of_a_client = access_token("e2").replace(r#""alice""#, "null");
        let _ = setup.run([with_all, of_a_client, subject("e3")]).ended(0);
        let tokens = signed(&setup);
        assert_eq!(tokens.len(), 3);
        if script.contains("later") {
            assert!(tokens.iter().all(|line| line["thread"] == "signing"));
        }
        let sets: Vec<_> = tokens
            .iter()
            .map(|line| {
                let (header, claims) = verified(line["token"].as_str().unwrap(), &jwks);
                assert_eq!(header["typ"], "secevent+jwt");
                assert!(claims["iat"].as_u64().unwrap() > 1_700_000_000);
                for never in ["sub", "exp", "nbf", "nonce"] {
                    assert!(claims.get(never).is_none(), "{never}");
                }
                assert_eq!(claims["aud"], "https://receiver.example.com");
                assert_eq!(claims["events"].as_object().unwrap().len(), 1);
                claims
            })
            .collect();
        // Those of the three instances may come in another order from their threads.
        let of = |id: &str| sets.iter().find(|set| set["jti"] == id).unwrap();
        let one = of("e1");
        assert_eq!((&one["txn"], &one["toe"]), (&json!("t1"), &json!(1000)));
        assert_eq!(
            one["sub_id"],
            json!({"format": "iss_sub", "iss": "https://op.example.com", "sub": "alice"})
        );
        assert_eq!(
            one["events"],
            json!({"urn:op-listener:event-type:id-token-issued": {"client_id": "000123", "claims": {}}})
        );
        assert_eq!(
            of("e2")["sub_id"]["sub"],
            "000123",
            "the client, where there is no end-user"
        );
        assert_eq!(
            of("e2")["events"]["urn:op-listener:event-type:access-token-issued"]["claims"],
            json!({"scope": "read"})
        );
        assert!(
            of("e3")["events"]
                .get("urn:op-listener:event-type:subject-authenticated-and-consented")
                .is_some()
        );
    }
}

#[test]
fn without_keys_an_ephemeral_one_signs_with_a_warning() {
    let setup = Setup::with(&[Library::Puppet]).config(
        "[[listener]]\nplugin = \"puppet\"\nconfig = { record = \"record.ndjson\", sign = \"claims\" }",
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.message("OPL0401"),
        "No signing key is configured: signing with an RS256 key that lives until the host stops"
    );
    assert_eq!(signed(&setup).len(), 1);
}

#[test]
fn one_of_several_keys_can_be_chosen_by_its_kid() {
    let setup = signing("sign = \"claims\"", "ES256");
    let both: Vec<Value> = (0..2)
        .map(|_| {
            let made = setup.call(&["keys", "generate", "--algorithm", "ES256"]);
            let set: Value = serde_json::from_str(&made.stdout).unwrap();
            set["keys"][0].clone()
        })
        .collect();
    let path = setup.file("keys.json", json!({ "keys": both }).to_string());
    owner_only(&path);
    let jwks = setup.call(&["keys", "jwks", "keys.json"]).stdout;
    let jwks: Value = serde_json::from_str(&jwks).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    let kid = both[1]["kid"].as_str().unwrap();
    let config = std::fs::read_to_string(setup.path().join("op-listener.toml")).unwrap();
    let setup = setup.config(&config.replace("[signing]", &format!("[signing]\nkid = \"{kid}\"")));
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(run.messages("OPL0402"), [""; 0]);
    let (header, _) = verified(signed(&setup)[0]["token"].as_str().unwrap(), &jwks);
    assert_eq!(header["kid"], kid);
    // The same by way of the configuration.
    let by_config = setup.call(&["keys", "jwks", "--config", "op-listener.toml"]);
    assert_eq!(
        serde_json::from_str::<Value>(&by_config.stdout).unwrap(),
        jwks
    );
}

fn owner_only(path: &Path) {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    #[cfg(not(unix))]
    let _ = path;
}

#[test]
#[cfg(unix)]
fn generated_keys_are_the_owners_alone_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;

    let setup = Setup::new();
    keys(&setup, "EdDSA");
    let path = setup.path().join("keys.json");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = std::fs::read(&path).unwrap();
    let again = setup.call(&["keys", "generate", "--out", "keys.json"]);
    assert_eq!(again.code(), Some(2));
    assert!(
        again
            .stderr
            .contains("keys.json exists already and was left as it is"),
        "{}",
        again.stderr
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    // One that others may read is told of.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let setup = setup.config("[signing]\nkeys = \"keys.json\"\nalgorithm = \"EdDSA\"");
    let run = setup.run([""; 0]).ended(0);
    assert!(run.message("OPL0402").contains("chmod"), "{}", run.log);
}

#[test]
fn keys_that_cannot_sign_are_refused_with_the_reason() {
    let kept = |name: &str| {
        let dir = repository().join("host/src/signing/tests/keys");
        std::fs::read_to_string(dir.join(name)).unwrap()
    };
    let good = Setup::new();
    let pair = good
        .call(&["keys", "generate", "--algorithm", "ES256"])
        .stdout;
    let pair: Value = serde_json::from_str(&pair).unwrap();
    let mut public = pair.clone();
    public["keys"][0].as_object_mut().unwrap().remove("d");
    let mut twice = pair.clone();
    let first = twice["keys"][0].clone();
    twice["keys"].as_array_mut().unwrap().push(first);
    for (content, said) in [
        (None, "keys.json does not exist"),
        (Some(kept("rsa-1024.json")), "1024"),
        (Some(kept("rsa-1024-pkcs8.pem")), "1024"),
        (Some(public.to_string()), "public"),
        (Some(kept("rsa-2048-public.pem")), "public"),
        (Some(twice.to_string()), "kid"),
        (Some(kept("rsa-2048-encrypted-pkcs8.pem")), "encrypted"),
        (Some(pair.to_string()), "RS256"),
        (Some("neither".to_owned()), "neither"),
        (Some("{\"keys\":[]}".to_owned()), "key"),
    ] {
        let setup = Setup::with(&[Library::Chorus]).config("[signing]\nkeys = \"keys.json\"");
        if let Some(content) = &content {
            owner_only(&setup.file("keys.json", content));
        }
        let run = setup.run([id_token("e1")]).ended(2);
        let [line] = run.log.lines().collect::<Vec<_>>()[..] else {
            panic!("one line expected:\n{}", run.log);
        };
        assert!(line.starts_with("op-listener: key file "), "{line}");
        assert!(
            line.to_lowercase().contains(&said.to_lowercase()),
            "{said}\nnot in\n{line}"
        );
        let private = pair["keys"][0]["d"].as_str().unwrap();
        assert!(!run.log.contains(private), "a private key in the log");
        let check = setup.call(&["config", "check", "--config", "op-listener.toml"]);
        assert_eq!((check.code(), check.stderr.trim_end()), (Some(2), line));
    }
}

#[test]
fn sizes_and_algorithms_that_there_are_not_are_wrong_usage() {
    let setup = Setup::new();
    for arguments in [
        &["--algorithm", "HS256"][..],
        &["--algorithm", "none"],
        &["--size", "1024"],
        &["--algorithm", "ES256", "--size", "2048"],
    ] {
        let made = setup.call(&[&["keys", "generate"], arguments].concat());
        assert_eq!((made.code(), &*made.stdout), (Some(2), ""), "{arguments:?}");
    }
    let large = setup.call(&["keys", "generate", "--size", "3072"]).stdout;
    let large: Value = serde_json::from_str(&large).unwrap();
    assert_eq!(decoded(large["keys"][0]["n"].as_str().unwrap()).len(), 384);
}
