//! What is said about listeners that cannot be.

use super::refusal;

#[test]
fn two_listeners_of_one_name_are_both_named() {
    let said = refusal(
        r#"[[listener]]
plugin = "audit-log"

[[listener]]
plugin = "audit-log"
name = "second"

[[listener]]
plugin = "sqs"
name = "audit-log"
"#,
    );
    let expected = r#"op.toml:10:8: the listener name `audit-log` is taken by the entry on line 2
   |
10 | name = "audit-log"
   |        ^^^^^^^^^^^
   = give one of them another `name`; case makes no difference"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_listener_without_a_plugin() {
    let said = refusal(
        r#"[[listener]]
name = "audit"
"#,
    );
    let expected = r#"op.toml:1:1: [[listener]] has no `plugin`
  |
1 | [[listener]]
  | ^^^^^^^^^^^^
  = say which plugin it is: `plugin = "its id"`"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_listener_without_double_brackets() {
    let said = refusal(
        r#"[listener]
plugin = "a"
"#,
    );
    let expected = r"op.toml:1:1: `listener` must be an array of tables, but it is a table
  |
1 | [listener]
  | ^^^^^^^^^^
  = each listener has a header of its own: `[[listener]]`";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_second_listener_without_double_brackets() {
    let said = refusal(
        r#"[[listener]]
plugin = "a"

[listener]
plugin = "b"
"#,
    );
    let expected = r"op.toml:4:2: `listener` is given twice
  |
4 | [listener]
  |  ^^^^^^^^
  = each listener has a header of its own: `[[listener]]`";
    assert_eq!(said, expected, "\n{said}");
}
