//! The reference of all keys is that of the README, and complete.

use std::path::Path;

use super::{REFERENCE, keys};

/// What the README shows as the configuration file.
fn of_the_readme() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(here.join("../README.md")).unwrap();
    let (_, behind) = readme.split_once("```toml\nissuer").unwrap();
    let (block, _) = behind.split_once("```\n").unwrap();
    format!("issuer{block}")
}

#[test]
fn the_reference_is_that_of_the_readme() {
    let block = of_the_readme();
    if std::env::var_os("UPDATE_CONFIG_REFERENCE").is_some() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::write(here.join("src/config/reference.toml"), &block).unwrap();
        return;
    }
    assert_eq!(REFERENCE, block, "run again with UPDATE_CONFIG_REFERENCE=1");
}

#[test]
fn every_key_is_in_the_reference() {
    let reference: toml::Table = REFERENCE.parse().unwrap();
    for section in keys::sections() {
        let name = section.title.trim_matches(['[', ']']);
        // Sections lie in others: `intake.tls`; the first entry stands for all of `listener`.
        let table = name
            .split('.')
            .fold(&reference, |table, part| match table.get(part) {
                None => table,
                Some(toml::Value::Array(entries)) => entries[0].as_table().unwrap(),
                Some(table) => table.as_table().unwrap(),
            });
        for key in section.keys {
            assert!(table.contains_key(*key), "{key} of {}", section.title);
        }
    }
}
