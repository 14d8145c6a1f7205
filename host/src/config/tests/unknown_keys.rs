//! What is said about keys that there are not, or not yet.

use super::refusal;

#[test]
fn an_unknown_key_names_the_nearest() {
    let said = refusal(
        r#"isuer = "https://op.example.com"
"#,
    );
    let expected = r#"op.toml:1:1: unknown key `isuer`
  |
1 | isuer = "https://op.example.com"
  | ^^^^^
  = did you mean `issuer`?"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_key_of_another_section_says_where_it_belongs() {
    let said = refusal(
        r#"dir = "plugins"
budget_ms = 3

[log]
issuer = "https://op.example.com"
isuer = "x"
timezone = "UTC"
"#,
    );
    let expected = r#"op.toml:1:1: unknown key `dir`
  |
1 | dir = "plugins"
  | ^^^
  = `dir` belongs in [plugins]

op.toml:2:1: unknown key `budget_ms`
  |
2 | budget_ms = 3
  | ^^^^^^^^^
  = `budget_ms` belongs in [dispatch], or in [[listener]]

op.toml:5:1: unknown key `issuer` in [log]
  |
5 | issuer = "https://op.example.com"
  | ^^^^^^
  = `issuer` belongs at the top of the file, before the first [section]

op.toml:6:1: unknown key `isuer` in [log]
  |
6 | isuer = "x"
  | ^^^^^
  = did you mean `issuer`? It belongs at the top of the file, before the first [section]

op.toml:7:1: unknown key `timezone` in [log]
  |
7 | timezone = "UTC"
  | ^^^^^^^^
  = the keys of [log]: `format`, `level`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn an_unknown_section_names_the_nearest() {
    let said = refusal(
        r#"[[listeners]]
plugin = "audit-log"
"#,
    );
    let expected = r"op.toml:1:3: unknown key `listeners`
  |
1 | [[listeners]]
  |   ^^^^^^^^^
  = did you mean `listener`?";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_listeners_own_setting_outside_its_table_says_where_it_goes() {
    let said = refusal(
        r#"[[listener]]
plugin = "audit-log"
fsync = "always"
"#,
    );
    let expected = r#"op.toml:3:1: unknown key `fsync` in [[listener]]
  |
3 | fsync = "always"
  | ^^^^^
  = the keys of [[listener]]: `plugin`, `name`, `spi`, `clients`, `required`, `enabled`, `switch_off_after_panics`, `budget_ms`, `shutdown_ms`, `queue`, `poll`, `config`; the listener's own settings go in [listener.config]"#;
    assert_eq!(said, expected, "\n{said}");
}
