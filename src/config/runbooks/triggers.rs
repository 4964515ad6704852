//! `triggers`: at which changes of which alerts a runbook starts by itself.

use super::super::node::{Node, Value};
use super::super::reader::{self, Fields};
use super::super::{Reading, routing};
use super::{Known, labels, safety, too_many};
use crate::model::Compiled;
use crate::runbook::{self, Moment, Param, Trigger};

const TRIGGER: &[&str] = &["on", "match"];
const TRIGGERS_MAX: usize = 16;
const MATCHERS_MAX: usize = 32;

pub(super) fn read(
    ctx: &mut Reading<'_>,
    spec: Fields<'_>,
    params: &[Param],
    known: &Known<'_>,
) -> Vec<Trigger> {
    let nodes = spec.list(&mut ctx.report, "triggers");
    too_many(ctx, nodes.get(TRIGGERS_MAX).map(|node| node.at), TRIGGERS_MAX, "triggers of a runbook");
    let person = params.iter().find(|param| param.from == runbook::From::Person);
    if let (Some(param), false) = (person, nodes.is_empty()) {
        let name = &param.name;
        let at = spec.get("params").and_then(|params| params.get(name)).and_then(|param| param.get("from"));
        let message = format!("no trigger can know `{name}`, which a person gives");
        let hint = "take it from the alert (label.NAME), or leave `triggers` out";
        ctx.report.error_with("E0707", at.map_or(spec.at, |node| node.at), message, hint);
    }
    nodes.iter().take(TRIGGERS_MAX).filter_map(|node| trigger(ctx, node, known)).collect()
}

fn trigger(ctx: &mut Reading<'_>, node: &Node, known: &Known<'_>) -> Option<Trigger> {
    let fields = Fields::new(&mut ctx.report, node, "a trigger", TRIGGER)?;
    let words = Moment::ALL.map(|moment| (moment.as_str(), moment));
    let mut moments: Vec<Moment> = Vec::new();
    for (_, node) in fields.texts(&mut ctx.report, "on") {
        let Some(moment) = reader::word(&mut ctx.report, node, "on", &words) else { continue };
        match moments.contains(&moment) {
            true => ctx.report.error("E0707", node.at, format!("`{}` stands there twice", moment.as_str())),
            false => moments.push(moment),
        }
    }
    if fields.get("on").is_none() {
        moments.push(Moment::Trigger);
    } else if fields.is_empty_list("on") {
        ctx.report.error("E0707", fields.place_of("on"), "a trigger without a moment starts nothing");
    }
    safety::empty(ctx, fields, &[("match", "write matchers, or leave it out where every alert starts it")]);
    let nodes = match fields.get("match") {
        Some(node) if matches!(node.value, Value::Scalar(_)) => std::slice::from_ref(node),
        _ => fields.list(&mut ctx.report, "match"),
    };
    too_many(ctx, nodes.get(MATCHERS_MAX).map(|node| node.at), MATCHERS_MAX, "matchers of a trigger");
    let mut matchers = Vec::new();
    for node in nodes.iter().take(MATCHERS_MAX) {
        for matcher in routing::parsed(ctx, node, "match").into_iter().flatten() {
            let Ok(compiled) = Compiled::new(matcher) else { continue };
            labels::warn_never(ctx, node, &compiled, known);
            matchers.push(compiled);
        }
    }
    Some(Trigger { moments, matchers })
}
