//! What is said about values that cannot be.

use super::refusal;

#[test]
fn a_wrong_word_names_the_nearest_or_all() {
    let said = refusal(
        r#"[plugins]
on_failure = "abrot"
[signing]
algorithm = "HS256"
keys = "k"
[log]
format = "JSON"
"#,
    );
    let expected = r#"op.toml:2:14: `on_failure` cannot be `abrot`
  |
2 | on_failure = "abrot"
  |              ^^^^^^^
  = did you mean `abort`? (possible: `abort`, `skip`)

op.toml:4:13: `algorithm` cannot be `HS256`
  |
4 | algorithm = "HS256"
  |             ^^^^^^^
  = did you mean `RS256`? (possible: `RS256`, `PS256`, `ES256`, `EdDSA`)

op.toml:7:10: `format` cannot be `JSON`
  |
7 | format = "JSON"
  |          ^^^^^^
  = did you mean `json`? (possible: `text`, `json`)"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn wrong_types_say_expected_and_found() {
    let said = refusal(
        r#"issuer = 1
clients = ["clients.json"]
log = "info"
[intake]
max_line = "1024"
max_depth = 3.5
[dispatch]
measure = "true"
budget_ms = 2026-11-21
"#,
    );
    let expected = r#"op.toml:1:10: `issuer` must be a string, but it is an integer
  |
1 | issuer = 1
  |          ^

op.toml:2:11: `clients` must be a string, but it is an array
  |
2 | clients = ["clients.json"]
  |           ^^^^^^^^^^^^^^^^

op.toml:3:7: `log` must be a table, but it is a string
  |
3 | log = "info"
  |       ^^^^^^
  = its header is `[log]`

op.toml:5:12: `max_line` must be an integer, but it is a string
  |
5 | max_line = "1024"
  |            ^^^^^^
  = write `1024` without quotes

op.toml:6:13: `max_depth` must be an integer, but it is a number with a fraction
  |
6 | max_depth = 3.5
  |             ^^^

op.toml:8:11: `measure` must be a boolean (`true` or `false`), but it is a string
  |
8 | measure = "true"
  |           ^^^^^^
  = write `true` without quotes

op.toml:9:13: `budget_ms` must be a number, but it is a date or time
  |
9 | budget_ms = 2026-11-21
  |             ^^^^^^^^^^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn wrong_types_in_a_listener() {
    let said = refusal(
        r#"[[listener]]
plugin = {}
spi = "id_token_issue"
clients = [1, "", "000123"]
required = 1
config = "audit.toml"
"#,
    );
    let expected = r#"op.toml:2:10: `plugin` must be a string, but it is a table
  |
2 | plugin = {}
  |          ^^

op.toml:3:7: `spi` must be an array of strings, but it is a string
  |
3 | spi = "id_token_issue"
  |       ^^^^^^^^^^^^^^^^
  = write it in brackets: `[…]`

op.toml:4:12: an entry of `clients` must be a string, but it is an integer
  |
4 | clients = [1, "", "000123"]
  |            ^

op.toml:4:15: an entry of `clients` must not be empty
  |
4 | clients = [1, "", "000123"]
  |               ^^

op.toml:5:12: `required` must be a boolean (`true` or `false`), but it is an integer
  |
5 | required = 1
  |            ^

op.toml:6:10: `config` must be a table, but it is a string
  |
6 | config = "audit.toml"
  |          ^^^^^^^^^^^^
  = its header, below the entry, is `[listener.config]`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn numbers_out_of_range() {
    let said = refusal(
        r#"[intake]
max_line = 0
max_depth = 99999999999999999999999999999999999999999999
[flow]
code_lifetime = -1
[dispatch]
budget_ms = inf
[[listener]]
plugin = "a"
switch_off_after_panics = 0
budget_ms = 0
"#,
    );
    let expected = r"op.toml:2:12: `max_line` must be from 1 to 1073741824, but it is 0
  |
2 | max_line = 0
  |            ^

op.toml:3:13: `max_depth` must be from 1 to 1024, but it is 99999999999999999999999999999999999999999999
  |
3 | max_depth = 99999999999999999999999999999999999999999999
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

op.toml:5:17: `code_lifetime` must be from 1 to 86400, but it is -1
  |
5 | code_lifetime = -1
  |                 ^^

op.toml:7:13: `budget_ms` must be from 0.001 to 3600000 (an hour), but it is inf
  |
7 | budget_ms = inf
  |             ^^^

op.toml:10:27: `switch_off_after_panics` must be from 1 to 4294967295, but it is 0
   |
10 | switch_off_after_panics = 0
   |                           ^

op.toml:11:13: `budget_ms` must be from 0.001 to 3600000 (an hour), but it is 0
   |
11 | budget_ms = 0
   |             ^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn texts_that_must_not_be_empty() {
    let said = refusal(
        r#"data_dir = ""
[[listener]]
plugin = ""
spi = []
"#,
    );
    let expected = r#"op.toml:1:12: `data_dir` must not be empty
  |
1 | data_dir = ""
  |            ^^

op.toml:3:10: `plugin` must not be empty
  |
3 | plugin = ""
  |          ^^

op.toml:4:7: `spi` must not be empty
  |
4 | spi = []
  |       ^^
  = for the default, leave it out"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn spis_are_checked_one_by_one() {
    let said = refusal(
        r#"[[listener]]
plugin = "a"
spi = ["id_token_isue", "logout"]
[[listener]]
plugin = "b"
spi = ["id_token_issue", "access_token_issue", "id_token_issue"]
"#,
    );
    let expected = r#"op.toml:3:8: an entry of `spi` cannot be `id_token_isue`
  |
3 | spi = ["id_token_isue", "logout"]
  |        ^^^^^^^^^^^^^^^
  = did you mean `id_token_issue`? (possible: `id_token_issue`, `access_token_issue`, `subject_auth_and_consent`)

op.toml:3:25: an entry of `spi` cannot be `logout`
  |
3 | spi = ["id_token_isue", "logout"]
  |                         ^^^^^^^^
  = possible: `id_token_issue`, `access_token_issue`, `subject_auth_and_consent`

op.toml:6:48: `id_token_issue` stands here twice
  |
6 | spi = ["id_token_issue", "access_token_issue", "id_token_issue"]
  |                                                ^^^^^^^^^^^^^^^^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn an_issuer_that_is_none_says_why() {
    let said = refusal(
        r#"issuer = "http://op.example.com"
"#,
    );
    let expected = r#"op.toml:1:10: `issuer` is not an issuer: it is http for a host other than this machine
  |
1 | issuer = "http://op.example.com"
  |          ^^^^^^^^^^^^^^^^^^^^^^^
  = an issuer is an absolute URL such as `https://op.example.com`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_kid_without_a_key_set_chooses_nothing() {
    let said = refusal(
        r#"[signing]
kid = "k1"
"#,
    );
    let expected = r#"op.toml:2:7: [signing] has no `keys`
  |
2 | kid = "k1"
  |       ^^^^
  = `kid` chooses a key of a set: say which file holds the set, or remove it"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn names_that_no_directory_should_have() {
    let said = refusal(
        r#"[[listener]]
plugin = "a"
name = "../a"
[[listener]]
plugin = "my plugin"
[[listener]]
plugin = "b"
name = ".b"
"#,
    );
    let expected = r#"op.toml:3:8: `../a` cannot be the name of a listener
  |
3 | name = "../a"
  |        ^^^^^^
  = names are 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the first not a dot

op.toml:5:10: `my plugin` cannot be the name of a listener
  |
5 | plugin = "my plugin"
  |          ^^^^^^^^^^^
  = names are 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the first not a dot

op.toml:8:8: `.b` cannot be the name of a listener
  |
8 | name = ".b"
  |        ^^^^
  = names are 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the first not a dot"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_misspelt_level_is_not_a_target() {
    let said = refusal(
        r#"[log]
level = "inof"
"#,
    );
    let expected = r#"op.toml:2:10: `inof` is not a log level
  |
2 | level = "inof"
  |          ^^^^
  = did you mean `info`?"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_directive_is_pointed_at() {
    let said = refusal(
        r#"[log]
level = "info,op_listener_sqs=debgu"
"#,
    );
    let expected = r#"op.toml:2:31: `debgu` is not a log level
  |
2 | level = "info,op_listener_sqs=debgu"
  |                               ^^^^^
  = did you mean `debug`?"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_directive_without_a_level() {
    let said = refusal(
        r#"[log]
level = "op_listener_sqs"
"#,
    );
    let expected = r#"op.toml:2:10: `op_listener_sqs` is not a log level
  |
2 | level = "op_listener_sqs"
  |          ^^^^^^^^^^^^^^^
  = levels: `error`, `warn`, `info`, `debug`, `trace`, `off`; for one part of the host write `part=level`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_directive_with_fields() {
    let said = refusal(
        r#"[log]
level = "x[{y}]=info"
"#,
    );
    let expected = r#"op.toml:2:10: `x[{y}]` is not the name of a log target
  |
2 | level = "x[{y}]=info"
  |          ^^^^^^
  = targets are module paths such as `op_listener_host::flow`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn settings_that_json_cannot_hold() {
    let said = refusal(
        r#"[[listener]]
plugin = "a"
[listener.config]
ratio = nan
big = 99999999999999999999
"#,
    );
    let expected = r"op.toml:4:9: infinite numbers and `nan` cannot be given to a listener
  |
4 | ratio = nan
  |         ^^^

op.toml:5:7: an integer of more than 64 bits cannot be given to a listener
  |
5 | big = 99999999999999999999
  |       ^^^^^^^^^^^^^^^^^^^^";
    assert_eq!(said, expected, "\n{said}");
}
