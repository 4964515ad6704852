//! `route`: the tree that decides who is told, checked as Alertmanager checks it, and searched for
//! branches that nothing can reach.

use std::collections::BTreeSet;

use super::Reading;
use super::node::{Node, Place, Value};
use super::place;
use super::quantity;
use super::reader::{self, Fields};
use super::suggest;
use crate::alert::route::{Compiled, Route, parse_matchers};
use crate::model::{Matcher, MatcherOp};

const ROUTE: &[&str] = &[
    "receiver",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "matchers",
    "match",
    "match_re",
    "continue",
    "routes",
    "mute_time_intervals",
    "active_time_intervals",
];
const WITHOUT_EFFECT: &[&str] = &[
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "mute_time_intervals",
    "active_time_intervals",
];

/// Names that a route may use.
pub(super) struct Known<'a> {
    pub receivers: &'a [String],
    pub intervals: &'a BTreeSet<String>,
}

/// What a child takes over from the route around it.
#[derive(Clone, Copy)]
struct Parent<'a> {
    receiver: &'a str,
    group_by: &'a [String],
}

pub(super) fn root(ctx: &mut Reading<'_>, node: &Node, known: &Known<'_>) -> Option<Route> {
    let fields = Fields::new(&mut ctx.report, node, "the root route", ROUTE)?;
    let report = &mut ctx.report;
    if fields.get("receiver").is_none() {
        report.error(
            "E0502",
            fields.at,
            "the root route needs `receiver`: it takes what no other route takes",
        );
    }
    for key in ["matchers", "match", "match_re"] {
        if fields.get(key).is_some() {
            let message = format!("the root route takes every alert, it can have no `{key}`");
            report.error_with("E0502", fields.place_of(key), message, "move it into a route below `routes`");
        }
    }
    if fields.truth(report, "continue") == Some(true) {
        report.error("E0502", fields.place_of("continue"), "the root route can not have `continue: true`");
    }
    for key in ["mute_time_intervals", "active_time_intervals"] {
        if fields.get(key).is_some() {
            report.error("E0502", fields.place_of(key), format!("the root route can have no `{key}`"));
        }
    }
    let parent = Parent { receiver: "", group_by: &[] };
    let route = route(ctx, fields, parent, known).0;
    Some(Route { matchers: Vec::new(), continues: false, ..route })
}

/// The route, and its matchers as they were written; `None` where one of them has a mistake.
fn route(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    parent: Parent<'_>,
    known: &Known<'_>,
) -> (Route, Option<Vec<Matcher>>) {
    let receiver = receiver(ctx, fields, known).unwrap_or_else(|| parent.receiver.to_owned());
    let group_by = group_by(ctx, fields).unwrap_or_else(|| parent.group_by.to_vec());
    without_effect(ctx, fields, known);
    let matchers = matchers(ctx, fields);
    let continues = fields.truth(&mut ctx.report, "continue").unwrap_or(false);
    let routes = children(ctx, fields, Parent { receiver: &receiver, group_by: &group_by }, known);
    let compiled =
        matchers.iter().flatten().filter_map(|matcher| Compiled::new(matcher.clone()).ok()).collect();
    (Route { receiver, matchers: compiled, continues, group_by, routes }, matchers)
}

fn children(ctx: &mut Reading<'_>, fields: Fields<'_>, parent: Parent<'_>, known: &Known<'_>) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut closed: Vec<(BTreeSet<String>, Place)> = Vec::new();
    for node in fields.list(&mut ctx.report, "routes") {
        let Some(child) = Fields::new(&mut ctx.report, node, "a route", ROUTE) else { continue };
        let (route, matchers) = route(ctx, child, parent, known);
        if let Some(matchers) = matchers {
            let asked: BTreeSet<String> = matchers.iter().map(Matcher::to_string).collect();
            let taken = closed.iter().find(|(earlier, _)| earlier.is_subset(&asked));
            if let Some((earlier, at)) = taken {
                let earlier: Vec<&str> = earlier.iter().map(String::as_str).collect();
                let takes = if earlier.is_empty() { "everything".to_owned() } else { earlier.join(",") };
                let message =
                    format!("this route can never match, the one on line {} already takes {takes}", at.line);
                let hint = "move it up, or add `continue: true` to the earlier one";
                ctx.report.warn("W0502", node.at, message, hint);
            } else if !route.continues {
                closed.push((asked, node.at));
            }
        }
        routes.push(route);
    }
    routes
}

