//! `listen`: the addresses, their TLS, and whether anybody may be let in unasked.

use std::path::Path;

use super::access::Access;
use super::address;
use super::node::{Node, Place};
use super::reader::Fields;
use super::tls;
use super::{Listen, Reading};
use crate::door::{Limits, TlsFiles};

const LISTENERS: [(&str, &str, &str); 3] = [
    ("otlp_grpc", "127.0.0.1:4317", "EVENKEEL_LISTEN__OTLP_GRPC"),
    ("otlp_http", "127.0.0.1:4318", "EVENKEEL_LISTEN__OTLP_HTTP"),
    ("http", "127.0.0.1:4319", "EVENKEEL_LISTEN__HTTP"),
];

/// The file's addresses, overridden by the environment's.
pub(super) fn read(
    ctx: &mut Reading<'_>,
    node: Option<&Node>,
    folder: &Path,
    access: &Access,
) -> (Listen, Option<TlsFiles>, Limits) {
    let known = ["otlp_grpc", "otlp_http", "http", "allow_anonymous", "tls", "limits"];
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "listen", &known));
    let in_file = fields.and_then(|fields| fields.truth(&mut ctx.report, "allow_anonymous"));
    let anonymous = match ctx.world.env("EVENKEEL_LISTEN__ALLOW_ANONYMOUS").as_deref() {
        None | Some("") => in_file.unwrap_or(false),
        Some("true") => true,
        Some("false") => false,
        Some(_) => {
            let at = environment(ctx);
            ctx.report.error("E0208", at, "EVENKEEL_LISTEN__ALLOW_ANONYMOUS is true or false");
            true
        }
    };
    let tls_node = fields.and_then(|fields| fields.get("tls"));
    let tls = tls::read(ctx, tls_node, folder);
    // What is written counts here, also where it has a mistake: that is told elsewhere.
    let certificates = tls_node.is_some_and(|node| node.get("client_ca_file").is_some());
    let guard = match (access.asked || certificates, anonymous) {
        (true, _) if tls_node.is_some() => Guard::Sound,
        (true, _) => Guard::Tokens,
        (false, true) => Guard::Waived,
        (false, false) => Guard::Missing,
    };
    let limits = limits(ctx, fields.and_then(|fields| fields.get("limits")));
    let mut taken: Vec<(String, &str)> = Vec::new();
    let mut addresses = LISTENERS.map(|(key, default, variable)| {
        let from_file =
            fields.and_then(|fields| Some((fields.text(&mut ctx.report, key)?, fields.get(key)?.at)));
        let from_environment = ctx.world.env(variable).filter(|value| !value.is_empty());
        let (text, at, name) = match (from_environment, from_file) {
            (Some(text), _) => (text, environment(ctx), variable),
            (None, Some((text, at))) => (text.to_owned(), at, key),
            (None, None) => (default.to_owned(), fields.map_or_else(|| environment(ctx), |f| f.at), key),
        };
        check(ctx, at, name, &text, guard);
        match taken.iter().find(|(other, _)| *other == text && !text.ends_with(":0")) {
            Some((_, other)) => {
                let message = format!("`{name}` listens on {text}, which is the address of `{other}`");
                ctx.report.error("E0208", at, message);
            }
            None => taken.push((text.clone(), name)),
        }
        text
    });
    let [otlp_grpc, otlp_http, http] = &mut addresses;
    let take = std::mem::take::<String>;
    (Listen { otlp_grpc: take(otlp_grpc), otlp_http: take(otlp_http), http: take(http) }, tls, limits)
}

fn limits(ctx: &mut Reading<'_>, node: Option<&Node>) -> Limits {
    let mut limits = Limits::default();
    let known = ["connections", "connections_per_peer"];
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "limits", &known));
    let Some(fields) = fields else { return limits };
    let (min, max) = (Limits::CONNECTIONS_MIN, Limits::CONNECTIONS_MAX);
    if let Some(number) = fields.whole(&mut ctx.report, "connections", min, max) {
        limits.connections = number;
    }
    if let Some(number) = fields.whole(&mut ctx.report, "connections_per_peer", 1, max) {
        limits.connections_per_peer = number;
        limits.loopback_counts = true;
    }
    limits
}

/// What keeps others out of an address that they reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    Sound,
    /// That everybody on the way can read.
    Tokens,
    Waived,
    Missing,
}

fn check(ctx: &mut Reading<'_>, at: Place, name: &str, text: &str, guard: Guard) {
    let address = match address::parse(text) {
        Ok(address) => address,
        Err(why) => {
            let hint = "write HOST:PORT, such as 127.0.0.1:4317; port 0 takes a free one";
            return ctx.report.error_with("E0208", at, format!("`{name}`: `{text}` {why}"), hint);
        }
    };
    match guard {
        _ if address.loopback => {}
        Guard::Sound => {}
        Guard::Tokens => {
            let message = format!("`{name}`: tokens cross the network to {text} unencrypted");
            ctx.report.warn("W0204", at, message, "set `listen.tls`");
        }
        Guard::Waived => {
            let message =
                format!("`{name}`: everybody who reaches {text} may use it, nobody is asked who they are");
            ctx.report.warn("W0203", at, message, "keep it inside a network that you trust");
        }
        Guard::Missing => {
            let message =
                format!("`{name}`: {text} is open to other machines, and nobody is asked who they are");
            let hint = "set `auth.tokens` or `listen.tls.client_ca_file`, or `listen.allow_anonymous: true` if that is meant";
            ctx.report.error_with("E0209", at, message, hint);
        }
    }
}

/// The place of what comes out of an environment variable.
pub(super) fn environment(ctx: &mut Reading<'_>) -> Place {
    let file = ctx.report.add_file("environment", "");
    Place { file, line: 1, column: 1, width: 1 }
}
