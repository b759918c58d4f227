//! Which machines a redirect may lead to: the public internet and what the
//! settings name, never another machine of the private network. Names are
//! judged by the addresses that the connection really uses, so that a name
//! can't change its meaning between check and use.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};
use url::{Host, Url};

/// A host of the private network that nobody configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is an address of the private network, and not the site's own")]
pub(super) struct PrivateAddress(String);

/// Judges hosts, and resolves the names of those it was asked about.
///
/// A name is judged only when a redirect led to it: what else is resolved is
/// configured by the owner, the system's proxy included. (Through a proxy, names
/// are resolved by the proxy, and judging them is left to it.)
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    /// Hosts that the settings name.
    trusted: Arc<HashSet<String>>,
    /// Names that redirects led to.
    suspects: Arc<RwLock<HashSet<String>>>,
}

impl Guard {
    pub(super) fn new<'a>(trusted: impl Iterator<Item = &'a Url>) -> Self {
        let trusted = trusted.filter_map(Url::host_str).map(str::to_owned);
        Self {
            trusted: Arc::new(trusted.collect()),
            suspects: Arc::default(),
        }
    }

    /// Refuses private addresses, and remembers to judge a name when it is
    /// resolved.
    pub(super) fn admit(&self, url: &Url) -> Result<(), PrivateAddress> {
        let Some(text) = url.host_str() else {
            return Ok(());
        };
        if self.trusted.contains(text) {
            return Ok(());
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => {
                let mut suspects = self
                    .suspects
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                suspects.insert(text.to_owned());
                return Ok(());
            }
        };
        if is_public(address) {
            Ok(())
        } else {
            Err(PrivateAddress(text.to_owned()))
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let suspects = self.suspects.read().unwrap_or_else(PoisonError::into_inner);
        let judged = suspects.contains(name.as_str());
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| !judged || is_public(address.ip()))
                .collect();
            if judged && found.is_empty() {
                return Err(PrivateAddress(name.as_str().to_owned()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to a machine of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By IANA's registry of special-purpose addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared by carriers
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 198 && (18..20).contains(&b)); // benchmarks
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // Mapped and compatible IPv4, `::` and `::1` included.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        // NAT64.
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4.
        | [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Global unicast, without documentation (2001:db8::/32) and Teredo.
        [first, second, ..] => {
            first & 0xe000 == 0x2000 && !(first == 0x2001 && matches!(second, 0 | 0xdb8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        let guard = Guard::default();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::a00:1]",
            "[2002:7f00:1::]",
            "[ff02::1]",
            "[2001:db8::1]",
        ] {
            let url = url(&format!("http://{host}/"));
            assert!(guard.admit(&url).is_err(), "{host}");
        }
        for host in [
            "93.184.216.34",
            "100.128.0.1",
            "[2606:4700::1111]",
            "[::ffff:8.8.8.8]",
        ] {
            let url = url(&format!("http://{host}/"));
            assert!(guard.admit(&url).is_ok(), "{host}");
        }
    }

    #[test]
    fn configured_hosts_are_trusted_wherever_they_are() {
        let own = url("http://127.0.0.1:8080/cms");
        let guard = Guard::new([&own].into_iter());
        assert!(guard.admit(&url("http://127.0.0.1:9/x")).is_ok());
        assert!(guard.admit(&url("http://127.0.0.2/x")).is_err());
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses_once_a_redirect_led_to_it() {
        let guard = Guard::default();
        let resolve = || guard.resolve("localhost".parse().unwrap());
        assert!(resolve().await.is_ok(), "nobody was led here yet");
        guard.admit(&url("http://localhost/")).unwrap();
        let error = resolve().await.err().unwrap().to_string();
        assert!(error.contains("private network"), "{error}");
    }
}
