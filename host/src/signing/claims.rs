//! Whether a text can be a claims set: one JSON object, no claim twice. The text itself is signed
//! as it stands; nothing is built from it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::SignError;

/// Checks that `claims` is one JSON object in which no name stands twice (RFC 7519 section 4).
pub(super) fn check(claims: &str) -> Result<(), SignError> {
    let is_space = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
    if !claims.trim_start_matches(is_space).starts_with('{') {
        return Err(SignError::NotAnObject);
    }
    let mut json = serde_json::Deserializer::from_str(claims);
    json.deserialize_map(Names)
        .and_then(|repeated| json.end().map(|()| repeated))
        .map_err(|error| SignError::Json {
            line: error.line(),
            column: error.column(),
        })?
        .map_or(Ok(()), |name| Err(SignError::RepeatedClaim { name }))
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads an object for its first repeated name.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::with_capacity(32);
        while let Some(name) = map.next_key::<Name<'de>>()? {
            map.next_value::<IgnoredAny>()?;
            names.push(name);
        }
        // Sorting keeps this cheap for the usual dozen and harmless for a hostile million.
        names.sort_unstable();
        Ok(names
            .windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0].0.clone().into_owned()))
    }
}
