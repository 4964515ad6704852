//! AlertPolicy, AlertCondition and AlertNotificationTarget: documents of their own or inline, to conditions of an SLO.

use super::indicator::number;
use super::node::{Node, Place};
use super::quantity;
use super::reader::{self, Fields};
use super::set::{Document, Kind, Set};
use super::{Reading, annotations, metadata, references};
use crate::engine::OfCondition;
use crate::model::{Labels, Parts, Severity};
use crate::slo::{Check, Comparison, Condition, Tells, duration_text};

const DOCUMENT: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
const POLICY: &[&str] = &[
    "description",
    "alertWhenNoData",
    "alertWhenResolved",
    "alertWhenBreaching",
    "conditions",
    "notificationTargets",
];
const OPERATORS: &[(&str, Comparison)] =
    &[("gt", Comparison::Gt), ("gte", Comparison::Gte), ("lt", Comparison::Lt), ("lte", Comparison::Lte)];
const LOOKBACK_S_MAX: u64 = 90 * 86_400;

/// One condition as it is written; what it means depends on the objective.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub at: Place,
    pub document: Option<String>,
    pub op: Comparison,
    pub factor: Parts,
    pub factor_at: Place,
    pub long_s: u64,
    pub short_s: Option<u64>,
    pub hold_s: u64,
    pub severity: Severity,
    /// With those of its policy where it has none of the name.
    pub annotations: Labels,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    pub conditions: Vec<(Written, Tells)>,
    /// Those whose lack of data is told.
    pub no_data: Vec<Written>,
    pub targets: Vec<String>,
}

/// `alertPolicies` of an SLO; `None` where it names none.
pub(super) fn of_slo(ctx: &mut Reading<'_>, set: &Set, spec: Fields<'_>) -> Option<Policies> {
    let node = spec.get("alertPolicies")?;
    let nodes = reader::list(&mut ctx.report, node, "alertPolicies");
    if nodes.is_empty() {
        return None;
    }
    let mut policies = Policies::default();
    for node in nodes {
        if let Some(spec) = resolved(ctx, set, node, "alertPolicyRef", Kind::AlertPolicy, "an AlertPolicy") {
            policy(ctx, set, &spec, &mut policies);
        }
    }
    Some(policies)
}

/// A document that no SLO refers to: its mistakes are told all the same.
pub(super) fn check(ctx: &mut Reading<'_>, set: &Set, document: &Document) {
    let what = match document.kind {
        Kind::AlertPolicy => "an AlertPolicy",
        Kind::AlertCondition => "an AlertCondition",
        _ => "an AlertNotificationTarget",
    };
    let Some(parted) = parts(ctx, &document.node, what) else { return };
    let (metadata, spec) = &parted;
    match document.kind {
        Kind::AlertPolicy => policy(ctx, set, &parted, &mut Policies::default()),
        Kind::AlertCondition => drop(condition(ctx, metadata, spec)),
        _ => target(ctx, spec),
    }
}

type Parted<'n> = (metadata::Metadata<'n>, &'n Node);

/// A document's metadata and spec. Only a condition has annotations of ours.
fn parts<'n>(ctx: &mut Reading<'_>, node: &'n Node, what: &'static str) -> Option<Parted<'n>> {
    let fields = Fields::new(&mut ctx.report, node, what, DOCUMENT)?;
    let metadata = metadata::read_lenient(ctx, fields);
    if what != "an AlertCondition" {
        annotations::none(ctx, &metadata, what);
    }
    let spec = fields.required(&mut ctx.report, "spec")?;
    Some((metadata, spec))
}

/// What stands in a list: a reference to a document, or the thing itself.
fn resolved<'n>(
    ctx: &mut Reading<'_>,
    set: &'n Set,
    node: &'n Node,
    reference: &str,
    kind: Kind,
    what: &'static str,
) -> Option<Parted<'n>> {
    let Some(named) = node.get(reference) else { return parts(ctx, node, what) };
    Fields::new(&mut ctx.report, node, what, &[reference])?;
    let name = reader::text(&mut ctx.report, named, reference)?;
    let Some(document) = set.named(kind, name) else {
        references::unresolved(ctx, set, named, kind, name);
        return None;
    };
    parts(ctx, &document.node, what)
}

