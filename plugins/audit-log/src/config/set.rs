//! The setting `set`: whether a signed Security Event Token of each event is recorded.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// `false`, `true`, or a table with the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetSetting(Option<Vec<String>>);

impl SetSetting {
    /// Whether SETs are recorded.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The audience of the SETs (`aud`, RFC 8417 section 2.2); empty for none.
    pub fn audience(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetTable {
    #[serde(default)]
    audience: Audience,
}

#[derive(Default)]
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AudienceVisitor;

        impl<'de> Visitor<'de> for AudienceVisitor {
            type Value = Audience;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an audience, or an array of them")
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<Audience, E> {
                Ok(Audience(vec![one.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Audience, A::Error> {
                let mut audience = Vec::new();
                while let Some(one) = items.next_element()? {
                    audience.push(one);
                }
                Ok(Audience(audience))
            }
        }

        deserializer.deserialize_any(AudienceVisitor)
    }
}

impl<'de> Deserialize<'de> for SetSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SetVisitor;

        impl<'de> Visitor<'de> for SetVisitor {
            type Value = SetSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a table with `audience`")
            }

            fn visit_bool<E: Error>(self, on: bool) -> Result<SetSetting, E> {
                Ok(SetSetting(on.then(Vec::new)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SetSetting, A::Error> {
                let table = SetTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SetSetting(Some(table.audience.0)))
            }
        }

        deserializer.deserialize_any(SetVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(json: &str) -> SetSetting {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_word_or_a_table_switches_it_on() {
        assert!(!setting("false").is_on());
        assert!(setting("true").is_on() && setting("true").audience().is_empty());
        assert!(setting("{}").is_on());
        assert_eq!(setting(r#"{"audience":"a"}"#).audience(), ["a"]);
        assert_eq!(setting(r#"{"audience":["a","b"]}"#).audience(), ["a", "b"]);
        assert!(serde_json::from_str::<SetSetting>(r#""yes""#).is_err());
    }
}
