//! Where events may go: to the internet, and inside the operator's own network only where the configuration says so. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::{InternalHost, WebhookHost, WebhookUrl};

/// Why a URL can't be a webhook's here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error("must begin with https://; only hosts that the server's configuration names under webhooks.allow get http")]
    NeedsHttps,
    #[error("must lead to a public address; the server's configuration may name others under webhooks.allow")]
    Internal,
}

/// What the operator allows beyond public addresses.
#[derive(Debug, Clone, Default)]
pub struct Allowed(Vec<InternalHost>);

impl Allowed {
    pub fn new(hosts: Vec<InternalHost>) -> Self {
        Self(hosts)
    }

    /// What can be said of a URL before its name is looked up. What the name leads to is looked at whenever something is
    /// posted, because that may change.
    pub fn check(&self, url: &WebhookUrl) -> Result<(), NotAllowed> {
        let (is_named, is_public) = match url.host() {
            WebhookHost::Name(name) => {
                (self.names(name), !name.trim_end_matches('.').eq("localhost") && !name.ends_with(".localhost"))
            }
            WebhookHost::Address(address) => (self.holds(*address), is_public(*address)),
        };
        if !is_named && !is_public {
            return Err(NotAllowed::Internal);
        }
        if !url.is_https() && !is_named { Err(NotAllowed::NeedsHttps) } else { Ok(()) }
    }

    /// Whether an event may go to this address, at which the host of its URL is.
    pub fn allows(&self, host: &WebhookHost, address: IpAddr) -> bool {
        let is_named = match host {
            WebhookHost::Name(name) => self.names(name),
            WebhookHost::Address(_) => false,
        };
        is_named || self.holds(address) || is_public(address)
    }

    fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.0.iter().any(|allowed| matches!(allowed, InternalHost::Name(name) if name == host))
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|allowed| matches!(allowed, InternalHost::Prefix(prefix) if prefix.contains(address)))
    }
}

/// Whether an address is one of the internet's, and a single host's (RFC 6890 and the registries that follow from it).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|(network, bits)| is_in_v4(address, *network, *bits)),
        // Global unicast, and nothing else: what translates to IPv4 leads who knows where.
        IpAddr::V6(address) => {
            is_in_v6(address, [0x2000, 0], 3)
                && !NOT_PUBLIC_V6.iter().any(|(start, bits)| is_in_v6(address, *start, *bits))
        }
    }
}

const NOT_PUBLIC_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by the customers of a provider
    ([127, 0, 0, 0], 8),     // this machine
    ([169, 254, 0, 0], 16),  // link-local, with the metadata of clouds
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocols
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 31, 196, 0], 24), // AS112
    ([192, 52, 193, 0], 24), // AMT
    ([192, 88, 99, 0], 24),  // relays from IPv6, deprecated
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 3),     // multicast, reserved, broadcast
];

/// Within 2000::/3, by their first two groups.
const NOT_PUBLIC_V6: [([u16; 2], u32); 4] = [
    ([0x2001, 0x0000], 23), // protocols, Teredo among them, which leads to IPv4
    ([0x2001, 0x0db8], 32), // documentation
    ([0x2002, 0x0000], 16), // 6to4, which leads to IPv4
    ([0x3fff, 0x0000], 20), // documentation
];

fn is_in_v4(address: Ipv4Addr, network: [u8; 4], bits: u32) -> bool {
    (address.to_bits() ^ u32::from_be_bytes(network)).leading_zeros() >= bits
}

fn is_in_v6(address: Ipv6Addr, [first, second]: [u16; 2], bits: u32) -> bool {
    let start = Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0);
    (address.to_bits() ^ start.to_bits()).leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2600::1",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for not_public in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::1.1.1.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(not_public.parse().unwrap()), "{not_public}");
        }
    }

    #[track_caller]
    fn check(allowed: &[&str], url: &str, expected: Result<(), NotAllowed>) {
        let allowed = Allowed::new(allowed.iter().map(|host| host.parse().unwrap()).collect());
        assert_eq!(allowed.check(&WebhookUrl::parse(url).unwrap()), expected, "{url}");
    }

    #[test]
    fn http_and_inner_addresses_are_for_whom_the_configuration_names() {
        let inside = ["10.1.2.0/24", "hooks.internal", "::1"];
        check(&[], "https://hooks.example/", Ok(()));
        check(&[], "http://hooks.example/", Err(NotAllowed::NeedsHttps));
        check(&[], "https://127.0.0.1/", Err(NotAllowed::Internal));
        check(&[], "https://localhost/", Err(NotAllowed::Internal));
        check(&[], "https://a.localhost/", Err(NotAllowed::Internal));
        check(&[], "https://[::ffff:10.1.2.3]/", Err(NotAllowed::Internal));
        check(&[], "https://1.1.1.1/", Ok(()));
        check(&[], "http://1.1.1.1/", Err(NotAllowed::NeedsHttps));
        check(&inside, "https://10.1.2.3/", Ok(()));
        check(&inside, "http://10.1.2.3:8080/", Ok(()));
        check(&inside, "http://[::1]:8080/", Ok(()));
        check(&inside, "http://10.1.3.1/", Err(NotAllowed::Internal));
        check(&inside, "http://Hooks.Internal./", Ok(()));
        check(&inside, "http://hooks.internal.example/", Err(NotAllowed::NeedsHttps));
    }

    #[test]
    fn a_name_that_leads_inside_is_looked_at_where_it_leads() {
        let allowed = Allowed::new(vec!["10.1.2.0/24".parse().unwrap(), "hooks.internal".parse().unwrap()]);
        let name = |name: &str| WebhookHost::Name(name.to_owned());
        for (host, address, expected) in [
            ("hooks.example", "1.1.1.1", true),
            ("hooks.example", "127.0.0.1", false),
            ("hooks.example", "169.254.169.254", false),
            ("hooks.example", "10.1.2.9", true),
            ("hooks.example", "::ffff:10.1.2.9", true),
            ("hooks.internal", "192.168.7.7", true),
        ] {
            assert_eq!(allowed.allows(&name(host), address.parse().unwrap()), expected, "{host} at {address}");
        }
    }
}
