//! Documents of kind Runbook, and what the `Config` document says about all of them. Calls nothing.
//!
//! A document that is not sound is told with its places and left out; a name that it declares counts as declared all the same,
//! so that one mistake is told once.

mod allowed;
mod code;
mod command;
mod http;
mod job;
mod json;
mod labels;
mod options;
mod params;
mod programs;
mod safety;
mod services;
mod steering;
mod steps;
mod texts;
mod triggers;
mod within;

use std::collections::BTreeSet;
use std::path::Path;

use self::allowed::Allowed;
use self::texts::Scope;
use super::node::{Node, Place, Value};
use super::reader::Fields;
use super::set::{self, Document, Kind, Set};
use super::{Reading, annotations, metadata, quantity, suggest};
use crate::door::Role;
use crate::engine::{RunbookPlan, SloPlan, Watch};
use crate::runbook::{Runbook, WATCH_S};
use crate::runner::{self, Vault};

const DOCUMENT: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
const SPEC: &[&str] = &[
    "description",
    "triggers",
    "params",
    "target",
    "limits",
    "quiet_times",
    "destructive",
    "approval",
    "watch",
    "manual_time",
    "steps",
];
const RUNBOOKS_MAX: usize = 200;
const DESCRIPTION_BYTES_MAX: usize = 4_096;
const MINUTE_S: u64 = 60;
const DAY_S: u64 = 86_400;

pub(super) struct Runbooks {
    /// By name.
    pub plans: Vec<RunbookPlan>,
    pub settings: runner::Settings,
}

pub(super) fn read(
    ctx: &mut Reading<'_>,
    set: &Set,
    (slo_plans, watches): (&[SloPlan], &[Watch]),
) -> Runbooks {
    let labels = labels::names(ctx, slo_plans, watches);
    let (allowed, (link_key, link_base)) = allowed::read(ctx, set);
    let slos = set.of(Kind::Slo).iter().map(|document| &*document.name).collect();
    let known = Known { allowed, operators: operators(set), slos, rules: rules(set), labels };
    let documents = set.of(Kind::Runbook);
    if let Some(document) = documents.get(RUNBOOKS_MAX) {
        ctx.report.error("E0215", document.at, format!("a set has at most {RUNBOOKS_MAX} runbooks"));
    }
    let mut vault = Vault::new();
    let documents = documents.into_iter().take(RUNBOOKS_MAX);
    let plans: Vec<RunbookPlan> =
        documents.filter_map(|document| runbook(ctx, document, &known, &mut vault)).collect();
    let identities = plans.iter().map(|one| (one.runbook.name.clone(), one.runbook.identity)).collect();
    Runbooks { plans, settings: runner::Settings { vault, identities, link_key, link_base } }
}

/// What the rest of the set declares, sound or not.
struct Known<'s> {
    allowed: Allowed,
    /// Names of tokens that may approve.
    operators: Vec<&'s str>,
    slos: Vec<&'s str>,
    rules: Vec<&'s str>,
    /// Of alerts, by name.
    labels: Option<BTreeSet<String>>,
}

fn runbook(
    ctx: &mut Reading<'_>,
    document: &Document,
    known: &Known<'_>,
    vault: &mut Vault,
) -> Option<RunbookPlan> {
    let before = ctx.report.errors();
    let fields = Fields::new(&mut ctx.report, &document.node, "a Runbook", DOCUMENT)?;
    let metadata = metadata::read(ctx, fields);
    annotations::none(ctx, &metadata, "a Runbook");
    let spec = fields.required(&mut ctx.report, "spec")?;
    texts::without_files(ctx, spec);
    let spec = Fields::new(&mut ctx.report, spec, "a Runbook's spec", SPEC)?;
    safety::refuse_empty(ctx, spec);
    let (params, scope) = params::read(ctx, spec, known);
    let triggers = triggers::read(ctx, spec, &params, known);
    let target = target(ctx, spec, &scope);
    let (approval, is_destructive) = safety::approval(ctx, spec, &known.operators);
    let around =
        Around { folder: &document.folder, allowed: &known.allowed, scope: &scope, runbook: metadata.name };
    let runbook = Runbook {
        name: metadata.name.to_owned(),
        description: description(ctx, spec),
        triggers,
        params,
        target,
        limits: safety::limits(ctx, spec.get("limits")),
        approval,
        is_destructive,
        watch_s: seconds(ctx, spec, "watch", [MINUTE_S, DAY_S], "1m to 1d").unwrap_or(WATCH_S),
        manual_s: seconds(ctx, spec, "manual_time", [1, 7 * DAY_S], "1s to 1w").unwrap_or(0),
        steps: steps::read(ctx, spec, around, vault),
        identity: set::identity([Some(&document.node)]),
        declared_at: ctx.report.locate(document.at),
    };
    let quiet = safety::quiet_times(ctx, spec);
    (ctx.report.errors() == before).then_some(RunbookPlan { runbook, quiet })
}

