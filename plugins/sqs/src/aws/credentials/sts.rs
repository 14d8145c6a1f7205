//! The Security Token Service, which hands out the credentials of roles (AWS STS API Reference,
//! version 2011-06-15). It answers in XML, of which four elements are wanted.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::named::text_of;
use super::reply::moment;
use super::{Credentials, CredentialsError};
use crate::aws::endpoint::{self, Endpoint};
use crate::aws::sign::{Request, sign};
use crate::aws::{Environment, Refusal, Web};

const PLACE: &str = "the role (STS)";
const FORM: &str = "application/x-www-form-urlencoded";

/// A role, and how to take it on.
pub(super) struct Role<'r> {
    pub(super) arn: &'r str,
    pub(super) session_name: Option<&'r str>,
    pub(super) external_id: Option<&'r str>,
    pub(super) duration: Option<Duration>,
}

pub(super) struct Sts<'w> {
    web: &'w Web,
    endpoint: Result<Endpoint, String>,
    region: String,
}

/// Where it is: as the environment or a profile says, or where AWS has it.
pub(super) fn endpoint(
    environment: &Environment,
    of_profile: Option<&str>,
    region: &str,
) -> Result<Endpoint, String> {
    match endpoint::configured(environment, "STS", of_profile) {
        Some((place, url)) => endpoint::parse(&url).map_err(|why| format!("{place} is {why}")),
        None => Ok(endpoint::of_service("sts", region, environment)),
    }
}

impl<'w> Sts<'w> {
    pub(super) fn new(web: &'w Web, endpoint: Result<Endpoint, String>, region: &str) -> Self {
        Self {
            web,
            endpoint,
            region: region.to_owned(),
        }
    }

    /// With credentials that may assume the role.
    pub(super) fn assume_role(
        &self,
        own: &Credentials,
        role: &Role<'_>,
    ) -> Result<Credentials, CredentialsError> {
        let mut form = form("AssumeRole", role);
        if let Some(id) = role.external_id {
            add(&mut form, "ExternalId", id);
        }
        self.ask(&form, Some(own))
    }

    /// With the token that another identity provider wrote into a file.
    pub(super) fn with_web_identity(
        &self,
        file: &Path,
        role: &Role<'_>,
    ) -> Result<Credentials, CredentialsError> {
        let mut form = form("AssumeRoleWithWebIdentity", role);
        add(&mut form, "WebIdentityToken", &text_of(file)?);
        self.ask(&form, None)
    }

    fn ask(
        &self,
        form: &str,
        signed: Option<&Credentials>,
    ) -> Result<Credentials, CredentialsError> {
        let wrong = |why: String| CredentialsError::NotUnderstood(PLACE, why);
        let endpoint = self.endpoint.as_ref().map_err(|why| wrong(why.clone()))?;
        let mut headers = vec![("content-type", FORM)];
        let request = Request {
            service: "sts",
            region: &self.region,
            host: &endpoint.host,
            path: &endpoint.path,
            headers: &headers.clone(),
            body: form.as_bytes(),
        };
        let signature = signed.map(|own| sign(&request, own, SystemTime::now()));
        let signature = signature.unwrap_or_default();
        headers.extend(signature.iter().map(|(name, value)| (*name, &**value)));
        let url = format!("{}/", endpoint.url);
        let answer = self.web.post(&url, &headers, form.as_bytes())?;

        let xml = String::from_utf8_lossy(&answer.body);
        let text = |name| element(&xml, name).unwrap_or_default();
        if answer.status != 200 {
            let refusal = Refusal {
                status: answer.status,
                code: Refusal::bare_code(&text("Code")),
                message: Refusal::bare_message(&text("Message")),
                retry_after: None,
            };
            return Err(CredentialsError::Refused(PLACE, refusal));
        }
        let (id, secret) = (text("AccessKeyId"), text("SecretAccessKey"));
        if id.is_empty() || secret.is_empty() {
            return Err(wrong("it has no keys".to_owned()));
        }
        let mut credentials = Credentials::lasting(id, secret, element(&xml, "SessionToken"));
        let expires = moment(&text("Expiration"));
        credentials.expires =
            Some(expires.ok_or_else(|| wrong("it has no `Expiration`".to_owned()))?);
        Ok(credentials)
    }
}

fn form(action: &str, role: &Role<'_>) -> String {
    let mut form = format!("Action={action}&Version=2011-06-15");
    add(&mut form, "RoleArn", role.arn);
    add(
        &mut form,
        "RoleSessionName",
        role.session_name.unwrap_or("op-listener"),
    );
    if let Some(duration) = role.duration {
        add(
            &mut form,
            "DurationSeconds",
            &duration.as_secs().to_string(),
        );
    }
    form
}

/// Adds a field, percent-encoded.
fn add(form: &mut String, name: &str, value: &str) {
    write!(form, "&{name}=").expect("writing to memory cannot fail");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            write!(form, "%{byte:02X}").expect("writing to memory cannot fail");
        }
    }
}

/// The text of the first element of that name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&quot;", "\"").replace("&apos;", "'");
    // Last, so that it makes none of the others.
    Some(text.replace("&amp;", "&").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_and_entities_read() {
        let xml = "<A><Code> a&amp;lt;&lt;b </Code><Code>c</Code></A>";
        assert_eq!(element(xml, "Code").as_deref(), Some("a&lt;<b"));
        assert_eq!(element(xml, "Message"), None);
        assert_eq!(element("<Code>half", "Code"), None);
    }

    #[test]
    fn fields_are_encoded() {
        let mut form = String::new();
        add(&mut form, "N", "a b+ä&=-._~/");
        assert_eq!(form, "&N=a%20b%2B%C3%A4%26%3D-._~%2F");
    }
}
