//! What is said about files that TOML's own rules refuse, and about several errors at once.

use super::refusal;

#[test]
fn a_missing_value() {
    let said = refusal(
        r"issuer =
",
    );
    let expected = r"op.toml:1:9: not TOML: there is no value behind the `=`
  |
1 | issuer =
  |         ^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn text_without_quotes() {
    let said = refusal(
        r"issuer = https://op.example.com
",
    );
    let expected = r"op.toml:1:10: not TOML: this is not a value; text stands in quotes, switches are `true` or `false`
  |
1 | issuer = https://op.example.com
  |          ^^^^^^^^^^^^^^^^^^^^^^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn an_unclosed_string() {
    let said = refusal(
        r#"issuer = "https://op.example.com
"#,
    );
    let expected = r#"op.toml:1:33: not TOML: the text is not closed by a quote
  |
1 | issuer = "https://op.example.com
  |                                 ^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn an_unclosed_header() {
    let said = refusal(
        r#"[log
level = "info"
"#,
    );
    let expected = r"op.toml:1:5: not TOML: unclosed table, expected `]`
  |
1 | [log
  |     ^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn an_unclosed_array() {
    let said = refusal(
        r#"clients = ["a",
[log]
level = "info"
"#,
    );
    let expected = r#"op.toml:1:11: not TOML: what is opened here is never closed
  |
1 | clients = ["a",
  |           ^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn an_unclosed_inline_table_in_a_listener() {
    let said = refusal(
        r#"[[listener]]
plugin = "a"
config = { path = "x",
  y = 1
[[listener]]
plugn = "b"
"#,
    );
    let expected = r#"op.toml:3:10: not TOML: what is opened here is never closed
  |
3 | config = { path = "x",
  |          ^

op.toml:6:1: unknown key `plugn` in [[listener]]
  |
6 | plugn = "b"
  | ^^^^^
  = did you mean `plugin`?"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_number_with_a_typing_error() {
    let said = refusal(
        r"[flow]
max_pending = 100_000_
code_lifetime = 1O
",
    );
    let expected = r"op.toml:2:22: not TOML: `_` may only go between digits
  |
2 | max_pending = 100_000_
  |                      ^

op.toml:3:17: not TOML: this is not a value; text stands in quotes, switches are `true` or `false`
  |
3 | code_lifetime = 1O
  |                 ^^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_key_without_a_value() {
    let said = refusal(
        r#"issuer "https://op.example.com"
"#,
    );
    let expected = r#"op.toml:1:8: not TOML: key with no value, expected `=`
  |
1 | issuer "https://op.example.com"
  |        ^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_control_character_is_shown_escaped() {
    let said = refusal("issuer = \"a\u{1b}[2Jb\"\n\"key\\u001b[2J\" = 1\n");
    let expected = r#"op.toml:1:12: not TOML: invalid basic string, expected non-double-quote visible characters, `\`
  |
1 | issuer = "a\u{1b}[2Jb"
  |            ^^^^^^

op.toml:2:1: unknown key `key\u{1b}[2J`
  |
2 | "key\u001b[2J" = 1
  | ^^^^^^^^^^^^^^
  = the keys of the top of the file: `issuer`, `clients`, `data_dir`, `plugins`, `signing`, `log`, `intake`, `flow`, `dispatch`, `delivery`, `listener`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_key_given_twice() {
    let said = refusal(
        r#"issuer = "https://a.example.com"
[plugins]
dir = "a"
[log]
level = "info"
level = "warn"
"#,
    );
    let expected = r#"op.toml:6:1: `level` is given twice, first on line 5
  |
6 | level = "warn"
  | ^^^^^"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_section_given_twice() {
    let said = refusal(
        r#"[log]
level = "info"

[plugins]

[log]
format = "json"
"#,
    );
    let expected = r"op.toml:6:2: `log` is given twice, first on line 1
  |
6 | [log]
  |  ^^^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn keys_of_too_many_parts() {
    let said = refusal(&format!("{}a = 1\n", "a.".repeat(90)));
    let expected = r"op.toml: not TOML: a key has too many parts (recursion limit)";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn several_errors_in_order_of_position() {
    let said = refusal(
        r#"# host of the test realm
issuer = "op.example.com"

[plugins]
trust = "none"

[log]
level = info
formt = "json"

[[listener]]
plugin = "audit-log"
spi = ["id_token_issued"]
enabled = "yes"

[[listener]]
name = "audit-log"
plugin = "sqs"
"#,
    );
    let expected = r#"op.toml:2:10: `issuer` is not an issuer: it is not absolute
  |
2 | issuer = "op.example.com"
  |          ^^^^^^^^^^^^^^^^
  = an issuer is an absolute URL such as `https://op.example.com`

op.toml:5:9: `trust` cannot be `none`
  |
5 | trust = "none"
  |         ^^^^^^
  = possible: `permissions`, `pinned`, `signed`, `off`

op.toml:8:9: not TOML: this is not a value; text stands in quotes, switches are `true` or `false`
  |
8 | level = info
  |         ^^^^

op.toml:9:1: unknown key `formt` in [log]
  |
9 | formt = "json"
  | ^^^^^
  = did you mean `format`?

op.toml:13:8: an entry of `spi` cannot be `id_token_issued`
   |
13 | spi = ["id_token_issued"]
   |        ^^^^^^^^^^^^^^^^^
   = did you mean `id_token_issue`? (possible: `id_token_issue`, `access_token_issue`, `subject_auth_and_consent`)

op.toml:14:11: `enabled` must be a boolean (`true` or `false`), but it is a string
   |
14 | enabled = "yes"
   |           ^^^^^

op.toml:17:8: the listener name `audit-log` is taken by the entry on line 12
   |
17 | name = "audit-log"
   |        ^^^^^^^^^^^
   = give one of them another `name`; case makes no difference"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_broken_line_hides_no_other_error() {
    let said = refusal(
        r#"isuer "x"

[log]
levle = "info"
"#,
    );
    let expected = r#"op.toml:1:7: not TOML: key with no value, expected `=`
  |
1 | isuer "x"
  |       ^

op.toml:4:1: unknown key `levle` in [log]
  |
4 | levle = "info"
  | ^^^^^
  = did you mean `level`?"#;
    assert_eq!(said, expected, "\n{said}");
}
