//! The scanner beside `serde_json`.

use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;

/// Of a valid text, told from its brackets outside strings.
fn true_depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escape) = (0, 0, false, false);
    for character in text.chars() {
        match character {
            _ if escape => escape = false,
            '\\' => escape = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Pieces of JSON that, put together at random, are valid now and then.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"a\":",
        " ",
        "\n",
        "\u{1}",
        "0",
        "-1",
        "01",
        "1.5",
        "1.",
        ".5",
        "1e5",
        "1e",
        "-",
        "E+1",
        "true",
        "false",
        "null",
        "nul",
        "\\",
        "\\n",
        "\\x",
        "\\u00e9",
        "\\u00g9",
        "\\uD83D\\uDE00",
        "\"\\uD83D\"",
        "\"long enough for words\"",
        "é",
        "\u{7f}",
        "{}",
        "[]",
        "NaN",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn judged_as_by_the_reader(text: &str) -> Result<(), TestCaseError> {
    let found = whole(text, usize::MAX);
    match serde_json::from_str::<&RawValue>(text) {
        Err(_) => prop_assert!(matches!(found, Err(Stop::Syntax | Stop::LoneSurrogate))),
        Ok(raw) if found.is_ok() => prop_assert_eq!(found.map(|span| span.text), Ok(raw.get())),
        // The reader does not look at surrogates it passes over.
        Ok(_) => prop_assert_eq!(found, Err(Stop::LoneSurrogate)),
    }
    if found.is_ok() {
        let depth = true_depth(text);
        prop_assert!(whole(text, depth).is_ok());
        prop_assert!(depth == 0 || whole(text, depth - 1) == Err(Stop::TooDeep));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn texts_are_judged_as_by_serde_json(text in pieces()) {
        judged_as_by_the_reader(&text)?;
    }

    #[test]
    fn a_changed_byte_is_judged_as_by_serde_json(at in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let text = r#"{"a":[1,-2.5e+3,{"b\n\u00e9\ud83d\ude00":"some longer text é","c":{}}],"d":[true,false,null,[],""]} "#;
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = str::from_utf8(&bytes) {
            judged_as_by_the_reader(text)?;
        }
    }

    #[test]
    fn surrogates_are_judged_as_by_serde_json(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                r"\ud83d", r"\uDE00", r"\\", r"\u0041", "x", r"\n", r"\\ud800", "é",
            ]), 0..8),
    ) {
        let text = format!("\"{}\"", parts.concat());
        let refused = serde_json::from_str::<String>(&text).is_err();
        prop_assert_eq!(whole(&text, 1) == Err(Stop::LoneSurrogate), refused);
    }

    #[test]
    fn strings_end_where_they_end(before in "[ -!#-\\[\\]-~é\u{80}\u{10ffff}]{0,20}", control in 0_u8..0x20) {
        let text = format!("\"{before}\"");
        prop_assert_eq!(whole(&text, 0), Ok(Span { text: &text, escaped: false }));
        let text = format!("\"{before}{}long enough\"", char::from(control));
        prop_assert_eq!(whole(&text, 0), Err(Stop::Syntax));
    }
}

#[test]
fn nesting_is_followed_beyond_a_word_of_bits() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 200, 1000] {
        let text = r#"{"a":["#.repeat(depth / 2) + "1" + &"]}".repeat(depth / 2);
        let depth = depth / 2 * 2;
        assert!(whole(&text, depth).is_ok(), "{depth}");
        assert!(
            depth == 0 || whole(&text, depth - 1) == Err(Stop::TooDeep),
            "{depth}"
        );
        let crossed = r#"{"a":["#.repeat(depth / 2) + "1" + &"}]".repeat(depth / 2);
        assert!(
            depth == 0 || whole(&crossed, depth) == Err(Stop::Syntax),
            "{depth}"
        );
    }
}

#[test]
fn a_backslash_is_noticed() {
    assert!(whole(r#"{"a":"\n"}"#, 9).unwrap().escaped);
    assert!(whole(r#"{"\u0061":1}"#, 9).unwrap().escaped);
    assert!(!whole(r#"{"a":"n"}"#, 9).unwrap().escaped);
}
