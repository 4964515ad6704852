//! `slack_configs`, by incoming webhooks. Sends nothing.

use std::path::Path;

use super::global::Global;
use super::node::Node;
use super::reader::Fields;
use super::{Integration, Reading};
use super::{receivers, secrets, templates, webhook};
use crate::respond::{Service, Slack};

const SLACK: &[&str] = &[
    "api_url",
    "api_url_file",
    "send_resolved",
    "timeout",
    "http_config",
    "channel",
    "username",
    "icon_emoji",
    "icon_url",
    "color",
    "title",
    "title_link",
    "pretext",
    "text",
    "footer",
    "actions",
    "app_token",
    "app_token_file",
    "app_url",
    "callback_id",
    "fallback",
    "fields",
    "image_url",
    "link_names",
    "message_text",
    "mrkdwn_in",
    "short_fields",
    "thumb_url",
    "update_message",
];
const LATER: &[&str] = &[
    "actions",
    "app_token",
    "app_token_file",
    "app_url",
    "callback_id",
    "fallback",
    "fields",
    "image_url",
    "link_names",
    "message_text",
    "mrkdwn_in",
    "short_fields",
    "thumb_url",
    "update_message",
];

pub(super) fn read(
    ctx: &mut Reading<'_>,
    node: &Node,
    folder: &Path,
    global: &Global,
) -> Option<Integration> {
    let fields = Fields::new(&mut ctx.report, node, "a Slack integration", SLACK)?;
    receivers::without_effect(ctx, fields, "slack_configs", LATER);
    // Alertmanager's default: a chat hears of beginnings alone.
    let send_resolved = fields.truth(&mut ctx.report, "send_resolved").unwrap_or(false);
    let timeout = webhook::timeout(ctx, fields);
    let authorization = webhook::authorization(ctx, fields, folder, "slack_configs");
    let mut text = |key| templates::of(ctx, fields, key);
    let slack = Slack {
        channel: text("channel"),
        username: text("username"),
        icon_emoji: text("icon_emoji"),
        icon_url: text("icon_url"),
        color: text("color"),
        title: text("title"),
        title_link: text("title_link"),
        pretext: text("pretext"),
        text: text("text"),
        footer: text("footer"),
    };
    let keys = ["api_url", "api_url_file"];
    let own = keys.iter().any(|key| fields.get(key).is_some());
    let url = match global.slack_api_url.clone().filter(|_| !own) {
        Some(url) => url,
        None if own => secrets::url(ctx, fields, keys, folder)?,
        None => {
            fields.required(&mut ctx.report, "api_url");
            return None;
        }
    };
    Some(Integration { service: Service::Slack(Box::new(slack)), url, send_resolved, timeout, authorization })
}
