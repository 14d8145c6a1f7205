//! Lists of names, written as an array or as one text separated by commas or spaces.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Names of claims or members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// Whether `name` is among them, as it stands or without its language tag (`name#ja-Kana-JP`
    /// is a `name`: OpenID Connect Core 1.0, section 5.2).
    pub fn contains(&self, name: &str) -> bool {
        let untagged = name.split_once('#').map_or(name, |(untagged, _)| untagged);
        self.0
            .iter()
            .any(|known| known == name || known == untagged)
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, as an array or as text separated by commas or spaces")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Names, E> {
                let names = text.split(|c: char| c == ',' || c.is_whitespace());
                let names = names.filter(|name| !name.is_empty());
                Ok(Names(names.map(str::to_owned).collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element::<String>()? {
                    if name.is_empty() {
                        return Err(A::Error::custom("an empty name"));
                    }
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_any(NamesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(json: &str) -> Vec<String> {
        serde_json::from_str::<Names>(json).unwrap().0
    }

    #[test]
    fn arrays_and_text_say_the_same() {
        let expected = ["sub", "https://claims.example.com/roles", "iat"];
        assert_eq!(
            names(r#"["sub","https://claims.example.com/roles","iat"]"#),
            expected
        );
        assert_eq!(
            names(r#""sub, https://claims.example.com/roles,,  iat ""#),
            expected
        );
        assert!(names(r#""""#).is_empty());
    }

    #[test]
    fn odd_names_can_be_given_in_an_array() {
        assert_eq!(names(r#"["a, b","\u0000"]"#), ["a, b", "\0"]);
    }

    #[test]
    fn a_name_stands_for_its_translations() {
        let list: Names = serde_json::from_str(r#"["name","title#de"]"#).unwrap();
        assert!(list.contains("name") && list.contains("name#ja-Kana-JP"));
        assert!(list.contains("title#de") && !list.contains("title"));
        assert!(!list.contains("names"));
    }

    #[test]
    fn other_types_are_refused() {
        for wrong in ["1", "[1]", "null", "{}", r#"[""]"#] {
            assert!(serde_json::from_str::<Names>(wrong).is_err(), "{wrong}");
        }
    }
}
