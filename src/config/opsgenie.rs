//! `opsgenie_configs`, of Opsgenie and of Jira Service Management. Sends nothing.

use std::path::Path;

use super::global::Global;
use super::node::Node;
use super::reader::{self, Fields};
use super::{Integration, Reading};
use super::{receivers, secrets, templates, webhook};
use crate::respond::{JIRA_URL, OPSGENIE_URL, Opsgenie, OpsgenieResponder, Product, Secret, Service};

const OPSGENIE: &[&str] = &[
    "product",
    "api_key",
    "api_key_file",
    "api_url",
    "send_resolved",
    "timeout",
    "message",
    "description",
    "source",
    "details",
    "responders",
    "tags",
    "note",
    "priority",
    "entity",
    "actions",
    "update_alerts",
    "http_config",
];
const LATER: &[&str] = &["update_alerts", "http_config"];

pub(super) fn read(
    ctx: &mut Reading<'_>,
    node: &Node,
    folder: &Path,
    global: &Global,
) -> Option<Integration> {
    let fields = Fields::new(&mut ctx.report, node, "an Opsgenie integration", OPSGENIE)?;
    receivers::without_effect(ctx, fields, "opsgenie_configs", LATER);
    let words =
        [("opsgenie", Product::Opsgenie), ("jira_service_management", Product::JiraServiceManagement)];
    let product =
        fields.get("product").and_then(|node| reader::word(&mut ctx.report, node, "product", &words));
    let product = product.unwrap_or_default();
    let send_resolved = fields.truth(&mut ctx.report, "send_resolved").unwrap_or(true);
    let timeout = webhook::timeout(ctx, fields);
    let url = match (fields.get("api_url"), product) {
        (Some(_), _) => secrets::url(ctx, fields, ["api_url", "api_url_file"], folder),
        (None, Product::JiraServiceManagement) => Some(Secret::new(JIRA_URL)),
        (None, Product::Opsgenie) => {
            Some(global.opsgenie_api_url.clone().unwrap_or_else(|| Secret::new(OPSGENIE_URL)))
        }
    };
    let mut text = |key| templates::of(ctx, fields, key);
    let texts = Opsgenie {
        message: text("message"),
        description: text("description"),
        source: text("source"),
        entity: text("entity"),
        priority: text("priority"),
        note: text("note"),
        tags: text("tags"),
        actions: text("actions"),
        ..Opsgenie::new(product, Secret::new(""))
    };
    let details = templates::named(ctx, fields, "details");
    let responders = fields.list(&mut ctx.report, "responders").iter();
    let responders = responders.filter_map(|node| responder(ctx, node)).collect();
    let keys = ["api_key", "api_key_file"];
    let own = keys.iter().any(|key| fields.get(key).is_some());
    let api_key = match global.opsgenie_api_key.clone().filter(|_| !own) {
        Some(key) => key,
        None => secrets::needed(ctx, fields, keys, folder)?.0,
    };
    let service = Service::Opsgenie(Box::new(Opsgenie { api_key, details, responders, ..texts }));
    Some(Integration { service, url: url?, send_resolved, timeout, authorization: None })
}

fn responder(ctx: &mut Reading<'_>, node: &Node) -> Option<OpsgenieResponder> {
    let known = ["id", "name", "username", "type"];
    let fields = Fields::new(&mut ctx.report, node, "a responder", &known)?;
    let words = ["team", "user", "escalation", "schedule"].map(|word| (word, word));
    let kind = fields.required(&mut ctx.report, "type");
    let kind = kind.and_then(|node| reader::word(&mut ctx.report, node, "type", &words));
    let given: Vec<&str> =
        ["id", "name", "username"].into_iter().filter(|key| fields.get(key).is_some()).collect();
    let who = match given[..] {
        ["id"] => "id",
        ["name"] => "name",
        ["username"] => "username",
        _ => {
            let message = "a responder has exactly one of `id`, `name` and `username`";
            ctx.report.error("E0510", fields.at, message);
            return None;
        }
    };
    Some(OpsgenieResponder { kind: kind?, who: (who, templates::of(ctx, fields, who)?) })
}
