//! Which addresses a receiver may have. A public name that resolves to an address inside would let
//! whoever holds the name make the host post to what only the inside can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is reserved for, in the words of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Anybody's.
    Public,
    /// This machine (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
    Loopback,
    /// A network inside (RFC 1918, RFC 6598, RFC 4193, RFC 3879).
    Private,
    /// A neighbour, or what tells a machine in a cloud who it is and gives it credentials (RFC 3927,
    /// RFC 4291 section 2.5.6).
    LinkLocal,
    /// Many, none, or nobody's: no receiver has it.
    Unusable,
}

impl Class {
    /// Of an address in whatever form it is written.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// For an error message, after `which is`.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "an address of a private network",
            Self::LinkLocal => "a link-local address or one of a cloud's metadata service",
            Self::Unusable => "no address that a receiver can have",
        }
    }
}

/// The entries of IANA's registry of special-purpose IPv4 addresses that are not globally reachable.
fn of_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [127, ..] => Class::Loopback,
        // The second is Alibaba Cloud's metadata service, the third Oracle Cloud's.
        [169, 254, ..] | [100, 100, 100, 200] | [192, 0, 0, 192] => Class::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Class::Private,
        // The relays of 6to4, benchmarks, documentation, multicast and what is reserved.
        [0 | 224..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Class::Unusable,
        _ => Class::Public,
    }
}

/// Likewise for IPv6. An IPv6 address that stands for an IPv4 address is of that one's class.
fn of_v6(address: Ipv6Addr) -> Class {
    if address == Ipv6Addr::LOCALHOST {
        return Class::Loopback;
    }
    match address.segments() {
        // Mapped (RFC 4291 section 2.5.5.2), compatible (2.5.5.1), translated (RFC 2765).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        // NAT64 (RFC 6052 section 2.1).
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4 (RFC 3056 section 2).
        | [0x2002, high, low, ..] => of_v4(embedded(high, low)),
        // The metadata services of AWS and Google Cloud lie among the unique local addresses.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        | [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        // NAT64 of a network's own (RFC 8215), which leads who knows where; unique local addresses,
        // and site-local ones, which were before.
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Class::Private,
        // Teredo and the other protocol assignments, ORCHIDs, benchmarks, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Unusable,
        // All that is assigned as global unicast so far (RFC 4291 section 2.4 and IANA's registry).
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Unusable,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let [[a, b], [c, d]] = [high, low].map(u16::to_be_bytes);
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(class: Class, addresses: &[&str]) {
        for text in addresses {
            let address = text.parse().unwrap();
            assert_eq!(Class::of(address), class, "{text}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        all(
            Class::Public,
            &[
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "169.253.255.255",
                "172.15.255.255",
                "172.32.0.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700::1111",
                "2a00:1450::1",
                "2001:4860:4860::8888",
                "2001:200::1",
            ],
        );
    }

    #[test]
    fn whatever_leads_to_this_machine_is_loopback() {
        all(
            Class::Loopback,
            &[
                "127.0.0.1",
                "127.255.255.255",
                "::1",
                "::ffff:127.0.0.1",
                "::ffff:7f00:1",
                "::127.0.0.1",
                "::ffff:0:127.0.0.1",
                "64:ff9b::127.0.0.1",
                "2002:7f00:1::",
                "2002:7f00:1:1:2:3:4:5",
            ],
        );
    }

    #[test]
    fn networks_inside_are_private_in_every_form() {
        all(
            Class::Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.168.0.1",
                "100.64.0.0",
                "100.127.255.255",
                "::ffff:10.0.0.1",
                "::ffff:192.168.1.1",
                "::10.1.2.3",
                "64:ff9b::10.0.0.1",
                "64:ff9b:1::1.1.1.1",
                "2002:c0a8:101::1",
                "fc00::1",
                "fd12:3456::1",
                "fdff::1",
                "fec0::1",
            ],
        );
    }

    #[test]
    fn neighbours_and_metadata_services_are_link_local() {
        all(
            Class::LinkLocal,
            &[
                "169.254.0.1",
                "169.254.169.254",
                "::ffff:169.254.169.254",
                "::ffff:a9fe:a9fe",
                "64:ff9b::a9fe:a9fe",
                "2002:a9fe:a9fe::",
                "100.100.100.200",
                "192.0.0.192",
                "fd00:ec2::254",
                "fd20:ce::254",
                "fe80::1",
                "febf::1",
            ],
        );
    }

    #[test]
    fn what_no_receiver_can_have_is_unusable() {
        all(
            Class::Unusable,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::ffff:0.0.0.0",
                "::ffff:224.0.0.1",
                "100::1",
                "2001::1",
                "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                "2001:db8::1",
                "3fff::1",
                "3fff:fff::1",
                "4000::1",
                "5f00::1",
                "ff02::1",
                "ff0e::1",
            ],
        );
    }
}
