//! Listeners, receivers, and the daemon that may run already.

use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::time::Duration;

use reqwest::Url;
use tokio::net::TcpStream;

use super::super::args::Global;
use super::super::client::{self, Readiness};
use super::super::reach::{self, Trouble};
use super::{Check, Verdict};
use crate::config::{Config, Receiver};
use crate::daemon::{self, Links};

const CONNECT_MAX: Duration = Duration::from_secs(3);

impl Check {
    /// A daemon that does not run is a fault where it is asked for alone.
    pub(super) fn into_needed(self) -> Self {
        match self.verdict {
            Verdict::Warn => Self { verdict: Verdict::Fail, ..self },
            _ => self,
        }
    }
}

/// Of the address that is named, else of the one that the configuration says; and whether what holds the ports may be it.
pub(super) async fn daemon(global: &Global, config: Option<&Config>) -> (Check, bool) {
    let url = match config {
        Some(config) if global.url == reach::URL => page(config),
        _ => global.url.clone(),
    };
    let found = client::readiness(global, &url).await;
    let runs = !matches!(&found, Err(Trouble { answers: false, .. }));
    let check = match found {
        Ok(Readiness::Ready) => Check::ok("daemon", format!("one is ready at {url}")),
        Ok(Readiness::NotReady(why)) => {
            let detail = format!("one answers at {url}, and is not ready: {why}");
            Check::fail("daemon", detail, "its log says more")
        }
        Err(Trouble { why, hint, answers: true }) => {
            Check::warn("daemon", format!("one seems to run at {url}: {why}"), hint)
        }
        Err(Trouble { why, .. }) => Check::warn(
            "daemon",
            format!("none answers at {url}: {why}"),
            "`evenkeel run` starts one; --url names another",
        ),
    };
    (check, runs)
}

/// The page's port as this machine reaches it.
fn page(config: &Config) -> String {
    let scheme = if config.entrance.tls.is_some() { "https" } else { "http" };
    let address = config.listen.http.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    format!("{scheme}://{address}")
}

/// Where links in notifications lead, where that may be nowhere for those who read them.
pub(super) fn links(config: &Config) -> Option<Check> {
    let address = config.listen.http.to_socket_addrs().ok()?.next()?;
    let scheme = if config.entrance.tls.is_some() { "https" } else { "http" };
    let Links { url, doubt } = daemon::links(config.external_url.as_deref(), scheme, address);
    let doubt = doubt.filter(|_| !config.receivers.is_empty())?;
    let hint = "set `external_url` to the address by which people reach the page's port";
    Some(Check::warn("links", format!("notifications link to {url}, {doubt}"), hint))
}

pub(super) fn listener(name: &str, address: &str, runs: bool) -> Check {
    let check = format!("listen.{name}");
    let addresses = match address.to_socket_addrs() {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => {
            return Check::fail(
                check,
                format!("{address} does not resolve: {error}"),
                "write an address of this machine",
            );
        }
    };
    match TcpListener::bind(&*addresses) {
        Ok(_) => Check::ok(check, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && runs => {
            Check::ok(check, format!("{address} is taken, and a daemon runs"))
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let hint = "stop what listens there (`ss -ltnp` names it), or set another address";
            Check::fail(check, format!("{address} is taken by another program"), hint)
        }
        Err(error) => Check::fail(
            check,
            format!("{address}: {error}"),
            "set an address of this machine, or another port",
        ),
    }
}

pub(super) async fn receiver(receiver: &Receiver) -> Vec<Check> {
    let mut checks = Vec::new();
    for integration in &receiver.integrations {
        checks.push(reachable(&format!("receiver {}", receiver.name), integration.url.reveal()).await);
    }
    if receiver.integrations.is_empty() {
        let detail = "has nothing that sends: what is routed to it reaches nobody";
        checks.push(Check::warn(
            format!("receiver {}", receiver.name),
            detail,
            "give it a webhook, PagerDuty, Opsgenie, Slack or an Alertmanager",
        ));
    }
    checks
}

/// Shows host and port alone: the path of a webhook is often its secret.
pub(super) async fn reachable(check: &str, url: &str) -> Check {
    let url = Url::parse(url).ok();
    let place = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let Some((host, port)) = place else {
        return Check::fail(check, "its URL names no host", "write http://HOST:PORT/…");
    };
    let host = host.trim_matches(['[', ']']);
    let connecting = tokio::time::timeout(CONNECT_MAX, TcpStream::connect((host, port))).await;
    let hint = "look at the name, the port and what stands between; a proxy is not tried";
    match connecting {
        Ok(Ok(stream)) => {
            let peer = stream.peer_addr().map_or_else(|_| host.to_owned(), |peer| peer.to_string());
            Check::ok(check, format!("{host}:{port} lets us connect ({peer})"))
        }
        Ok(Err(error)) => Check::fail(check, format!("{host}:{port}: {error}"), hint),
        Err(_) => Check::fail(check, format!("{host}:{port} does not answer within 3 s"), hint),
    }
}
