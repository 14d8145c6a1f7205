//! The metadata of an EC2 instance, by version 2 of its service alone (EC2 User Guide, "Use the Instance
//! Metadata Service").

use std::time::{Duration, SystemTime};

use super::{Credentials, CredentialsError, reply};
use crate::aws::web::Answer;
use crate::aws::{Environment, Refusal, Web};

pub(super) const PLACE: &str = "the instance's metadata";
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";

pub(crate) struct Imds<'e> {
    environment: &'e Environment,
    web: &'e Web,
}

impl<'e> Imds<'e> {
    pub(crate) const fn new(environment: &'e Environment, web: &'e Web) -> Self {
        Self { environment, web }
    }

    /// The credentials of the instance's role.
    pub(super) fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let token = self.token()?;
        let roles = self.get(&token, CREDENTIALS)?;
        let roles = String::from_utf8_lossy(&roles);
        let Some(role) = roles.lines().map(str::trim).find(|role| !role.is_empty()) else {
            let why = "the instance has no role".to_owned();
            return Err(CredentialsError::NotUnderstood(PLACE, why));
        };
        let json = self.get(&token, &format!("{CREDENTIALS}{role}"))?;
        let mut credentials = reply::read(&json, PLACE)?;
        // While the service cannot renew them it hands over old ones, which AWS then takes for longer.
        let soon = SystemTime::now() + Duration::from_mins(15);
        if credentials
            .expires
            .is_some_and(|expires| expires <= SystemTime::now())
        {
            tracing::warn!("the instance's metadata have credentials that have ended; using them");
            credentials.expires = Some(soon);
        }
        Ok(credentials)
    }

    /// The region that the instance is in.
    pub(crate) fn region(&self) -> Result<String, CredentialsError> {
        let token = self.token()?;
        let region = self.get(&token, "/latest/meta-data/placement/region")?;
        Ok(String::from_utf8_lossy(&region).trim().to_owned())
    }

    fn token(&self) -> Result<String, CredentialsError> {
        if self.environment.is_true("AWS_EC2_METADATA_DISABLED") {
            let why = "AWS_EC2_METADATA_DISABLED says not to ask".to_owned();
            return Err(CredentialsError::NotUnderstood(PLACE, why));
        }
        let url = self.url("/latest/api/token");
        let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
        let answer = self.web.put_near(&url, &lifetime)?;
        let token = checked(answer, PLACE)?;
        Ok(String::from_utf8_lossy(&token).trim().to_owned())
    }

    fn get(&self, token: &str, path: &str) -> Result<Vec<u8>, CredentialsError> {
        let headers = [("x-aws-ec2-metadata-token", token)];
        checked(self.web.get_near(&self.url(path), &headers)?, PLACE)
    }

    fn url(&self, path: &str) -> String {
        let configured = self.environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let base = configured.unwrap_or_else(|| {
            let mode = self
                .environment
                .get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
            let six = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
            let base = if six {
                "http://[fd00:ec2::254]"
            } else {
                "http://169.254.169.254"
            };
            base.to_owned()
        });
        format!("{}{path}", base.trim_end_matches('/'))
    }
}

/// The body of an answer that is one.
pub(super) fn checked(answer: Answer, place: &'static str) -> Result<Vec<u8>, CredentialsError> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    Err(CredentialsError::Refused(
        place,
        Refusal {
            status: answer.status,
            code: String::new(),
            message: String::new(),
            retry_after: None,
        },
    ))
}