fn policy(ctx: &mut Reading<'_>, set: &Set, (metadata, spec): &Parted<'_>, policies: &mut Policies) {
    let annotations = metadata.for_people(ctx);
    let Some(fields) = Fields::new(&mut ctx.report, spec, "an AlertPolicy's spec", POLICY) else { return };
    fields.text(&mut ctx.report, "description");
    let [breach, resolve, no_data] = ["alertWhenBreaching", "alertWhenResolved", "alertWhenNoData"]
        .map(|key| fields.truth(&mut ctx.report, key));
    let tells = Tells { breach: breach.unwrap_or(true), resolve: resolve.unwrap_or(true) };
    if let Some(node) = fields.required(&mut ctx.report, "conditions") {
        let nodes = reader::list(&mut ctx.report, node, "conditions");
        if nodes.is_empty() && node.scalar().is_none() && node.entries().is_none() {
            ctx.report.error("E0319", fields.place_of("conditions"), "an AlertPolicy needs a condition");
        }
        if nodes.len() > 1 {
            let message = "OpenSLO allows one condition a policy; each of these is taken for one of its own";
            ctx.report.warn("W0309", fields.place_of("conditions"), message, "");
        }
        for node in nodes {
            let part = resolved(ctx, set, node, "conditionRef", Kind::AlertCondition, "an AlertCondition");
            let Some((metadata, spec)) = part else { continue };
            let Some(mut written) = condition(ctx, &metadata, spec) else { continue };
            for (name, value) in &annotations {
                written.annotations.entry(name.clone()).or_insert_with(|| value.clone());
            }
            if no_data == Some(true) {
                policies.no_data.push(written.clone());
            }
            policies.conditions.push((written, tells));
        }
    }
    for node in fields.list(&mut ctx.report, "notificationTargets") {
        let kind = Kind::AlertNotificationTarget;
        let part = resolved(ctx, set, node, "targetRef", kind, "an AlertNotificationTarget");
        let Some((metadata, spec)) = part else { continue };
        target(ctx, spec);
        if !metadata.name.is_empty() && !policies.targets.iter().any(|one| one == metadata.name) {
            policies.targets.push(metadata.name.to_owned());
        }
    }
    if breach == Some(false) && no_data != Some(true) {
        let message = "`alertWhenBreaching: false`: nobody is told by this policy";
        ctx.report.warn("W0310", fields.place_of("alertWhenBreaching"), message, "");
    }
}

fn target(ctx: &mut Reading<'_>, spec: &Node) {
    let known = ["description", "target"];
    let spec = Fields::new(&mut ctx.report, spec, "an AlertNotificationTarget's spec", &known);
    if let Some(spec) = spec {
        spec.required_text(&mut ctx.report, "target");
        spec.text(&mut ctx.report, "description");
    }
}

