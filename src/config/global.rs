//! `global` of an Alertmanager file: addresses and keys for integrations that have none of their own. Whatever else
//! stands there is named as without effect, known or not: the list is Alertmanager's and grows.

use std::path::Path;

use super::Reading;
use super::node::Node;
use super::reader::{self, Fields};
use super::secrets;
use crate::respond::Secret;

const IN_EFFECT: &[&str] = &[
    "pagerduty_url",
    "opsgenie_api_url",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "slack_api_url",
    "slack_api_url_file",
];

#[derive(Default)]
pub(super) struct Global {
    pub pagerduty_url: Option<Secret>,
    pub opsgenie_api_url: Option<Secret>,
    pub opsgenie_api_key: Option<Secret>,
    pub slack_api_url: Option<Secret>,
}

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, folder: &Path) -> Global {
    let Some(node) = node else { return Global::default() };
    let Some(entries) = node.entries() else {
        reader::wrong_type(&mut ctx.report, node, "`global` is a mapping");
        return Global::default();
    };
    for (key, _) in entries.iter().filter(|(key, node)| !IN_EFFECT.contains(&&*key.text) && !node.is_null()) {
        ctx.report.not_yet("W0501", key.at, &format!("global.{}", key.text));
    }
    let fields = Fields::open(node, "`global`");
    let mut url = |key, file| {
        let there = fields.get(key).or(fields.get(file)).is_some();
        there.then(|| secrets::url(ctx, fields, [key, file], folder)).flatten()
    };
    Global {
        pagerduty_url: url("pagerduty_url", ""),
        opsgenie_api_url: url("opsgenie_api_url", ""),
        slack_api_url: url("slack_api_url", "slack_api_url_file"),
        opsgenie_api_key: secrets::either(ctx, fields, ["opsgenie_api_key", "opsgenie_api_key_file"], folder)
            .map(|(key, _)| key),
    }
}
