//! Connects, but to no address that the receiver may not have. Names are resolved here and nowhere
//! else, and what is looked at is what is connected to: a name that resolves to something else a
//! moment later gains nothing by it.

use std::fmt;
use std::net::SocketAddr;

use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};

use super::addresses::Class;

/// Which addresses are permitted for which host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permits {
    /// Hosts that may have addresses inside, in the form that [`bare`] gives.
    pub(crate) hosts: Vec<String>,
    /// Nothing but loopback: for what is not encrypted.
    pub(crate) loopback_only: bool,
}

impl Permits {
    /// Whether a host is allowed by name.
    pub(crate) fn names(&self, host: &str) -> bool {
        let host = bare(host);
        self.hosts.contains(&host)
    }

    /// Whether this host may have this address. A link-local one has to be named itself.
    pub(crate) fn permit(&self, host: &str, address: SocketAddr) -> Result<(), Class> {
        let class = Class::of(address.ip());
        let permitted = match class {
            Class::Public => true,
            Class::Loopback | Class::Private => self.names(host),
            Class::LinkLocal => self.hosts.contains(&address.ip().to_string()),
            Class::Unusable => false,
        };
        let encrypted_or_here = !self.loopback_only || class == Class::Loopback;
        if permitted && encrypted_or_here {
            Ok(())
        } else {
            Err(class)
        }
    }
}

/// A host as it is compared: in lower case, without the brackets of IPv6, a final dot, or the many
/// ways to write an IPv6 address.
pub(crate) fn bare(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = inside.unwrap_or(host);
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.to_ascii_lowercase(),
    }
}

/// No address of the host was one that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
    pub(crate) class: Class,
    pub(crate) loopback_only: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            address,
            class,
            loopback_only,
        } = self;
        let ip = address.ip();
        let is = class.words();
        if host == &ip.to_string() {
            write!(f, "{host} is {is}: nothing was sent")?;
        } else {
            write!(
                f,
                "{host} resolves to {ip}, which is {is}: nothing was sent"
            )?;
        }
        match class {
            _ if *loopback_only => {
                f.write_str("; without https only this machine may be the receiver")
            }
            Class::Public | Class::Unusable => Ok(()),
            Class::Loopback | Class::Private => write!(
                f,
                ". If this receiver lies inside, write \"{host}\" into `allow_hosts`"
            ),
            Class::LinkLocal => write!(
                f,
                ". If that is meant, write \"{ip}\" into `allow_hosts`, not the name"
            ),
        }
    }
}

impl std::error::Error for Refused {}

/// Resolves, looks, connects.
#[derive(Debug)]
pub(super) struct GuardedConnector {
    permits: Permits,
    resolver: DefaultResolver,
    tcp: TcpConnector,
}

impl GuardedConnector {
    pub(super) fn new(permits: Permits) -> Self {
        Self {
            permits,
            resolver: DefaultResolver::default(),
            tcp: TcpConnector::default(),
        }
    }

    fn addresses(
        &self,
        details: &ConnectionDetails<'_>,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let resolved = self
            .resolver
            .resolve(details.uri, details.config, details.timeout)?;
        let host = bare(details.uri.host().unwrap_or_default());
        let mut permitted = self.resolver.empty();
        let mut refused = None;
        for address in &resolved {
            match self.permits.permit(&host, *address) {
                Ok(()) => permitted.push(*address),
                Err(class) => refused = Some((*address, class)),
            }
        }
        match refused {
            Some((address, class)) if permitted.is_empty() => {
                Err(ureq::Error::Other(Box::new(Refused {
                    host,
                    address,
                    class,
                    loopback_only: self.permits.loopback_only,
                })))
            }
            _ => Ok(permitted),
        }
    }
}

impl<In: Transport> Connector<In> for GuardedConnector {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        if chained.is_some() {
            // The way through a proxy is there already; the connection to the proxy came by here.
            return self.tcp.connect(details, chained);
        }
        let details = ConnectionDetails {
            addrs: self.addresses(details)?,
            uri: details.uri,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.tcp.connect(&details, None)
    }
}

/// Resolves nothing: the client asks for each request, also where a connection is open already.
#[derive(Debug)]
pub(super) struct Later;

impl Resolver for Later {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(hosts: &[&str]) -> Permits {
        Permits {
            hosts: hosts.iter().map(|host| bare(host)).collect(),
            loopback_only: false,
        }
    }

    #[track_caller]
    fn permitted(permits: &Permits, host: &str, address: &str) -> bool {
        let address = format!("{address}:443").parse().unwrap();
        permits.permit(host, address).is_ok()
    }

    #[test]
    fn only_public_addresses_are_permitted_to_strangers() {
        let none = permits(&[]);
        assert!(permitted(&none, "receiver.example.com", "1.1.1.1"));
        for inside in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(
                !permitted(&none, "receiver.example.com", inside),
                "{inside}"
            );
        }
    }

    #[test]
    fn a_host_that_is_named_may_lie_inside() {
        let named = permits(&["Receiver.Internal.", "[FD00:0::1]"]);
        for host in [
            "receiver.internal",
            "RECEIVER.INTERNAL",
            "receiver.internal.",
        ] {
            assert!(permitted(&named, host, "10.0.0.1"));
            assert!(permitted(&named, host, "127.0.0.1"));
        }
        assert!(permitted(&named, "[fd00::1]", "[fd00::1]"));
        assert!(!permitted(&named, "other.internal", "10.0.0.1"));
        assert!(!permitted(&named, "evil.receiver.internal", "10.0.0.1"));
    }

    #[test]
    fn a_link_local_address_has_to_be_named_itself() {
        let named = permits(&["receiver.internal"]);
        assert!(!permitted(&named, "receiver.internal", "169.254.169.254"));
        assert!(!permitted(&named, "receiver.internal", "0.0.0.0"));
        let named = permits(&["169.254.7.7"]);
        assert!(permitted(&named, "169.254.7.7", "169.254.7.7"));
        assert!(!permitted(&named, "169.254.7.7", "169.254.169.254"));
    }

    #[test]
    fn what_is_not_encrypted_stays_on_this_machine() {
        let mut named = permits(&["localhost"]);
        named.loopback_only = true;
        assert!(permitted(&named, "localhost", "127.0.0.1"));
        assert!(!permitted(&named, "localhost", "10.0.0.1"));
        assert!(!permitted(&named, "localhost", "1.1.1.1"));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let refused = |host: &str, address: &str| {
            let address: SocketAddr = format!("{address}:443").parse().unwrap();
            Refused {
                host: host.to_owned(),
                class: Class::of(address.ip()),
                address,
                loopback_only: false,
            }
            .to_string()
        };
        let inside = refused("receiver.example.com", "10.0.0.1");
        assert!(inside.contains("resolves to 10.0.0.1, which is an address of a private network"));
        assert!(inside.contains("\"receiver.example.com\" into `allow_hosts`"));
        assert!(refused("127.0.0.1", "127.0.0.1").starts_with("127.0.0.1 is a loopback address"));
        assert!(refused("x.example.com", "169.254.169.254").contains("\"169.254.169.254\" into"));
    }
}
