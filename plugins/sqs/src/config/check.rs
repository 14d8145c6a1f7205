//! What the values of the table mean together.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::to_raw_value;

use super::table::{AssumeRoleTable, CredentialsTable};
use super::{
    AssumeRole, AwsSettings, ConfigError, Identity, NamedKeys, Payload, Secret, Settings, Table,
    Target,
};
use crate::aws::{Environment, endpoint};
use crate::body::{Attribute, CLOUDEVENTS_ATTRIBUTES, EVENT_MEMBERS, Shape};

/// In seconds: of one request, and of a role's credentials (15 minutes to 12 hours).
const TIMEOUTS: (u64, u64) = (1, 300);
const DURATIONS: (u64, u64) = (900, 43_200);
/// The host waits ten seconds for deliveries when it stops.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Table {
    /// Checks what the values mean together. Paths come out as `resolve` makes them.
    pub(crate) fn check(
        self,
        environment: &Environment,
        resolve: impl Fn(&Path) -> PathBuf,
    ) -> Result<Settings, ConfigError> {
        let target = target(self.queue_url, self.queue_name, self.queue_owner)?;
        let group = match (is_fifo(&target), self.group) {
            (true, group) => Some(group.unwrap_or_default()),
            (false, None) => None,
            (false, Some(_)) => return Err(ConfigError::NoEffect("group", "a queue `….fifo`")),
        };
        if let Some(region) = &self.region {
            check_region(region, &target)?;
        }
        if let Some(endpoint) = &self.endpoint {
            endpoint::parse(endpoint)
                .map_err(|why| ConfigError::Url("endpoint", why.to_string()))?;
        }
        let identity = match (self.profile, self.credentials) {
            (Some(_), Some(_)) => return Err(ConfigError::Both("profile", "credentials")),
            (Some(profile), None) if profile.is_empty() => {
                return Err(ConfigError::Empty("profile"));
            }
            (Some(profile), None) => Identity::Profile(profile),
            (None, Some(keys)) => Identity::Named(named_keys(keys, environment, &resolve)?),
            (None, None) => Identity::Default,
        };
        let timeout = match self.timeout {
            None => DEFAULT_TIMEOUT,
            Some(seconds) => bounded("timeout", seconds, TIMEOUTS)?,
        };
        let aws = AwsSettings {
            region: self.region,
            endpoint: self.endpoint,
            identity,
            assume_role: self.assume_role.map(assume_role).transpose()?,
            ca_file: self.ca_file.map(|file| resolve(&file)),
            timeout,
        };
        let constants: Vec<_> = self.constants.into_iter().collect();
        let mut payload = Payload {
            shape: self.body,
            claims: self.claims,
            fields: self.fields.into_iter().collect(),
            constants,
            attributes: self
                .attributes
                .unwrap_or_else(|| Attribute::DEFAULT.to_vec()),
            audience: self.audience.0,
        };
        check_members(&payload, self.environment.keys())?;
        for (member, variable) in self.environment {
            let Some(value) = environment.get(&variable) else {
                return Err(ConfigError::Unset("environment", variable));
            };
            let value = to_raw_value(&value).expect("text is JSON");
            payload.constants.push((member, value));
        }
        Ok(Settings {
            target,
            group,
            payload,
            aws,
        })
    }
}

fn target(
    url: Option<String>,
    name: Option<String>,
    owner: Option<String>,
) -> Result<Target, ConfigError> {
    match (url, name) {
        (Some(_), Some(_)) => Err(ConfigError::Both("queue_url", "queue_name")),
        (None, None) => Err(ConfigError::NoQueue),
        (Some(_), None) if owner.is_some() => {
            Err(ConfigError::NoEffect("queue_owner", "`queue_name`"))
        }
        (Some(url), None) => {
            endpoint::parse(&url).map_err(|why| ConfigError::Url("queue_url", why.to_string()))?;
            match endpoint::queue_of(&url) {
                Some(_) => Ok(Target::Url(url)),
                None => Err(ConfigError::NotOfQueue),
            }
        }
        (None, Some(name)) => {
            let stem = name.strip_suffix(".fifo").unwrap_or(&name);
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if stem.is_empty() || name.len() > 80 || !stem.bytes().all(allowed) {
                return Err(ConfigError::QueueName(name));
            }
            if let Some(owner) = &owner
                && !(owner.len() == 12 && owner.bytes().all(|b| b.is_ascii_digit()))
            {
                return Err(ConfigError::Owner(owner.clone()));
            }
            Ok(Target::Name { name, owner })
        }
    }
}

fn is_fifo(target: &Target) -> bool {
    let name = match target {
        Target::Url(url) => endpoint::queue_of(url).unwrap_or_default(),
        Target::Name { name, .. } => name,
    };
    name.strip_suffix(".fifo").is_some()
}

fn check_region(region: &str, target: &Target) -> Result<(), ConfigError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.is_empty() || !region.bytes().all(allowed) {
        return Err(ConfigError::Region(region.to_owned()));
    }
    if let Target::Url(url) = target
        && let Some(of_url) = endpoint::region_of(url)
        && of_url != region
    {
        return Err(ConfigError::Regions {
            url: of_url,
            region: region.to_owned(),
        });
    }
    Ok(())
}

