//! Where credentials are looked for, in which order. The first place that is set up counts: where it
//! fails, that is the error, and no other identity is used in its stead.

use super::sts::{Role, Sts};
use super::{Credentials, CredentialsError, Imds, container, named, profile, sts};
use crate::aws::profiles::{Profiles, chosen};
use crate::aws::{Environment, Web};
use crate::config::{AssumeRole, Identity};

pub(crate) struct Chain {
    pub(crate) environment: Environment,
    pub(crate) web: Web,
    pub(crate) identity: Identity,
    pub(crate) assume_role: Option<AssumeRole>,
    /// Where roles are asked for, if a region is known without asking the machine.
    pub(crate) region: Option<String>,
}

impl Chain {
    /// Asks for credentials.
    pub(super) fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let own = self.own()?;
        let Some(role) = &self.assume_role else {
            return Ok(own);
        };
        let role = Role {
            arn: &role.role_arn,
            session_name: role.session_name.as_deref(),
            external_id: role.external_id.as_deref(),
            duration: role.duration,
        };
        let (name, _) = chosen(&self.environment);
        let profiles = Profiles::read(&self.environment)?;
        self.sts(&profiles, &name).assume_role(&own, &role)
    }

    fn own(&self) -> Result<Credentials, CredentialsError> {
        match &self.identity {
            Identity::Named(keys) => return named::read(keys, &self.environment),
            Identity::Profile(name) => {
                let profiles = Profiles::read(&self.environment)?;
                return profile::credentials(self, &profiles, name);
            }
            Identity::Default => {}
        }
        if let Some(found) = self.of_environment() {
            return found;
        }
        let profiles = Profiles::read(&self.environment)?;
        let (name, by_name) = chosen(&self.environment);
        let has_some = |profile| profile::has_credentials(profile);
        if by_name || profiles.get(&name).is_some_and(has_some) {
            return profile::credentials(self, &profiles, &name);
        }
        if let Some(file) = self.environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let Some(arn) = self.environment.get("AWS_ROLE_ARN") else {
                let missing = "AWS_ROLE_ARN";
                return Err(CredentialsError::Half(
                    "AWS_WEB_IDENTITY_TOKEN_FILE",
                    missing,
                ));
            };
            let session_name = self.environment.get("AWS_ROLE_SESSION_NAME");
            let role = Role {
                arn: &arn,
                session_name: session_name.as_deref(),
                external_id: None,
                duration: None,
            };
            let file = self.environment.path(&file);
            return self.sts(&profiles, &name).with_web_identity(&file, &role);
        }
        if container::is_set_up(&self.environment) {
            return container::credentials(&self.environment, &self.web);
        }
        self.imds().credentials().map_err(|error| match error {
            CredentialsError::Web(_) | CredentialsError::NotUnderstood(..) => {
                CredentialsError::Nowhere(error.to_string())
            }
            error => error,
        })
    }

    /// Keys in the environment, if there are any.
    pub(super) fn of_environment(&self) -> Option<Result<Credentials, CredentialsError>> {
        const PLACE: &str = "the environment";

        let id = self.environment.get("AWS_ACCESS_KEY_ID");
        let secret = self.environment.get("AWS_SECRET_ACCESS_KEY");
        let token = self.environment.get("AWS_SESSION_TOKEN");
        match (id, secret) {
            (None, None) => None,
            (Some(id), Some(secret)) => Some(Ok(Credentials::lasting(id, secret, token))),
            (Some(_), None) => Some(Err(CredentialsError::Half(PLACE, "AWS_SECRET_ACCESS_KEY"))),
            (None, Some(_)) => Some(Err(CredentialsError::Half(PLACE, "AWS_ACCESS_KEY_ID"))),
        }
    }

    pub(super) fn imds(&self) -> Imds<'_> {
        Imds::new(&self.environment, &self.web)
    }

    /// The service that gives out roles' credentials, for a profile.
    pub(super) fn sts<'c>(&'c self, profiles: &Profiles, name: &str) -> Sts<'c> {
        let region = profiles.get(name).and_then(|profile| profile.get("region"));
        let region = self.region.as_ref().or(region);
        let region = region.map_or("us-east-1", String::as_str);
        let configured = profiles.endpoint_url(name, "sts");
        let endpoint = sts::endpoint(&self.environment, configured, region);
        Sts::new(&self.web, endpoint, region)
    }
}
