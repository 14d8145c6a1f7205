//! Which files may be loaded: `trust` and what goes with it.

use std::path::Path;

use super::show::assert_round_trip;
use super::{BASE, refusal, valid};
use crate::library::Trust;

/// Two public keys.
pub(super) const KEYS: [&str; 2] = [
    "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW",
    "RWSjyboKcyBJ3ORhgbUPPqZ0EI7xMTiHesRdcjrleRjCvZisE1GRpYQO",
];

#[test]
fn pins_lie_beside_the_configuration_unless_it_says_where() {
    let config = valid("[plugins]\ntrust = \"pinned\"\n");
    let pins = Path::new(BASE).join("plugins.lock");
    assert_eq!(config.default_pins(), pins);
    assert_eq!(config.plugins.trust, Trust::Pinned { pins });
    let config = valid("[plugins]\ntrust = \"pinned\"\npins = \"locks/a.toml\"\n");
    let pins = Path::new(BASE).join("locks/a.toml");
    assert_eq!(config.plugins.trust, Trust::Pinned { pins });
    assert_round_trip(config);
}

#[test]
fn several_public_keys_may_be_trusted() {
    let text = format!(
        "[plugins]\ntrust = \"signed\"\npublic_keys = [\n  \"{}\",\n  \"{}\",\n]\n",
        KEYS[0], KEYS[1]
    );
    let config = valid(&text);
    let Trust::Signed { keys } = &config.plugins.trust else {
        panic!("{config:?}");
    };
    let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
    assert_eq!(ids, ["649BF4135DAE57F0", "DC4920730ABAC9A3"]);
    assert!(config.to_toml().contains(&format!(
        "trust = \"signed\"\npublic_keys = [\"{}\", \"{}\"]\n",
        KEYS[0], KEYS[1]
    )));
    assert_round_trip(config);
}

#[test]
fn keys_that_would_have_no_effect_are_errors() {
    let said = refusal(
        r#"[plugins]
pins = "plugins.lock"
public_keys = ["RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW"]
"#,
    );
    let expected = r#"op.toml:2:8: `pins` has no effect without `trust = "pinned"`
  |
2 | pins = "plugins.lock"
  |        ^^^^^^^^^^^^^^
  = set `trust = "pinned"`, or remove `pins`

op.toml:3:15: `public_keys` has no effect without `trust = "signed"`
  |
3 | public_keys = ["RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW"]
  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = set `trust = "signed"`, or remove `public_keys`"#;
    assert_eq!(said, expected, "\n{said}");
    let said = refusal(
        r#"[plugins]
trust = "signed"
pins = "plugins.lock"
"#,
    );
    let expected = r#"op.toml:2:9: [plugins] has no `public_keys`
  |
2 | trust = "signed"
  |         ^^^^^^^^
  = say whose signatures count: `public_keys = ["RW…"]`

op.toml:3:8: `pins` has no effect without `trust = "pinned"`
  |
3 | pins = "plugins.lock"
  |        ^^^^^^^^^^^^^^
  = set `trust = "pinned"`, or remove `pins`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_wrong_word_says_nothing_of_what_goes_with_it() {
    let said = refusal(
        r#"[plugins]
trust = "pined"
pins = "plugins.lock"
"#,
    );
    let expected = r#"op.toml:2:9: `trust` cannot be `pined`
  |
2 | trust = "pined"
  |         ^^^^^^^
  = did you mean `pinned`? (possible: `permissions`, `pinned`, `signed`, `off`)"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn what_is_no_public_key_is_pointed_at() {
    let said = refusal(
        r#"[plugins]
trust = "signed"
public_keys = [
  "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW",
  "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7Rwbmv",
  "untrusted comment: minisign public key 649BF4135DAE57F0",
  "RWQ=",
  1,
]
"#,
    );
    let expected = r#"op.toml:5:3: an entry of `public_keys` is no minisign public key: it is not base64
  |
5 |   "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7Rwbmv",
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = a minisign public key is the second line of the `.pub` file: 56 characters that begin with `RW`

op.toml:6:3: an entry of `public_keys` is no minisign public key: it holds a comment
  |
6 |   "untrusted comment: minisign public key 649BF4135DAE57F0",
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = a minisign public key is the second line of the `.pub` file: 56 characters that begin with `RW`

op.toml:7:3: an entry of `public_keys` is no minisign public key: it is of 2 bytes and not of 42
  |
7 |   "RWQ=",
  |   ^^^^^^
  = a minisign public key is the second line of the `.pub` file: 56 characters that begin with `RW`

op.toml:8:3: an entry of `public_keys` must be a string, but it is an integer
  |
8 |   1,
  |   ^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn no_key_and_one_key_twice_are_errors() {
    let said = refusal("[plugins]\ntrust = \"signed\"\npublic_keys = []\n");
    let expected = r"op.toml:3:15: `public_keys` must not be empty
  |
3 | public_keys = []
  |               ^^
  = name at least one minisign public key: without any nothing could be loaded";
    assert_eq!(said, expected, "\n{said}");
    let said = refusal(
        r#"[plugins]
trust = "signed"
public_keys = [
  "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW",
  "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW",
]
"#,
    );
    let expected = r#"op.toml:5:3: `RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW` stands here twice
  |
5 |   "RWTwV65dE/SbZKYTHMmTzfbYg5s7EGfA+o6FRyEqX2HYB7RwbmvGxqQW",
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_secret_key_is_not_shown() {
    for text in [
        "[plugins]\ntrust = \"signed\"\npublic_keys = [\"RWRTY0IyF4gcFk0oxgU4hunter2\"]\n",
        "[plugins]\npublic_keys = [\"RWQAAEIyF4gcFk0oxgU4hunter2\"\n",
    ] {
        let said = refusal(text);
        assert!(!said.contains("hunter2"), "{said}");
    }
    let said =
        refusal("[plugins]\ntrust = \"signed\"\npublic_keys = [\"RWRTY0IyF4gcFk0oxgU4hunter2\"]\n");
    let expected = r"op.toml:3:16: an entry of `public_keys` is no minisign public key: it is a secret key
  |
3 | public_keys = [*****************************]
  |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = only the public key belongs here, the second line of the `.pub` file; whoever may have seen the secret one can sign plugins: think of replacing it";
    assert_eq!(said, expected, "\n{said}");
}