fn bounded(key: &'static str, seconds: u64, bounds: (u64, u64)) -> Result<Duration, ConfigError> {
    if (bounds.0..=bounds.1).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(ConfigError::Bounds(key, bounds.0, bounds.1))
    }
}

fn named_keys(
    table: CredentialsTable,
    environment: &Environment,
    resolve: &impl Fn(&Path) -> PathBuf,
) -> Result<NamedKeys, ConfigError> {
    let secret = |file: Option<PathBuf>, variable: Option<String>, keys: [&'static str; 2]| match (
        file, variable,
    ) {
        (Some(_), Some(_)) => Err(ConfigError::Both(keys[0], keys[1])),
        (Some(file), None) => Ok(Some(Secret::File(resolve(&file)))),
        (None, Some(variable)) if environment.get(&variable).is_none() => {
            Err(ConfigError::Unset("credentials", variable))
        }
        (None, Some(variable)) => Ok(Some(Secret::Variable(variable))),
        (None, None) => Ok(None),
    };
    let needed = |found: Option<Secret>, keys: [&'static str; 2]| {
        found.ok_or(ConfigError::NoKey(keys[0], keys[1]))
    };
    let id = ["access_key_id_file", "access_key_id_env"];
    let key = ["secret_access_key_file", "secret_access_key_env"];
    let token = ["session_token_file", "session_token_env"];
    Ok(NamedKeys {
        access_key_id: needed(
            secret(table.access_key_id_file, table.access_key_id_env, id)?,
            id,
        )?,
        secret_access_key: needed(
            secret(
                table.secret_access_key_file,
                table.secret_access_key_env,
                key,
            )?,
            key,
        )?,
        session_token: secret(table.session_token_file, table.session_token_env, token)?,
    })
}

fn assume_role(table: AssumeRoleTable) -> Result<AssumeRole, ConfigError> {
    let arn = &table.role_arn;
    if !(arn.starts_with("arn:") && arn.contains(":role/")) {
        return Err(ConfigError::Role(arn.clone()));
    }
    let duration = table.duration;
    Ok(AssumeRole {
        role_arn: table.role_arn,
        session_name: table.session_name,
        external_id: table.external_id,
        duration: duration
            .map(|seconds| bounded("assume_role.duration", seconds, DURATIONS))
            .transpose()?,
    })
}

/// Each member of a body is of one thing, and of a name that the shape allows.
fn check_members<'n>(
    payload: &Payload,
    environment: impl Iterator<Item = &'n String>,
) -> Result<(), ConfigError> {
    let shape = payload.shape;
    if shape != Shape::Claims && !payload.fields.is_empty() {
        return Err(ConfigError::NoEffect("fields", "`body = \"claims\"`"));
    }
    if shape != Shape::Set && !payload.audience.is_empty() {
        return Err(ConfigError::NoEffect("audience", "`body = \"set\"`"));
    }
    let mut listed = HashSet::new();
    let claims = payload.claims.listed().unwrap_or_default();
    if let Some(twice) = claims.iter().find(|name| !listed.insert(name.as_str())) {
        return Err(ConfigError::ListedTwice("claims", twice.clone()));
    }
    let mut attributes = HashSet::new();
    let mut names = payload.attributes.iter().map(|attribute| attribute.name());
    if let Some(twice) = names.find(|name| !attributes.insert(*name)) {
        return Err(ConfigError::ListedTwice("attributes", twice.to_owned()));
    }

    let claims = claims.iter().filter(|_| shape == Shape::Claims);
    let claims = claims.map(|name| ("claims", name));
    let fields = payload.fields.iter().map(|(name, _)| ("fields", name));
    let constants = payload
        .constants
        .iter()
        .map(|(name, _)| ("constants", name));
    let environment = environment.map(|name| ("environment", name));
    let mut taken: Vec<(&'static str, &String)> = Vec::new();
    for (key, name) in claims.chain(fields).chain(constants).chain(environment) {
        if let Some((by, _)) = taken.iter().find(|(_, known)| *known == name) {
            return Err(ConfigError::Twice(name.clone(), by, key));
        }
        taken.push((key, name));
        if matches!(key, "constants" | "environment") {
            check_constant(shape, key, name)?;
        }
    }
    if shape == Shape::CloudEvents {
        for (name, value) in &payload.constants {
            let scalar = match serde_json::from_str(value.get()) {
                Ok(Value::String(_) | Value::Bool(_)) => true,
                Ok(Value::Number(number)) => {
                    number.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
                }
                _ => false,
            };
            if !scalar {
                return Err(ConfigError::ExtensionValue(name.clone()));
            }
        }
    }
    Ok(())
}

fn check_constant(shape: Shape, key: &'static str, name: &str) -> Result<(), ConfigError> {
    let reserved: &[&str] = match shape {
        Shape::Claims => &[],
        Shape::Event => &EVENT_MEMBERS,
        Shape::CloudEvents => &CLOUDEVENTS_ATTRIBUTES,
        Shape::Set => &["client_id", "claims"],
    };
    if reserved.contains(&name) {
        return Err(ConfigError::Reserved(key, name.to_owned()));
    }
    // CloudEvents 1.0.2, section "Naming Conventions".
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let extension = (1..=20).contains(&name.len()) && name.bytes().all(lower);
    if shape == Shape::CloudEvents && !extension {
        return Err(ConfigError::ExtensionName(key, name.to_owned()));
    }
    Ok(())
}