/// What steps may speak of.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// Of the file: what relative paths start from.
    folder: &'a Path,
    allowed: &'a Allowed,
    scope: &'a Scope<'a>,
    runbook: &'a str,
}

fn description(ctx: &mut Reading<'_>, spec: Fields<'_>) -> String {
    let text = spec.text(&mut ctx.report, "description").unwrap_or_default();
    if text.len() > DESCRIPTION_BYTES_MAX {
        let message = format!("a description has at most {DESCRIPTION_BYTES_MAX} bytes");
        ctx.report.error("E0215", spec.place_of("description"), message);
    }
    text.to_owned()
}

fn target(ctx: &mut Reading<'_>, spec: Fields<'_>, scope: &Scope<'_>) -> Option<usize> {
    let name = spec.text(&mut ctx.report, "target")?;
    let place = scope.names.iter().position(|one| *one == name);
    if place.is_none() {
        let at = spec.get("target")?.at;
        let message = format!("`target` names a parameter, and there is no `{name}`");
        let hint = match scope.names.is_empty() {
            true => "without `target` the alert's service is acted upon".to_owned(),
            false => suggest::hint(name, &scope.names),
        };
        ctx.report.error_with("E0707", at, message, hint);
    }
    place
}

fn operators(set: &Set) -> Vec<&str> {
    let tokens = listed(set, &["auth", "tokens"]).iter();
    let is_operator = |token: &&Node| text_of(token, "role") == Some(Role::Operator.as_str());
    tokens.filter(is_operator).filter_map(|token| text_of(token, "name")).collect()
}

fn rules(set: &Set) -> Vec<&str> {
    listed(set, &["classify"]).iter().filter_map(|rule| text_of(rule, "name")).collect()
}

/// A list of the `Config` document's.
fn listed<'s>(set: &'s Set, path: &[&str]) -> &'s [Node] {
    let spec = set.of(Kind::Config).first().and_then(|document| document.node.get("spec"));
    match path.iter().try_fold(spec, |node, key| node.map(|node| node.get(key))).flatten() {
        Some(Node { value: Value::Sequence(items), .. }) => items,
        _ => &[],
    }
}

fn text_of<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key)?.scalar().map(|scalar| &*scalar.text)
}

/// A duration of whole seconds within bounds, both included.
fn seconds(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    key: &str,
    [min, max]: [u64; 2],
    range: &str,
) -> Option<u64> {
    let text = fields.text(&mut ctx.report, key)?;
    let read = quantity::prometheus_ms(text).filter(|ms| ms % 1_000 == 0).map(|ms| ms / 1_000);
    let inside = read.filter(|seconds| (min..=max).contains(seconds));
    if inside.is_none() {
        let at = fields.get(key).map_or(fields.at, |node| node.at);
        let message = format!("`{key}` is a time of whole seconds from {range}");
        ctx.report.error_with("E0217", at, message, "write 30s, 5m, 1h30m or 4h");
    }
    inside
}

/// More of a list or mapping than there may be.
fn too_many(ctx: &mut Reading<'_>, beyond: Option<Place>, max: usize, what: &str) {
    if let Some(at) = beyond {
        ctx.report.error("E0215", at, format!("at most {max} {what}"));
    }
}
