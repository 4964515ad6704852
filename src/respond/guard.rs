//! The client that all requests leave by: no redirect, no proxy of the environment, and no name that
//! leads to an address where no receiver lives.
//!
//! An address written in the configuration is its own permission and passes unchecked. A name is looked
//! up once, every address is checked, and the connection goes to a checked one. Loopback is only for
//! `localhost`; private networks are where most receivers live, so names may lead there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

/// A client for [`super::Responder`]: names lead only where a receiver may live.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    builder().dns_resolver(CheckedNames).build()
}

/// The same for peers whose certificates these authorities have signed, and no others. The error is a sentence.
pub fn client_trusting(authorities_pem: &[u8]) -> Result<reqwest::Client, String> {
    let found = reqwest::Certificate::from_pem_bundle(authorities_pem).ok().filter(|found| !found.is_empty());
    let found = found.ok_or("the file of authorities holds no certificate")?;
    let client = builder().dns_resolver(CheckedNames).tls_certs_only(found).build();
    client.map_err(|error| format!("the authorities can not be used: {}", super::post::cause(error)))
}

/// The beginnings of a client for addresses that a person typed just now: a name leads where it leads, and
/// an answer comes within ten seconds or not at all.
pub fn open_client() -> reqwest::ClientBuilder {
    builder().timeout(Duration::from_secs(10))
}

/// Sets up the process's cryptography unless that is done.
fn builder() -> reqwest::ClientBuilder {
    // Refused if somebody chose before us, and their choice is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("Evenkeel/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(3))
}

struct CheckedNames;

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let checked = found.map(|address| checked(name.as_str(), address));
            let addresses = checked.collect::<io::Result<Vec<SocketAddr>>>()?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn checked(name: &str, address: SocketAddr) -> io::Result<SocketAddr> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let local = name == "localhost" || name.ends_with(".localhost");
    let ip = address.ip().to_canonical();
    if ip.is_loopback() && local || !ip.is_loopback() && is_usable(ip) {
        return Ok(address);
    }
    let reason = format!("{name} leads to {ip} and names may not lead there");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// Not link-local (where clouds keep their secrets), not multicast, not unspecified.
fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let this_network = ip.octets()[0] == 0;
            !(ip.is_link_local() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST || this_network)
        }
        IpAddr::V6(ip) => !(ip.is_unicast_link_local() || ip.is_multicast() || ip == Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_networks_but_not_to_loopback_or_metadata() {
        for (name, ip, passes) in [
            ("hooks.example.com", "203.0.113.9", true),
            ("alertmanager", "10.0.0.5", true),
            ("alertmanager", "fd00::5", true),
            ("localhost", "127.0.0.1", true),
            ("sink.localhost.", "::1", true),
            ("rebound.example.com", "127.0.0.1", false),
            ("rebound.example.com", "::ffff:127.0.0.1", false),
            ("localhost", "169.254.169.254", false),
            ("metadata.example.com", "169.254.169.254", false),
            ("metadata.example.com", "::ffff:169.254.169.254", false),
            ("x.example.com", "0.0.0.0", false),
            ("x.example.com", "::", false),
            ("x.example.com", "224.0.0.1", false),
            ("x.example.com", "fe80::1", false),
            ("x.example.com", "255.255.255.255", false),
        ] {
            let address = SocketAddr::new(ip.parse().unwrap(), 0);
            assert_eq!(checked(name, address).is_ok(), passes, "{name} at {ip}");
        }
    }
}
