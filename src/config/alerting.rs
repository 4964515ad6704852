//! `alerting`, in the words of Alertmanager's configuration file, out of the `Config` document or out of
//! an included Alertmanager file. What is accepted without effect is named in a warning.

use std::collections::BTreeSet;
use std::path::Path;

use super::node::Node;
use super::reader::{self, Fields};
use super::routing::{self, Known};
use super::set::{Kind, Set};
use super::{Reading, Receiver};
use super::{global, heartbeat, receivers};
use crate::alert::route::Route;
use crate::respond::Heartbeat;

const KNOWN: &[&str] = &[
    "route",
    "receivers",
    "inhibit_rules",
    "time_intervals",
    "mute_time_intervals",
    "global",
    "heartbeat",
    "templates",
    "tracing",
];
const WITHOUT_EFFECT: &[&str] =
    &["inhibit_rules", "time_intervals", "mute_time_intervals", "templates", "tracing"];

#[derive(Default)]
pub(super) struct Alerting {
    pub receivers: Vec<Receiver>,
    pub route: Option<Route>,
    pub heartbeat: Option<Heartbeat>,
}

pub(super) fn read(ctx: &mut Reading<'_>, set: &Set) -> Alerting {
    let Some((node, folder)) = source(ctx, set) else { return Alerting::default() };
    let Some(fields) = Fields::new(&mut ctx.report, node, "alerting", KNOWN) else {
        return Alerting::default();
    };
    let heartbeat = heartbeat::read(ctx, fields.get("heartbeat"), folder);
    let (receivers, route) = told(ctx, fields, folder);
    Alerting { receivers, route, heartbeat }
}

/// Receivers, and the tree that leads to them.
fn told(ctx: &mut Reading<'_>, fields: Fields<'_>, folder: &Path) -> (Vec<Receiver>, Option<Route>) {
    for key in WITHOUT_EFFECT.iter().filter(|key| fields.get(key).is_some()) {
        ctx.report.not_yet("W0501", fields.place_of(key), key);
    }
    let nodes = fields.list(&mut ctx.report, "receivers");
    let global = global::read(ctx, fields.get("global"), folder);
    let (receivers, names) = receivers::read(ctx, nodes, folder, &global);
    let intervals = interval_names(ctx, fields);
    let Some(root) = fields.get("route") else {
        let message = "`alerting` has receivers and no `route`: nothing would reach them";
        match names.is_empty() {
            true => ctx.report.error("E0506", fields.at, "`alerting` needs `route` and `receivers`"),
            false => ctx.report.error_with("E0506", fields.place_of("receivers"), message, "add `route`"),
        }
        return (receivers, None);
    };
    let known = Known { receivers: &names, intervals: &intervals };
    let route = routing::root(ctx, root, &known);
    if let Some(route) = &route {
        unheard(ctx, fields, &receivers, route);
    }
    (receivers, route)
}

/// The one place that says who is told what.
fn source<'s>(ctx: &mut Reading<'_>, set: &'s Set) -> Option<(&'s Node, &'s Path)> {
    let config = set.of(Kind::Config).first().copied();
    let ours = config.and_then(|document| Some((document.node.get("spec")?.get("alerting")?, document)));
    let file = set.of(Kind::Alertmanager).first().copied();
    match (ours, file) {
        (Some((node, _)), Some(file)) => {
            let other = ctx.report.locate(file.at);
            let message = format!("`alerting` is here and in an Alertmanager file, at {other}");
            ctx.report.error_with("E0213", node.at, message, "keep one of the two");
            ours.map(|(node, document)| (node, &*document.folder))
        }
        (Some((node, document)), None) => Some((node, &document.folder)),
        (None, Some(file)) => Some((&file.node, &file.folder)),
        (None, None) => None,
    }
}

fn interval_names(ctx: &mut Reading<'_>, fields: Fields<'_>) -> BTreeSet<String> {
    let report = &mut ctx.report;
    let mut names = BTreeSet::new();
    for key in ["time_intervals", "mute_time_intervals"] {
        for node in fields.list(report, key) {
            let known = ["name", "time_intervals"];
            let Some(interval) = Fields::new(report, node, "a time interval", &known) else { continue };
            let Some(name) = interval.required_text(report, "name") else { continue };
            if !names.insert(name.to_owned()) {
                report.error("E0504", node.at, format!("a time interval named `{name}` exists"));
            }
        }
    }
    names
}

/// Receivers that a route names and that have no integration in effect: nobody would be told.
fn unheard(ctx: &mut Reading<'_>, fields: Fields<'_>, known: &[Receiver], route: &Route) {
    let mut routed = BTreeSet::new();
    collect(route, &mut routed);
    routed.extend(known.iter().filter_map(|one| Some(&*one.fallback.as_ref()?.receiver)));
    for node in fields.list(&mut ctx.report, "receivers") {
        let Some(name_node) = node.get("name") else { continue };
        let Some(name) = reader::text(&mut ctx.report, name_node, "name") else { continue };
        let silent = known.iter().any(|one| one.name == name && one.integrations.is_empty());
        let configured =
            node.entries().is_some_and(|entries| entries.iter().any(|(key, _)| key.text != "name"));
        match (silent, configured, routed.contains(name)) {
            (true, true, true) => {
                let message =
                    format!("receiver `{name}` has no integration that is in effect: nobody is told");
                let hint = format!("in effect are {}", receivers::IN_EFFECT.join(", "));
                ctx.report.warn("W0503", name_node.at, message, &hint);
            }
            (true, false, _) => {
                let message = format!("receiver `{name}` has no integration: it tells nobody");
                ctx.report.note("N0501", name_node.at, message);
            }
            (_, _, false) => {
                ctx.report.note("N0502", name_node.at, format!("no route names receiver `{name}`"))
            }
            _ => {}
        }
    }
}

fn collect<'r>(route: &'r Route, names: &mut BTreeSet<&'r str>) {
    names.insert(&route.receiver);
    route.routes.iter().for_each(|child| collect(child, names));
}
