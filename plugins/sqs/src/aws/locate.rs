//! Where the queue's service is, and in which region: from the configuration, the environment, the
//! shared files, the queue's URL, and at last the machine.

use super::credentials::Imds;
use super::endpoint::{self, Endpoint};
use super::profiles::{Profiles, chosen};
use super::{AwsError, Environment, Web};
use crate::config::{AwsSettings, Identity, Target};

/// What requests are sent to, and signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) endpoint: Endpoint,
    pub(super) region: String,
}

/// The profile whose settings count.
pub(super) fn profile_name(settings: &AwsSettings, environment: &Environment) -> String {
    match &settings.identity {
        Identity::Profile(name) => name.clone(),
        Identity::Default | Identity::Named(_) => chosen(environment).0,
    }
}

/// The region, as far as it is known without asking the machine.
pub(super) fn region(
    settings: &AwsSettings,
    target: &Target,
    environment: &Environment,
    profiles: &Profiles,
) -> Option<String> {
    let of_url = || match target {
        Target::Url(url) => endpoint::region_of(url),
        Target::Name { .. } => None,
    };
    let of_profile = || {
        let profile = profiles.get(&profile_name(settings, environment))?;
        profile.get("region").cloned()
    };
    settings
        .region
        .clone()
        .or_else(of_url)
        .or_else(|| environment.get("AWS_REGION"))
        .or_else(|| environment.get("AWS_DEFAULT_REGION"))
        .or_else(of_profile)
}

/// The endpoint, if something other than the region says where it is.
pub(super) fn endpoint(
    settings: &AwsSettings,
    target: &Target,
    environment: &Environment,
    profiles: &Profiles,
) -> Result<Option<Endpoint>, AwsError> {
    let read = |place: &str, url: &str| {
        endpoint::parse(url)
            .map(Some)
            .map_err(|why| AwsError::Endpoint(place.to_owned(), why))
    };
    if let Some(url) = &settings.endpoint {
        return read("`endpoint`", url);
    }
    let name = profile_name(settings, environment);
    let of_profile = profiles.endpoint_url(&name, "sqs");
    if let Some((place, url)) = endpoint::configured(environment, "SQS", of_profile) {
        return read(&place, &url);
    }
    Ok(match target {
        Target::Url(url) => endpoint::of_queue(url),
        Target::Name { .. } => None,
    })
}

/// Both, asking the machine for its region if nobody else knows one.
pub(super) fn locate(
    settings: &AwsSettings,
    target: &Target,
    environment: &Environment,
    web: &Web,
) -> Result<Located, AwsError> {
    let profiles = Profiles::read(environment)?;
    let region = match region(settings, target, environment, &profiles) {
        Some(region) => region,
        None => Imds::new(environment, web)
            .region()
            .ok()
            .filter(|region| !region.is_empty())
            .ok_or(AwsError::NoRegion)?,
    };
    let endpoint = endpoint(settings, target, environment, &profiles)?
        .unwrap_or_else(|| endpoint::of_service("sqs", &region, environment));
    Ok(Located { endpoint, region })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const URL: &str = "https://sqs.eu-west-3.amazonaws.com/1/q";

    fn settings() -> AwsSettings {
        AwsSettings {
            region: None,
            endpoint: None,
            identity: Identity::Default,
            assume_role: None,
            ca_file: None,
            timeout: Duration::from_secs(1),
        }
    }

    fn by_name() -> Target {
        Target::Name {
            name: "q".to_owned(),
            owner: None,
        }
    }

    fn located(
        settings: &AwsSettings,
        target: &Target,
        environment: &Environment,
    ) -> (String, String) {
        let web = Web::without_tls(Duration::from_secs(1));
        let located = locate(settings, target, environment, &web).unwrap();
        (located.endpoint.url, located.region)
    }

    #[test]
    fn the_region_comes_from_the_first_that_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(
            &file,
            "[default]\nregion=ca-west-1\n[profile p]\nregion=sa-east-1\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let all = Environment::of([
            ("AWS_REGION", "eu-north-1"),
            ("AWS_DEFAULT_REGION", "eu-south-1"),
            ("AWS_CONFIG_FILE", file),
        ]);
        let fewer = Environment::of([
            ("AWS_DEFAULT_REGION", "eu-south-1"),
            ("AWS_CONFIG_FILE", file),
        ]);
        let fewest = Environment::of([("AWS_CONFIG_FILE", file)]);
        let in_config = AwsSettings {
            region: Some("af-south-1".to_owned()),
            ..settings()
        };
        let of_profile = AwsSettings {
            identity: Identity::Profile("p".to_owned()),
            ..settings()
        };
        let url = Target::Url(URL.to_owned());
        for (settings, target, environment, region) in [
            (&in_config, &by_name(), &all, "af-south-1"),
            (&settings(), &url, &all, "eu-west-3"),
            (&settings(), &by_name(), &all, "eu-north-1"),
            (&settings(), &by_name(), &fewer, "eu-south-1"),
            (&settings(), &by_name(), &fewest, "ca-west-1"),
            (&of_profile, &by_name(), &fewest, "sa-east-1"),
        ] {
            let (endpoint, found) = located(settings, target, environment);
            assert_eq!(found, region);
            assert_eq!(endpoint, format!("https://sqs.{region}.amazonaws.com"));
        }
    }

    #[test]
    fn the_endpoint_comes_from_the_first_that_says() {
        let all = Environment::of([
            ("AWS_REGION", "eu-north-1"),
            ("AWS_ENDPOINT_URL_SQS", "http://localhost:1"),
            ("AWS_ENDPOINT_URL", "http://localhost:2"),
        ]);
        let general = Environment::of([("AWS_ENDPOINT_URL", "http://localhost:2")]);
        let ignored = Environment::of([
            ("AWS_ENDPOINT_URL", "http://localhost:2"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ]);
        let in_config = AwsSettings {
            endpoint: Some("http://localhost:3".to_owned()),
            ..settings()
        };
        let url = Target::Url(URL.to_owned());
        for (settings, environment, endpoint) in [
            (&in_config, &all, "http://localhost:3"),
            (&settings(), &all, "http://localhost:1"),
            (&settings(), &general, "http://localhost:2"),
            (&settings(), &ignored, "https://sqs.eu-west-3.amazonaws.com"),
        ] {
            assert_eq!(located(settings, &url, environment).0, endpoint);
        }
        let broken = Environment::of([("AWS_ENDPOINT_URL", "localhost")]);
        let web = Web::without_tls(Duration::from_secs(1));
        let error = locate(&settings(), &url, &broken, &web).unwrap_err();
        assert_eq!(error.to_string(), "AWS_ENDPOINT_URL is no absolute URL");
    }

    #[test]
    fn without_any_region_the_error_says_where_to_set_it() {
        let environment = Environment::of([("AWS_EC2_METADATA_DISABLED", "true")]);
        let web = Web::without_tls(Duration::from_secs(1));
        let error = locate(&settings(), &by_name(), &environment, &web).unwrap_err();
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }
}
