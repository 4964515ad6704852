//! Where links for people lead: what the configuration says, else our own address as others may know it.

use std::net::SocketAddr;

/// The beginning of every link, without a `/` at its end.
pub struct Links {
    pub url: String,
    /// Why the links may lead nowhere, as a sentence's end.
    pub doubt: Option<&'static str>,
}

/// `page` is the address of the page's port.
pub fn links(configured: Option<&str>, scheme: &str, page: SocketAddr) -> Links {
    if let Some(url) = configured {
        return Links { url: url.trim_end_matches('/').to_owned(), doubt: None };
    }
    let (host, doubt) = match page.ip() {
        ip if ip.is_unspecified() => (host_name(), Some("which is a guess by the machine's name")),
        ip if ip.is_loopback() => (None, Some("which is this machine alone")),
        _ => (None, None),
    };
    let address = host.map_or_else(|| page.to_string(), |host| format!("{host}:{}", page.port()));
    Links { url: format!("{scheme}://{address}"), doubt }
}

fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name != "(none)" && name.chars().all(is_plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(page: &str) -> Links {
        links(None, "http", page.parse().unwrap())
    }

    #[test]
    fn links_lead_where_the_configuration_says_and_nowhere_else() {
        let said = links(Some("https://evenkeel.example/"), "http", "0.0.0.0:4319".parse().unwrap());
        assert_eq!((&*said.url, said.doubt), ("https://evenkeel.example", None));
    }

    #[test]
    fn an_address_of_all_interfaces_is_in_no_link() {
        for page in ["0.0.0.0:4319", "[::]:4319"] {
            let Links { url, doubt } = at(page);
            assert!(!url.contains("0.0.0.0") && !url.contains("[::]") && url.ends_with(":4319"), "{url}");
            assert!(doubt.is_some());
        }
        assert_eq!(at("192.0.2.1:4319").url, "http://192.0.2.1:4319");
        assert_eq!(at("[::1]:4319").url, "http://[::1]:4319");
        assert!(at("127.0.0.1:4319").doubt.is_some() && at("192.0.2.1:4319").doubt.is_none());
    }
}
