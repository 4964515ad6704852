//! Listeners, receivers, and the daemon that may run already.

use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::time::Duration;

use reqwest::Url;
use tokio::net::TcpStream;

use super::super::args::Global;
use super::super::client;
use super::{Check, Verdict};
use crate::config::Receiver;

const CONNECT_MAX: Duration = Duration::from_secs(3);

impl Check {
    pub(super) fn is_ready(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    /// A daemon that does not run is a fault where it is asked for alone.
    pub(super) fn into_needed(self) -> Self {
        match self.verdict {
            Verdict::Warn => Self { verdict: Verdict::Fail, ..self },
            _ => self,
        }
    }
}

pub(super) async fn daemon(global: &Global) -> Check {
    match client::readiness(global).await {
        Ok(true) => Check::ok("daemon", format!("one is ready at {}", global.url)),
        Ok(false) => {
            let detail = format!("one answers at {}, and is not ready", global.url);
            Check::fail("daemon", detail, "it is starting or draining; its log says more")
        }
        Err(why) => Check::warn(
            "daemon",
            format!("none answers at {}: {why}", global.url),
            "`evenkeel run` starts one",
        ),
    }
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