fn receiver(ctx: &mut Reading<'_>, fields: Fields<'_>, known: &Known<'_>) -> Option<String> {
    let name = fields.text(&mut ctx.report, "receiver")?;
    if !known.receivers.iter().any(|one| one == name) {
        let at = fields.get("receiver").map_or(fields.at, |node| node.at);
        let names: Vec<&str> = known.receivers.iter().map(String::as_str).collect();
        let hint = match names.is_empty() {
            true => "there are no receivers".to_owned(),
            false => suggest::hint(name, &names),
        };
        ctx.report.error_with("E0501", at, format!("unknown receiver `{name}`"), hint);
    }
    Some(name.to_owned())
}

fn group_by(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Vec<String>> {
    fields.get("group_by")?;
    let mut labels: Vec<String> = Vec::new();
    for (label, node) in fields.texts(&mut ctx.report, "group_by") {
        match labels.iter().any(|one| one == label) {
            true => ctx.report.error("E0502", node.at, format!("`group_by` names `{label}` twice")),
            false => labels.push(label.to_owned()),
        }
    }
    Some(labels)
}

fn without_effect(ctx: &mut Reading<'_>, fields: Fields<'_>, known: &Known<'_>) {
    let report = &mut ctx.report;
    for key in WITHOUT_EFFECT.iter().filter(|key| fields.get(key).is_some()) {
        report.not_yet("W0501", fields.place_of(key), key);
    }
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        let (Some(text), Some(node)) = (fields.text(report, key), fields.get(key)) else { continue };
        match quantity::prometheus_ms(text) {
            None => {
                let message = format!("`{key}`: `{text}` is no duration");
                report.error_with("E0508", node.at, message, "write 30s, 5m, 1h30m or 4h");
            }
            Some(0) if key != "group_wait" => {
                report.error("E0508", node.at, format!("`{key}` can not be zero"));
            }
            Some(_) => {}
        }
    }
    for key in ["mute_time_intervals", "active_time_intervals"] {
        for (name, node) in fields.texts(report, key) {
            if !known.intervals.contains(name) {
                let names: Vec<&str> = known.intervals.iter().map(String::as_str).collect();
                let message = format!("unknown time interval `{name}`");
                report.error_with("E0507", node.at, message, suggest::hint(name, &names));
            }
        }
    }
}

/// `match`, `match_re` and `matchers` together; all must hold. `None` where one has a mistake.
fn matchers(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Vec<Matcher>> {
    let mut all = Some(Vec::new());
    let mut add = |found: Option<Vec<Matcher>>| match (found, &mut all) {
        (Some(found), Some(all)) => all.extend(found),
        _ => all = None,
    };
    for (key, op) in [("match", MatcherOp::Equal), ("match_re", MatcherOp::Matches)] {
        let Some(node) = fields.get(key) else { continue };
        ctx.report.note("N0503", fields.place_of(key), format!("`{key}` is an older form of `matchers`"));
        let Some(entries) = node.entries() else {
            reader::wrong_type(&mut ctx.report, node, &format!("`{key}` is a mapping"));
            add(None);
            continue;
        };
        for (name, node) in entries {
            let value = reader::text(&mut ctx.report, node, &name.text);
            let matcher = value.map(|value| Matcher { name: name.text.clone(), op, value: value.to_owned() });
            add(matcher.and_then(|matcher| sound(ctx, node.at, vec![matcher])));
        }
    }
    let given = match fields.get("matchers") {
        None => &[],
        Some(node) => match &node.value {
            Value::Scalar(_) => std::slice::from_ref(node),
            _ => reader::list(&mut ctx.report, node, "matchers"),
        },
    };
    for node in given {
        add(parsed(ctx, node, "matchers"));
    }
    all
}

/// The matchers that a text has; `None` where one has a mistake.
pub(super) fn parsed(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<Vec<Matcher>> {
    let text = reader::text(&mut ctx.report, node, name)?;
    match parse_matchers(text) {
        Ok(matchers) => sound(ctx, node.at, matchers),
        Err((offset, message)) => {
            let at =
                node.scalar().map_or(node.at, |scalar| place::position(&ctx.report, node.at, scalar, offset));
            let hint = "write severity=\"page\", team=~\"a|b\" or tier!=\"3\"";
            ctx.report.error_with("E0503", Place { width: 1, ..at }, message, hint);
            None
        }
    }
}

fn sound(ctx: &mut Reading<'_>, at: Place, matchers: Vec<Matcher>) -> Option<Vec<Matcher>> {
    let mut fine = true;
    for matcher in &matchers {
        if let Err(message) = Compiled::new(matcher.clone()) {
            ctx.report.error("E0503", at, message);
            fine = false;
        }
    }
    fine.then_some(matchers)
}
