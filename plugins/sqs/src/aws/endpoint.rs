//! URLs of services and of queues, and the regions in them.

use std::fmt;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use super::Environment;

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Without a slash at the end.
    pub(crate) url: String,
    /// What stands in the header `Host`.
    pub(crate) host: String,
    /// What requests go to: `/`, or with a path before it.
    pub(crate) path: String,
    pub(crate) secure: bool,
}

/// Why a text is no URL to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoUrl {
    NotAbsolute,
    Scheme,
    UserInformation,
    Query,
}

impl fmt::Display for NoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "no absolute URL",
            Self::Scheme => "neither of https nor of http",
            Self::UserInformation => "a URL with a user in it",
            Self::Query => "a URL with a query",
        })
    }
}

impl std::error::Error for NoUrl {}

/// Reads a URL of `http` or `https` without user information, query or fragment.
pub(crate) fn parse(url: &str) -> Result<Endpoint, NoUrl> {
    let uri: Uri = url.parse().map_err(|_| NoUrl::NotAbsolute)?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(NoUrl::NotAbsolute);
    };
    let secure = *scheme == Scheme::HTTPS;
    if !secure && *scheme != Scheme::HTTP {
        return Err(NoUrl::Scheme);
    }
    if authority.as_str().contains('@') {
        return Err(NoUrl::UserInformation);
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(NoUrl::Query);
    }
    let path = uri.path().trim_end_matches('/');
    let default_port = if secure { 443 } else { 80 };
    let host = match authority.port_u16() {
        Some(port) if port != default_port => format!("{}:{port}", authority.host()),
        _ => authority.host().to_owned(),
    };
    Ok(Endpoint {
        url: format!("{scheme}://{host}{path}"),
        host,
        path: format!("{path}/"),
        secure,
    })
}

impl Endpoint {
    /// Whether what is sent there can be read on the way.
    pub(crate) fn is_open_to_others(&self) -> bool {
        let host = self
            .host
            .rsplit_once(':')
            .map_or(&*self.host, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<std::net::IpAddr>();
        !self.secure && host != "localhost" && !address.is_ok_and(|address| address.is_loopback())
    }
}

/// The queue's name, which is the last part of its URL, after that of the account.
pub(crate) fn queue_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let (account, name) = path.rsplit_once('/')?;
    (!account.is_empty() && !name.is_empty()).then_some(name)
}

/// The endpoint that a queue's URL stands for: its own host, but for the names of queues' hosts of old,
/// whose certificates are not theirs.
pub(super) fn of_queue(url: &str) -> Option<Endpoint> {
    let endpoint = parse(url).ok()?;
    match region_of(url) {
        Some(region) if endpoint.host.contains("queue.") => {
            Some(of_service("sqs", &region, &Environment::These([].into())))
        }
        _ => {
            let scheme = if endpoint.secure { "https" } else { "http" };
            parse(&format!("{scheme}://{}", endpoint.host)).ok()
        }
    }
}

/// The region that a host of AWS's own says it is in.
pub(crate) fn region_of(url: &str) -> Option<String> {
    let host = parse(url).ok()?.host;
    let ours = SUFFIXES.iter().map(|(_, suffix)| *suffix);
    let labels = ours
        .chain(["amazonaws.com", "api.aws"])
        .find_map(|suffix| {
            let before = host.strip_suffix(suffix)?.strip_suffix('.')?;
            Some(before.split('.').collect::<Vec<_>>())
        })?;
    let at = |wanted: &[&str]| labels.iter().position(|label| wanted.contains(label));
    if let Some(service) = at(&["sqs", "sqs-fips"]) {
        return labels.get(service + 1).map(|region| (*region).to_owned());
    }
    match at(&["queue"])? {
        0 => Some("us-east-1".to_owned()),
        queue => Some(labels[queue - 1].to_owned()),
    }
}

/// Under what name the regions of a partition are, by the beginnings of their names; all others are
/// under `amazonaws.com`.
const SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

/// Where AWS has a service in a region.
pub(super) fn of_service(service: &str, region: &str, environment: &Environment) -> Endpoint {
    let fips = if environment.is_true("AWS_USE_FIPS_ENDPOINT") {
        "-fips"
    } else {
        ""
    };
    let suffix = if environment.is_true("AWS_USE_DUALSTACK_ENDPOINT") {
        if region.starts_with("cn-") {
            "api.amazonwebservices.com.cn"
        } else {
            "api.aws"
        }
    } else {
        let partition = SUFFIXES.iter().find(|(of, _)| region.starts_with(of));
        partition.map_or("amazonaws.com", |(_, suffix)| suffix)
    };
    let host = format!("{service}{fips}.{region}.{suffix}");
    Endpoint {
        url: format!("https://{host}"),
        host,
        path: "/".to_owned(),
        secure: true,
    }
}

