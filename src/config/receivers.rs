//! `receivers`: who is told, and by which integration. Sends nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::address;
use super::node::{Node, Place, Scalar};
use super::reader::{self, Fields};
use super::substitute::without_newline;
use super::{Integration, Reading, Receiver, WebhookFormat};

/// Alertmanager's integrations that are accepted without effect.
const LATER: &[&str] = &[
    "discord_configs",
    "email_configs",
    "incidentio_configs",
    "jira_configs",
    "mattermost_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "opsgenie_configs",
    "pagerduty_configs",
    "pushover_configs",
    "rocketchat_configs",
    "slack_configs",
    "sns_configs",
    "telegram_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
];
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
];
const WEBHOOK_LATER: &[&str] = &["http_config", "max_alerts", "timeout", "secret", "secret_file"];
const ALERTMANAGER: &[&str] = &["url", "url_file", "send_resolved", "http_config", "timeout"];
const ALERTMANAGER_LATER: &[&str] = &["http_config", "timeout"];

/// Receivers in order, and every name that routes may use (also of a receiver that has mistakes).
pub(super) fn read(ctx: &mut Reading<'_>, nodes: &[Node], folder: &Path) -> (Vec<Receiver>, Vec<String>) {
    let mut known = vec!["name", "webhook_configs", "alertmanager_configs"];
    known.extend(LATER);
    let mut first: BTreeMap<&str, Place> = BTreeMap::new();
    let (mut receivers, mut names) = (Vec::new(), Vec::new());
    for node in nodes {
        let Some(fields) = Fields::new(&mut ctx.report, node, "a receiver", &known) else { continue };
        let integrations = integrations(ctx, fields, folder);
        let not_in_effect = LATER.iter().filter(|key| fields.get(key).is_some());
        let not_in_effect = not_in_effect.map(|key| (*key).to_owned()).collect();
        let Some(name) = fields.required_text(&mut ctx.report, "name") else { continue };
        let at = fields.get("name").map_or(node.at, |name| name.at);
        if name.is_empty() {
            ctx.report.error("E0214", at, "a receiver's name is empty");
        }
        if let Some(before) = first.get(name) {
            let message = format!("a receiver named `{name}` exists, on line {}", before.line);
            ctx.report.error("E0504", at, message);
            continue;
        }
        first.insert(name, at);
        names.push(name.to_owned());
        receivers.push(Receiver { name: name.to_owned(), integrations, not_in_effect });
    }
    (receivers, names)
}

fn integrations(ctx: &mut Reading<'_>, fields: Fields<'_>, folder: &Path) -> Vec<Integration> {
    for key in LATER.iter().filter(|key| fields.get(key).is_some()) {
        fields.list(&mut ctx.report, key);
        ctx.report.not_yet("W0501", fields.place_of(key), key);
    }
    let mut out = Vec::new();
    for node in fields.list(&mut ctx.report, "webhook_configs") {
        let Some(fields) = Fields::new(&mut ctx.report, node, "a webhook", WEBHOOK) else { continue };
        without_effect(ctx, fields, "webhook_configs", WEBHOOK_LATER);
        let words = [("alertmanager", WebhookFormat::Alertmanager), ("evenkeel", WebhookFormat::Evenkeel)];
        let format =
            fields.get("format").and_then(|node| reader::word(&mut ctx.report, node, "format", &words));
        let send_resolved = fields.truth(&mut ctx.report, "send_resolved").unwrap_or(true);
        if let Some(url) = url(ctx, fields, folder) {
            out.push(Integration::Webhook { url, format: format.unwrap_or_default(), send_resolved });
        }
    }
    for node in fields.list(&mut ctx.report, "alertmanager_configs") {
        let Some(fields) = Fields::new(&mut ctx.report, node, "an Alertmanager", ALERTMANAGER) else {
            continue;
        };
        without_effect(ctx, fields, "alertmanager_configs", ALERTMANAGER_LATER);
        let send_resolved = fields.truth(&mut ctx.report, "send_resolved").unwrap_or(true);
        if let Some(url) = url(ctx, fields, folder) {
            out.push(Integration::Alertmanager { url, send_resolved });
        }
    }
    out
}

fn without_effect(ctx: &mut Reading<'_>, fields: Fields<'_>, of: &str, keys: &[&str]) {
    for key in keys.iter().filter(|key| fields.get(key).is_some()) {
        ctx.report.not_yet("W0501", fields.place_of(key), &format!("{of}.{key}"));
    }
}

/// `url`, or the first line of `url_file`.
fn url(ctx: &mut Reading<'_>, fields: Fields<'_>, folder: &Path) -> Option<String> {
    if let (Some(_), Some(_)) = (fields.get("url"), fields.get("url_file")) {
        ctx.report.error("E0505", fields.place_of("url_file"), "`url` and `url_file` exclude each other");
        return None;
    }
    let (url, node) = match fields.get("url_file") {
        Some(node) => {
            let path = reader::text(&mut ctx.report, node, "url_file")?;
            match ctx.world.read(&folder.join(path)) {
                Ok(text) => (without_newline(&text), node),
                Err(reason) => {
                    ctx.report.error("E0411", node.at, format!("{path} can not be read: {reason}"));
                    return None;
                }
            }
        }
        None => {
            let node = fields.required(&mut ctx.report, "url")?;
            (reader::text(&mut ctx.report, node, "url")?.to_owned(), node)
        }
    };
    if let Err(why) = address::check_url(&url) {
        let shown = node.scalar().map_or("", Scalar::shown);
        let subject = if url.is_empty() { "`url`".to_owned() } else { format!("`{shown}`") };
        ctx.report.error("E0505", node.at, format!("{subject} {why}"));
        return None;
    }
    Some(url)
}
