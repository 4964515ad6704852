//! `receivers`: who is told, and by which integration. Sends nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::global::Global;
use super::node::{Node, Place};
use super::reader::Fields;
use super::{Integration, Reading, Receiver};
use super::{fallbacks, opsgenie, pagerduty, slack, webhook};

/// Alertmanager's integrations that are accepted without effect.
const LATER: &[&str] = &[
    "discord_configs",
    "email_configs",
    "incidentio_configs",
    "jira_configs",
    "mattermost_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "pushover_configs",
    "rocketchat_configs",
    "sns_configs",
    "telegram_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
];

/// Those that are in effect.
pub(super) const IN_EFFECT: &[&str] =
    &["webhook_configs", "alertmanager_configs", "pagerduty_configs", "opsgenie_configs", "slack_configs"];

/// Receivers in order, and every name that routes may use (also of a receiver that has mistakes).
pub(super) fn read(
    ctx: &mut Reading<'_>,
    nodes: &[Node],
    folder: &Path,
    global: &Global,
) -> (Vec<Receiver>, Vec<String>) {
    let known = [&["name", "fallback"], IN_EFFECT, LATER].concat();
    let mut first: BTreeMap<&str, Place> = BTreeMap::new();
    let (mut receivers, mut names, mut fallbacks) = (Vec::new(), Vec::new(), BTreeMap::new());
    for node in nodes {
        let Some(fields) = Fields::new(&mut ctx.report, node, "a receiver", &known) else { continue };
        let integrations = integrations(ctx, fields, folder, global);
        let not_in_effect = LATER.iter().filter(|key| fields.get(key).is_some());
        let not_in_effect = not_in_effect.map(|key| (*key).to_owned()).collect();
        let fallback = fallbacks::read(ctx, fields);
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
        fallbacks.extend(fallback.as_ref().map(|(_, at)| (name.to_owned(), *at)));
        let fallback = fallback.map(|(fallback, _)| fallback);
        receivers.push(Receiver { name: name.to_owned(), integrations, not_in_effect, fallback });
    }
    fallbacks::check(ctx, &receivers, &fallbacks, &names);
    (receivers, names)
}

fn integrations(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    folder: &Path,
    global: &Global,
) -> Vec<Integration> {
    for key in LATER.iter().filter(|key| fields.get(key).is_some()) {
        fields.list(&mut ctx.report, key);
        ctx.report.not_yet("W0501", fields.place_of(key), key);
    }
    let mut all = Vec::new();
    for key in IN_EFFECT {
        for node in fields.list(&mut ctx.report, key) {
            all.extend(match *key {
                "webhook_configs" => webhook::webhook(ctx, node, folder),
                "alertmanager_configs" => webhook::alertmanager(ctx, node, folder),
                "pagerduty_configs" => pagerduty::read(ctx, node, folder, global),
                "opsgenie_configs" => opsgenie::read(ctx, node, folder, global),
                _ => slack::read(ctx, node, folder, global),
            });
        }
    }
    all
}

pub(super) fn without_effect(ctx: &mut Reading<'_>, fields: Fields<'_>, of: &str, keys: &[&str]) {
    for key in keys.iter().filter(|key| fields.get(key).is_some()) {
        ctx.report.not_yet("W0501", fields.place_of(key), &format!("{of}.{key}"));
    }
}
