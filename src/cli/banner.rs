//! What `run` says at its start and where it fails: lines for people, or records of the log.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::args::{Global, Output};
use super::check::tell;
use super::count::counted;
use crate::config::{Config, Diagnostic, Level, Loaded};
use crate::daemon::{Addresses, Links, links};
use crate::door::{Listener, Role, Settings};
use crate::telemetry::LogFormat;

/// How it is said.
#[derive(Clone, Copy)]
pub(super) struct Voice(pub LogFormat);

impl Voice {
    pub fn of(global: &Global) -> Self {
        Self(if global.output == Output::Human { LogFormat::Text } else { LogFormat::Json })
    }

    /// The daemon ends, or does not begin.
    pub fn failed(self, why: &str, hint: &str) {
        match self.0 {
            LogFormat::Json => tracing::error!(reason = why, hint, "daemon.failed"),
            LogFormat::Text if hint.is_empty() => eprintln!("error: {why}"),
            LogFormat::Text => eprintln!("error: {why}\n  hint: {hint}"),
        }
    }

    pub fn findings(self, loaded: &Loaded, notes: bool) {
        match self.0 {
            LogFormat::Text => tell(loaded, notes),
            LogFormat::Json => loaded.findings.iter().for_each(log),
        }
    }

    /// What a reload has found.
    pub fn reloaded(self, errors: &[String], warnings: &[String]) {
        match self.0 {
            LogFormat::Json => {
                errors.iter().for_each(|line| tracing::error!(what = line, "config.error.found"));
                warnings.iter().for_each(|line| tracing::warn!(what = line, "config.warning.found"));
            }
            LogFormat::Text => {
                errors.iter().for_each(|line| eprintln!("error: {line}"));
                warnings.iter().for_each(|line| eprintln!("warning: {line}"));
            }
        }
    }
}

fn log(one: &Diagnostic) {
    let Diagnostic { code, message: what, hint, .. } = one;
    let at = format!("{}:{}:{}", one.file, one.line, one.column);
    let hint = hint.as_deref().unwrap_or_default();
    match one.level {
        Level::Error => tracing::error!(code, at, what, hint, "config.error.found"),
        Level::Warning => tracing::warn!(code, at, what, hint, "config.warning.found"),
        Level::Note => tracing::debug!(code, at, what, hint, "config.note.found"),
    }
}

/// What is known of a daemon before it listens.
pub(super) struct Banner {
    summary: String,
    data_dir: PathBuf,
    entrance: Settings,
    external_url: Option<String>,
    /// No configuration was named.
    bare: bool,
}

impl Banner {
    pub fn of(config: &Config, bare: bool) -> Self {
        let rules = config.plan.rules.filter.len() + config.plan.rules.classify.len();
        let parts = [
            counted(config.plan.slos.len(), "SLO"),
            counted(rules, "rule"),
            counted(config.receivers.len(), "receiver"),
        ];
        Self {
            summary: parts.join(", "),
            data_dir: config.data_dir.clone(),
            entrance: config.entrance.clone(),
            external_url: config.external_url.clone(),
            bare,
        }
    }

    pub fn tell(&self, voice: Voice, addresses: Addresses) {
        match voice.0 {
            LogFormat::Text => eprint!("{}", self.text(addresses)),
            LogFormat::Json => {
                let Links { url, doubt } = self.links(addresses);
                tracing::info!(
                    version = env!("CARGO_PKG_VERSION"),
                    with = self.summary,
                    otlp_grpc = %addresses.otlp_grpc,
                    otlp_http = %addresses.otlp_http,
                    http = %addresses.http,
                    tls = self.entrance.tls.is_some(),
                    data_dir = %self.data_dir.display(),
                    external_url = url,
                    doubt,
                    "daemon.started"
                );
            }
        }
    }

    fn links(&self, addresses: Addresses) -> Links {
        links(self.external_url.as_deref(), self.scheme(), addresses.http)
    }

    fn scheme(&self) -> &'static str {
        if self.entrance.tls.is_some() { "https" } else { "http" }
    }

    fn text(&self, addresses: Addresses) -> String {
        let (grpc, otlp, page) = (addresses.otlp_grpc, addresses.otlp_http, addresses.http);
        let Links { url, doubt } = self.links(addresses);
        let doubt = doubt.map_or(String::new(), |doubt| format!("  ({doubt}; set external_url)"));
        let who = |address, listener| who(&self.entrance, address, listener);
        let mut text = format!(
            "evenkeel {} with {}\n  OTLP gRPC  {grpc}  ({})\n  OTLP HTTP  {otlp}  ({})\n  page, API  {}://{page}  ({})\n  links      {url}{doubt}\n  state      {}\n",
            env!("CARGO_PKG_VERSION"),
            self.summary,
            who(grpc, Listener::OtlpGrpc),
            who(otlp, Listener::OtlpHttp),
            self.scheme(),
            who(page, Listener::Http),
            self.data_dir.display(),
        );
        if self.bare {
            text.push_str(&format!(
                "\nNo configuration: events are classified by the defaults, nothing is measured and nobody is paged.\n\
                 Point an OpenTelemetry SDK here:\n\
                 \x20 export OTEL_EXPORTER_OTLP_ENDPOINT=http://{otlp}\n\
                 \x20 export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n\
                 \x20 export OTEL_SERVICE_NAME=my-service\n\
                 Then look at  evenkeel tap  and write a first SLO:  evenkeel init  gives one to begin from.\n",
            ));
        }
        text
    }
}

/// Who may use an address, for people.
fn who(entrance: &Settings, address: SocketAddr, listener: Listener) -> String {
    let local = address.ip().is_loopback();
    let mut parts = vec![if local { "this machine only" } else { "open to the network" }.to_owned()];
    if entrance.tls.is_some() {
        parts.push("TLS".to_owned());
    }
    let certificates = entrance.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if certificates {
        parts.push("with a client certificate".to_owned());
    }
    if !entrance.tokens.is_empty() {
        parts.push(format!("with a token of role {}", Role::of(listener).as_str()));
    } else if !certificates && !local {
        parts.push("without authentication".to_owned());
    }
    parts.join(", ")
}
