//! `webhook_configs` and `alertmanager_configs`, and what every integration that speaks HTTP has. Sends nothing.

use std::path::Path;
use std::time::Duration;

use super::node::Node;
use super::quantity;
use super::reader::{self, Fields};
use super::secrets;
use super::{Integration, Reading, WebhookFormat};
use crate::respond::{Authorization, Secret, Service, SigningKey, Webhook};

const WEBHOOK: &[&str] = &[
    "url",
    "url_file",
    "format",
    "send_resolved",
    "http_config",
    "max_alerts",
    "timeout",
    "secret",
    "secret_file",
    "secret_id",
    "old_secret",
    "old_secret_file",
    "old_secret_id",
];
const ALERTMANAGER: &[&str] = &["url", "url_file", "send_resolved", "http_config", "timeout"];
const HTTP: &[&str] = &[
    "authorization",
    "basic_auth",
    "oauth2",
    "bearer_token",
    "bearer_token_file",
    "tls_config",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "follow_redirects",
    "enable_http2",
    "http_headers",
];
const HTTP_LATER: &[&str] = &[
    "oauth2",
    "bearer_token",
    "bearer_token_file",
    "tls_config",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "follow_redirects",
    "enable_http2",
    "http_headers",
];

const TIMEOUT_MIN_MS: u64 = 100;
const TIMEOUT_MAX_MS: u64 = 300_000;
const SECRET_BYTES_MIN: usize = 16;
const ID_CHARS_MAX: usize = 64;

pub(super) fn webhook(ctx: &mut Reading<'_>, node: &Node, folder: &Path) -> Option<Integration> {
    let fields = Fields::new(&mut ctx.report, node, "a webhook", WEBHOOK)?;
    let words = [
        ("alertmanager", WebhookFormat::Alertmanager),
        ("evenkeel", WebhookFormat::Evenkeel),
        ("cloudevents", WebhookFormat::CloudEvents),
        ("cloudevents_binary", WebhookFormat::CloudEventsBinary),
    ];
    let format = fields.get("format").and_then(|node| reader::word(&mut ctx.report, node, "format", &words));
    // A notification has one alert, so none is too many.
    fields.whole(&mut ctx.report, "max_alerts", 0, u32::MAX);
    let signing = signing(ctx, fields, folder);
    let service = Service::Webhook(Webhook { format: format.unwrap_or_default(), signing });
    over_http(ctx, fields, folder, "webhook_configs", service)
}

pub(super) fn alertmanager(ctx: &mut Reading<'_>, node: &Node, folder: &Path) -> Option<Integration> {
    let fields = Fields::new(&mut ctx.report, node, "an Alertmanager", ALERTMANAGER)?;
    over_http(ctx, fields, folder, "alertmanager_configs", Service::Alertmanager)
}

fn over_http(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    folder: &Path,
    of: &str,
    service: Service,
) -> Option<Integration> {
    let send_resolved = fields.truth(&mut ctx.report, "send_resolved").unwrap_or(true);
    let timeout = timeout(ctx, fields);
    let authorization = authorization(ctx, fields, folder, of);
    if ["url", "url_file"].iter().all(|key| fields.get(key).is_none()) {
        fields.required(&mut ctx.report, "url");
        return None;
    }
    let url = secrets::url(ctx, fields, ["url", "url_file"], folder)?;
    Some(Integration { service, url, send_resolved, timeout, authorization })
}

