//! Lists, written as an array or as one text separated by commas or spaces.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an array of texts, or one text separated by commas or spaces"
)]
enum Written {
    Text(String),
    Array(Vec<String>),
}

/// Reads a list of names or hosts, in which nothing is empty.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let items = match Written::deserialize(from)? {
        Written::Text(text) => {
            let parts = text.split(|c: char| c == ',' || c.is_whitespace());
            let parts = parts.filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        }
        Written::Array(items) => items,
    };
    if items.iter().any(String::is_empty) {
        return Err(serde::de::Error::custom(
            "there is an empty text in the array",
        ));
    }
    Ok(items)
}
