//! `pagerduty_configs`. Sends nothing.

use std::path::Path;

use super::global::Global;
use super::node::Node;
use super::reader::Fields;
use super::{Integration, Reading};
use super::{receivers, secrets, templates, webhook};
use crate::respond::{PAGERDUTY_URL, PagerDuty, PagerDutyImage, PagerDutyLink, Secret, Service};

const PAGERDUTY: &[&str] = &[
    "routing_key",
    "routing_key_file",
    "service_key",
    "service_key_file",
    "url",
    "send_resolved",
    "timeout",
    "client",
    "client_url",
    "description",
    "severity",
    "source",
    "component",
    "group",
    "class",
    "details",
    "links",
    "images",
    "http_config",
];
const LATER: &[&str] = &["service_key", "service_key_file", "http_config"];

/// What PagerDuty hands out.
const ROUTING_KEY_CHARS: usize = 32;

pub(super) fn read(
    ctx: &mut Reading<'_>,
    node: &Node,
    folder: &Path,
    global: &Global,
) -> Option<Integration> {
    let fields = Fields::new(&mut ctx.report, node, "a PagerDuty integration", PAGERDUTY)?;
    receivers::without_effect(ctx, fields, "pagerduty_configs", LATER);
    let send_resolved = fields.truth(&mut ctx.report, "send_resolved").unwrap_or(true);
    let timeout = webhook::timeout(ctx, fields);
    let url = match fields.get("url") {
        Some(_) => secrets::url(ctx, fields, ["url", "url_file"], folder),
        None => Some(global.pagerduty_url.clone().unwrap_or_else(|| Secret::new(PAGERDUTY_URL))),
    };
    let mut text = |key| templates::of(ctx, fields, key);
    let texts = PagerDuty {
        client: text("client"),
        client_url: text("client_url"),
        description: text("description"),
        severity: text("severity"),
        source: text("source"),
        component: text("component"),
        group: text("group"),
        class: text("class"),
        ..PagerDuty::new(Secret::new(""))
    };
    let details = templates::named(ctx, fields, "details");
    let links = fields.list(&mut ctx.report, "links").iter();
    let links = links.filter_map(|node| link(ctx, node)).collect();
    let images = fields.list(&mut ctx.report, "images").iter();
    let images = images.filter_map(|node| image(ctx, node)).collect();
    let keys = ["routing_key", "routing_key_file"];
    // With a key of the first Events API alone the integration is without effect, which has been said.
    let of_version_1 = ["service_key", "service_key_file"].iter().any(|key| fields.get(key).is_some());
    let key = match of_version_1 {
        true => secrets::either(ctx, fields, keys, folder),
        false => secrets::needed(ctx, fields, keys, folder),
    };
    let (routing_key, at) = key?;
    if routing_key.reveal().len() != ROUTING_KEY_CHARS {
        let message =
            format!("a routing key of PagerDuty has {ROUTING_KEY_CHARS} characters, this one has not");
        let hint = "take the Integration Key of an integration \"Events API v2\"";
        ctx.report.warn("W0506", at, message, hint);
    }
    let pagerduty = PagerDuty { routing_key, details, links, images, ..texts };
    let service = Service::PagerDuty(Box::new(pagerduty));
    Some(Integration { service, url: url?, send_resolved, timeout, authorization: None })
}

fn link(ctx: &mut Reading<'_>, node: &Node) -> Option<PagerDutyLink> {
    let fields = Fields::new(&mut ctx.report, node, "a link", &["href", "text"])?;
    let href = templates::needed(ctx, fields, "href")?;
    Some(PagerDutyLink { href, text: templates::of(ctx, fields, "text") })
}

fn image(ctx: &mut Reading<'_>, node: &Node) -> Option<PagerDutyImage> {
    let fields = Fields::new(&mut ctx.report, node, "an image", &["src", "href", "alt"])?;
    let src = templates::needed(ctx, fields, "src")?;
    let (href, alt) = (templates::of(ctx, fields, "href"), templates::of(ctx, fields, "alt"));
    Some(PagerDutyImage { src, href, alt })
}
