//! The credentials of a profile of the shared files: keys, a program, a role, a web identity.

use std::time::Duration;

use super::sts::Role;
use super::{Chain, Credentials, CredentialsError, container, process};
use crate::aws::profiles::{Profile, Profiles};

/// Whether a profile says anything of credentials; that called `default` often does not.
pub(super) fn has_credentials(profile: &Profile) -> bool {
    const SETTINGS: [&str; 8] = [
        "role_arn",
        "aws_access_key_id",
        "aws_secret_access_key",
        "credential_process",
        "web_identity_token_file",
        "sso_session",
        "sso_start_url",
        "login_session",
    ];
    SETTINGS
        .iter()
        .any(|setting| profile.contains_key(*setting))
}

/// The credentials of the profile of that name.
pub(super) fn credentials(
    chain: &Chain,
    profiles: &Profiles,
    name: &str,
) -> Result<Credentials, CredentialsError> {
    follow(chain, profiles, name, &mut Vec::new())
}

fn follow(
    chain: &Chain,
    profiles: &Profiles,
    name: &str,
    on_the_way: &mut Vec<String>,
) -> Result<Credentials, CredentialsError> {
    let profile = profiles
        .get(name)
        .ok_or_else(|| CredentialsError::NoProfile(name.to_owned()))?;
    // A role's profile may be its own source: then its keys are meant.
    let returned = on_the_way.last().is_some_and(|before| before == name);
    if !returned && on_the_way.iter().any(|known| known == name) {
        return Err(CredentialsError::Ring(name.to_owned()));
    }
    match profile.get("role_arn") {
        Some(arn) if !returned => {
            on_the_way.push(name.to_owned());
            of_role(chain, profiles, profile, name, arn, on_the_way)
        }
        _ => of_keys_or_program(profile, name),
    }
}

fn of_role(
    chain: &Chain,
    profiles: &Profiles,
    profile: &Profile,
    name: &str,
    arn: &str,
    on_the_way: &mut Vec<String>,
) -> Result<Credentials, CredentialsError> {
    let wrong = |why| CredentialsError::Profile(name.to_owned(), why);
    let text = |setting: &str| profile.get(setting).map(String::as_str);
    if text("mfa_serial").is_some() {
        return Err(wrong(
            "wants a code of a person (`mfa_serial`), who is not here to be asked",
        ));
    }
    let duration = match text("duration_seconds").map(str::parse) {
        None => None,
        Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
        Some(Err(_)) => return Err(wrong("has a `duration_seconds` that is no number")),
    };
    let role = Role {
        arn,
        session_name: text("role_session_name"),
        external_id: text("external_id"),
        duration,
    };
    let sts = chain.sts(profiles, name);
    if let Some(file) = text("web_identity_token_file") {
        return sts.with_web_identity(&chain.environment.path(file), &role);
    }
    let own = match (text("source_profile"), text("credential_source")) {
        (Some(_), Some(_)) => {
            return Err(wrong(
                "has both `source_profile` and `credential_source`: leave out one",
            ));
        }
        (Some(source), None) => follow(chain, profiles, source, on_the_way)?,
        (None, Some("Environment")) => chain.of_environment().ok_or_else(|| {
            wrong("takes its role with the environment's keys, and there are none")
        })??,
        (None, Some("EcsContainer")) => container::credentials(&chain.environment, &chain.web)?,
        (None, Some("Ec2InstanceMetadata")) => chain.imds().credentials()?,
        (None, Some(_)) => {
            return Err(wrong(
                "has a `credential_source` that is none of Environment, EcsContainer and \
                 Ec2InstanceMetadata",
            ));
        }
        (None, None) => {
            return Err(wrong(
                "has a `role_arn`, but neither `source_profile` nor `credential_source`",
            ));
        }
    };
    sts.assume_role(&own, &role)
}

fn of_keys_or_program(profile: &Profile, name: &str) -> Result<Credentials, CredentialsError> {
    let wrong = |why| CredentialsError::Profile(name.to_owned(), why);
    let text = |setting: &str| profile.get(setting).cloned();
    match (text("aws_access_key_id"), text("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            return Ok(Credentials::lasting(id, secret, text("aws_session_token")));
        }
        (Some(_), None) => return Err(wrong("lacks `aws_secret_access_key`")),
        (None, Some(_)) => return Err(wrong("lacks `aws_access_key_id`")),
        (None, None) => {}
    }
    if let Some(command) = text("credential_process") {
        return process::credentials(&command);
    }
    if profile.contains_key("sso_session")
        || profile.contains_key("sso_start_url")
        || profile.contains_key("login_session")
    {
        return Err(wrong(
            "is of a person who signs in: for that, set `credential_process` to \
             `aws configure export-credentials --profile …`, or give the host a role of its own",
        ));
    }
    Err(wrong("has no credentials"))
}
