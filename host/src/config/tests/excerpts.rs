//! How the line at fault is shown.

use super::refusal;

#[test]
fn tabs_do_not_move_the_caret() {
    let said = refusal(
        r"[dispatch]
	measure	=	1
",
    );
    let expected = r"op.toml:2:12: `measure` must be a boolean (`true` or `false`), but it is an integer
  |
2 |     measure    =    1
  |                     ^";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn wide_and_combining_characters_do_not_move_the_caret() {
    let said = refusal("data_dir = 1 # x\n\"漢字\" = 1\nlog = { \"e\u{301}漢\" = 1, levle = 2 }\n");
    let expected = "op.toml:1:12: `data_dir` must be a string, but it is an integer\n  |\n1 | data_dir = 1 # x\n  |            ^\n\nop.toml:2:1: unknown key `漢字`\n  |\n2 | \"漢字\" = 1\n  | ^^^^^^\n  = the keys of the top of the file: `issuer`, `clients`, `data_dir`, `plugins`, `signing`, `log`, `intake`, `flow`, `dispatch`, `delivery`, `listener`\n\nop.toml:3:9: unknown key `e\u{301}漢` in [log]\n  |\n3 | log = { \"e\u{301}漢\" = 1, levle = 2 }\n  |         ^^^^^\n  = the keys of [log]: `format`, `level`\n\nop.toml:3:20: unknown key `levle` in [log]\n  |\n3 | log = { \"e\u{301}漢\" = 1, levle = 2 }\n  |                    ^^^^^\n  = did you mean `level`?";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn carriage_returns_are_not_shown() {
    let said = refusal("clients = 1\r\nlog = 2\r\n");
    let expected = r"op.toml:1:11: `clients` must be a string, but it is an integer
  |
1 | clients = 1
  |           ^

op.toml:2:7: `log` must be a table, but it is an integer
  |
2 | log = 2
  |       ^
  = its header is `[log]`";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_byte_order_mark_does_not_count() {
    let said = refusal("\u{feff}isuer = 1\n");
    let expected = r"op.toml:1:1: unknown key `isuer`
  |
1 | isuer = 1
  | ^^^^^
  = did you mean `issuer`?";
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let said = refusal(&format!(
        "log = {{ level = \"info\", {}levle = \"info\" }} {}\n",
        " ".repeat(200),
        "# x".repeat(40)
    ));
    let expected = r#"op.toml:1:225: unknown key `levle` in [log]
  |
1 | …                                                            levle = "info" } # x# x# x# x# x# x# x# x# x# x# x# x# x# x#…
  |                                                              ^^^^^
  = did you mean `level`?"#;
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn a_fault_over_several_lines_is_marked_on_its_first() {
    let said = refusal(
        r#"clients = [
  "a",
]
"#,
    );
    let expected = r"op.toml:1:11: `clients` must be a string, but it is an array
  |
1 | clients = [
  |           ^";
    assert_eq!(said, expected, "\n{said}");
}