/// What the environment or a profile says of where a service is: where that stands, and the URL (AWS
/// SDKs and Tools Reference Guide, "Service-specific endpoints").
pub(super) fn configured(
    environment: &Environment,
    service: &str,
    of_profile: Option<&str>,
) -> Option<(String, String)> {
    if environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        return None;
    }
    let variables = [
        format!("AWS_ENDPOINT_URL_{service}"),
        "AWS_ENDPOINT_URL".to_owned(),
    ];
    let of_environment = variables.into_iter().find_map(|name| {
        let url = environment.get(&name)?;
        Some((name, url))
    });
    of_environment.or_else(|| {
        Some((
            "`endpoint_url` of the profile".to_owned(),
            of_profile?.to_owned(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_what_requests_need_of_them() {
        let endpoint = parse("http://LocalHost:4566/a/").unwrap();
        assert_eq!(endpoint.url, "http://LocalHost:4566/a");
        assert_eq!(
            (&*endpoint.host, &*endpoint.path),
            ("LocalHost:4566", "/a/")
        );
        let endpoint = parse("https://sqs.example.com:443").unwrap();
        assert_eq!((&*endpoint.host, &*endpoint.path), ("sqs.example.com", "/"));
        for (wrong, why) in [
            ("sqs.example.com", NoUrl::NotAbsolute),
            ("", NoUrl::NotAbsolute),
            ("ftp://a/b", NoUrl::Scheme),
            ("https://u:p@a/b", NoUrl::UserInformation),
            ("https://a/b?c", NoUrl::Query),
            ("https://a/b#c", NoUrl::Query),
        ] {
            assert_eq!(parse(wrong), Err(why), "{wrong}");
        }
    }

    #[test]
    fn what_can_be_read_on_the_way_is_known() {
        for (url, open) in [
            ("https://a.example.com", false),
            ("http://a.example.com", true),
            ("http://10.0.0.1:80", true),
            ("http://localhost:4566", false),
            ("http://127.0.0.9:1", false),
            ("http://[::1]:1", false),
        ] {
            assert_eq!(parse(url).unwrap().is_open_to_others(), open, "{url}");
        }
    }

    #[test]
    fn queues_and_regions_are_read_out_of_urls() {
        for (url, queue, region, endpoint) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/123456789012/q.fifo",
                "q.fifo",
                Some("eu-central-1"),
                "https://sqs.eu-central-1.amazonaws.com",
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/1/q",
                "q",
                Some("cn-north-1"),
                "https://sqs.cn-north-1.amazonaws.com.cn",
            ),
            (
                "https://vpce-1-2.sqs.us-east-2.vpce.amazonaws.com/1/q",
                "q",
                Some("us-east-2"),
                "https://vpce-1-2.sqs.us-east-2.vpce.amazonaws.com",
            ),
            (
                "https://sqs-fips.us-gov-west-1.api.aws/1/q",
                "q",
                Some("us-gov-west-1"),
                "https://sqs-fips.us-gov-west-1.api.aws",
            ),
            (
                "https://queue.amazonaws.com/1/q",
                "q",
                Some("us-east-1"),
                "https://sqs.us-east-1.amazonaws.com",
            ),
            (
                "https://eu-west-1.queue.amazonaws.com/1/q",
                "q",
                Some("eu-west-1"),
                "https://sqs.eu-west-1.amazonaws.com",
            ),
            (
                "http://localhost:4566/0/q",
                "q",
                None,
                "http://localhost:4566",
            ),
        ] {
            assert_eq!(queue_of(url), Some(queue), "{url}");
            assert_eq!(region_of(url).as_deref(), region, "{url}");
            assert_eq!(of_queue(url).unwrap().url, endpoint, "{url}");
        }
        for not in [
            "https://a",
            "https://a/",
            "https://a/q",
            "https://a/1/",
            "a/1/q",
        ] {
            assert_eq!(queue_of(not), None, "{not}");
        }
    }

    #[test]
    fn services_are_where_their_partition_has_them() {
        let none = Environment::of([]);
        let fips = Environment::of([("AWS_USE_FIPS_ENDPOINT", "true")]);
        let dual = Environment::of([("AWS_USE_DUALSTACK_ENDPOINT", "TRUE")]);
        for (region, environment, host) in [
            ("eu-central-1", &none, "sqs.eu-central-1.amazonaws.com"),
            ("cn-north-1", &none, "sqs.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", &none, "sqs.us-iso-east-1.c2s.ic.gov"),
            (
                "us-gov-west-1",
                &fips,
                "sqs-fips.us-gov-west-1.amazonaws.com",
            ),
            ("us-east-1", &dual, "sqs.us-east-1.api.aws"),
        ] {
            assert_eq!(of_service("sqs", region, environment).host, host);
        }
    }
}
