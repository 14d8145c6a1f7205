//! Says why JSON does not fit a type, without a word of what stands in it: claims are personal data,
//! and the error that a listener returns is logged by the host.
//!
//! `serde` writes the value that it found into its messages, and a type's own code may do so too. So
//! only what is known to hold no value is kept: which kind of value was found, and which was expected.

use serde_json::error::{Category, Error as JsonError};

use crate::Error;

/// The error without values.
pub(crate) fn unfit(error: &JsonError) -> Error {
    let text = error.to_string();
    match error.classify() {
        // What is wrong with the text itself is said in words that are the same for all texts.
        Category::Syntax | Category::Eof | Category::Io => Error::new(text),
        Category::Data => Error::new(without_values(without_place(&text))),
    }
}

/// What `serde_json` adds to each message.
fn without_place(message: &str) -> &str {
    message
        .rfind(" at line ")
        .map_or(message, |at| &message[..at])
}

/// The words for kinds of values with which `serde` begins, before the value itself.
const KINDS: &[&str] = &[
    "boolean",
    "integer",
    "floating point",
    "character",
    "string",
    "byte array",
    "unit value",
    "null",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
];

fn without_values(message: &str) -> String {
    // The value stands before it, whatever is in the value.
    let expected = message.rfind(", expected ").map_or("", |at| &message[at..]);
    for wrong in ["invalid type: ", "invalid value: "] {
        if let Some(found) = message.strip_prefix(wrong) {
            let kind = KINDS.iter().find(|kind| found.starts_with(**kind));
            return format!("{wrong}{}{expected}", kind.unwrap_or(&"another"));
        }
    }
    for wrong in ["unknown variant", "unknown field", "invalid length"] {
        if message
            .strip_prefix(wrong)
            .is_some_and(|rest| rest.starts_with(' '))
        {
            return format!("{wrong}{expected}");
        }
    }
    // The name is the type's.
    for wrong in ["missing field `", "duplicate field `"] {
        let name = message
            .strip_prefix(wrong)
            .and_then(|rest| rest.strip_suffix('`'));
        if name.is_some_and(|name| !name.contains(['`', ' '])) {
            return message.to_owned();
        }
    }
    "does not fit the type that was asked for".to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Address {
        country: Country,
        #[serde(default)]
        number: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    enum Country {
        Bulgaria,
        Greece,
    }

    fn said<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        unfit(&serde_json::from_str::<T>(text).unwrap_err()).to_string()
    }

    #[test]
    fn types_are_named_and_values_are_not() {
        assert_eq!(
            said::<u64>(r#""SECRET""#),
            "invalid type: string, expected u64"
        );
        assert_eq!(
            said::<u64>(r#""a, expected SECRET at line 1""#),
            "invalid type: string, expected u64"
        );
        assert_eq!(said::<u8>("4711"), "invalid value: integer, expected u8");
        assert_eq!(
            said::<String>("47.11"),
            "invalid type: floating point, expected a string"
        );
        assert_eq!(
            said::<String>("null"),
            "invalid type: null, expected a string"
        );
        assert_eq!(
            said::<(u8, u8)>("[1]"),
            "invalid length, expected a tuple of size 2"
        );
        assert_eq!(
            said::<Country>(r#""SECRET""#),
            "unknown variant, expected `Bulgaria` or `Greece`"
        );
        assert_eq!(
            said::<Address>(r#"{"country":"Greece","SECRET":1}"#),
            "unknown field, expected `country` or `number`"
        );
        assert_eq!(said::<Address>("{}"), "missing field `country`");
        assert_eq!(
            said::<BTreeMap<String, u8>>(r#"{"a":"SECRET"}"#),
            "invalid type: string, expected u8"
        );
    }

    #[test]
    fn of_what_a_type_says_in_its_own_words_nothing_is_kept() {
        #[derive(Debug)]
        struct Odd;
        impl<'de> Deserialize<'de> for Odd {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Err(serde::de::Error::custom(text))
            }
        }
        let generic = "does not fit the type that was asked for";
        assert_eq!(said::<Odd>(r#""SECRET""#), generic);
        assert_eq!(said::<Odd>(r#""missing field `a` of SECRET`""#), generic);
        assert_eq!(said::<IpAddr>(r#""SECRET""#), generic);
    }

    #[test]
    fn what_is_wrong_with_the_text_itself_is_said() {
        assert!(said::<f64>("1e999").starts_with("number out of range"));
    }
}
