//! `HOST:PORT` as a listener takes it, and whether only this machine can reach it. Resolves no name.

use core::net::{Ipv4Addr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub loopback: bool,
    pub port: u16,
}

/// The error is a sentence's end: "`x` names no port".
pub(super) fn parse(text: &str) -> Result<Address, &'static str> {
    let Some((host, port)) = text.rsplit_once(':') else { return Err("names no port") };
    let all_digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|_| all_digits);
    let port = port.ok_or("has a port that is no number from 0 to 65535")?;
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let ip: Ipv6Addr = inner.parse().map_err(|_| "has brackets around what is no IPv6 address")?;
        return Ok(Address { loopback: ip.is_loopback(), port });
    }
    if host.contains(':') {
        return Err("needs brackets around its IPv6 address: `[::1]:4317`");
    }
    if host.is_empty() {
        return Err("names no host; 127.0.0.1 is this machine alone, 0.0.0.0 everybody");
    }
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let ip: Ipv4Addr = host.parse().map_err(|_| "has a host that is no IPv4 address")?;
        return Ok(Address { loopback: ip.is_loopback(), port });
    }
    match is_host_name(host) {
        true => Ok(Address { loopback: host.eq_ignore_ascii_case("localhost"), port }),
        false => Err("has a host that is neither an address nor a name"),
    }
}

pub(super) fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(inside) && !label.starts_with('-')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

/// Whether what is sent there can be read on its way.
pub(super) fn is_exposed(url: &str) -> bool {
    url.to_ascii_lowercase().starts_with("http://") && host_of(url).is_ok_and(|address| !address.loopback)
}

/// `http://host…` or `https://host…`; the error is a sentence's end.
pub(super) fn check_url(url: &str) -> Result<(), &'static str> {
    host_of(url).map(|_| ())
}

/// What links begin with. True beside the error: it shows a secret.
pub(super) fn check_base(url: &str) -> Result<(), (&'static str, bool)> {
    check_url(url).map_err(|why| (why, false))?;
    if url.split('/').nth(2).is_some_and(|host| host.contains('@')) {
        return Err(("has a user's name in it, which every receiver would see", true));
    }
    match url.contains(['?', '#']) {
        true => Err(("has a query or a fragment, which no link can be added to", false)),
        false => Ok(()),
    }
}

fn host_of(url: &str) -> Result<Address, &'static str> {
    if url.is_empty() {
        return Err("is empty");
    }
    let lower = url.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
    let rest = rest.ok_or("does not begin with http:// or https://")?;
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has white space in it");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let complete = match host_port.ends_with(']') || !host_port.contains(':') {
        true => format!("{host_port}:80"),
        false => host_port.to_owned(),
    };
    match host_port {
        "" => Err("names no host"),
        _ => parse(&complete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_or_refused() {
        for (text, loopback, port) in [
            ("127.0.0.1:4317", true, 4317),
            ("127.9.9.9:0", true, 0),
            ("localhost:1", true, 1),
            ("[::1]:65535", true, 65535),
            ("0.0.0.0:1", false, 1),
            ("[::]:1", false, 1),
            ("otel.example:4317", false, 4317),
        ] {
            assert_eq!(parse(text), Ok(Address { loopback, port }), "{text}");
        }
        for text in
            ["", ":", "a", "a:", ":1", "a:+1", "a:1x", "::1:1", "[a]:1", "1.2.3:1", "a b:1", "-a:1", "a..b:1"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_have_a_scheme_and_a_host() {
        for url in [
            "http://a",
            "HTTPS://user:pw@a:1/x?y#z",
            "http://[::1]:9/x",
            "http://[::1]",
            "http://127.0.0.1?a:b",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in ["", "a", "ftp://a", "http://", "http:///x", "http://:80", "http://a:b", "http://a b"] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }
}
