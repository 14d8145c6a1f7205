//! `trust = "signed"`: beside each plugin lies a signature by a known key.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::Command;

use minisign::KeyPair;

use crate::stage::{Stage, plugin, rebuilt, set_mode};

fn key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

/// The number of a key as minisign shows it.
fn id(key: &KeyPair) -> String {
    let comment = key.pk.to_box().unwrap().to_string();
    let line = comment.lines().next().unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

fn signature(bytes: &[u8], key: &KeyPair) -> String {
    let comment = Some("audit-log\t0.1.0");
    let signature = minisign::sign(None, &key.sk, Cursor::new(bytes), comment, None);
    signature.unwrap().into_string()
}

fn beside(stage: &Stage) -> PathBuf {
    let mut file = stage.file("audit").into_os_string();
    file.push(".minisig");
    file.into()
}

/// With the audit log, and these keys in the configuration.
fn trusting(keys: &[&KeyPair]) -> Stage {
    let keys: Vec<_> = keys.iter().map(|key| key.pk.to_base64()).collect();
    Stage::trusting(&format!("trust = \"signed\"\npublic_keys = {keys:?}"))
}

fn sign(stage: &Stage, key: &KeyPair) {
    fs::write(beside(stage), signature(&plugin(), key)).unwrap();
}

#[test]
fn what_is_signed_is_loaded_and_its_signer_named() {
    let key = key();
    let stage = trusting(&[&key]);
    sign(&stage, &key);
    let verdict = format!("signed by key {} (\"audit-log\\t0.1.0\")", id(&key));
    stage.loads(&verdict);
    let listed = stage.listed();
    assert_eq!(listed["trust"], verdict);
    assert_eq!(listed["signed_by"], id(&key));
    assert_eq!(listed["signed_comment"], "audit-log\t0.1.0");
    let shown = stage.call(&["list", "plugins", "--config", "op-listener.toml"]);
    assert!(
        shown.stdout.contains(&format!("  trust      {verdict}\n")),
        "{}",
        shown.stdout
    );
    // Who could write it makes no difference.
    set_mode(&stage.file("audit"), 0o666);
    set_mode(&stage.plugins(), 0o777);
    stage.loads(&verdict);
}

#[test]
fn keys_are_rotated_by_listing_both() {
    let (old, new) = (key(), key());
    let stage = trusting(&[&old, &new]);
    for key in [&old, &new] {
        sign(&stage, key);
        stage.loads(&format!(
            "signed by key {} (\"audit-log\\t0.1.0\")",
            id(key)
        ));
    }
    // The old one is taken out of use.
    let stage = trusting(&[&new]);
    sign(&stage, &old);
    stage.refuses(&format!(
        "is not trusted: it is signed by key {}, and known are only {}: use a build that one of them signed, or add the key to `public_keys` under `[plugins]`",
        id(&old),
        id(&new)
    ));
    sign(&stage, &new);
    stage.loads(&format!(
        "signed by key {} (\"audit-log\\t0.1.0\")",
        id(&new)
    ));
}

#[test]
fn without_a_signature_nothing_is_loaded() {
    let key = key();
    let stage = trusting(&[&key]);
    stage.refuses(&format!(
        "is not trusted: it has no signature: put {:?} beside it, made with `minisign -S`",
        beside(&stage)
    ));
}

#[test]
fn bytes_that_were_not_signed_are_refused() {
    let key = key();
    let stage = trusting(&[&key]);
    sign(&stage, &key);
    stage.put("audit", &rebuilt());
    let why = format!(
        "is not trusted: {:?} is not a signature of these bytes by key {}: one of the two files was changed, or they do not belong together; copy both again",
        beside(&stage),
        id(&key)
    );
    stage.refuses(&why);
    // Nor is what the signer said of the file anybody else's to change.
    stage.put("audit", &plugin());
    let text = signature(&plugin(), &key).replace("0.1.0", "0.2.0");
    fs::write(beside(&stage), text).unwrap();
    stage.refuses(&why);
}

#[test]
fn what_is_no_signature_is_refused_and_read_no_further_than_it_may_go() {
    let key = key();
    let stage = trusting(&[&key]);
    let file = beside(&stage);
    let refused = |why: &str| {
        stage.refuses(&format!(
            "is not trusted: {file:?} is no minisign signature ({why}): sign it again with `minisign -S`"
        ));
    };
    fs::write(&file, "untrusted comment: nothing\n").unwrap();
    refused("it has not the four lines of one");
    fs::write(&file, [0xff; 100]).unwrap();
    refused("it is not UTF-8");
    // 3 GiB that take no room.
    fs::File::create(&file).unwrap().set_len(3 << 30).unwrap();
    refused("it is too long");
    fs::remove_file(&file).unwrap();
    // Nobody writes to it: a host that waited would wait for ever.
    let made = Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    refused("it is no regular file");
}

#[test]
fn signatures_are_no_plugins() {
    let key = key();
    let stage = trusting(&[&key]);
    sign(&stage, &key);
    assert_eq!(stage.all_listed().len(), 1);
}

#[test]
fn a_wrong_key_in_the_configuration_is_pointed_at() {
    let stage = Stage::trusting("trust = \"signed\"\npublic_keys = [\"RWQ=\"]");
    for arguments in [
        ["run", "--config", "op-listener.toml"],
        ["list", "--config", "op-listener.toml"],
    ] {
        let done = stage.call(&arguments);
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(
            done.stderr.starts_with("op-listener: op-listener.toml:3:16: an entry of `public_keys` is no minisign public key: it is of 2 bytes and not of 42\n"),
            "{}",
            done.stderr
        );
    }
}