fn condition(ctx: &mut Reading<'_>, metadata: &metadata::Metadata<'_>, spec: &Node) -> Option<Written> {
    let at = spec.at;
    let known = ["description", "severity", "condition"];
    let fields = Fields::new(&mut ctx.report, spec, "an AlertCondition's spec", &known)?;
    fields.text(&mut ctx.report, "description");
    let severity = fields.required(&mut ctx.report, "severity").and_then(|node| severity(ctx, node));
    let node = fields.required(&mut ctx.report, "condition")?;
    let known = ["kind", "op", "threshold", "lookbackWindow", "alertAfter"];
    let fields = Fields::new(&mut ctx.report, node, "a condition", &known)?;
    if let Some(node) = fields.get("kind") {
        reader::word(&mut ctx.report, node, "kind", &[("burnrate", ())]);
    }
    let op = match fields.get("op") {
        Some(node) => reader::word(&mut ctx.report, node, "op", OPERATORS),
        None => Some(Comparison::Gt),
    };
    let factor = fields.required(&mut ctx.report, "threshold").and_then(|node| {
        let scalar = number(ctx, node, "threshold")?;
        let read = quantity::share(&scalar.text);
        let why = read.map_err(|why| {
            ctx.report.error("E0319", node.at, format!("the threshold `{}` {why}", scalar.shown()));
        });
        Some((why.ok()?, node.at))
    });
    let long = fields.required(&mut ctx.report, "lookbackWindow").and_then(|node| {
        let seconds = duration(ctx, node, "lookbackWindow")?;
        if !(60..=LOOKBACK_S_MAX).contains(&seconds) {
            ctx.report.error("E0319", node.at, "a `lookbackWindow` is from 1m to 90d");
            return None;
        }
        Some(seconds)
    });
    let hold = match fields.get("alertAfter") {
        Some(node) => duration(ctx, node, "alertAfter"),
        None => Some(0),
    };
    let short = annotations::short_window(ctx, metadata, long);
    let (factor, factor_at) = factor?;
    Some(Written {
        at,
        document: Some(metadata.name.to_owned()).filter(|name| !name.is_empty()),
        op: op?,
        factor,
        factor_at,
        long_s: long?,
        short_s: short?,
        hold_s: hold?,
        severity: severity?,
        annotations: metadata.for_people(ctx),
    })
}

/// OpenSLO has no list of severities; what is not one of ours is taken for the one that people mean by it.
fn severity(ctx: &mut Reading<'_>, node: &Node) -> Option<Severity> {
    let text = reader::text(&mut ctx.report, node, "severity")?;
    if let Some(severity) = Severity::parse(text) {
        return Some(severity);
    }
    let meant = match text.to_ascii_lowercase().as_str() {
        "critical" | "fatal" | "high" | "major" | "error" | "sev0" | "sev1" | "sev2" | "p1" | "p2" => {
            Severity::Page
        }
        "info" | "informational" | "none" | "notice" => Severity::Log,
        _ => Severity::Ticket,
    };
    let message = format!("the severity `{text}` is taken for `{meant}`");
    ctx.report.warn("W0311", node.at, message, "write page, ticket or log");
    Some(meant)
}

/// An OpenSLO duration, or none at all.
fn duration(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<u64> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let is_zero = ["0m", "0h", "0d", "0w", "0"].contains(&text);
    match quantity::openslo_seconds(text) {
        _ if is_zero => Some(0),
        Ok(seconds) => Some(seconds),
        Err(why) => {
            ctx.report.error("E0319", node.at, format!("`{name}`: `{text}` {why}"));
            None
        }
    }
}

impl Policies {
    /// By the names that alerts have for their conditions.
    pub fn annotations(&self) -> Vec<OfCondition> {
        let of = |one: &Written, name: String| OfCondition {
            name,
            document: one.document.clone(),
            annotations: one.annotations.clone(),
        };
        let burning = self.conditions.iter().map(|(one, _)| of(one, one.name()));
        let silent = self.no_data.iter().map(|one| of(one, one.no_data().name));
        burning.chain(silent).collect()
    }
}

impl Written {
    /// `1h/5m`, or `1h`
    pub fn name(&self) -> String {
        let long = duration_text(self.long_s);
        self.short_s.map_or(long.clone(), |short| format!("{long}/{}", duration_text(short)))
    }

    /// Of the same severity, when the shortest window has had no event.
    pub fn no_data(&self) -> Condition {
        Condition {
            name: "no-data".to_owned(),
            document: self.document.clone(),
            check: Check::NoData,
            long_s: self.short_s.unwrap_or(self.long_s),
            short_s: None,
            pace: crate::slo::Pace::Slow,
            severity: self.severity,
            written: true,
            min_bad: 0,
            hold_s: 0,
            tells: Tells::ALL,
        }
    }
}