/// Alertmanager's zero stands for no limit of its own.
pub(super) fn timeout(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Duration> {
    let text = fields.text(&mut ctx.report, "timeout")?;
    match quantity::prometheus_ms(text) {
        Some(0) => None,
        Some(ms) if (TIMEOUT_MIN_MS..=TIMEOUT_MAX_MS).contains(&ms) => Some(Duration::from_millis(ms)),
        _ => {
            let message = "`timeout` is a duration from 100ms to 5m";
            ctx.report.error("E0204", fields.place_of("timeout"), message);
            None
        }
    }
}

/// Of `http_config`, who we say we are. The rest is named as without effect.
pub(super) fn authorization(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    folder: &Path,
    of: &str,
) -> Option<Authorization> {
    let node = fields.get("http_config")?;
    let fields = Fields::new(&mut ctx.report, node, "http_config", HTTP)?;
    for key in HTTP_LATER.iter().filter(|key| fields.get(key).is_some()) {
        ctx.report.not_yet("W0501", fields.place_of(key), &format!("{of}.http_config.{key}"));
    }
    if let (Some(_), Some(_)) = (fields.get("authorization"), fields.get("basic_auth")) {
        let message = "`authorization` and `basic_auth` exclude each other";
        ctx.report.error("E0505", fields.place_of("basic_auth"), message);
        return None;
    }
    if let Some(node) = fields.get("basic_auth") {
        let known = ["username", "username_file", "password", "password_file"];
        let fields = Fields::new(&mut ctx.report, node, "basic_auth", &known)?;
        let (username, _) = secrets::needed(ctx, fields, ["username", "username_file"], folder)?;
        let password = secrets::either(ctx, fields, ["password", "password_file"], folder);
        let password = password.map_or_else(|| Secret::new(""), |(password, _)| password);
        return Some(Authorization::Basic { username: username.reveal().to_owned(), password });
    }
    let known = ["type", "credentials", "credentials_file"];
    let fields = Fields::new(&mut ctx.report, fields.get("authorization")?, "authorization", &known)?;
    let scheme = fields.text(&mut ctx.report, "type").unwrap_or("Bearer");
    let (credentials, _) = secrets::needed(ctx, fields, ["credentials", "credentials_file"], folder)?;
    Some(Authorization::Header(Secret::new(format!("{scheme} {}", credentials.reveal()))))
}

/// The keys that sign, the new one first.
pub(super) fn signing(ctx: &mut Reading<'_>, fields: Fields<'_>, folder: &Path) -> Vec<SigningKey> {
    let current = secrets::either(ctx, fields, ["secret", "secret_file"], folder);
    let old = secrets::either(ctx, fields, ["old_secret", "old_secret_file"], folder);
    for (_, at) in
        [&current, &old].into_iter().flatten().filter(|(one, _)| one.reveal().len() < SECRET_BYTES_MIN)
    {
        let message = format!("a secret of fewer than {SECRET_BYTES_MIN} characters can be guessed");
        ctx.report.warn("W0505", *at, message, "`openssl rand -hex 32` makes a good one");
    }
    let has = |keys: [&str; 2]| keys.iter().any(|key| fields.get(key).is_some());
    let (has_current, has_old) = (has(["secret", "secret_file"]), has(["old_secret", "old_secret_file"]));
    if has_old && !has_current {
        let message = "an old secret stands beside a new one: `secret` or `secret_file` is missing";
        ctx.report.error("E0509", fields.at, message);
    }
    let id = key_id(ctx, fields, "secret_id", has_current, "1");
    let old_id = key_id(ctx, fields, "old_secret_id", has_old, "0");
    if has_old && id == old_id {
        let message = "both secrets have the same id: a receiver could not tell them apart";
        ctx.report.error("E0509", fields.place_of("old_secret_id"), message);
    }
    let key = |found: Option<(Secret, _)>, id| Some(SigningKey { id, secret: found?.0 });
    key(current, id).into_iter().chain(key(old, old_id)).collect()
}

fn key_id(ctx: &mut Reading<'_>, fields: Fields<'_>, key: &str, has_secret: bool, default: &str) -> String {
    let Some(id) = fields.text(&mut ctx.report, key) else { return default.to_owned() };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let at = fields.place_of(key);
    if !(1..=ID_CHARS_MAX).contains(&id.len()) || !id.chars().all(plain) {
        let message = format!("`{key}` is 1 to {ID_CHARS_MAX} letters, digits and . _ -");
        ctx.report.error("E0204", at, message);
    } else if !has_secret {
        ctx.report.error("E0509", at, format!("`{key}` names a secret that is not there"));
    }
    id.to_owned()
}
