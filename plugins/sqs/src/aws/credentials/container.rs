//! The credentials of a container in ECS or a pod in EKS (AWS SDKs and Tools Reference Guide,
//! "Container credential provider").

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::imds::checked;
use super::{Credentials, CredentialsError, named, reply};
use crate::aws::endpoint::Endpoint;
use crate::aws::{Environment, Web, endpoint};

const PLACE: &str = "the container's credentials";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/// The addresses of ECS, and of EKS in both families.
const ECS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2));
const EKS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

pub(super) fn is_set_up(environment: &Environment) -> bool {
    environment.get(RELATIVE).is_some() || environment.get(FULL).is_some()
}

pub(super) fn credentials(
    environment: &Environment,
    web: &Web,
) -> Result<Credentials, CredentialsError> {
    let url = url(environment)?;
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(named::text_of(&environment.path(&file))?),
        None => environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    if token
        .as_ref()
        .is_some_and(|token| token.contains(['\r', '\n']))
    {
        let why = "the token to ask with has several lines".to_owned();
        return Err(CredentialsError::NotUnderstood(PLACE, why));
    }
    let mut headers = vec![("accept", "application/json")];
    headers.extend(token.as_deref().map(|token| ("authorization", token)));
    let json = checked(web.get_near(&url, &headers)?, PLACE)?;
    reply::read(&json, PLACE)
}

fn url(environment: &Environment) -> Result<String, CredentialsError> {
    if let Some(path) = environment.get(RELATIVE) {
        return Ok(format!("http://{ECS}/{}", path.trim_start_matches('/')));
    }
    let url = environment.get(FULL).unwrap_or_default();
    // A query is allowed here, and nowhere else.
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    match endpoint::parse(without_query) {
        Ok(endpoint) if endpoint.secure || may_be_asked(&endpoint) => Ok(url),
        Ok(endpoint) => Err(CredentialsError::Forbidden(endpoint.host)),
        Err(why) => Err(CredentialsError::NotUnderstood(
            PLACE,
            format!("{FULL} is {why}"),
        )),
    }
}

/// Whether credentials may come from there, and a token go there, without TLS.
fn may_be_asked(endpoint: &Endpoint) -> bool {
    let host = &endpoint.host;
    let bare = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((six, _)) => six,
        None => host.split(':').next().unwrap_or_default(),
    };
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == ECS || EKS.contains(&address),
        Err(_) => bare == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_hosts_are_asked_without_tls() {
        let url_of = |full: &str| url(&Environment::of([(FULL, full)]));
        for known in [
            "http://127.0.0.1:8080/x?id=1",
            "http://127.9.9.9/x",
            "http://[::1]:80/x",
            "http://localhost/x",
            "http://169.254.170.2/v2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://credentials.example.com/x",
        ] {
            assert_eq!(url_of(known).unwrap(), known);
        }
        for unknown in [
            "http://credentials.example.com/x",
            "http://169.254.169.254/x",
            "http://localhost.example.com/x",
            "http://10.0.0.1/x",
            "http://u@127.0.0.1/x",
            "ftp://127.0.0.1/x",
            "/x",
        ] {
            assert!(url_of(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_relative_uri_is_one_of_ecs() {
        let environment = Environment::of([
            (RELATIVE, "/v2/credentials/x"),
            (FULL, "http://e.example.com"),
        ]);
        assert_eq!(
            url(&environment).unwrap(),
            "http://169.254.170.2/v2/credentials/x"
        );
    }
}
