//! The table as an operator writes it. The package's README describes each key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::{Attribute, Field, Group, Names, Shape};

/// The switch alone. Read first: while it is off, nothing else is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Switch {
    #[serde(default)]
    pub(crate) enable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "enable")]
    pub(super) _enable: Option<bool>,
    pub(super) queue_url: Option<String>,
    pub(super) queue_name: Option<String>,
    pub(super) queue_owner: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) credentials: Option<CredentialsTable>,
    pub(super) assume_role: Option<AssumeRoleTable>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) timeout: Option<u64>,
    #[serde(default)]
    pub(super) body: Shape,
    #[serde(default)]
    pub(super) claims: Names,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Field>,
    #[serde(default)]
    pub(super) constants: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    pub(super) attributes: Option<Vec<Attribute>>,
    #[serde(default)]
    pub(super) audience: Audience,
    pub(super) group: Option<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialsTable {
    pub(super) access_key_id_file: Option<PathBuf>,
    pub(super) access_key_id_env: Option<String>,
    pub(super) secret_access_key_file: Option<PathBuf>,
    pub(super) secret_access_key_env: Option<String>,
    pub(super) session_token_file: Option<PathBuf>,
    pub(super) session_token_env: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssumeRoleTable {
    pub(super) role_arn: String,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) duration: Option<u64>,
}

/// One receiver, or several.
#[derive(Debug, Default)]
pub(super) struct Audience(pub(super) Vec<String>);

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

            fn visit_seq<A: SeqAccess<'de>>(self, mut each: A) -> Result<Audience, A::Error> {
                let mut audience = Vec::new();
                while let Some(one) = each.next_element()? {
                    audience.push(one);
                }
                Ok(Audience(audience))
            }
        }

        deserializer.deserialize_any(AudienceVisitor)
    }
}
