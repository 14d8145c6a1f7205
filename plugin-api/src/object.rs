//! JSON objects that are read only when asked for.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Error;
use crate::unfit::unfit;

/// A JSON object that was lent as text: a claims set, client metadata, a session.
///
/// Nothing is parsed until a member is asked for, then once. Values keep their text, so numbers of
/// any size and the order of members survive. Where a name stands twice the last one counts.
///
/// ```
/// # use op_listener_api::JsonObject;
/// let claims = JsonObject::parse(r#"{"sub":"alice","iat":1523304728,"amr":["pwd"]}"#)?;
/// assert_eq!(claims.string("sub").as_deref(), Some("alice"));
/// assert_eq!(claims.get::<u64>("iat")?, Some(1_523_304_728));
/// assert_eq!(claims.raw("amr").map(|value| value.get()), Some(r#"["pwd"]"#));
/// assert!(!claims.contains("exp"));
/// # Ok::<(), op_listener_api::Error>(())
/// ```
pub struct JsonObject<'a> {
    text: &'a str,
    members: OnceLock<Members<'a>>,
}

type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

impl<'a> JsonObject<'a> {
    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// `text` is not one JSON object.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let members = members(text).map_err(|error| unfit(&error))?;
        Ok(Self {
            text,
            members: OnceLock::from(members),
        })
    }

    /// An object that the host has checked already.
    pub(crate) const fn trusted(text: &'a str) -> Self {
        Self {
            text,
            members: OnceLock::new(),
        }
    }

    fn members(&self) -> &Members<'a> {
        self.members.get_or_init(|| {
            members(self.text).expect("the host hands over nothing but valid JSON objects")
        })
    }

    /// The whole object as it came.
    pub const fn json(&self) -> &'a str {
        self.text
    }

    /// A member's value as it came.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let member = self.members().iter().find(|(known, _)| known == name);
        member.map(|(_, value)| *value)
    }

    /// Whether there is a member of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A member that is a string; `None` where it is missing or something else.
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.raw(name)?.get();
        let quoted = text.strip_prefix('"')?.strip_suffix('"')?;
        if quoted.contains('\\') {
            serde_json::from_str(text).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(quoted))
        }
    }

    /// A member as a type of yours; `None` where it is missing.
    ///
    /// # Errors
    ///
    /// The member is there but does not fit the type. The message names the member and the types, and
    /// never holds the value: it may go to a log.
    pub fn get<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        match serde_json::from_str(value.get()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(unfit(&error).context(format_args!("member `{name}`"))),
        }
    }

    /// The whole object as a type of yours.
    ///
    /// # Errors
    ///
    /// The object does not fit the type. As with [`JsonObject::get`] no value is in the message; the
    /// member is named where one is at fault.
    pub fn to<T: Deserialize<'a>>(&self) -> Result<T, Error> {
        serde_json::from_str(self.text).map_err(|error| match self.at(&error) {
            Some(name) => unfit(&error).context(format_args!("member `{name}`")),
            None => unfit(&error),
        })
    }

    /// The member in whose value an error was noticed.
    fn at(&self, error: &serde_json::Error) -> Option<&str> {
        let lines_before = error.line().checked_sub(1)?;
        let lines = self.text.split_inclusive('\n').take(lines_before);
        let offset = lines.map(str::len).sum::<usize>() + error.column();
        let mut members = self.members().iter();
        let found = members.find(|(_, value)| {
            let begin = value.get().as_ptr().addr() - self.text.as_ptr().addr();
            (begin + 1..=begin + value.get().len()).contains(&offset)
        });
        found.map(|(name, _)| &**name)
    }

    /// The whole object as `serde_json` holds it: integers beyond 64 bits lose digits.
    ///
    /// # Errors
    ///
    /// A number in it is too large for a double, or it is nested deeper than 127 levels.
    /// [`JsonObject::iter`] has no such limits.
    pub fn to_map(&self) -> Result<Map<String, Value>, Error> {
        self.to()
    }

    /// The members in the order in which they came, each name once.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members().iter().map(|(name, value)| (&**name, *value))
    }
}

/// As an object of the same members, each name once, with their values' very text. For `serde_json`
/// alone, as [`RawValue`] is; so that a claims set can be signed or written as it came.
impl Serialize for JsonObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Debug for JsonObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

fn members(text: &str) -> Result<Members<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(MembersVisitor)?;
    deserializer.end()?;
    Ok(last_of_each_name(members))
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            members.push((name.0, value));
        }
        Ok(members)
    }
}

/// A name, borrowed unless it was written with escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

fn last_of_each_name(members: Members<'_>) -> Members<'_> {
    let mut seen = HashSet::with_capacity(members.len());
    let last: Vec<bool> = members
        .iter()
        .rev()
        .map(|(name, _)| seen.insert(&**name))
        .collect();
    if last.iter().all(|last| *last) {
        return members;
    }
    let kept = members.into_iter().zip(last.into_iter().rev());
    kept.filter_map(|(member, last)| last.then_some(member))
        .collect()
}
